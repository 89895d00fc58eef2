/*
 * The mailbox of abi/host_channel.h, as pure logic: what a header says that is new, and which sectors of the ring to read
 * next.  What the launcher wrote is checked like anything that comes from outside; a header that makes no sense changes
 * nothing.
 */
#ifndef HV_MAILBOX_H
#define HV_MAILBOX_H

#include "abi/host_channel.h"
#include "lib/compiler.h"

#define MAILBOX_SECTOR 512u

struct mailbox {
    struct channel_mailbox header; /* the last good one; all zero at first */
    uint64_t tail;                 /* bytes taken from the ring so far */
};

struct mailbox_news {
    bool signal, trap, size; /* header.signal, .trap, .rows and .columns are new */
    bool input;              /* more bytes, or the end of them */
    bool command;            /* header.command_size bytes of it are there to be read */
};

/* 0; -EAGAIN: torn, read it again; -EINVAL: not a mailbox, or it contradicts itself or the one before. */
int mailbox_take_header(struct mailbox *m, const void *sector, struct mailbox_news *news) must_check;

struct mailbox_read {
    uint32_t sector;  /* of the disk */
    uint32_t sectors; /* 0: nothing is there */
    uint32_t skip;    /* bytes of the first sector that come before ours */
    uint32_t bytes;   /* ours; the caller adds them to `tail` when it has them */
};
struct mailbox_read mailbox_plan(const struct mailbox *m, uint32_t sectors_max) must_check;

bool mailbox_at_end(const struct mailbox *m); /* every byte was taken, none will follow */

#endif
