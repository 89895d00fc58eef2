/*
 * The way out of abi/host_channel.h: frames by the debug port, a string instruction each for header and payload.  The lock
 * (a leaf) keeps frames of several CPUs apart.
 */
#include "hv/channel.h"

#include "lib/log.h"
#include "lib/spinlock.h"

static struct spinlock frame_lock = SPINLOCK_INIT;
static bool present;

bool channel_probe(void)
{
    present = port_inb(CHANNEL_PORT) == CHANNEL_PORT; /* both emulators answer their own number */
    return present;
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

    uint64_t flags = spin_lock_irqsave(&frame_lock);
    port_outsb(CHANNEL_PORT, &frame, sizeof(frame));
    port_outsb(CHANNEL_PORT, payload, n);
    spin_unlock_irqrestore(&frame_lock, flags);
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
