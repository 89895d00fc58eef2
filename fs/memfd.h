/*
 * memfd_create(2): a file of tmpfs that never had a name.
 */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

#include "fs/file.h"

int memfd_init(void);
/* The name is only for /proc/PID/fd and maps.  -ENOMEM. */
int memfd_create_file(const char *name, struct file **out) must_check;

#endif
