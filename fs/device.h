/*
 * Character devices by number: what opening a device node leads to.  Registered at boot, never removed.
 */
#ifndef FS_DEVICE_H
#define FS_DEVICE_H

#include "fs/file.h"

int device_register(uint64_t rdev, const struct file_ops *ops, void *device) must_check;
/* Point f at the device: ops and data.  -ENXIO: no such device. */
int device_bind(struct file *f, uint64_t rdev) must_check;

#endif
