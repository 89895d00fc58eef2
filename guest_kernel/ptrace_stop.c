/*
 * A traced thread's stops (ptrace(2), "Stopped states"): before a signal is delivered, at calls, at events, and as its
 * part of a group stop.  Always in the thread's own context, on its way to or from user mode.
 */
#include <asm/errno.h>
#include <asm/ptrace-abi.h>
#include <linux/ptrace.h>

#include "guest_kernel/core/trap.h"
#include "guest_kernel/process.h"
#include "guest_kernel/ptrace.h"
#include "guest_kernel/signal_actions.h"
#include "lib/x86.h"

#define SYSCALL_GOOD 0x80 /* PTRACE_O_TRACESYSGOOD: marks SIGTRAP of calls */

static siginfo_t trap_info(int signal, uint32_t code)
{
    siginfo_t info = {.si_signo = signal, .si_code = (int)code};

    info.si_pid = task_current()->tid;
    info.si_uid = task_current()->cred.uid;
    return info;
}

void ptrace_notify_tracer(struct thread *t, int why, int status)
{
    struct process *to = t->ptrace.tracer->process;
    const struct sigaction action = signal_action(to->signals.actions, SIGCHLD);
    siginfo_t info = {.si_signo = SIGCHLD, .si_code = why};

    assert_held(&process_tree_lock);
    info.si_pid = t->task->tid;
    info.si_uid = t->task->cred.uid;
    info.si_status = status;
    if (action.sa_handler != SIG_IGN && !(action.sa_flags & SA_NOCLDSTOP))
        (void)signal_send_process(to, &info);
    wake_all(&to->child_changed);
}

/* Linux forgets the signal once the parent has waited for the stop. */
static int stop_status(const struct signal_state *s)
{
    return s->stopping && !__atomic_load_n(&s->stop_told, __ATOMIC_RELAXED) ? s->stop_signal : 0;
}

/* The stop is complete; `group_done`: and with it that of the process, of which its parent hears too. */
static void tell_of_stop(struct thread *t, int why, int status, bool group_done)
{
    struct process *p = t->process;

    spin_lock(&process_tree_lock);
    if (t->ptrace.tracer)
        ptrace_notify_tracer(t, why, why != CLD_STOPPED ? status : stop_status(&p->signals));
    if (group_done && (!t->ptrace.tracer || ptrace_is_foreign(t)))
        process_notify_parent_locked(p, CLD_STOPPED);
    spin_unlock(&process_tree_lock);
}

static bool wants_calls(const struct ptrace_state *s)
{
    return s->calls || s->emulate || s->step;
}

static bool may_stop(const struct thread *t)
{
    return t->ptrace.tracer && (t->ptrace.dying || !signal_fatal_pending(t));
}

/*
 * With signals.lock held, released meanwhile.  The signal with which the tracer lets the thread go on; `code` itself if
 * it does not stop at all.
 */
static uint32_t stop(struct thread *t, uint64_t *flags, uint32_t code, int why, uint64_t message, siginfo_t *info)
{
    struct ptrace_state *s = &t->ptrace;
    struct signal_state *signals = &t->process->signals;

    if (!may_stop(t))
        return code;
    s->message = message;
    s->info = info;
    s->code = code;
    s->stopped = true;
    bool group_done = why == CLD_STOPPED && signal_join_stop(t);
    s->trap_stop = false;
    if (info && info->si_code >> 8 == PTRACE_EVENT_STOP)
        s->trap_notify = false;
    __atomic_store_n(&s->attaching, false, __ATOMIC_RELEASE); /* told by tell_of_stop()'s wake-up */
    spin_unlock_irqrestore(&signals->lock, *flags);

    tell_of_stop(t, why, (int)(code & 0x7f), group_done);
    task_stop_while(&s->stopped);

    *flags = spin_lock_irqsave(&signals->lock);
    code = s->code;
    s->code = 0;
    s->info = NULL;
    s->message = 0;
    s->listening = false;
    signal_recalculate(t);
    task_trace_calls(wants_calls(s));
    return code;
}

/* A stop that is no signal's delivery.  The signal that the tracer gives. */
static int notify(struct thread *t, uint64_t *flags, int signal, uint32_t code, int why, uint64_t message)
{
    siginfo_t info = trap_info(signal, code);

    return (int)stop(t, flags, code, why, message, &info);
}

static int notify_unlocked(uint32_t code, uint64_t message)
{
    struct thread *t = thread_current();
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    int signal = notify(t, &flags, SIGTRAP, code, CLD_TRAPPED, message);

    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return signal;
}

void ptrace_wake(struct thread *t)
{
    struct ptrace_state *s = &t->ptrace;

    assert_held(&t->process->signals.lock);
    if (!s->stopped || s->frozen)
        return;
    __atomic_store_n(&s->stopped, false, __ATOMIC_RELEASE); /* pairs with the acquire in task_stop_while() */
    task_continue(t->task);
}

