/*
 * The devices of a sandbox under a guest that does anything: the input is a list of register accesses, configuration
 * accesses, writes to the memory where the rings lie, and host events.  Rings start out sound, so that damage gets deep.
 */
#include <linux/virtio_console.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/device_fixture.h"

#define RINGS 0x1000u
#define RING_BYTES 0x400u

static struct rng rng;
static struct console console;
static struct virtqueue queues[2 * PORT_COUNT + 2], rng_queue;

struct reader {
    const uint8_t *at, *end;
};

static uint32_t take(struct reader *r, unsigned bytes)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes && r->at < r->end; i++)
        value |= (uint32_t)*r->at++ << 8 * i;
    return value;
}

static void rng_open(void)
{
    device_open(&rng.virtio, 0);
    device_queue(&rng.virtio, 0, RINGS + 0x8000, &rng_queue);
    device_start(&rng.virtio);
}

static void console_open(void)
{
    device_open(&console.virtio, BIT(VIRTIO_CONSOLE_F_MULTIPORT));
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++)
        device_queue(&console.virtio, i, RINGS + i * RING_BYTES, &queues[i]);
    device_start(&console.virtio);
}

static void set_up(void)
{
    fixture_reset();
    memset(&console, 0, sizeof(console));
    rng_init(&rng, &fixture_vm, 0xfd010000, NULL, NULL);
    console_init(&console, &fixture_vm, &fixture_backend, 0xfd020000, NULL, NULL);
    rng_open();
    console_open();
    input_text = "some input that is never long enough";
}

/* A buffer, mostly inside memory, for a queue of the console or the entropy device; its doorbell most times. */
static void buffer_add(struct reader *r)
{
    unsigned index = take(r, 1) % (ARRAY_SIZE(queues) + 1);
    struct virtqueue *q = index < ARRAY_SIZE(queues) ? &queues[index] : &rng_queue;
    uint32_t address = 0x10000 + take(r, 2), length = take(r, 1), how = take(r, 1);

    if (how % 16 == 15)
        address *= 16;
    if (q->free_count && q->free_head < q->size && !virtqueue_add(q, address, length, q->index % 2 == 0, q))
        q->broken = true;
    if (how & 16)
        device_ring(q == &rng_queue ? &rng.virtio : &console.virtio, q->index);
}

/* A control message of the guest, of a known kind and for a port that is there, mostly. */
static void control_say(struct reader *r)
{
    struct virtqueue *q = &queues[3];
    struct virtio_console_control *m = fixture_pointer(0x9000);

    *m = (struct virtio_console_control){
        .id = take(r, 1) % 6, .event = (uint16_t)(take(r, 1) % 8), .value = (uint16_t)(take(r, 1) % 3)};
    if (q->free_count && q->free_head < q->size && !virtqueue_add(q, 0x9000, sizeof(*m), false, m))
        q->broken = true;
    device_ring(&console.virtio, 3);
}

static void step(struct reader *r, struct pci_host *host)
{
    struct virtio *v = take(r, 1) % 4 ? &console.virtio : &rng.virtio;
    unsigned size = 1u << take(r, 1) % 3;
    uint32_t offset, written;

    switch (take(r, 1) % 16) {
    case 0:
        offset = take(r, 1) % 64;
        virtio_bar_write(v, offset, size, take(r, 4));
        break;
    case 1:
        offset = take(r, 2) % 0x2000;
        virtio_bar_write(v, offset & ~(size - 1), size, take(r, 4));
        break;
    case 2:
        (void)virtio_bar_read(v, take(r, 2) % 0x2000 & ~(size - 1), size);
        break;
    case 3:
        offset = take(r, 1);
        config_write(host, take(r, 1) % 4, offset & ~(size - 1), size, take(r, 4));
        break;
    case 4:
        (void)config_read(host, take(r, 1) % 4, take(r, 1) & ~(size - 1), size);
        break;
    case 5:
        offset = RINGS + take(r, 2) % 0x3000;
        guest_memory[offset] = (uint8_t)take(r, 1);
        break;
    case 6:
        rng_open();
        console_open();
        break;
    case 7:
        device_ring(v, take(r, 1) % 16);
        break;
    case 8:
    case 9:
        offset = take(r, 1) % PORT_COUNT;
        console_input(&console, offset);
        (void)virtqueue_take(&queues[take(r, 1) % ARRAY_SIZE(queues)], &written);
        break;
    case 10:
    case 11:
        control_say(r);
        break;
    default:
        buffer_add(r);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = {data, data + size};
    struct pci_host host = {.slots = {NULL, &console.virtio.pci, &rng.virtio.pci}};

    set_up();
    while (r.at < r.end)
        step(&r, &host);
    if (size % 2)
        input_ended = true;
    console_text(&console, "signal 15\n", 10);
    console_resize(&console, 1, 2);
    console_stop(&console);
    return 0;
}
