/*
 * What the devices need from the floor above: interrupt messages.  Given once at boot by vm_devices_set_msi().
 */
#ifndef VIRTIO_DEVICE_PLATFORM_H
#define VIRTIO_DEVICE_PLATFORM_H

#include "lib/compiler.h"

struct vm;

void platform_msi(struct vm *vm, uint64_t address, uint32_t data);

#endif
