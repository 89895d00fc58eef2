/*
 * /dev, inside of fs/; the public part is devfs_register() in fs/vfs.h.
 */
#ifndef FS_DEVFS_H
#define FS_DEVFS_H

#include "fs/inode.h"

int devfs_init(void) must_check;
struct superblock *devfs_superblock(void);
int devfs_link(const char *name, const char *target) must_check;
int devfs_directory(const char *name, unsigned mode) must_check;
int memory_devices_init(void) must_check; /* dev_memory.c: null, zero, full, random, urandom */

#endif
