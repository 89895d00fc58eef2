/*
 * Numbers of processes, their groups and sessions (credentials(7), setpgid(2), setsid(2)).
 */
#include <asm/errno.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"

long sys_getpid(const struct syscall_args *args)
{
    return process_current()->pid;
}

long sys_gettid(const struct syscall_args *args)
{
    return task_current()->tid;
}

long sys_getppid(const struct syscall_args *args)
{
    spin_lock(&process_tree_lock);
    struct process *parent = process_current()->parent;
    long pid = parent ? parent->pid : 0;
    spin_unlock(&process_tree_lock);
    return pid;
}

/* pid 0: the caller.  NULL: none; tree lock held. */
static struct process *lookup_or_self(int32_t pid)
{
    return pid ? process_lookup(pid) : process_current();
}

long sys_getpgid(const struct syscall_args *args)
{
    spin_lock(&process_tree_lock);
    struct process *p = lookup_or_self((int32_t)args->a[0]);
    long result = p ? p->group : -ESRCH;
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_getpgrp(const struct syscall_args *args)
{
    return process_current()->group;
}

long sys_getsid(const struct syscall_args *args)
{
    spin_lock(&process_tree_lock);
    struct process *p = lookup_or_self((int32_t)args->a[0]);
    long result = p ? p->session : -ESRCH;
    spin_unlock(&process_tree_lock);
    return result;
}

static long set_group(struct process *p, int32_t group)
{
    struct process *me = process_current();

    if (!p || (p != me && p->parent != me))
        return -ESRCH;
    if (p != me && p->session != me->session)
        return -EPERM;
    if (p != me && p->has_execed)
        return -EACCES;
    if (p->session == p->pid)
        return -EPERM;
    if (!group)
        group = p->pid;
    if (group != p->pid && !process_group_exists(group, me->session))
        return -EPERM;
    p->group = group;
    return 0;
}

long sys_setpgid(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0], group = (int32_t)args->a[1];

    if (group < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    long result = set_group(lookup_or_self(pid), group);
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_setsid(const struct syscall_args *args)
{
    struct process *p = process_current();
    long result = -EPERM;

    spin_lock(&process_tree_lock);
    if (p->session != p->pid && !process_group_exists(p->pid, 0)) {
        p->session = p->group = p->pid;
        p->terminal = NULL;
        result = p->pid;
    }
    spin_unlock(&process_tree_lock);
    return result;
}
