/*
 * Reads sectors of the primary master IDE disk by programmed I/O (ATA/ATAPI-6: READ MULTIPLE, READ SECTORS, LBA28), without
 * interrupts and without waiting: a read is started, then polled until it is done.  One read at a time; the caller
 * serialises.  Emulators model a seek as guest time, so a read is never done at once.
 */
#ifndef HV_ATA_H
#define HV_ATA_H

#include "lib/compiler.h"

#define ATA_SECTOR 512u
#define ATA_SECTORS_MAX 256u

enum ata_progress { ATA_BUSY, ATA_DONE, ATA_FAILED };

/* Is there a disk?  Takes some register accesses; leaves the drive selected, its interrupts off. */
bool ata_probe(void);
/* Start reading `sectors` (1 to 256) from `lba` (28 bits) into `to`, which must stay valid until the read has ended. */
void ata_read_start(uint32_t lba, unsigned sectors, void *to);
/* Moves what is there; ATA_FAILED ends the read. */
enum ata_progress ata_read_poll(void);

#endif
