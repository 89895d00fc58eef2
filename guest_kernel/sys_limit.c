/*
 * Resource limits: getrlimit(2), setrlimit(2), prlimit(2).
 */
#include <asm/errno.h>
#include <linux/resource.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"

#define OPEN_FILES_MAX (1024 * 1024) /* fs.nr_open: no process may raise RLIMIT_NOFILE beyond */

/* Reads the old limit and, if `wanted` is there, sets the new one.  Tree lock held. */
static long limit_exchange(struct process *p, unsigned resource, const struct rlimit64 *wanted, struct rlimit64 *old)
{
    struct process_limit *limit = &p->limits[resource];
    long result = 0;

    if (wanted && wanted->rlim_cur > wanted->rlim_max)
        return -EINVAL;
    if (wanted && resource == RLIMIT_NOFILE && wanted->rlim_max > OPEN_FILES_MAX)
        return -EPERM;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    *old = (struct rlimit64){limit->soft, limit->hard};
    if (wanted && wanted->rlim_max > limit->hard && !cred_may(CAP_SYS_RESOURCE))
        result = -EPERM;
    else if (wanted)
        *limit = (struct process_limit){wanted->rlim_cur, wanted->rlim_max};
    spin_unlock_irqrestore(&p->signals.lock, flags);
    if (wanted && !result && (resource == RLIMIT_CPU || resource == RLIMIT_RTTIME))
        cpu_times_changed(p);
    return result;
}

static long own_limit_exchange(unsigned resource, const struct rlimit64 *wanted, struct rlimit64 *old)
{
    spin_lock(&process_tree_lock);
    long result = limit_exchange(process_current(), resource, wanted, old);
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_getrlimit(const struct syscall_args *args)
{
    struct rlimit64 old;

    if ((uint32_t)args->a[0] >= RLIM_NLIMITS)
        return -EINVAL;
    long error = own_limit_exchange((uint32_t)args->a[0], NULL, &old);
    return error ? error : put_user(user(args->a[1]), old);
}

long sys_setrlimit(const struct syscall_args *args)
{
    struct rlimit64 wanted, old;

    if (get_user(wanted, user(args->a[1])))
        return -EFAULT;
    if ((uint32_t)args->a[0] >= RLIM_NLIMITS)
        return -EINVAL;
    return own_limit_exchange((uint32_t)args->a[0], &wanted, &old);
}

/* Same user ids throughout, or privileged (prlimit(2)). */
static bool may_limit(struct process *p)
{
    const struct cred *mine = &task_current()->cred;
    struct cred theirs;

    if (p == process_current() || cred_may(CAP_SYS_RESOURCE))
        return true;
    if (!process_cred(p, &theirs))
        return false;
    return mine->uid == theirs.uid && mine->uid == theirs.euid && mine->uid == theirs.suid &&
           mine->gid == theirs.gid && mine->gid == theirs.egid && mine->gid == theirs.sgid;
}

long sys_prlimit64(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0];
    uint32_t resource = (uint32_t)args->a[1];
    struct rlimit64 wanted, old;
    long result = -ESRCH;

    if (args->a[2] && get_user(wanted, user(args->a[2])))
        return -EFAULT;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct process *p = pid ? process_lookup(pid) : process_current();
    if (p)
        result = may_limit(p) ? limit_exchange(p, resource, args->a[2] ? &wanted : NULL, &old) : -EPERM;
    spin_unlock(&process_tree_lock);
    if (result)
        return result;
    return args->a[3] ? put_user(user(args->a[3]), old) : 0;
}
