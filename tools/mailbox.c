/*
 * See tools/mailbox.h.
 */
#include "tools/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/bytes.h"
#include "tools/message.h"

/*
 * The emulator copies whole sectors while we may be writing, from low to high addresses.  So the number at the end goes
 * first, the one in front last: a reader that finds both equal has read the front after all fields of that number were
 * there, and the end before those of the next one began.
 */
static void publish(struct mailbox *m)
{
    struct channel_mailbox *shared = (struct channel_mailbox *)m->map;
    const size_t from = offsetof(struct channel_mailbox, stdin_head);
    const size_t to = offsetof(struct channel_mailbox, sequence_again);

    m->header.sequence++;
    __atomic_store_n(&shared->sequence_again, m->header.sequence, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the ring's bytes and the end's number before any field */
    memcpy((uint8_t *)shared + from, (uint8_t *)&m->header + from, to - from);
    __atomic_store_n(&shared->sequence, m->header.sequence, __ATOMIC_RELEASE); /* after all fields */
}

void mailbox_create(struct mailbox *m)
{
    *m = (struct mailbox){.fd = anonymous_file("trapline-mailbox", NULL, 0)};
    if (ftruncate(m->fd, MAILBOX_SIZE) != 0)
        fail(EXIT_LAUNCHER, "cannot make the mailbox: %s", strerror(errno));
    m->map = mmap(NULL, MAILBOX_USED, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (m->map == MAP_FAILED)
        fail(EXIT_LAUNCHER, "cannot map the mailbox: %s", strerror(errno));
    m->header.magic = CHANNEL_MAILBOX_MAGIC;
    m->header.trap = 1;
    ((struct channel_mailbox *)m->map)->magic = m->header.magic;
    publish(m);
}

size_t mailbox_space(const struct mailbox *m)
{
    return CHANNEL_RING_SIZE - (size_t)(m->header.stdin_head - m->consumed);
}

void mailbox_write(struct mailbox *m, const void *data, size_t n)
{
    uint8_t *ring = m->map + CHANNEL_RING_OFFSET;
    size_t at = m->header.stdin_head % CHANNEL_RING_SIZE;
    size_t first = MIN(n, CHANNEL_RING_SIZE - at);

    memcpy(ring + at, data, first);
    memcpy(ring, (const uint8_t *)data + first, n - first);
    m->header.stdin_head += n;
    publish(m);
}

void mailbox_end_input(struct mailbox *m)
{
    m->header.stdin_eof = 1;
    publish(m);
}

void mailbox_signal(struct mailbox *m, int number)
{
    m->header.signal = (uint32_t)number;
    m->header.signal_count++;
    publish(m);
}

void mailbox_set_trap(struct mailbox *m, bool on)
{
    m->header.trap = on;
    m->header.trap_count++;
    publish(m);
}

void mailbox_set_size(struct mailbox *m, unsigned rows, unsigned columns)
{
    m->header.rows = rows;
    m->header.columns = columns;
    publish(m);
}

uint32_t mailbox_command(struct mailbox *m, const void *command, size_t n)
{
    memcpy(m->map + CHANNEL_COMMAND_OFFSET, command, n);
    m->header.command_size = (uint32_t)n;
    m->header.command_count++;
    publish(m);
    return m->header.command_count;
}

void mailbox_credit(struct mailbox *m, uint64_t consumed)
{
    if (consumed >= m->consumed && consumed <= m->header.stdin_head)
        m->consumed = consumed;
}
