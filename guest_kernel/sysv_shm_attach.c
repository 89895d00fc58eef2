/*
 * shmat(2) and shmdt(2): segments in address spaces.
 */
#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/shm.h>

#include "abi/syscalls.h"
#include "fs/inode.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/sysv_shm.h"

/* Where: 0 for anywhere, or -EINVAL. */
static long attach_address(uint64_t *address, int flags)
{
    if (!*address)
        return flags & SHM_REMAP ? -EINVAL : 0;
    if (flags & SHM_RND)
        *address = ALIGN_DOWN(*address, PAGE_SIZE); /* SHMLBA */
    if (!IS_ALIGNED(*address, PAGE_SIZE) || (!*address && (flags & SHM_REMAP)))
        return -EINVAL;
    return 0;
}

static long attach(struct segment *s, uint64_t address, int flags)
{
    bool writes = !(flags & SHM_RDONLY);
    uint32_t prot = PROT_READ | (writes ? PROT_WRITE : 0) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    uint32_t how = MAP_SHARED | (writes ? 0 : SPACE_MAP_NO_WRITE);

    if (address)
        how |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    long result = space_map(task_current()->space, address, s->size, prot, how, file_mapping(s->file), 0);
    return result == -EEXIST ? -EINVAL : result;
}

long sys_shmat(const struct syscall_args *args)
{
    int32_t id = (int32_t)args->a[0];
    uint64_t address = args->a[1];
    int flags = (int)args->a[2];
    unsigned access = IPC_READ | (flags & SHM_RDONLY ? 0 : IPC_WRITE) | (flags & SHM_EXEC ? IPC_EXECUTE : 0);

    if (id < 0)
        return -EINVAL;
    long result = attach_address(&address, flags);
    if (result)
        return result;
    struct segment *s = segment_hold(id, access, &result);
    if (!s)
        return result;
    result = attach(s, address, flags);
    segment_drop(s);
    return result;
}

/* What the areas of a segment make up together; 0: it is none. */
static uint64_t segment_size(struct space_file *m)
{
    const struct file *f = mapping_file(m);

    return f && file_is_segment(f) ? ALIGN_UP(f->inode->size, PAGE_SIZE) : 0;
}

long sys_shmdt(const struct syscall_args *args)
{
    return space_unmap_file(task_current()->space, args->a[0], segment_size);
}
