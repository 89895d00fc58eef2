/*
 * virtio over PCI, device side; see transport.h.
 */
#include "virtio/device/transport.h"

#include <linux/errno.h>
#include <linux/virtio_config.h>

#include "hv/vm.h"
#include "lib/log.h"
#include "lib/string.h"

/* BAR 0.  Doorbells are 4 bytes apart, so that a queue is known by the address that was written. */
#define BAR_SIZE 0x2000u
#define BAR_COMMON 0x000u
#define BAR_ISR 0x100u
#define BAR_CONFIG 0x200u
#define BAR_CONFIG_SIZE 0x100u
#define BAR_DOORBELL 0x400u
#define DOORBELL_STRIDE 4u
#define BAR_MSIX_TABLE 0x1000u
#define BAR_MSIX_PENDING 0x1800u

#define ISR_QUEUE 1
#define ISR_CONFIG 2
#define REPORTS_MAX 4 /* broken rings told of in the log, per device */

static void add_structure(struct virtio *v, uint8_t type, uint32_t offset, uint32_t length)
{
    struct virtio_pci_cap capability = {
        .cap_len = sizeof(capability), .cfg_type = type, .bar = 0, .offset = offset, .length = length};

    pci_model_add_capability(&v->pci, PCI_CAP_ID_VNDR, &capability, sizeof(capability));
}

static void add_doorbells(struct virtio *v)
{
    struct virtio_pci_notify_cap capability = {
        .cap = {.cap_len = sizeof(capability),
                .cfg_type = VIRTIO_PCI_CAP_NOTIFY_CFG,
                .offset = BAR_DOORBELL,
                .length = v->model->queue_count * DOORBELL_STRIDE},
        .notify_off_multiplier = DOORBELL_STRIDE,
    };

    pci_model_add_capability(&v->pci, PCI_CAP_ID_VNDR, &capability, sizeof(capability));
}

/*
 * The window of 4.1.4.9: the guest writes BAR, offset and length (1, 2 or 4) into this capability, and its data bytes then
 * stand for what is there.
 */
static void add_window(struct virtio *v)
{
    struct virtio_pci_cfg_cap capability = {
        .cap = {.cap_len = sizeof(capability), .cfg_type = VIRTIO_PCI_CAP_PCI_CFG}};

    v->window = pci_model_add_capability(&v->pci, PCI_CAP_ID_VNDR, &capability, sizeof(capability));
    v->pci.writable[v->window + VIRTIO_PCI_CAP_BAR] = 0xff;
    memset(&v->pci.writable[v->window + VIRTIO_PCI_CAP_OFFSET], 0xff, sizeof(capability) - VIRTIO_PCI_CAP_OFFSET);
}

/* Does an access at `at` reach the data bytes, and do they stand for something?  Then what. */
static bool window_is_open(struct virtio *v, unsigned at, unsigned size, struct virtio_pci_cfg_cap *window)
{
    unsigned data = v->window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

    memcpy(window, &v->pci.bytes[v->window], sizeof(*window));
    return at < data + sizeof(window->pci_cfg_data) && at + size > data && window->cap.bar == 0 &&
           (window->cap.length == 1 || window->cap.length == 2 || window->cap.length == 4) &&
           window->cap.offset < BAR_SIZE && IS_ALIGNED(window->cap.offset, window->cap.length);
}

static void config_reading(struct pci_model *f, unsigned at, unsigned size)
{
    struct virtio *v = container_of(f, struct virtio, pci);
    struct virtio_pci_cfg_cap window;

    if (!window_is_open(v, at, size, &window))
        return;
    uint32_t value = virtio_bar_read(v, window.cap.offset, window.cap.length);
    memcpy(&f->bytes[v->window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)], &value, sizeof(value));
}

static void config_written(struct pci_model *f, unsigned at, unsigned size)
{
    struct virtio *v = container_of(f, struct virtio, pci);
    struct virtio_pci_cfg_cap window;
    uint32_t value;

    msix_control_changed(&v->msix);
    if (!window_is_open(v, at, size, &window))
        return;
    memcpy(&value, window.pci_cfg_data, sizeof(value));
    virtio_bar_write(v, window.cap.offset, window.cap.length, value);
}

static void device_reset(struct virtio *v)
{
    const struct virtio_model *model = v->model;
    bool was_started = v->status & VIRTIO_CONFIG_S_DRIVER_OK;

    v->status = v->isr = 0;
    v->driver_features = 0;
    v->device_feature_select = v->driver_feature_select = 0;
    v->queue_select = 0;
    v->config_vector = VIRTIO_MSI_NO_VECTOR;
    for (unsigned i = 0; i < model->queue_count; i++)
        v->queues[i] = (struct virtio_queue){.ring = {.vm = v->pci.vm, .size = model->queue_size},
                                             .vector = VIRTIO_MSI_NO_VECTOR};
    if (was_started)
        model->reset(v);
}

