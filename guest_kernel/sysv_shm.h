/*
 * Segments of System V shared memory, as sysv_shm.c and sysv_shm_attach.c share them.
 */
#ifndef GUEST_KERNEL_SYSV_SHM_H
#define GUEST_KERNEL_SYSV_SHM_H

#include "guest_kernel/sysv_ipc.h"

struct segment { /* all by the table's lock but what is fixed */
    struct ipc_object ipc;
    struct file *file; /* fixed; its `data` is the segment */
    uint64_t size;     /* fixed: bytes */
    uint64_t mappings; /* areas of address spaces */
    uint64_t held;     /* by segment_hold() */
    int32_t creator_pid, last_pid;
    long attach_time, detach_time, change_time; /* seconds since 1970 */
};

/* Find one and keep it, though it be removed meanwhile; NULL: *error says why. */
struct segment *segment_hold(int32_t id, unsigned access, long *error) must_check;
void segment_drop(struct segment *s);

bool file_is_segment(const struct file *f);

#endif
