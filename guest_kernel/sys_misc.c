/*
 * Odds and ends of a process: arch_prctl(2), personality(2).
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/personality.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "lib/x86.h"

long sys_arch_prctl(const struct syscall_args *args)
{
    uint64_t address = args->a[1], base;

    switch ((int)args->a[0]) {
    case ARCH_SET_FS:
        if (address >= USER_END)
            return -EPERM;
        task_set_fs_base(address);
        return 0;
    case ARCH_SET_GS:
        if (address >= USER_END)
            return -EPERM;
        task_set_gs_base(address);
        return 0;
    case ARCH_GET_FS:
        base = task_fs_base();
        return put_user(user(address), base);
    case ARCH_GET_GS:
        base = task_gs_base();
        return put_user(user(address), base);
    default:
        return -EINVAL;
    }
}

/* Any word is accepted, as on Linux; those bits that mean something are looked at where they do. */
long sys_personality(const struct syscall_args *args)
{
    struct process *p = process_current();
    uint32_t wanted = (uint32_t)args->a[0], old = p->personality;

    if (wanted != UINT32_MAX)
        p->personality = wanted;
    return (long)old;
}
