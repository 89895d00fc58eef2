/*
 * Finds the virtio devices of PCI bus 0 and starts their drivers, once, at boot.
 */
#include "virtio/driver/driver.h"

#include <linux/virtio_ids.h>

#include "abi/init_spec.h"
#include "lib/log.h"
#include "virtio/driver/devices.h"
#include "virtio/driver/pci.h"

static const struct {
    uint16_t device;
    void (*start)(const struct pci_function *pci);
} drivers[] = {
    {VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_CONSOLE, console_start},
    {VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_RNG, rng_start},
};

/* Transitional devices (QEMU's default) keep the old numbers and carry the type in the subsystem id (4.1.2.1). */
#define TRANSITIONAL_FIRST 0x1000
#define TRANSITIONAL_LAST 0x103f

static uint16_t device_number(const struct pci_function *pci)
{
    if (pci->device < TRANSITIONAL_FIRST || pci->device > TRANSITIONAL_LAST)
        return pci->device;
    return (uint16_t)(VIRTIO_PCI_DEVICE_BASE + pci_config_read(pci, PCI_SUBSYSTEM_ID, 2));
}

static void function_found(const struct pci_function *pci)
{
    if (pci->vendor != VIRTIO_PCI_VENDOR)
        return;
    uint16_t number = device_number(pci);
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        if (drivers[i].device == number) {
            drivers[i].start(pci);
            return;
        }
    }
    log_info("virtio: no driver for device %04x at PCI 0:%u.%u", number, pci->slot, pci->function);
}

void virtio_driver_init(void)
{
    pci_scan(function_found);
    if (!console_port_find(PORT_NR_CONSOLE))
        log_warn("virtio: no console device");
}
