/*
 * Files of tmpfs that never had a name: what memfd_create(2), shared anonymous mappings and shmget(2) make.  And the
 * seals of such files (fcntl(2), F_ADD_SEALS).
 */
#ifndef FS_SHMEM_H
#define FS_SHMEM_H

#include "fs/file.h"

int shmem_init(void);

struct shmem_request {
    const char *name; /* as /proc/PID/maps shows it behind the first slash; at most FS_NAME_MAX bytes */
    uint64_t size;    /* bytes */
    unsigned mode;    /* permission bits */
    bool sealable;
    bool reserve;               /* promise memory for all of it; -ENOMEM when that is refused */
    bool numbered;              /* among those whose inode numbers the caller gives: another device than the rest */
    const struct file_ops *ops; /* NULL: those of a file of tmpfs */
};
/* One reference; -ENOMEM. */
int shmem_create(const struct shmem_request *r, struct file **out) must_check;

/* F_SEAL_* of a file, or -EINVAL: it has none.  Adding: also -EPERM, -EBUSY. */
int shmem_seals(const struct file *f);
int shmem_seal(struct file *f, unsigned seals) must_check;

#endif