void virtio_init(struct virtio *v, struct vm *vm, const struct virtio_model *model, void *owner, uint32_t bar_address,
                 const struct region_ops *bar_ops, void *bar_context)
{
    assert(model->queue_count <= VIRTIO_QUEUES_MAX && model->config_length <= BAR_CONFIG_SIZE);
    *v = (struct virtio){.model = model, .owner = owner};
    pci_model_init(&v->pci, vm, VIRTIO_PCI_VENDOR, (uint16_t)(VIRTIO_PCI_DEVICE_BASE + model->id), model->class_code,
                   model->id);
    pci_model_set_bar(&v->pci, bar_address, BAR_SIZE, bar_ops, bar_context);
    v->pci.config_reading = config_reading;
    v->pci.config_written = config_written;
    add_structure(v, VIRTIO_PCI_CAP_COMMON_CFG, BAR_COMMON, sizeof(struct virtio_pci_common_cfg));
    add_doorbells(v);
    add_structure(v, VIRTIO_PCI_CAP_ISR_CFG, BAR_ISR, 1);
    if (model->config_length)
        add_structure(v, VIRTIO_PCI_CAP_DEVICE_CFG, BAR_CONFIG, model->config_length);
    msix_init(&v->msix, &v->pci, BAR_MSIX_TABLE, BAR_MSIX_PENDING);
    add_window(v);
    device_reset(v);
}

static uint64_t features_offered(const struct virtio *v)
{
    return v->model->features | BIT(VIRTIO_F_VERSION_1);
}

/* A driver may only choose from what was offered, and only the modern interface is here (2.2, 6.1). */
static bool features_are_fine(const struct virtio *v)
{
    return !(v->driver_features & ~features_offered(v)) && virtio_has(v, VIRTIO_F_VERSION_1);
}

static void status_write(struct virtio *v, uint8_t status)
{
    uint8_t added = status & (uint8_t)~v->status;

    if (status == 0) {
        device_reset(v);
        return;
    }
    if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_are_fine(v))
        status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
    if ((added & VIRTIO_CONFIG_S_DRIVER_OK) && !(status & VIRTIO_CONFIG_S_FEATURES_OK))
        status &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
    v->status = (uint8_t)(status | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET));
    if ((added & status & VIRTIO_CONFIG_S_DRIVER_OK) && virtio_is_running(v))
        v->model->started(v);
}

void virtio_break(struct virtio *v, unsigned queue, int error)
{
    if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
        return;
    v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    v->isr |= ISR_CONFIG;
    if (v->resets_needed++ < REPORTS_MAX)
        log_warn("virtio: the guest broke queue %u of its %s (error %d); the device waits for a reset", queue,
                 v->model->name, -error);
    msix_raise(&v->msix, v->config_vector);
}

void virtio_interrupt(struct virtio *v, unsigned queue)
{
    int wanted = queue_wants_interrupt(virtio_ring(v, queue));

    if (wanted < 0) {
        virtio_break(v, queue, wanted);
        return;
    }
    if (!wanted)
        return;
    v->isr |= ISR_QUEUE;
    msix_raise(&v->msix, v->queues[queue].vector);
}

/* Common configuration (4.1.4.3). */

/* The queue that queue_select names; one that is not there reads as all zero. */
static struct virtio_queue *selected_queue(struct virtio *v)
{
    return v->queue_select < v->model->queue_count ? &v->queues[v->queue_select] : NULL;
}

static uint32_t half(uint64_t value, uint32_t which)
{
    if (which > 1)
        return 0;
    return (uint32_t)(which ? value >> 32 : value);
}

static uint32_t queue_register_read(const struct virtio_queue *q, unsigned index, uint64_t offset)
{
    if (!q)
        return 0;
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return q->ring.size;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return q->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return q->ring.enabled;
    case VIRTIO_PCI_COMMON_Q_NOFF:
        return index;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
        return (uint32_t)q->ring.desc.address;
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        return (uint32_t)(q->ring.desc.address >> 32);
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
        return (uint32_t)q->ring.avail.address;
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        return (uint32_t)(q->ring.avail.address >> 32);
    case VIRTIO_PCI_COMMON_Q_USEDLO:
        return (uint32_t)q->ring.used.address;
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        return (uint32_t)(q->ring.used.address >> 32);
    default:
        return 0;
    }
}

static uint32_t common_read(struct virtio *v, uint64_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        return v->device_feature_select;
    case VIRTIO_PCI_COMMON_DF:
        return half(features_offered(v), v->device_feature_select);
    case VIRTIO_PCI_COMMON_GFSELECT:
        return v->driver_feature_select;
    case VIRTIO_PCI_COMMON_GF:
        return half(v->driver_features, v->driver_feature_select);
    case VIRTIO_PCI_COMMON_MSIX:
        return v->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ:
        return v->model->queue_count;
    case VIRTIO_PCI_COMMON_STATUS:
        return v->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION: /* the device's configuration never changes */
        return 0;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return v->queue_select;
    default:
        return queue_register_read(selected_queue(v), v->queue_select, offset);
    }
}

