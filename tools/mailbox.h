/*
 * The launcher's end of the mailbox (abi/host_channel.h): a raw disk image in an anonymous file that the emulator has
 * open and we have mapped.
 */
#ifndef TOOLS_MAILBOX_H
#define TOOLS_MAILBOX_H

#include "abi/host_channel.h"
#include "lib/compiler.h"

struct mailbox {
    int fd;
    uint8_t *map;
    struct channel_mailbox header; /* what was last published */
    uint64_t consumed;             /* by CHANNEL_CREDIT */
};

/*
 * Bochs wants a size that is a whole number of cylinders of 16 heads with 63 sectors, and charges 5 ms of guest time for a
 * seek over all of them: on a disk of many cylinders (a file with a hole) ours are close together, 10 us.
 */
#define MAILBOX_CYLINDER (16u * 63u * 512u)
#define MAILBOX_CYLINDERS 1024u
#define MAILBOX_SIZE (MAILBOX_CYLINDERS * MAILBOX_CYLINDER)
#define MAILBOX_USED (CHANNEL_COMMAND_OFFSET + CHANNEL_COMMAND_MAX)

void mailbox_create(struct mailbox *m);
size_t mailbox_space(const struct mailbox *m);                   /* bytes of input that fit now */
void mailbox_write(struct mailbox *m, const void *data, size_t n); /* n <= mailbox_space() */
void mailbox_end_input(struct mailbox *m);
void mailbox_signal(struct mailbox *m, int number);
void mailbox_set_trap(struct mailbox *m, bool on);
void mailbox_set_size(struct mailbox *m, unsigned rows, unsigned columns);
/* The next command (n <= CHANNEL_COMMAND_MAX), when the one before was answered: its number in the answer. */
uint32_t mailbox_command(struct mailbox *m, const void *command, size_t n);
void mailbox_credit(struct mailbox *m, uint64_t consumed); /* from the other side: checked */

#endif
