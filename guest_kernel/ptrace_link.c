/*
 * Who traces whom (ptrace.h): attaching, the options by which new threads start traced, the end of tracer or tracee.
 * The tree lock guards it all; fields that the tracee reads by itself are changed with its signals.lock, too.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "guest_kernel/ptrace.h"
#include "guest_kernel/ptrace_attach.h"

/* Both locks held. */
static void link(struct thread *t, struct thread *tracer, bool seize, uint32_t options)
{
    struct ptrace_state *s = &t->ptrace;

    s->tracer = tracer;
    s->seized = seize;
    s->options = options;
    LIST_INSERT_HEAD(&tracer->ptrace.tracees, t, ptrace.link);
}

/* A kept thread that has ended: its last reference but, perhaps, that of its task (exit.c). */
static void zombie_free(struct thread *t)
{
    struct process *p = t->process;

    bool last = false;

    if (p->traced_leader == t) {
        p->traced_leader = NULL;
    } else {
        pid_release_locked(t->ptrace.tid);
        last = --p->kept_threads == 0 && p->zombie;
    }
    t->ptrace.exited = false;
    if (last)
        process_tell_end(p);
    if (!t->task)
        thread_free(t);
}

static void zombie_unlink(struct thread *t)
{
    LIST_REMOVE(t, ptrace.link);
    t->ptrace.tracer = NULL;
    zombie_free(t);
}

void ptrace_unlink(struct thread *t)
{
    struct ptrace_state *s = &t->ptrace;

    assert_held(&process_tree_lock);
    if (s->exited) {
        zombie_unlink(t);
        return;
    }
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    LIST_REMOVE(t, ptrace.link);
    s->tracer = NULL;
    s->options = 0;
    s->seized = s->calls = s->emulate = false;
    s->trap_stop = s->trap_notify = s->attaching = false;
    s->frozen = false;
    ptrace_wake(t);
    if (t->process->signals.stopping) /* it takes part in the group stop as the others do */
        signal_kick(t, false);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
}

/* The tracer is gone, or does not want it any more: a zombie is its real parent's now. */
static void release_zombie(struct thread *t)
{
    struct process *p = t->process;
    bool was_hidden = p->traced_leader == t && p->zombie && !p->kept_threads && ptrace_is_foreign(t);

    zombie_unlink(t);
    if (was_hidden)
        process_announce_zombie(p);
}

void ptrace_tracer_ends(struct thread *tracer)
{
    struct thread *t;

    while ((t = LIST_FIRST(&tracer->ptrace.tracees))) {
        if (t->ptrace.exited) {
            release_zombie(t);
            continue;
        }
        if (t->ptrace.options & PTRACE_O_EXITKILL) {
            siginfo_t info = signal_info_kernel(SIGKILL);
            (void)signal_send_process(t->process, &info);
        }
        ptrace_unlink(t);
    }
}

void ptrace_inherit(struct thread *child, uint64_t clone_flags, int event)
{
    struct ptrace_state *mine = &thread_current()->ptrace;

    assert_held(&process_tree_lock);
    if (!mine->tracer || (!event && !(clone_flags & CLONE_PTRACE)))
        return;
    uint64_t flags = spin_lock_irqsave(&child->process->signals.lock);
    link(child, mine->tracer, mine->seized, mine->options);
    child->ptrace.tracer_privileged = mine->tracer_privileged;
    if (mine->seized)
        child->ptrace.trap_stop = true;
    else
        child->pending.set |= SIGNAL_BIT(SIGSTOP);
    signal_recalculate(child);
    spin_unlock_irqrestore(&child->process->signals.lock, flags);
}

bool ptrace_is_foreign(const struct thread *t)
{
    const struct thread *tracer = t->ptrace.tracer;

    return tracer && tracer->process != t->process->parent;
}

bool ptrace_keep_zombie(struct thread *t, uint32_t status)
{
    struct ptrace_state *s = &t->ptrace;
    bool leader = t->task->tid == t->process->pid;

    assert_held(&process_tree_lock);
    if (!s->tracer)
        return false;
    s->exited = true;
    s->exit_status = status;
    s->tid = t->task->tid;
    if (leader)
        t->process->traced_leader = t;
    else
        t->process->kept_threads++;
    return true;
}

