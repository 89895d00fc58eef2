/*
 * The launcher's mailbox; see mailbox.h.
 */
#include "hv/mailbox.h"

#include <linux/errno.h>

#include "lib/string.h"

static bool header_is_sound(const struct channel_mailbox *old, const struct channel_mailbox *new, uint64_t tail)
{
    return new->stdin_head >= old->stdin_head && new->stdin_head - tail <= CHANNEL_RING_SIZE &&
           new->stdin_eof >= old->stdin_eof && new->stdin_eof <= 1 && new->command_size <= CHANNEL_COMMAND_MAX;
}

int mailbox_take_header(struct mailbox *m, const void *sector, struct mailbox_news *news)
{
    struct channel_mailbox new;
    const struct channel_mailbox *old = &m->header;

    *news = (struct mailbox_news){0};
    memcpy(&new, sector, sizeof(new));
    if (new.magic != CHANNEL_MAILBOX_MAGIC)
        return -EINVAL;
    if (new.sequence != new.sequence_again)
        return -EAGAIN;
    if (!header_is_sound(old, &new, m->tail))
        return -EINVAL;
    news->signal = new.signal_count != old->signal_count;
    news->trap = new.trap_count != old->trap_count;
    news->size = new.rows != old->rows || new.columns != old->columns;
    news->input = new.stdin_head != old->stdin_head || new.stdin_eof != old->stdin_eof;
    news->command = new.command_count != old->command_count;
    m->header = new;
    return 0;
}

struct mailbox_read mailbox_plan(const struct mailbox *m, uint32_t sectors_max)
{
    uint32_t offset = (uint32_t)(m->tail % CHANNEL_RING_SIZE);
    uint32_t skip = offset % MAILBOX_SECTOR;
    uint64_t bytes = m->header.stdin_head - m->tail;

    bytes = MIN(bytes, (uint64_t)(CHANNEL_RING_SIZE - offset));
    bytes = MIN(bytes, (uint64_t)sectors_max * MAILBOX_SECTOR - skip);
    return (struct mailbox_read){
        .sector = (CHANNEL_RING_OFFSET + offset) / MAILBOX_SECTOR,
        .sectors = bytes ? (uint32_t)(skip + bytes + MAILBOX_SECTOR - 1) / MAILBOX_SECTOR : 0,
        .skip = skip,
        .bytes = (uint32_t)bytes,
    };
}

bool mailbox_at_end(const struct mailbox *m)
{
    return m->header.stdin_eof && m->tail == m->header.stdin_head;
}
