/*
 * Mailbox headers of any content: whatever is accepted, a reading plan stays inside the ring and gets to its end.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/mailbox.h"
#include "tests/fuzz/fuzz.h"

static void plan_check(struct mailbox *m)
{
    for (;;) {
        struct mailbox_read r = mailbox_plan(m, 128);
        if (!r.sectors)
            break;
        if (!r.bytes || r.sectors > 128 || r.skip + r.bytes > r.sectors * MAILBOX_SECTOR ||
            (uint64_t)(r.sector + r.sectors) * MAILBOX_SECTOR > CHANNEL_RING_OFFSET + CHANNEL_RING_SIZE)
            abort();
        m->tail += r.bytes;
    }
    if (m->tail != m->header.stdin_head)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sector[MAILBOX_SECTOR];
    struct mailbox m = {0};
    struct mailbox_news news;
    const uint64_t magic = CHANNEL_MAILBOX_MAGIC;

    for (; size >= sizeof(struct channel_mailbox); data += 56, size -= 56) {
        memset(sector, 0, sizeof(sector));
        memcpy(sector, data, sizeof(struct channel_mailbox));
        memcpy(sector, &magic, sizeof(magic));
        if (data[0] & 1) /* mostly whole ones, with a plausible head */
            memcpy(sector + offsetof(struct channel_mailbox, sequence_again),
                   sector + offsetof(struct channel_mailbox, sequence), 8);
        if (data[0] & 2)
            memset(sector + offsetof(struct channel_mailbox, stdin_head) + 3, 0, 5);
        if (mailbox_take_header(&m, sector, &news) == 0)
            plan_check(&m);
    }
    return 0;
}
