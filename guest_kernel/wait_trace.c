/*
 * What wait4(2) and waitid(2) tell a tracer: stops and ends of each traced thread, by its own number.  All threads of a
 * process wait for the tracees of each of them, unless __WNOTHREAD.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/wait.h>

#include "guest_kernel/wait_child.h"

static int32_t tid_of(const struct thread *t)
{
    return t->ptrace.exited ? t->ptrace.tid : t->task->tid;
}

static bool is_wanted(const struct thread *t, const struct wait_request *r)
{
    if (r->type == P_PID)
        return tid_of(t) == r->id;
    return r->type != P_PGID || t->process->group == r->id;
}

/* The first thread's end is told when the process has ended: the tracer first, then a parent that is somebody else. */
static void take_leader(struct process *p, const struct wait_request *r, struct wait_result *out)
{
    if (!ptrace_is_foreign(p->traced_leader)) {
        wait_take_zombie(p, r, out);
        return;
    }
    wait_collect(p, p->pid, out, wait_end_code(p->exit_status), p->exit_status);
    if (r->options & WNOWAIT)
        return;
    ptrace_unlink(p->traced_leader);
    process_announce_zombie(p);
}

static bool take_exited(struct thread *t, const struct wait_request *r, struct wait_result *out)
{
    struct process *p = t->process;
    uint32_t status = p->signals.exiting ? p->signals.exit_code : t->ptrace.exit_status; /* as Linux, whatever it was */

    if (!(r->options & WEXITED))
        return false;
    if (p->traced_leader == t) {
        bool complete = p->zombie && !p->kept_threads;
        if (complete)
            take_leader(p, r, out);
        return complete;
    }
    wait_collect(p, t->ptrace.tid, out, wait_end_code(status), status);
    if (!(r->options & WNOWAIT))
        ptrace_unlink(t);
    return true;
}

/* A stop is reported once.  Without WUNTRACED, too: tracers wait for nothing else. */
static bool take_stop(struct thread *t, const struct wait_request *r, struct wait_result *out)
{
    struct ptrace_state *s = &t->ptrace;
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    uint32_t code = s->stopped && !s->listening ? s->code : 0;

    if (!(r->options & WNOWAIT) && code)
        s->code = 0;
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    if (code) {
        wait_collect(t->process, t->task->tid, out, CLD_TRAPPED, code << 8 | 0x7f);
        out->uid = t->task->cred.uid;
    }
    return code;
}

static bool take_report(struct thread *t, const struct wait_request *r, struct wait_result *out)
{
    if (t->ptrace.exited)
        return take_exited(t, r, out);
    if (take_stop(t, r, out))
        return true;
    return t->task->tid == t->process->pid && wait_take_continued(t->process, r, out);
}

static long scan_thread(struct thread *tracer, const struct wait_request *r, struct wait_result *out)
{
    struct thread *t;
    long result = -ECHILD;

    LIST_FOREACH(t, &tracer->ptrace.tracees, ptrace.link)
    {
        if (!is_wanted(t, r))
            continue;
        if (take_report(t, r, out))
            return 1;
        if (!t->ptrace.exited || (r->options & (WEXITED | WCONTINUED)))
            result = 0;
    }
    return result;
}

long wait_scan_tracees(const struct wait_request *r, struct wait_result *out)
{
    struct thread *me = thread_current(), *t;
    long result = -ECHILD;

    assert_held(&process_tree_lock);
    if (r->options & __WNOTHREAD)
        return scan_thread(me, r, out);
    TAILQ_FOREACH(t, &me->process->threads, link)
    {
        long found = scan_thread(t, r, out);

        if (found == 1)
            return 1;
        if (!found)
            result = 0;
    }
    return result;
}
