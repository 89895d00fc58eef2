/*
 * The entropy device (virtio 1.2, section 5.4), the smallest there is, and so the page to read first: a device model is
 * a table for the transport, and a function that takes chains off a queue, fills them, hands them back and interrupts
 * once.  Every step that touches the guest can fail, and every failure ends in virtio_break().
 */
#include "virtio/device/rng.h"

#include <linux/virtio_ids.h>

#include "lib/log.h"
#include "virtio/device/entropy.h"

#define REQUEST_QUEUE 0
#define BYTES_PER_CHAIN 256u /* a guest that wants more asks again: one doorbell's work is bounded */

/* Fill the chain that was peeked at and give it back: 1, or -errno. */
static int chain_fill(struct rng *r, struct queue *q)
{
    static bool told; /* once per machine; a race prints it twice */
    uint8_t bytes[BYTES_PER_CHAIN];
    size_t n = MIN(r->chain.writable, BYTES_PER_CHAIN);

    if (!entropy_fill(bytes, n) && !told) {
        told = true;
        log_warn("rng: this CPU has no RDRAND: what guests get as random can be guessed");
    }
    long written = chain_write(q, &r->chain, 0, bytes, n);
    if (written < 0)
        return (int)written;
    int error = queue_finish(q, &r->chain, (uint32_t)written);
    return error ? error : 1;
}

static void rng_doorbell(struct virtio *v, unsigned queue)
{
    struct rng *r = v->owner;
    struct queue *q = virtio_ring(v, queue);
    unsigned filled = 0;
    int more = 0;

    /* No more than fit into the queue: for a chain that another CPU adds meanwhile, that CPU rings itself. */
    while (filled < q->size && (more = queue_peek(q, &r->chain)) > 0 && (more = chain_fill(r, q)) > 0)
        filled++;
    if (more < 0)
        virtio_break(v, queue, more);
    else if (filled)
        virtio_interrupt(v, queue);
}

static void rng_started(struct virtio *v)
{
    rng_doorbell(v, REQUEST_QUEUE); /* a driver may fill the queue before it says DRIVER_OK */
}

static void rng_reset(struct virtio *v)
{
    /* Nothing is remembered between requests. */
}

static const struct virtio_model model = {
    .name = "entropy device",
    .id = VIRTIO_ID_RNG,
    .class_code = 0x100000, /* encryption and decryption controller, others */
    .queue_count = 1,
    .queue_size = QUEUE_SIZE_MAX,
    .started = rng_started,
    .reset = rng_reset,
    .doorbell = rng_doorbell,
};

void rng_init(struct rng *r, struct vm *vm, uint32_t bar_address, const struct region_ops *bar_ops, void *bar_context)
{
    virtio_init(&r->virtio, vm, &model, r, bar_address, bar_ops, bar_context);
}