void ptrace_event(int event, uint64_t message)
{
    struct thread *t = thread_current();

    if (!ptrace_wants(&t->ptrace, event))
        return;
    if (event == PTRACE_EVENT_EXIT) {
        uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
        t->ptrace.dying = signal_fatal_pending(t);
        spin_unlock_irqrestore(&t->process->signals.lock, flags);
    }
    (void)notify_unlocked((uint32_t)event << 8 | SIGTRAP, message);
    if (wants_calls(&t->ptrace)) /* the call in progress reports its end, too */
        task_set_work(t->task, TASK_CALL_LEAVE);
}

/* Without the option, a tracer that did not seize is told by an ordinary SIGTRAP. */
void ptrace_execed(int32_t old_tid)
{
    struct thread *t = thread_current();

    if (likely(!t->ptrace.tracer))
        return;
    if (ptrace_wants(&t->ptrace, PTRACE_EVENT_EXEC)) {
        ptrace_event(PTRACE_EVENT_EXEC, (uint32_t)old_tid);
    } else if (!t->ptrace.seized) {
        siginfo_t info = signal_info_user(SIGTRAP, SI_USER);
        (void)signal_send_thread(t, &info);
    }
}

void ptrace_notify_handler(void)
{
    (void)notify_unlocked(SIGTRAP, 0);
}

/* A signal that the tracer gives at a stop that is not a signal's own is sent anew. */
static void report_call(uint64_t message)
{
    struct thread *t = thread_current();
    int signal = notify_unlocked(t->ptrace.options & PTRACE_O_TRACESYSGOOD ? SIGTRAP | SYSCALL_GOOD : SIGTRAP, message);

    if (signal && t->ptrace.tracer) {
        siginfo_t info = signal_info_kernel(signal);
        (void)signal_send_thread(t, &info);
    }
}

bool ptrace_call_entered(struct pt_regs *regs)
{
    struct thread *t = thread_current();
    bool emulate = t->ptrace.emulate;

    if (!wants_calls(&t->ptrace)) /* its tracer is gone */
        task_trace_calls(false);
    if (!t->ptrace.calls && !emulate)
        return true;
    report_call(PTRACE_EVENTMSG_SYSCALL_ENTRY);
    return !emulate && !signal_fatal_pending(t) && (int32_t)regs->orig_rax != -1;
}

/* After a step over a call the trap comes before the next instruction. */
void ptrace_call_left(struct pt_regs *regs)
{
    struct thread *t = thread_current();

    if (task_current()->call_nr == ~0UL) /* an interrupt or a fault ends here */
        return;
    if (t->ptrace.step && !t->ptrace.emulate)
        signal_user_fault(SIGTRAP, TRAP_BRKPT, regs->rip, TRAP_DEBUG, 0);
    else if (t->ptrace.calls)
        report_call(PTRACE_EVENTMSG_SYSCALL_EXIT);
}

int ptrace_signal(struct thread *t, uint64_t *flags, siginfo_t *info, bool to_thread)
{
    struct process *p = t->process;

    p->signals.stop_taken = true; /* the tracer may make a stop signal of it; a SIGCONT meanwhile undoes that */
    int signal = (int)stop(t, flags, (uint32_t)info->si_signo, CLD_TRAPPED, 0, info);
    if (!signal)
        return 0;
    if (signal != info->si_signo) {
        *info = (siginfo_t){.si_signo = signal, .si_code = SI_USER};
        spin_unlock_irqrestore(&p->signals.lock, *flags);
        spin_lock(&process_tree_lock);
        const struct thread *from = t->ptrace.tracer;
        info->si_pid = from ? from->process->pid : p->parent ? p->parent->pid : 0;
        info->si_uid = from ? from->task->cred.uid : 0;
        spin_unlock(&process_tree_lock);
        *flags = spin_lock_irqsave(&p->signals.lock);
    }
    if (!signal_in(t->blocked, signal) && !signal_fatal_pending(t))
        return signal;
    (void)signal_send_locked(p, to_thread ? t : NULL, info);
    return 0;
}

void ptrace_trap(struct thread *t, uint64_t *flags)
{
    const struct signal_state *s = &t->process->signals;
    int signal = s->stop_signal;

    if (!t->ptrace.seized) {
        (void)stop(t, flags, (uint32_t)signal, CLD_STOPPED, 0, NULL);
        return;
    }
    if (!s->stopping)
        signal = SIGTRAP;
    (void)notify(t, flags, signal, (uint32_t)signal | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0);
}

void ptrace_trap_notify(struct thread *t)
{
    t->ptrace.trap_notify = true;
    if (t->ptrace.listening)
        ptrace_wake(t);
    signal_kick(t, false);
}
