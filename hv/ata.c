/*
 * ATA disk by programmed I/O; see ata.h.
 */
#include "hv/ata.h"

#include "lib/log.h"
#include "lib/x86.h"

#define PORT_DATA 0x1f0
#define PORT_COUNT 0x1f2
#define PORT_LBA_LOW 0x1f3
#define PORT_LBA_MID 0x1f4
#define PORT_LBA_HIGH 0x1f5
#define PORT_DEVICE 0x1f6
#define PORT_COMMAND 0x1f7 /* read: status */
#define PORT_CONTROL 0x3f6 /* read: status, without side effects */

#define STATUS_ERROR 0x01
#define STATUS_DATA_REQUEST 0x08
#define STATUS_FAULT 0x20
#define STATUS_READY 0x40
#define STATUS_BUSY 0x80

#define DEVICE_MASTER_LBA 0xe0
#define CONTROL_NO_INTERRUPT 0x02
#define COMMAND_READ_SECTORS 0x20
#define COMMAND_READ_MULTIPLE 0xc4
#define COMMAND_SET_MULTIPLE 0xc6
#define MULTIPLE 16u      /* sectors a block that every disk since ATA-2 can do */
#define PROBE_POLLS 10000 /* register reads for an idle disk to answer a command that moves nothing */

static struct {
    uint8_t *to;       /* where the next sector goes */
    unsigned left;     /* sectors still to come; 0: no read is going on */
    unsigned block;    /* sectors that come at each data request */
    uint8_t command;   /* the read command that goes with it */
} disk;

/* The status is valid 400 ns after a command or a device selection: four reads of the other status register. */
static uint8_t status_settled(void)
{
    for (int i = 0; i < 4; i++)
        (void)port_inb(PORT_CONTROL);
    return port_inb(PORT_CONTROL);
}

static bool idle_wait(void)
{
    for (int i = 0; i < PROBE_POLLS; i++) {
        uint8_t status = status_settled();
        if (!(status & STATUS_BUSY))
            return (status & (STATUS_READY | STATUS_DATA_REQUEST)) == STATUS_READY;
    }
    return false;
}

bool ata_probe(void)
{
    port_outb(PORT_DEVICE, DEVICE_MASTER_LBA);
    if (status_settled() == 0xff || !idle_wait()) /* 0xff: nobody drives the bus */
        return false;
    port_outb(PORT_CONTROL, CONTROL_NO_INTERRUPT);
    port_outb(PORT_COUNT, MULTIPLE);
    port_outb(PORT_COMMAND, COMMAND_SET_MULTIPLE);
    bool multiple = idle_wait() && !(port_inb(PORT_COMMAND) & STATUS_ERROR);
    disk.block = multiple ? MULTIPLE : 1;
    disk.command = multiple ? COMMAND_READ_MULTIPLE : COMMAND_READ_SECTORS;
    return true;
}

void ata_read_start(uint32_t lba, unsigned sectors, void *to)
{
    assert(sectors >= 1 && sectors <= ATA_SECTORS_MAX && lba < BIT(28) && disk.left == 0);
    disk.to = to;
    disk.left = sectors;
    port_outb(PORT_DEVICE, (uint8_t)(DEVICE_MASTER_LBA | lba >> 24));
    port_outb(PORT_COUNT, (uint8_t)sectors); /* 0 means 256 */
    port_outb(PORT_LBA_LOW, (uint8_t)lba);
    port_outb(PORT_LBA_MID, (uint8_t)(lba >> 8));
    port_outb(PORT_LBA_HIGH, (uint8_t)(lba >> 16));
    port_outb(PORT_COMMAND, disk.command);
}

enum ata_progress ata_read_poll(void)
{
    while (disk.left) {
        uint8_t status = status_settled();
        if (status & STATUS_BUSY)
            return ATA_BUSY;
        if (status & (STATUS_ERROR | STATUS_FAULT) || !(status & STATUS_DATA_REQUEST)) {
            disk.left = 0;
            return ATA_FAILED;
        }
        unsigned sectors = MIN(disk.left, disk.block);
        port_insl(PORT_DATA, disk.to, sectors * ATA_SECTOR / 4);
        disk.to += sectors * ATA_SECTOR;
        disk.left -= sectors;
    }
    (void)port_inb(PORT_COMMAND); /* takes back an interrupt that the drive may hold */
    return ATA_DONE;
}
