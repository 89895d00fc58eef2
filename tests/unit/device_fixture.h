/*
 * The sandbox's virtio devices on the host: real device code on a fake guest memory, driven through their registers; the
 * queues' other end is the guest kernel's own driver code.
 */
#ifndef TESTS_UNIT_DEVICE_FIXTURE_H
#define TESTS_UNIT_DEVICE_FIXTURE_H

#include "hv/vm.h"
#include "virtio/device/console.h"
#include "virtio/device/rng.h"
#include "virtio/driver/virtqueue.h"

#define GUEST_MEMORY (1u << 20)

extern struct vm fixture_vm;
extern uint8_t guest_memory[GUEST_MEMORY];
extern unsigned msi_count; /* and the last one: */
extern uint64_t msi_address;
extern uint32_t msi_data;
extern unsigned mmio_regions; /* regions that devices have registered now */
extern uint64_t mmio_last;

/* What the backend was given and gives. */
extern char output[PORT_COUNT][8192];
extern size_t output_length[PORT_COUNT];
extern const char *input_text; /* for the stdin port; NULL: none */
extern bool input_ended;
extern bool input_is_wanted[PORT_COUNT];

extern const struct console_backend fixture_backend;

void fixture_reset(void);
void *fixture_pointer(uint64_t address);

uint32_t config_read(struct pci_host *h, unsigned slot, unsigned offset, unsigned size);
void config_write(struct pci_host *h, unsigned slot, unsigned offset, unsigned size, uint32_t value);

#define COMMON_READ(v, field)                                                                                          \
    virtio_bar_read((v), offsetof(struct virtio_pci_common_cfg, field), sizeof(((struct virtio_pci_common_cfg *)0)->field))
#define COMMON_WRITE(v, field, value)                                                                                  \
    virtio_bar_write((v), offsetof(struct virtio_pci_common_cfg, field),                                               \
                     sizeof(((struct virtio_pci_common_cfg *)0)->field), (value))

#define DOORBELLS 0x400u
#define MSIX_TABLE 0x1000u
#define MSI_ADDRESS 0xfee01000u

/* Switch MSI-X on with entry 0 unmasked, then reset, features, FEATURES_OK. */
void device_open(struct virtio *v, uint64_t features);
/* A queue of 8 entries with its rings at `memory`; entry 0 of MSI-X. */
void device_queue(struct virtio *v, unsigned index, uint64_t memory, struct virtqueue *q);
void device_start(struct virtio *v);
void device_ring(struct virtio *v, unsigned queue);

#endif
