/*
 * Resource limits and priorities: getrlimit(2), setrlimit(2), prlimit(2), getpriority(2), setpriority(2), ioprio_get(2),
 * ioprio_set(2).
 */
#include <asm/errno.h>
#include <linux/ioprio.h>
#include <linux/resource.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"

#define IO_LEVELS 8 /* of one class; the bits above them are hints */
#define OPEN_FILES_MAX (1024 * 1024) /* fs.nr_open: no process may raise RLIMIT_NOFILE beyond */

/* Reads the old limit and, if `wanted` is there, sets the new one. */
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
    if (wanted && wanted->rlim_max > limit->hard && !cred_is_privileged())
        result = -EPERM;
    else if (wanted)
        *limit = (struct process_limit){wanted->rlim_cur, wanted->rlim_max};
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

long sys_getrlimit(const struct syscall_args *args)
{
    struct rlimit64 old;

    if ((uint32_t)args->a[0] >= RLIM_NLIMITS)
        return -EINVAL;
    long error = limit_exchange(process_current(), (uint32_t)args->a[0], NULL, &old);
    return error ? error : put_user(user(args->a[1]), old);
}

long sys_setrlimit(const struct syscall_args *args)
{
    struct rlimit64 wanted, old;

    if (get_user(wanted, user(args->a[1])))
        return -EFAULT;
    if ((uint32_t)args->a[0] >= RLIM_NLIMITS)
        return -EINVAL;
    return limit_exchange(process_current(), (uint32_t)args->a[0], &wanted, &old);
}

/* Same user ids throughout, or privileged (prlimit(2)). */
static bool may_limit(struct process *p)
{
    const struct cred *mine = &task_current()->cred;
    struct cred theirs;

    if (p == process_current() || cred_is_privileged())
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

static bool is_addressed(struct process *p, int which, int32_t who)
{
    struct cred cred;

    switch (which) {
    case PRIO_PROCESS:
        return p->pid == (who ? who : process_current()->pid);
    case PRIO_PGRP:
        return p->group == (who ? who : process_current()->group);
    default:
        return process_cred(p, &cred) && cred.uid == (who ? (uint32_t)who : task_current()->cred.uid);
    }
}

/* 40 - nice, so that no result looks like an error; the C library turns it around. */
long sys_getpriority(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    long result = -ESRCH;

    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (!p->zombie && is_addressed(p, which, (int32_t)args->a[1]))
            result = MAX(result, 20 - (long)p->nice);
    }
    spin_unlock(&process_tree_lock);
    return result;
}

static long set_nice(struct process *p, int nice)
{
    struct cred theirs;
    const struct cred *mine = &task_current()->cred;

    if (!process_cred(p, &theirs))
        return -ESRCH;
    if (!cred_is_privileged()) {
        if (mine->euid != theirs.euid && mine->euid != theirs.uid)
            return -EPERM;
        if (nice < p->nice)
            return -EACCES;
    }
    p->nice = nice;
    struct thread *t;

    TAILQ_FOREACH(t, &p->threads, link)
        task_set_nice(t->task, nice);
    return 0;
}

long sys_setpriority(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    int nice = MIN(MAX((int)args->a[2], -20), 19);
    long result = -ESRCH;

    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->zombie || !is_addressed(p, which, (int32_t)args->a[1]))
            continue;
        long error = set_nice(p, nice);
        if (error || result == -ESRCH)
            result = error;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

/* IOPRIO_WHO_PROCESS, _PGRP, _USER follow PRIO_* by one. */
static int io_which(int which)
{
    return which - IOPRIO_WHO_PROCESS + PRIO_PROCESS;
}

long sys_ioprio_get(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    long result = -ESRCH;

    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (!p->zombie && is_addressed(p, io_which(which), (int32_t)args->a[1]))
            result = result < 0 ? p->io_priority : MIN(result, (long)p->io_priority);
    }
    spin_unlock(&process_tree_lock);
    return result;
}

static bool io_priority_is_valid(int priority)
{
    switch (priority >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_NONE:
        return !(priority & (IO_LEVELS - 1));
    case IOPRIO_CLASS_RT:
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return true;
    default:
        return false;
    }
}

long sys_ioprio_set(const struct syscall_args *args)
{
    int which = (int)args->a[0], priority = (int)args->a[2];
    long result = -ESRCH;
    struct cred theirs;

    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER || !io_priority_is_valid(priority))
        return -EINVAL;
    if (priority >> IOPRIO_CLASS_SHIFT == IOPRIO_CLASS_RT && !cred_is_privileged())
        return -EPERM;
    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->zombie || !is_addressed(p, io_which(which), (int32_t)args->a[1]))
            continue;
        bool mine = process_cred(p, &theirs) &&
                    (theirs.uid == task_current()->cred.euid || theirs.uid == task_current()->cred.uid);
        result = mine || cred_is_privileged() ? 0 : -EPERM;
        if (!result)
            p->io_priority = priority;
    }
    spin_unlock(&process_tree_lock);
    return result;
}
