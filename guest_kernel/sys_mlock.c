/*
 * mlock(2) and relatives.  Nothing is ever swapped out, so memory that is present stays: locking makes it present, and
 * counts it against RLIMIT_MEMLOCK.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/capability.h>
#include <linux/mman.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"

#define LOCK_FLAGS (MAP_LOCKED | SPACE_MAP_ON_FAULT)

static struct space *current_space(void)
{
    return task_current()->space;
}

static bool may_lock(void)
{
    return process_limit(RLIMIT_MEMLOCK) || cred_may(CAP_IPC_LOCK);
}

static uint32_t lock_flags(bool on_fault)
{
    return MAP_LOCKED | (on_fault ? SPACE_MAP_ON_FAULT : 0);
}

/* The pages that hold any of the range's bytes; false: they are past all addresses. */
static bool lock_range(uint64_t *address, uint64_t *length)
{
    uint64_t offset = *address % PAGE_SIZE;

    *length = ALIGN_UP(*length + offset, PAGE_SIZE);
    *address -= offset;
    return *address + *length >= *address;
}

static long change_locks(uint64_t address, uint64_t length, uint32_t set)
{
    const struct space_advice advice = {.set = set, .clear = LOCK_FLAGS, .what = ADVICE_LOCK};

    return space_advise(current_space(), address, length, &advice);
}

static long lock(uint64_t address, uint64_t length, bool on_fault)
{
    if (!may_lock())
        return -EPERM;
    bool valid = lock_range(&address, &length);
    if (!space_lock_allowed(current_space(), address, length))
        return -ENOMEM;
    if (!valid)
        return -EINVAL;
    long result = change_locks(address, length, lock_flags(on_fault));
    if (!result && !on_fault)
        result = space_populate(current_space(), address, length, POPULATE_AS_MAPPED);
    return result == -EFAULT ? -ENOMEM : result; /* as POSIX wants it */
}

long sys_mlock(const struct syscall_args *args)
{
    return lock(args->a[0], args->a[1], false);
}

long sys_mlock2(const struct syscall_args *args)
{
    int flags = (int)args->a[2];

    return flags & ~MLOCK_ONFAULT ? -EINVAL : lock(args->a[0], args->a[1], flags & MLOCK_ONFAULT);
}

long sys_munlock(const struct syscall_args *args)
{
    uint64_t address = args->a[0], length = args->a[1];

    return lock_range(&address, &length) ? change_locks(address, length, 0) : -EINVAL;
}

long sys_mlockall(const struct syscall_args *args)
{
    int flags = (int)args->a[0];
    uint32_t set = lock_flags(flags & MCL_ONFAULT);

    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!may_lock())
        return -EPERM;
    if ((flags & MCL_CURRENT) && !space_lock_all_allowed(current_space()))
        return -ENOMEM;
    space_lock_future(current_space(), flags & MCL_FUTURE ? set : 0);
    if (!(flags & MCL_CURRENT))
        return 0;
    space_advise_all(current_space(), &(struct space_advice){.set = set, .clear = LOCK_FLAGS});
    if (!(flags & MCL_ONFAULT))
        space_populate_all(current_space()); /* as far as it goes */
    return 0;
}

long sys_munlockall(const struct syscall_args *args)
{
    space_lock_future(current_space(), 0);
    space_advise_all(current_space(), &(struct space_advice){.clear = LOCK_FLAGS});
    return 0;
}
