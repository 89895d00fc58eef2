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

struct discard_check {
    uint64_t start, end;
    bool other; /* something in the range is not private anonymous memory */
};

static bool discard_check_area(const struct area *a, void *context)
{
    struct discard_check *c = context;

    if (a->end > c->start && a->start < c->end && (a->file || (a->flags & MAP_SHARED)))
        c->other = true;
    return !c->other && a->start < c->end;
}

static long advise_free(uint64_t start, uint64_t length)
{
    struct discard_check check = {.start = start, .end = start + length};

    space_for_each(current_space(), discard_check_area, &check);
    return check.other ? -EINVAL : space_discard(current_space(), start, length);
}

long sys_madvise(const struct syscall_args *args)
{
    uint64_t start = args->a[0], length = args->a[1];

    if (!IS_ALIGNED(start, PAGE_SIZE) || ALIGN_UP(length, PAGE_SIZE) < length || start + length < start)
        return -EINVAL;
    switch ((int)args->a[2]) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_DONTDUMP: /* there are no core files */
    case MADV_DODUMP:
        return space_check_mapped(current_space(), start, length);
    case MADV_DONTNEED:
        return space_discard(current_space(), start, length);
    case MADV_FREE:
        return advise_free(start, length);
    case MADV_DONTFORK:
        return space_advise(current_space(), start, length, SPACE_MAP_NO_FORK, 0);
    case MADV_DOFORK:
        return space_advise(current_space(), start, length, 0, SPACE_MAP_NO_FORK);
    case MADV_WIPEONFORK:
        return space_advise(current_space(), start, length, SPACE_MAP_WIPE_ON_FORK, 0);
    case MADV_KEEPONFORK:
        return space_advise(current_space(), start, length, 0, SPACE_MAP_WIPE_ON_FORK);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        return space_populate(current_space(), start, length);
    default:
        return -EINVAL;
    }
}

long sys_msync(const struct syscall_args *args)
{
    uint64_t flags = args->a[2];

    if ((flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(args->a[0], PAGE_SIZE))
        return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC))
        return -EINVAL;
    /* Shared mappings are the file's own pages: nothing is behind. */
    return space_check_mapped(current_space(), args->a[0], args->a[1]);
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
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = MIN(length - done, RESIDENCE_CHUNK * PAGE_SIZE);
        long error = space_residence(current_space(), start + done, piece, present);

        if (error)
            return error;
        if (copy_to_user(user_add(vector, done >> PAGE_SHIFT), present, piece >> PAGE_SHIFT))
            return -EFAULT;
        done += piece;
        task_relax();
    }
    return 0;
}

/* Nothing is ever swapped out, so memory that is present stays: locking is populating. */
static long lock_range(uint64_t address, uint64_t length)
{
    uint64_t start = ALIGN_DOWN(address, PAGE_SIZE);
    uint64_t size = ALIGN_UP(length + (address - start), PAGE_SIZE);

    if (size < length || start + size < start)
        return -EINVAL;
    return space_populate(current_space(), start, size);
}

long sys_mlock(const struct syscall_args *args)
{
    return lock_range(args->a[0], args->a[1]);
}

long sys_mlock2(const struct syscall_args *args)
{
    if (args->a[2] & ~(uint64_t)MLOCK_ONFAULT)
        return -EINVAL;
    if (args->a[2] & MLOCK_ONFAULT)
        return space_check_mapped(current_space(), ALIGN_DOWN(args->a[0], PAGE_SIZE), args->a[1]);
    return lock_range(args->a[0], args->a[1]);
}

long sys_munlock(const struct syscall_args *args)
{
    uint64_t start = ALIGN_DOWN(args->a[0], PAGE_SIZE);

    return space_check_mapped(current_space(), start, args->a[1] + (args->a[0] - start));
}

long sys_mlockall(const struct syscall_args *args)
{
    uint64_t flags = args->a[0];

    if (!flags || (flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    space_populate_future(current_space(), (flags & MCL_FUTURE) && !(flags & MCL_ONFAULT));
    return (flags & MCL_CURRENT) && !(flags & MCL_ONFAULT) ? space_populate_all(current_space()) : 0;
}

long sys_munlockall(const struct syscall_args *args)
{
    space_populate_future(current_space(), false);
    return 0;
}
