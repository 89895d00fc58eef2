/*
 * virtio entropy device (virtio 1.2, section 5.4): one queue, a small buffer at a time.  One mutex serialises readers;
 * a buffer that the device did not return in time stays with it and is waited for again by the next reader.
 */
#include "virtio/driver/driver.h"

#include <linux/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "lib/log.h"
#include "lib/string.h"
#include "virtio/driver/devices.h"
#include "virtio/driver/virtio_pci.h"

#define RNG_BUFFER 256u
#define RNG_PATIENCE_NS NS_PER_S

static struct virtio_device device;
static bool ready;

static struct mutex reader;          /* held while the buffer is asked for and read */
static struct wait_queue arrived;
static struct spinlock queue_lock = SPINLOCK_INIT; /* guards the queue; taken in interrupts */
static struct virtqueue queue;
static uint8_t *buffer;

static void rng_interrupt(void *context)
{
    wake_all(&arrived);
}

static bool buffer_came(void)
{
    uint64_t flags = spin_lock_irqsave(&queue_lock);
    bool came = virtqueue_has_used(&queue) || queue.broken;
    spin_unlock_irqrestore(&queue_lock, flags);
    return came;
}

static void buffer_ask(void)
{
    uint64_t flags = spin_lock_irqsave(&queue_lock);
    if (virtqueue_outstanding(&queue) == 0 && virtqueue_add(&queue, virt_to_phys(buffer), RNG_BUFFER, true, buffer))
        virtqueue_kick(&queue);
    spin_unlock_irqrestore(&queue_lock, flags);
}

static uint32_t buffer_take(void)
{
    uint32_t length = 0;

    uint64_t flags = spin_lock_irqsave(&queue_lock);
    if (!virtqueue_take(&queue, &length))
        length = 0;
    spin_unlock_irqrestore(&queue_lock, flags);
    return length;
}

/* One buffer's worth; the reader's mutex is held. */
static size_t rng_read_part(uint8_t *dst, size_t n)
{
    buffer_ask();
    if (!buffer_came())
        (void)wait_event_deadline(&arrived, buffer_came(), false, clock_monotonic_ns() + RNG_PATIENCE_NS);
    size_t part = MIN(n, (size_t)buffer_take());
    memcpy(dst, buffer, part);
    memset(buffer, 0, part); /* handed out once */
    return part;
}

size_t rng_read(void *dst, size_t n)
{
    size_t done = 0;

    if (!ready)
        return 0;
    mutex_lock(&reader);
    while (done < n) {
        size_t part = rng_read_part((uint8_t *)dst + done, n - done);
        if (part == 0)
            break;
        done += part;
    }
    mutex_unlock(&reader);
    return done;
}

void rng_start(const struct pci_function *pci)
{
    if (ready || virtio_device_open(&device, pci, 0))
        return;
    mutex_init(&reader);
    wait_queue_init(&arrived);
    buffer = mem_alloc(RNG_BUFFER);
    int error = buffer ? virtio_device_interrupt(&device, rng_interrupt, NULL) : -ENOMEM;
    if (!error)
        error = virtio_device_queue(&device, 0, 2, &queue);
    if (error) {
        virtio_device_fail(&device, "rng", error);
        mem_free(buffer);
        return;
    }
    virtio_device_start(&device);
    ready = true;
}