static void half_write(uint64_t *value, uint32_t which, uint32_t word)
{
    if (which == 0)
        *value = (*value & 0xffffffff00000000ULL) | word;
    else if (which == 1)
        *value = (uint32_t)*value | (uint64_t)word << 32;
}

static void enable_write(struct virtio *v, struct virtio_queue *q, uint32_t value)
{
    if (value != 1) /* 4.1.4.3.2: nothing else may be written */
        return;
    int error = queue_enable(&q->ring);
    if (error)
        virtio_break(v, v->queue_select, error);
}

/* An enabled queue keeps what it was enabled with (4.1.4.3.2). */
static void queue_register_write(struct virtio *v, uint64_t offset, uint32_t value)
{
    struct virtio_queue *q = selected_queue(v);

    if (!q)
        return;
    if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
        q->vector = value < MSIX_ENTRIES ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
        return;
    }
    if (q->ring.enabled)
        return;
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        if (ring_size_is_valid(value) && value <= v->model->queue_size)
            q->ring.size = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        enable_write(v, q, value);
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        half_write(&q->ring.desc.address, offset != VIRTIO_PCI_COMMON_Q_DESCLO, value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        half_write(&q->ring.avail.address, offset != VIRTIO_PCI_COMMON_Q_AVAILLO, value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        half_write(&q->ring.used.address, offset != VIRTIO_PCI_COMMON_Q_USEDLO, value);
        break;
    }
}

static void common_write(struct virtio *v, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        v->device_feature_select = value;
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        v->driver_feature_select = value;
        break;
    case VIRTIO_PCI_COMMON_GF:
        if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
            half_write(&v->driver_features, v->driver_feature_select, value);
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        v->config_vector = value < MSIX_ENTRIES ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        status_write(v, (uint8_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        v->queue_select = (uint16_t)value;
        break;
    default:
        queue_register_write(v, offset, value);
    }
}

/* The BAR. */

static uint32_t config_read(const struct virtio *v, uint64_t offset, unsigned size)
{
    uint32_t value = 0;

    if (offset + size <= v->model->config_length)
        memcpy(&value, (const uint8_t *)v->model->config + offset, size);
    return value;
}

static uint32_t isr_read(struct virtio *v)
{
    uint32_t isr = v->isr;

    v->isr = 0;
    return isr;
}

/* One size is right for each register of the second page; others read as nothing and write nothing. */
static uint32_t msix_page_read(const struct virtio *v, uint64_t offset, unsigned size)
{
    if (size != 4 || offset % 4)
        return 0;
    if (offset >= BAR_MSIX_TABLE && offset < BAR_MSIX_TABLE + MSIX_TABLE_BYTES)
        return msix_table_read(&v->msix, (unsigned)(offset - BAR_MSIX_TABLE));
    if (offset >= BAR_MSIX_PENDING && offset < BAR_MSIX_PENDING + MSIX_PENDING_BYTES)
        return half(v->msix.pending, offset != BAR_MSIX_PENDING);
    return 0;
}

uint32_t virtio_bar_read(struct virtio *v, uint64_t offset, unsigned size)
{
    if (offset >= BAR_MSIX_TABLE)
        return msix_page_read(v, offset, size);
    if (offset >= BAR_CONFIG && offset < BAR_CONFIG + BAR_CONFIG_SIZE)
        return config_read(v, offset - BAR_CONFIG, size);
    if (offset == BAR_ISR)
        return isr_read(v);
    if (offset < sizeof(struct virtio_pci_common_cfg))
        return common_read(v, offset);
    return 0;
}

static void doorbell_write(struct virtio *v, uint64_t offset)
{
    uint64_t queue = offset / DOORBELL_STRIDE;

    if (virtio_is_running(v) && queue < v->model->queue_count && v->queues[queue].ring.enabled)
        v->model->doorbell(v, (unsigned)queue);
    v->rung = VCPU_DOORBELL(v->model->id, (uint32_t)queue);
}

void virtio_bar_write(struct virtio *v, uint64_t offset, unsigned size, uint32_t value)
{
    if (offset >= BAR_DOORBELL && offset < BAR_MSIX_TABLE)
        doorbell_write(v, offset - BAR_DOORBELL);
    else if (offset < sizeof(struct virtio_pci_common_cfg))
        common_write(v, offset, value);
    else if (size == 4 && offset % 4 == 0 && offset >= BAR_MSIX_TABLE && offset < BAR_MSIX_TABLE + MSIX_TABLE_BYTES)
        msix_table_write(&v->msix, (unsigned)(offset - BAR_MSIX_TABLE), value);
}
