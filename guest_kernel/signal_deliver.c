/*
 * Delivery: what happens with pending signals on the way back to user mode (task_ops.signal_work).  Also the restart of
 * interrupted calls, which Linux decides here too (signal(7), "Interruption of system calls").
 */
#include <asm/errno.h>
#include <asm/unistd_64.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/coredump.h"
#include "guest_kernel/posix_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/rseq.h"
#include "guest_kernel/signal.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/signal_dequeue.h"
#include "lib/x86.h"

#define SYSCALL_LENGTH 2 /* bytes of the SYSCALL instruction */

/*
 * Take the first item of `signal` out of q; without one (no memory when it was sent) the siginfo is bare.  True: it is a
 * timer's.
 */
static bool queue_take(struct signal_queue *q, int signal, siginfo_t *info)
{
    struct signal_item *item, *found = NULL;
    bool more = false;

    TAILQ_FOREACH(item, &q->items, link) {
        if (item->info.si_signo != signal)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = item;
    }
    if (!more)
        q->set &= ~SIGNAL_BIT(signal);
    if (!found) {
        *info = (siginfo_t){.si_signo = signal, .si_code = SI_USER};
        return false;
    }
    bool timers = found->kept;

    *info = found->info;
    TAILQ_REMOVE(&q->items, found, link);
    signal_item_free(found);
    return timers;
}

int signal_dequeue(struct thread *t, signal_set allowed, siginfo_t *info)
{
    struct signal_state *s = &t->process->signals;
    struct signal_queue *q = &t->pending;

    assert_held(&s->lock);
    int signal = signal_next(q->set & allowed);
    if (!signal) {
        q = &s->pending;
        signal = signal_next(q->set & allowed);
    }
    if (signal && queue_take(q, signal, info))
        posix_timer_delivered(t->process, info);
    if (signal == SIGALRM && q == &s->pending)
        process_alarm_delivered(t->process);
    return signal;
}

/* The last thread to stop makes the process stopped and tells the parent. */
static void stop_here(struct thread *t, uint64_t *flags)
{
    struct signal_state *s = &t->process->signals;

    bool all = signal_join_stop(t);
    t->stop_asleep = true;
    spin_unlock_irqrestore(&s->lock, *flags);
    if (all)
        process_notify_parent(t->process, CLD_STOPPED);
    wait_event_uninterruptible(&s->resumed, !s->stopping || signal_fatal_pending(t) || t->ptrace.trap_stop);
    *flags = spin_lock_irqsave(&s->lock);
    t->stop_asleep = false;
}

static void begin_stop(struct process *p, int signal)
{
    struct thread *t;

    if (!p->signals.stopped) { /* else a traced thread, made to go on, stops again: the process's stop was told */
        p->signals.stop_signal = signal;
        __atomic_store_n(&p->signals.stop_told, false, __ATOMIC_RELAXED);
    }
    p->signals.stopping = true;
    p->signals.stopped_threads = 0;
    TAILQ_FOREACH(t, &p->threads, link) {
        t->stop_seen = t->stop_asleep;
        p->signals.stopped_threads += t->stop_seen;
        if (t->ptrace.seized)
            ptrace_trap_notify(t);
        else
            signal_kick(t, false);
    }
}

/* All but SIGSTOP have no effect in an orphaned group: no shell would ever continue it (POSIX XSH 2.4.3). */
static void default_stop(struct thread *t, int signal, uint64_t *flags)
{
    struct process *p = t->process;

    if (signal != SIGSTOP) {
        spin_unlock_irqrestore(&p->signals.lock, *flags);
        spin_lock(&process_tree_lock);
        bool orphaned = process_group_is_orphaned(p->group);
        spin_unlock(&process_tree_lock);
        *flags = spin_lock_irqsave(&p->signals.lock);
        if (orphaned)
            return;
    }
    if (p->signals.stop_taken && !p->signals.exiting)
        begin_stop(p, signal);
}

/* The states that come before any signal: a group exit, an execve of another thread, a stop, news of a continue. */
static void obey_process(struct thread *t, uint64_t *flags)
{
    struct signal_state *s = &t->process->signals;

    for (;;) {
        if (signal_fatal_pending(t)) {
            uint32_t status = s->exiting ? s->exit_code : 0;
            spin_unlock_irqrestore(&s->lock, *flags);
            thread_exit(status);
        }
        if (s->continued) {
            s->continued = false;
            spin_unlock_irqrestore(&s->lock, *flags);
            process_notify_parent(t->process, CLD_CONTINUED);
            *flags = spin_lock_irqsave(&s->lock);
            continue;
        }
        bool traced = t->ptrace.tracer;
        if (traced && s->stopping && !t->stop_seen)
            t->ptrace.trap_stop = true;
        if (t->ptrace.trap_stop || t->ptrace.trap_notify)
            ptrace_trap(t, flags);
        else if (s->stopping && !traced)
            stop_here(t, flags);
        else
            return;
    }
}

