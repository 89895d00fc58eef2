/*
 * The calls on the address space of the current process, but for mmap (sys_mmap.c): brk, munmap and relatives.  They
 * check what Linux checks before it looks at the address space; the rest is core/space.h.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/mman.h>
#include <linux/personality.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sys_file.h"
#include "guest_kernel/sys_memory.h"

#define RESIDENCE_CHUNK 512 /* pages that mincore looks at in one go */

static struct space *current_space(void)
{
    return task_current()->space;
}

/* READ_IMPLIES_EXEC of personality(2): what may be read may be run. */
uint32_t prot_by_personality(uint32_t prot)
{
    return prot & PROT_READ && process_current()->personality & READ_IMPLIES_EXEC ? prot | PROT_EXEC : prot;
}

long sys_brk(const struct syscall_args *args)
{
    return space_brk(current_space(), args->a[0]);
}

long sys_munmap(const struct syscall_args *args)
{
    return space_unmap(current_space(), args->a[0], args->a[1]);
}

long sys_mprotect(const struct syscall_args *args)
{
    uint64_t prot = args->a[2];

    if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN))
        return -EINVAL;
    return space_protect(current_space(), args->a[0], args->a[1], prot_by_personality((uint32_t)prot));
}

long sys_mremap(const struct syscall_args *args)
{
    if (args->a[3] >> 32)
        return -EINVAL;
    return space_remap(current_space(), args->a[0], args->a[1], args->a[2], (uint32_t)args->a[3], args->a[4]);
}

static int not_locked(const struct area *a)
{
    return a->flags & MAP_LOCKED ? -EBUSY : 0;
}

long sys_msync(const struct syscall_args *args)
{
    const struct space_advice look = {.check = args->a[2] & MS_INVALIDATE ? not_locked : NULL};
    int flags = (int)args->a[2];

    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(args->a[0], PAGE_SIZE))
        return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC))
        return -EINVAL;
    if (ALIGN_UP(args->a[1], PAGE_SIZE) < args->a[1]) /* Linux takes a length that wraps for none */
        return 0;
    /* Shared mappings are the file's own pages: nothing is behind. */
    return space_advise(current_space(), args->a[0], args->a[1], &look);
}

long sys_mincore(const struct syscall_args *args)
{
    uint8_t present[RESIDENCE_CHUNK];
    uint64_t start = args->a[0], length = ALIGN_UP(args->a[1], PAGE_SIZE);
    user_ptr vector = user(args->a[2]);

    if (!IS_ALIGNED(start, PAGE_SIZE))
        return -EINVAL;
    if (length < args->a[1] || length > USER_END || start > USER_END - length)
        return -ENOMEM;
    if (!user_range_ok(vector.address, length >> PAGE_SHIFT))
        return -EFAULT;
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = MIN(length - done, RESIDENCE_CHUNK * PAGE_SIZE);
        long pages = space_residence(current_space(), start + done, piece, present);

        if (pages < 0)
            return pages;
        if (copy_to_user(user_add(vector, done >> PAGE_SHIFT), present, (size_t)pages))
            return -EFAULT;
        done += (uint64_t)pages << PAGE_SHIFT;
        task_relax();
    }
    return 0;
}

/*
 * Protection keys, as on a CPU without them: there is no key that could be had, and none but -1, which stands for none,
 * that could be given to a mapping.
 */
long sys_pkey_alloc(const struct syscall_args *args)
{
    return -EINVAL;
}

long sys_pkey_free(const struct syscall_args *args)
{
    return -EINVAL;
}

long sys_pkey_mprotect(const struct syscall_args *args)
{
    return (int)args->a[3] == -1 ? sys_mprotect(args) : -EINVAL;
}
