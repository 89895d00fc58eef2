/*
 * The calls on actions, masks and waiting for signals.  Sending is in sys_kill.c.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/signal_dequeue.h"
#include "guest_kernel/time_convert.h"

#define KNOWN_ACTION_FLAGS                                                                                             \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND |                  \
     SA_EXPOSE_TAGBITS | SA_RESTORER)

/* POSIX: ignoring a pending signal discards it, blocked or not (sigaction(3p)). */
static void discard_ignored(struct process *p, int signal, const struct sigaction *action)
{
    bool ignored = action->sa_handler == SIG_IGN ||
                   (action->sa_handler == SIG_DFL &&
                    (signal_default_action(signal) == SIGNAL_IGNORE || signal == SIGCONT));

    if (ignored)
        signal_discard(p, SIGNAL_BIT(signal));
}

long sys_rt_sigaction(const struct syscall_args *args)
{
    int signal = (int)args->a[0];
    struct process *p = process_current();
    struct sigaction action, old;

    if (args->a[3] != sizeof(signal_set))
        return -EINVAL;
    if (args->a[1] && get_user(action, user(args->a[1])))
        return -EFAULT;
    if (!signal_is_valid(signal) || (args->a[1] && signal_in(SIGNALS_UNBLOCKABLE, signal)))
        return -EINVAL;

    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    if (!args->a[1]) {
        old = signal_action(p->signals.actions, signal);
    } else {
        action.sa_mask &= ~SIGNALS_UNBLOCKABLE;
        action.sa_flags &= KNOWN_ACTION_FLAGS; /* a program finds out what is supported by reading it back */
        old = signal_action_set(p->signals.actions, signal, &action);
        discard_ignored(p, signal, &action);
    }
    spin_unlock_irqrestore(&p->signals.lock, flags);
    if (args->a[2] && put_user(user(args->a[2]), old))
        return -EFAULT;
    return 0;
}

long sys_rt_sigprocmask(const struct syscall_args *args)
{
    signal_set old = thread_current()->blocked, set, mask = old;

    if (args->a[3] != sizeof(signal_set))
        return -EINVAL;
    if (args->a[1]) {
        if (get_user(set, user(args->a[1])))
            return -EFAULT;
        switch ((int)args->a[0]) {
        case SIG_BLOCK:
            mask = old | set;
            break;
        case SIG_UNBLOCK:
            mask = old & ~set;
            break;
        case SIG_SETMASK:
            mask = set;
            break;
        default:
            return -EINVAL;
        }
        signal_mask_set(mask);
    }
    if (args->a[2] && put_user(user(args->a[2]), old))
        return -EFAULT;
    return 0;
}

long sys_rt_sigpending(const struct syscall_args *args)
{
    struct thread *t = thread_current();

    if (args->a[1] > sizeof(signal_set))
        return -EINVAL;
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    signal_set set = (t->pending.set | t->process->signals.pending.set) & t->blocked;
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return copy_to_user(user(args->a[0]), &set, args->a[1]);
}

/* Sleep until a signal is to be delivered; the way back to user mode does the rest. */
static long sleep_for_signal(void)
{
    while (!task_signal_pending()) {
        task_sleep_prepare(true);
        if (task_signal_pending())
            task_sleep_cancel();
        else
            task_sleep();
    }
    return -ERESTARTNOHAND;
}

long sys_pause(const struct syscall_args *args)
{
    return sleep_for_signal();
}

long sys_rt_sigsuspend(const struct syscall_args *args)
{
    signal_set set;

    if (args->a[1] != sizeof(signal_set))
        return -EINVAL;
    if (get_user(set, user(args->a[0])))
        return -EFAULT;
    signal_mask_until_return(set);
    return sleep_for_signal();
}

/* Take one of `set` if it is there, else let sending one of them wake this thread. */
static int take_or_announce(struct thread *t, signal_set set, siginfo_t *info)
{
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    int signal = signal_dequeue(t, set, info);

    t->waited_for = signal ? 0 : set;
    signal_recalculate(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return signal;
}

static long wait_for_signals(struct thread *t, signal_set set, uint64_t deadline_ns, siginfo_t *info)
{
    for (;;) {
        /* Asleep before looking: a signal sent in between wakes this thread out of it. */
        task_sleep_prepare(true);
        int signal = take_or_announce(t, set, info);
        bool interrupted = !signal && task_signal_pending();
        bool over = !signal && !interrupted && !task_sleep_until(deadline_ns);
        task_sleep_cancel();
        if (!signal && !interrupted) /* woken, or just in time */
            signal = take_or_announce(t, set, info);
        if (signal || interrupted || over) {
            uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
            t->waited_for = 0;
            spin_unlock_irqrestore(&t->process->signals.lock, flags);
            return signal ? signal : over ? -EAGAIN : -EINTR;
        }
    }
}

long sys_rt_sigtimedwait(const struct syscall_args *args)
{
    struct timespec timeout;
    uint64_t deadline_ns = WAIT_FOREVER;
    signal_set set;
    siginfo_t info;

    if (args->a[3] != sizeof(signal_set))
        return -EINVAL;
    if (get_user(set, user(args->a[0])))
        return -EFAULT;
    if (args->a[2]) {
        if (get_user(timeout, user(args->a[2])))
            return -EFAULT;
        if (!timespec_is_valid(&timeout))
            return -EINVAL;
        deadline_ns = deadline_after(timespec_to_ns(&timeout));
    }
    long signal = wait_for_signals(thread_current(), set & ~SIGNALS_UNBLOCKABLE, deadline_ns, &info);
    if (signal > 0 && args->a[1] && put_user(user(args->a[1]), info))
        return -EFAULT;
    return signal;
}

long sys_restart_syscall(const struct syscall_args *args)
{
    struct thread *t = thread_current();
    long (*restart)(struct thread *) = t->restart;

    t->restart = NULL;
    return restart ? restart(t) : -EINTR;
}
