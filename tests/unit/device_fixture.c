/*
 * See device_fixture.h.
 */
#include "tests/unit/device_fixture.h"

#include <errno.h>
#include <string.h>

#include "virtio/device/platform.h"

struct vm fixture_vm;
uint8_t guest_memory[GUEST_MEMORY] aligned_to(4096);
unsigned msi_count, mmio_regions;
uint64_t msi_address, mmio_last;
uint32_t msi_data;
char output[PORT_COUNT][8192];
size_t output_length[PORT_COUNT];
const char *input_text;
bool input_ended;
bool input_is_wanted[PORT_COUNT];

static bool inside(gpa_t at, size_t n)
{
    return at.address <= GUEST_MEMORY && n <= GUEST_MEMORY - at.address;
}

int guest_read(struct vm *vm, gpa_t from, void *to, size_t n)
{
    if (!inside(from, n))
        return -EFAULT;
    memcpy(to, guest_memory + from.address, n);
    return 0;
}

int guest_write(struct vm *vm, gpa_t to, const void *from, size_t n)
{
    if (!inside(to, n))
        return -EFAULT;
    memcpy(guest_memory + to.address, from, n);
    return 0;
}

/* Windows end at pages, as they do where memory is backed page by page. */
void *guest_window(struct vm *vm, gpa_t from, size_t n, size_t *length)
{
    if (!inside(from, n) || n == 0)
        return NULL;
    *length = MIN(n, PAGE_SIZE - from.address % PAGE_SIZE);
    return guest_memory + from.address;
}

int vm_add_mmio(struct vm *vm, uint64_t first, uint64_t size, const struct region_ops *ops, void *context)
{
    mmio_regions++;
    mmio_last = first;
    return 0;
}

void vm_remove_mmio(struct vm *vm, uint64_t first)
{
    mmio_regions--;
}

void platform_msi(struct vm *vm, uint64_t address, uint32_t data)
{
    msi_count++;
    msi_address = address;
    msi_data = data;
}

static void backend_output(struct vm *vm, unsigned port, const void *data, size_t n)
{
    size_t room = sizeof(output[port]) - output_length[port];

    memcpy(output[port] + output_length[port], data, MIN(n, room));
    output_length[port] += MIN(n, room);
}

static size_t backend_input(struct vm *vm, unsigned port, void *dst, size_t n)
{
    if (port != PORT_NR_STDIN || !input_text)
        return 0;
    n = MIN(n, strlen(input_text));
    memcpy(dst, input_text, n);
    input_text += n;
    return n;
}

static bool backend_at_end(struct vm *vm, unsigned port)
{
    return port == PORT_NR_STDIN && input_ended && (!input_text || !*input_text);
}

static void backend_wanted(struct vm *vm, unsigned port, bool wanted)
{
    input_is_wanted[port] = wanted;
}

const struct console_backend fixture_backend = {backend_output, backend_input, backend_at_end, backend_wanted};

void fixture_reset(void)
{
    memset(guest_memory, 0, sizeof(guest_memory));
    memset(output_length, 0, sizeof(output_length));
    memset(input_is_wanted, 0, sizeof(input_is_wanted));
    msi_count = mmio_regions = 0;
    input_text = NULL;
    input_ended = false;
}

void *fixture_pointer(uint64_t address)
{
    return guest_memory + address;
}

uint32_t config_read(struct pci_host *h, unsigned slot, unsigned offset, unsigned size)
{
    pci_host_port_write(h, 0, 4, pci_address(0, slot, 0, offset));
    return pci_host_port_read(h, 4 + (offset & 3), size);
}

void config_write(struct pci_host *h, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    pci_host_port_write(h, 0, 4, pci_address(0, slot, 0, offset));
    pci_host_port_write(h, 4 + (offset & 3), size, value);
}

void device_open(struct virtio *v, uint64_t features)
{
    struct pci_host host = {.slots = {[1] = &v->pci}};
    unsigned at = config_read(&host, 1, PCI_CAPABILITY_LIST, 1);

    while (config_read(&host, 1, at, 1) != PCI_CAP_ID_MSIX)
        at = config_read(&host, 1, at + 1, 1);
    config_write(&host, 1, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    virtio_bar_write(v, MSIX_TABLE + PCI_MSIX_ENTRY_LOWER_ADDR, 4, MSI_ADDRESS);
    virtio_bar_write(v, MSIX_TABLE + PCI_MSIX_ENTRY_DATA, 4, 0x55);
    virtio_bar_write(v, MSIX_TABLE + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);

    features |= BIT(VIRTIO_F_VERSION_1);
    COMMON_WRITE(v, device_status, 0);
    COMMON_WRITE(v, device_status, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    COMMON_WRITE(v, guest_feature_select, 0);
    COMMON_WRITE(v, guest_feature, (uint32_t)features);
    COMMON_WRITE(v, guest_feature_select, 1);
    COMMON_WRITE(v, guest_feature, (uint32_t)(features >> 32));
    COMMON_WRITE(v, device_status,
                 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    COMMON_WRITE(v, msix_config, 0);
}

/* The driver's structures are used where they lie, so their addresses are turned into guest-physical ones. */
void device_queue(struct virtio *v, unsigned index, uint64_t memory, struct virtqueue *q)
{
    static uint16_t doorbell; /* written by virtqueue_kick(); the test rings by itself */

    virtqueue_init(q, 8, fixture_pointer(memory));
    q->index = (uint16_t)index;
    q->doorbell = &doorbell;
    COMMON_WRITE(v, queue_select, index);
    COMMON_WRITE(v, queue_size, 8);
    COMMON_WRITE(v, queue_msix_vector, 0);
    COMMON_WRITE(v, queue_desc_lo, (uint32_t)((uint8_t *)q->desc - guest_memory));
    COMMON_WRITE(v, queue_avail_lo, (uint32_t)((uint8_t *)q->avail - guest_memory));
    COMMON_WRITE(v, queue_used_lo, (uint32_t)((uint8_t *)q->used - guest_memory));
    COMMON_WRITE(v, queue_enable, 1);
}

void device_start(struct virtio *v)
{
    COMMON_WRITE(v, device_status, COMMON_READ(v, device_status) | VIRTIO_CONFIG_S_DRIVER_OK);
}

void device_ring(struct virtio *v, unsigned queue)
{
    virtio_bar_write(v, DOORBELLS + 4 * queue, 2, queue);
}