void ptrace_forget_leader(struct process *p)
{
    struct thread *leader = p->traced_leader;

    assert_held(&process_tree_lock);
    if (!leader)
        return;
    struct process *tracer = leader->ptrace.tracer->process;

    zombie_unlink(leader);
    wake_all(&tracer->child_changed); /* who waits for it alone waits for nobody now */
}

struct thread *ptrace_leader(struct process *p)
{
    assert_held(&process_tree_lock);
    return p->traced_leader ? p->traced_leader : thread_lookup(p->pid);
}

long ptrace_check_access(struct thread *t, bool by_fs_ids)
{
    const struct cred *mine = &task_current()->cred, *theirs = &t->task->cred;
    uint32_t uid = by_fs_ids ? mine->fsuid : mine->uid, gid = by_fs_ids ? mine->fsgid : mine->gid;
    uint64_t own = by_fs_ids ? mine->effective : mine->permitted;
    bool same = uid == theirs->uid && uid == theirs->euid && uid == theirs->suid && gid == theirs->gid &&
                gid == theirs->egid && gid == theirs->sgid;

    assert_held(&process_tree_lock);
    if (t->process == process_current() || cred_may(CAP_SYS_PTRACE))
        return 0;
    return same && !t->process->not_dumpable && !(theirs->permitted & ~own) ? 0 : -EPERM;
}

long ptrace_traceme(void)
{
    struct thread *me = thread_current();
    long result = -EPERM;

    spin_lock(&process_tree_lock);
    struct thread *tracer = me->ptrace.tracer ? NULL : process_parent_thread(me->process);
    if (tracer) {
        uint64_t flags = spin_lock_irqsave(&me->process->signals.lock);
        link(me, tracer, false, 0);
        me->ptrace.tracer_privileged = cred_has(&tracer->task->cred, CAP_SYS_PTRACE);
        spin_unlock_irqrestore(&me->process->signals.lock, flags);
        result = 0;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

/* Links, and stops the thread if that was asked for.  True: it is in a group stop, and on its way to one for us. */
static bool attach(struct thread *t, bool seize, uint32_t options)
{
    siginfo_t stop = signal_info_kernel(SIGSTOP);
    struct process *p = t->process;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    link(t, thread_current(), seize, options);
    t->ptrace.tracer_privileged = cred_may(CAP_SYS_PTRACE);
    if (!seize)
        (void)signal_send_locked(p, t, &stop);
    t->ptrace.attaching = t->ptrace.trap_stop = t->stop_asleep;
    if (t->ptrace.attaching)
        signal_kick(t, false);
    bool attaching = t->ptrace.attaching;
    spin_unlock_irqrestore(&p->signals.lock, flags);
    if (attaching)
        wake_all(&p->signals.resumed);
    return attaching;
}

/* The stop is hidden from wait4 until it is one for the tracer (Linux's JOBCTL_TRAPPING). */
static bool is_attaching(int32_t tid)
{
    spin_lock(&process_tree_lock);
    struct thread *t = thread_lookup(tid);
    bool attaching =
        t && t->ptrace.tracer == thread_current() && __atomic_load_n(&t->ptrace.attaching, __ATOMIC_ACQUIRE);
    spin_unlock(&process_tree_lock);
    return attaching;
}

long ptrace_attach(int32_t tid, bool seize, uint64_t address, uint64_t options)
{
    bool wait = false;

    if (seize && (address || (options & ~(uint64_t)PTRACE_O_MASK)))
        return -EIO;
    if (seize && (options & PTRACE_O_SUSPEND_SECCOMP)) /* there is no seccomp */
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = thread_lookup(tid);
    long result = t ? 0 : process_lookup(tid) ? -EPERM : -ESRCH;
    if (t && t->process == process_current())
        result = -EPERM;
    if (!result)
        result = ptrace_check_access(t, false);
    if (!result && t->ptrace.tracer)
        result = -EPERM;
    if (!result)
        wait = attach(t, seize, (uint32_t)options);
    spin_unlock(&process_tree_lock);
    if (wait)
        wait_event_uninterruptible(&process_current()->child_changed,
                                   !is_attaching(tid) || signal_fatal_pending(thread_current()));
    return result;
}