/* The first cause of a process's end counts. */
static void die(struct thread *t, uint64_t *flags, const siginfo_t *info, bool core)
{
    struct signal_state *s = &t->process->signals;

    if (signal_fatal_pending(t))
        return;
    process_begin_exit(t->process, (uint32_t)info->si_signo);
    if (core && coredump(t, flags, info))
        s->exit_code |= 0x80;
}

/* The next signal with a handler; deals with all others on the way.  False: none is left. */
static bool next_handled(struct thread *t, siginfo_t *info, struct sigaction *action)
{
    struct signal_state *s = &t->process->signals;
    uint64_t flags = spin_lock_irqsave(&s->lock);
    int signal;

    for (;;) {
        obey_process(t, &flags);
        bool to_thread = t->pending.set & ~t->blocked;
        signal = signal_dequeue(t, ~t->blocked, info);
        if (!signal)
            break;
        if (signal_in(SIGNALS_STOP, signal))
            s->stop_taken = true;
        if (unlikely(t->ptrace.tracer != NULL))
            signal = ptrace_signal(t, &flags, info, to_thread);
        if (!signal)
            continue;
        *action = signal_action(s->actions, signal);
        if (action->sa_handler == SIG_IGN)
            continue;
        spin_unlock_irqrestore(&s->lock, flags);
        capture_signal(info);
        flags = spin_lock_irqsave(&s->lock);
        if (action->sa_handler != SIG_DFL) {
            if (action->sa_flags & SA_ONESHOT)
                signal_action_default(s->actions, signal);
            break;
        }
        enum signal_default what = signal_default_action(signal);
        if (what == SIGNAL_STOP)
            default_stop(t, signal, &flags);
        else if (what == SIGNAL_TERMINATE || what == SIGNAL_CORE)
            die(t, &flags, info, what == SIGNAL_CORE);
    }
    signal_recalculate(t);
    spin_unlock_irqrestore(&s->lock, flags);
    return signal;
}

static bool in_call(const struct pt_regs *regs)
{
    return (int32_t)regs->orig_rax != -1; /* 32 bits, as Linux looks at it: a tracer may set the rest */
}

static void repeat_call(struct pt_regs *regs, uint64_t number)
{
    regs->rax = number;
    regs->rip -= SYSCALL_LENGTH;
}

static void restart_before_handler(struct pt_regs *regs, const struct sigaction *action)
{
    if (!in_call(regs))
        return;
    switch ((int64_t)regs->rax) {
    case -ERESTART_RESTARTBLOCK:
    case -ERESTARTNOHAND:
        regs->rax = (uint64_t)-EINTR;
        break;
    case -ERESTARTSYS:
        if (!(action->sa_flags & SA_RESTART)) {
            regs->rax = (uint64_t)-EINTR;
            break;
        }
        repeat_call(regs, regs->orig_rax);
        break;
    case -ERESTARTNOINTR:
        repeat_call(regs, regs->orig_rax);
        break;
    }
}

static void restart_without_handler(struct pt_regs *regs)
{
    if (!in_call(regs))
        return;
    switch ((int64_t)regs->rax) {
    case -ERESTARTNOHAND:
    case -ERESTARTSYS:
    case -ERESTARTNOINTR:
        repeat_call(regs, regs->orig_rax);
        break;
    case -ERESTART_RESTARTBLOCK:
        repeat_call(regs, __NR_restart_syscall);
        break;
    }
}

static void handle(struct pt_regs *regs, const siginfo_t *info, const struct sigaction *action)
{
    struct thread *t = thread_current();
    signal_set old = t->restore_mask ? t->saved_mask : t->blocked;

    bool stepping = t->ptrace.step;

    restart_before_handler(regs, action);
    rseq_interrupted(regs);
    if (unlikely(stepping)) /* the frame is to show the program's flags */
        ptrace_step_disable(t);
    if (!signal_frame_push(regs, action, info, old)) {
        siginfo_t fault = signal_info_kernel(SIGSEGV);
        if (info->si_signo == SIGSEGV) { /* its handler cannot be called: the default action it is */
            uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
            signal_action_default(t->process->signals.actions, SIGSEGV);
            spin_unlock_irqrestore(&t->process->signals.lock, flags);
        }
        signal_force(&fault);
        return;
    }
    t->restore_mask = false;
    signal_set more = action->sa_flags & SA_NODEFER ? 0 : SIGNAL_BIT(info->si_signo);
    signal_mask_set(t->blocked | action->sa_mask | more);
    if (unlikely(stepping))
        ptrace_notify_handler();
}

void signal_work(struct pt_regs *regs)
{
    struct thread *t = thread_current();
    struct sigaction action;
    siginfo_t info;
    bool handled = false;

    if (unlikely(t->before_user)) {
        void (*run)(void) = t->before_user;
        t->before_user = NULL;
        run();
    }
    if (!signal_fatal_pending(t)) /* else the call never returns */
        task_close_call(regs);
    while (next_handled(t, &info, &action)) {
        handle(regs, &info, &action);
        handled = true;
    }
    if (handled)
        return;
    restart_without_handler(regs);
    signal_mask_restore();
}
