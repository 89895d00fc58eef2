/*
 * The way out of abi/host_channel.h: frames by the debug port, a string instruction each for header and payload.  The lock
 * (a leaf) keeps frames of several CPUs apart.
 */
#include "hv/channel.h"

#include "lib/log.h"
#include "lib/spinlock.h"

#define SEIZE_SPIN 10000000u /* longer than the longest frame takes, should its sender be one that never ends */

static struct spinlock frame_lock = SPINLOCK_INIT;
static uint32_t seized; /* atomic: the number + 1 of the CPU that may send without the lock; 0: none */
static bool present;

bool channel_probe(void)
{
    present = port_inb(CHANNEL_PORT) == CHANNEL_PORT; /* both emulators answer their own number */
    return present;
}

static void bytes_send(const struct channel_frame *frame, const void *payload)
{
    port_outsb(CHANNEL_PORT, frame, sizeof(*frame));
    port_outsb(CHANNEL_PORT, payload, frame->length);
}

static void frame_send(unsigned sandbox, enum channel_type type, unsigned stream, const void *payload, size_t n)
{
    struct channel_frame frame = {
        .magic = CHANNEL_MAGIC,
        .type = (uint8_t)type,
        .stream = (uint8_t)stream,
        .sandbox = (uint16_t)sandbox,
        .length = (uint32_t)n,
    };

    if (unlikely(__atomic_load_n(&seized, __ATOMIC_RELAXED) == cpu_index() + 1)) {
        bytes_send(&frame, payload);
        return;
    }
    uint64_t flags = spin_lock_irqsave(&frame_lock);
    /* With the lock: either this is seen here, or channel_seize() sees that the lock is taken. */
    if (likely(!__atomic_load_n(&seized, __ATOMIC_RELAXED)))
        bytes_send(&frame, payload);
    spin_unlock_irqrestore(&frame_lock, flags);
}

void channel_seize(void)
{
    uint32_t nobody = 0;

    __atomic_compare_exchange_n(&seized, &nobody, cpu_index() + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    for (unsigned spin = 0; frame_lock.next != __atomic_load_n(&frame_lock.serving, __ATOMIC_ACQUIRE) &&
                            !spin_is_held_here(&frame_lock) && spin < SEIZE_SPIN; spin++)
        cpu_relax();
}

void channel_send_of(unsigned sandbox, enum channel_type type, unsigned stream, const void *payload, size_t n)
{
    const uint8_t *at = payload;

    assert(n <= CHANNEL_FRAME_MAX || type == CHANNEL_DATA); /* only a byte stream can be cut anywhere */
    if (!present)
        return;
    for (; n > CHANNEL_FRAME_MAX; at += CHANNEL_FRAME_MAX, n -= CHANNEL_FRAME_MAX)
        frame_send(sandbox, type, stream, at, CHANNEL_FRAME_MAX);
    frame_send(sandbox, type, stream, at, n);
}

void channel_send(enum channel_type type, unsigned stream, const void *payload, size_t n)
{
    channel_send_of(0, type, stream, payload, n);
}
