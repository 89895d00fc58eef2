/*
 * prctl(2).  What belongs to features that are not built in (seccomp, perf events, syscall user dispatch, core
 * scheduling) is answered as by a Linux without them, what other architectures have as on x86-64.
 */
#include "guest_kernel/prctl.h"

#include <asm/errno.h>
#include <linux/prctl.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "lib/string.h"

static long set_name(uint64_t address)
{
    struct task *t = task_current();
    char name[sizeof(t->comm)];
    long n = copy_word_from_user(name, user(address), sizeof(name));

    if (n == -EFAULT)
        return n;
    name[sizeof(name) - 1] = '\0';
    memset(t->comm, 0, sizeof(t->comm));
    (void)string_copy(t->comm, name, sizeof(t->comm));
    return 0;
}

static long set_death_signal(struct thread *t, uint64_t value)
{
    if (value && !signal_is_valid((int64_t)value))
        return -EINVAL;
    spin_lock(&process_tree_lock); /* the parent may be ending */
    t->parent_death_signal = (int)value;
    spin_unlock(&process_tree_lock);
    return 0;
}

static long set_dumpable(struct process *p, uint64_t value)
{
    if (value > 1)
        return -EINVAL;
    p->not_dumpable = !value;
    return 0;
}

static bool has_rest(const struct syscall_args *args, unsigned from)
{
    while (from < 5 && !args->a[from])
        from++;
    return from < 5;
}

static long set_no_new_privs(const struct syscall_args *args)
{
    if (args->a[1] != 1 || has_rest(args, 2))
        return -EINVAL;
    thread_current()->no_new_privs = true;
    return 0;
}

/* What is to happen when memory of the process is found broken: kept and shown, since no machine here tells. */
static long set_memory_failure(struct thread *t, const struct syscall_args *args)
{
    uint64_t policy = args->a[1] == PR_MCE_KILL_CLEAR ? PR_MCE_KILL_DEFAULT : args->a[2];

    if (has_rest(args, 3) || args->a[1] > PR_MCE_KILL_SET || policy > PR_MCE_KILL_DEFAULT)
        return -EINVAL;
    if (args->a[1] == PR_MCE_KILL_CLEAR && args->a[2])
        return -EINVAL;
    t->memory_failure = (uint8_t)policy;
    return 0;
}

static long huge_pages(struct process *p, const struct syscall_args *args)
{
    bool set = args->a[0] == PR_SET_THP_DISABLE;

    if (has_rest(args, set ? 2 : 1))
        return -EINVAL;
    if (!set)
        return p->no_huge_pages;
    p->no_huge_pages = args->a[1];
    space_large_off(task_current()->space, args->a[1]);
    return 0;
}

static long io_flusher(struct thread *t, const struct syscall_args *args)
{
    bool set = args->a[0] == PR_SET_IO_FLUSHER;

    if (!cred_may(CAP_SYS_RESOURCE))
        return -EPERM;
    if (has_rest(args, set ? 2 : 1) || args->a[1] > 1)
        return -EINVAL;
    if (!set)
        return t->io_flusher;
    t->io_flusher = args->a[1];
    return 0;
}

/* No mitigation is switched by task here: speculation is what the CPU does. */
static long speculation(const struct syscall_args *args)
{
    bool set = args->a[0] == PR_SET_SPECULATION_CTRL;

    if (has_rest(args, set ? 3 : 2))
        return -EINVAL;
    if (args->a[1] > PR_SPEC_L1D_FLUSH)
        return -ENODEV;
    return set ? -ENXIO : PR_SPEC_ENABLE;
}

static long timing(const struct syscall_args *args)
{
    if ((int)args->a[0] == PR_GET_TIMING)
        return PR_TIMING_STATISTICAL;
    return args->a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
}

static long timer_slack(struct thread *t, const struct syscall_args *args)
{
    if ((int)args->a[0] == PR_GET_TIMERSLACK)
        return (long)t->timer_slack_ns;
    t->timer_slack_ns = args->a[1] ? args->a[1] : t->default_timer_slack_ns;
    return 0;
}

/* What belongs to the thread and needs no second look. */
static long prctl_thread(struct thread *t, const struct syscall_args *args)
{
    uint64_t value = args->a[1];

    switch ((int)args->a[0]) {
    case PR_SET_NAME:
        return set_name(value);
    case PR_GET_NAME:
        return copy_to_user(user(value), t->task->comm, sizeof(t->task->comm));
    case PR_SET_PDEATHSIG:
        return set_death_signal(t, value);
    case PR_GET_PDEATHSIG:
        return put_user(user(value), t->parent_death_signal);
    case PR_SET_NO_NEW_PRIVS:
        return set_no_new_privs(args);
    case PR_GET_NO_NEW_PRIVS:
        return has_rest(args, 1) ? -EINVAL : t->no_new_privs;
    case PR_GET_TID_ADDRESS:
        return put_user(user(value), t->task->clear_tid);
    case PR_MCE_KILL:
        return set_memory_failure(t, args);
    case PR_MCE_KILL_GET:
        return has_rest(args, 1) ? -EINVAL : t->memory_failure;
    case PR_SET_IO_FLUSHER:
    case PR_GET_IO_FLUSHER:
        return io_flusher(t, args);
    case PR_SET_TIMERSLACK:
    case PR_GET_TIMERSLACK:
        return timer_slack(t, args);
    default:
        return -EINVAL;
    }
}

long sys_prctl(const struct syscall_args *args)
{
    struct process *p = process_current();
    int word;

    switch ((int)args->a[0]) {
    case PR_SET_DUMPABLE:
        return set_dumpable(p, args->a[1]);
    case PR_GET_DUMPABLE:
        return !p->not_dumpable;
    case PR_SET_CHILD_SUBREAPER:
        p->child_subreaper = args->a[1];
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        word = p->child_subreaper;
        return put_user(user(args->a[1]), word);
    case PR_SET_TIMING:
    case PR_GET_TIMING:
        return timing(args);
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
        return huge_pages(p, args);
    case PR_GET_SPECULATION_CTRL:
    case PR_SET_SPECULATION_CTRL:
        return speculation(args);
    case PR_SCHED_CORE:
        return -ENODEV; /* no CPU has sibling threads here */
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_SET_SECUREBITS:
    case PR_GET_SECUREBITS:
    case PR_SET_KEEPCAPS:
    case PR_GET_KEEPCAPS:
    case PR_CAP_AMBIENT:
        return prctl_capability(args);
    default:
        return prctl_thread(thread_current(), args);
    }
}
