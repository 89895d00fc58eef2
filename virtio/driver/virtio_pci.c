/*
 * Modern virtio-pci transport; see virtio_pci.h.  Structure locations come from vendor capabilities (4.1.4) and are
 * checked against the BARs before use.
 */
#include "virtio/driver/virtio_pci.h"

#include <linux/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/log.h"

#define RESET_POLLS 1000000 /* reads of the status register before a reset counts as failed */
#define MSIX_ENTRY 0

/* Map the structure that a vendor capability describes. */
static volatile void *structure_map(struct virtio_device *v, unsigned at, uint32_t *length)
{
    uint32_t offset = pci_config_read(&v->pci, at + VIRTIO_PCI_CAP_OFFSET, 4);

    *length = pci_config_read(&v->pci, at + VIRTIO_PCI_CAP_LENGTH, 4);
    return pci_bar_map(&v->pci, pci_config_read(&v->pci, at + VIRTIO_PCI_CAP_BAR, 1), offset, *length);
}

/* The first capability of each kind counts (4.1.4.1). */
static void structure_take(struct virtio_device *v, const struct pci_capability *c)
{
    uint32_t length;
    unsigned at = c->offset;

    switch (c->header >> 8 * VIRTIO_PCI_CAP_CFG_TYPE) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        if (!v->common) {
            v->common = structure_map(v, at, &length);
            if (length < sizeof(*v->common))
                v->common = NULL;
        }
        break;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        if (!v->notify) {
            v->notify = structure_map(v, at, &v->notify_length);
            v->notify_multiplier = pci_config_read(&v->pci, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
        }
        break;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        if (!v->config)
            v->config = structure_map(v, at, &v->config_length);
        break;
    }
}

/* One walk over the capabilities finds the structures and MSI-X. */
static int structures_find(struct virtio_device *v)
{
    struct pci_capability c = {0};

    for (unsigned steps = 0; steps < PCI_CAPABILITIES_MAX && pci_capability_next(&v->pci, &c); steps++) {
        uint8_t id = (uint8_t)c.header;
        if (id == PCI_CAP_ID_VNDR)
            structure_take(v, &c);
        else if (id == PCI_CAP_ID_MSIX)
            v->pci.msix = c;
    }
    return v->common && v->notify ? 0 : -ENODEV;
}

static int device_reset(struct virtio_device *v)
{
    v->common->device_status = 0;
    for (unsigned polls = 0; polls < RESET_POLLS; polls++)
        if (v->common->device_status == 0)
            return 0;
    return -EIO;
}

static void status_add(struct virtio_device *v, uint8_t bits)
{
    v->status |= bits;
    v->common->device_status = v->status;
}

static uint64_t features_offered(struct virtio_device *v)
{
    v->common->device_feature_select = 0;
    uint64_t offered = v->common->device_feature;
    v->common->device_feature_select = 1;
    return offered | (uint64_t)v->common->device_feature << 32;
}

static int features_agree(struct virtio_device *v, uint64_t wanted)
{
    v->features = features_offered(v) & (wanted | BIT(VIRTIO_F_VERSION_1));
    if (!virtio_device_has(v, VIRTIO_F_VERSION_1))
        return -ENODEV;
    v->common->guest_feature_select = 0;
    v->common->guest_feature = (uint32_t)v->features;
    v->common->guest_feature_select = 1;
    v->common->guest_feature = (uint32_t)(v->features >> 32);
    status_add(v, VIRTIO_CONFIG_S_FEATURES_OK);
    return v->common->device_status & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -EIO;
}

int virtio_device_open(struct virtio_device *v, const struct pci_function *pci, uint64_t wanted)
{
    *v = (struct virtio_device){.pci = *pci};
    int error = structures_find(v);
    if (error) {
        log_error("virtio: PCI 0:%u.%u cannot be used (error %d)", pci->slot, pci->function, -error);
        return error;
    }

    pci_enable(&v->pci);
    error = device_reset(v);
    if (!error) {
        v->queue_count = v->common->num_queues;
        status_add(v, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
        error = features_agree(v, wanted);
    }
    if (error)
        virtio_device_fail(v, "reset or features", error);
    return error;
}

int virtio_device_interrupt(struct virtio_device *v, void (*handler)(void *context), void *context)
{
    struct msi_message message;
    int error = pci_msix_enable(&v->pci);

    if (error)
        return error;
    int vector = irq_allocate(handler, context, &message);
    if (vector < 0)
        return vector;
    error = pci_msix_set(&v->pci, MSIX_ENTRY, &message);
    if (error)
        return error;
    v->common->msix_config = MSIX_ENTRY;
    return v->common->msix_config == MSIX_ENTRY ? 0 : -EBUSY;
}

/* Zeroed memory for a ring out of shared pages: a queue of 16 entries takes half a KiB. */
static void *ring_memory(struct virtio_device *v, size_t bytes)
{
    assert(bytes <= PAGE_SIZE);
    if (v->ring_left < bytes) {
        struct page *page = page_alloc_zero();
        if (!page)
            return NULL;
        v->ring_memory = page_address(page);
        v->ring_left = PAGE_SIZE;
    }
    void *memory = v->ring_memory;
    v->ring_memory += bytes;
    v->ring_left -= bytes;
    return memory;
}

static void address_write(volatile __le32 *low, volatile __le32 *high, const void *memory)
{
    uint64_t phys = virt_to_phys(memory);

    *low = (uint32_t)phys;
    *high = (uint32_t)(phys >> 32);
}

int virtio_device_queue(struct virtio_device *v, unsigned index, unsigned size, struct virtqueue *q)
{
    volatile struct virtio_pci_common_cfg *common = v->common;

    if (index >= v->queue_count)
        return -ENODEV;
    common->queue_select = (uint16_t)index;
    unsigned offered = common->queue_size;
    if (!ring_size_is_valid(offered))
        return -ENODEV;
    size = MIN(size, offered);

    uint64_t doorbell = (uint64_t)common->queue_notify_off * v->notify_multiplier;
    if (doorbell % 2 || doorbell + 2 > v->notify_length)
        return -EIO;
    void *memory = ring_memory(v, virtqueue_bytes(size));
    if (!memory)
        return -ENOMEM;

    virtqueue_init(q, size, memory);
    q->index = (uint16_t)index;
    q->doorbell = (volatile uint16_t *)(volatile void *)(v->notify + doorbell);
    common->queue_size = (uint16_t)size;
    common->queue_msix_vector = MSIX_ENTRY; /* shared with the configuration's, which was seen to be accepted */
    address_write(&common->queue_desc_lo, &common->queue_desc_hi, q->desc);
    address_write(&common->queue_avail_lo, &common->queue_avail_hi, q->avail);
    address_write(&common->queue_used_lo, &common->queue_used_hi, q->used);
    common->queue_enable = 1;
    return 0;
}

void virtio_device_start(struct virtio_device *v)
{
    status_add(v, VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_device_fail(struct virtio_device *v, const char *what, int error)
{
    status_add(v, VIRTIO_CONFIG_S_FAILED);
    log_error("virtio: PCI 0:%u.%u failed: %s (error %d)", v->pci.slot, v->pci.function, what, -error);
}
