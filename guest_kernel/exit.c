/*
 * How threads and processes end.  A thread drops its memory, files and directories first, so that whoever hears of the
 * end (a reader of its pipe, its parent) finds them gone; the last thread makes the process a zombie.  The end of the
 * first process ends the sandbox.
 */
#include <asm/errno.h>
#include <linux/ptrace.h>

#include "abi/syscalls.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/coredump.h"
#include "guest_kernel/futex.h"
#include "guest_kernel/init.h"
#include "guest_kernel/posix_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/sysv_sem.h"
#include "guest_kernel/tty.h"
#include "lib/string.h"

/* Linux's wait status word: an exit code in bits 8-15, or a signal in bits 0-6. */
static int status_signal(uint32_t status)
{
    return status & 0x7f;
}

void vfork_release(struct process *p)
{
    if (!__atomic_load_n(&p->vfork_pending, __ATOMIC_RELAXED))
        return;
    /* Pairs with the acquire in vfork_wait(): the parent sees memory as the child left it. */
    __atomic_store_n(&p->vfork_pending, false, __ATOMIC_RELEASE);
    wake_all(&p->vfork_done);
}

static void note_resident(struct process *p, struct space *s)
{
    struct space_counts counts;

    space_counts(s, &counts);
    spin_lock(&process_tree_lock);
    p->max_resident = MAX(p->max_resident, counts.peak_resident);
    spin_unlock(&process_tree_lock);
}

/* The tree lock keeps those who look from outside (process.c) from seeing a pointer whose reference is gone. */
static void drop_resources(struct task *t)
{
    note_resident(t->process, t->space);
    spin_lock(&process_tree_lock);
    struct file_table *files = t->files;
    struct fs_context *fs = t->fs;
    t->files = NULL;
    t->fs = NULL;
    struct space *space = task_switch_space(NULL);
    spin_unlock(&process_tree_lock);

    vfork_release(t->process);
    space_put(space);
    file_table_put(files);
    fs_context_leave(fs);
}

/* SIGHUP and SIGCONT to a group that has just been orphaned with a stopped member (POSIX, _exit(2)). */
static void hang_up_group(int32_t group)
{
    siginfo_t hup = signal_info_kernel(SIGHUP), cont = signal_info_kernel(SIGCONT);
    bool stopped = false;
    struct process *p;

    for (p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group && p->signals.stopped)
            stopped = true;
    }
    if (!stopped || !process_group_is_orphaned(group))
        return;
    for (p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group != group)
            continue;
        (void)signal_send_process(p, &hup);
        (void)signal_send_process(p, &cont);
    }
}

static siginfo_t child_info(struct process *p, int why, int status)
{
    siginfo_t info = {.si_signo = p->exit_signal, .si_code = why};
    struct cred cred;

    (void)process_cred(p, &cred);
    info.si_pid = p->pid;
    info.si_uid = cred.uid;
    info.si_status = status;
    return info;
}

/* Tells the parent of a zombie.  True: the parent does not care for zombies, so it can go at once (wait(2), NOTES). */
static bool announce_zombie(struct process *p)
{
    struct process *parent = p->parent;
    struct sigaction action = signal_action(parent->signals.actions, SIGCHLD);
    int signal = status_signal(p->exit_status);
    siginfo_t info = signal ? child_info(p, p->exit_status & 0x80 ? CLD_DUMPED : CLD_KILLED, signal)
                            : child_info(p, CLD_EXITED, p->exit_status >> 8);
    bool ignored = p->exit_signal == SIGCHLD && action.sa_handler == SIG_IGN;
    bool discard = ignored || (p->exit_signal == SIGCHLD && (action.sa_flags & SA_NOCLDWAIT));

    discard = discard && !p->traced_leader;

    assert_held(&process_tree_lock);
    if (p->exit_signal && !ignored)
        (void)signal_send_process(parent, &info);
    wake_all(&parent->child_changed);
    return discard;
}

void process_announce_zombie(struct process *p)
{
    if (!announce_zombie(p))
        return;
    process_reap(p);
    process_put(p);
}

/* A zombie whose tracer has not seen it is that one's alone, unless tracer and parent are the same process. */
bool process_zombie_is_hidden(const struct process *p)
{
    return p->kept_threads || (p->traced_leader && ptrace_is_foreign(p->traced_leader));
}

static struct process *new_parent_for(struct process *p)
{
    for (struct process *up = p->parent; up; up = up->parent) {
        if (up->child_subreaper && !up->zombie && up->thread_count)
            return up;
    }
    return process_first();
}

/* The thread that made the child ends (PR_SET_PDEATHSIG in prctl(2)). */
static void tell_of_death(struct process *child)
{
    struct thread *t;

    TAILQ_FOREACH(t, &child->threads, link) {
        siginfo_t info = signal_info_user(t->parent_death_signal, SI_USER);
        if (t->parent_death_signal)
            (void)signal_send_process(child, &info);
    }
}

static void reparent_child(struct process *child, struct process *old, struct process *to)
{
    TAILQ_REMOVE(&old->children, child, sibling);
    TAILQ_INSERT_TAIL(&to->children, child, sibling);
    child->parent = to;
    child->parent_tid = 0;
    child->exit_signal = SIGCHLD;
    tell_of_death(child);
    if (child->zombie && !process_zombie_is_hidden(child)) {
        process_announce_zombie(child);
    } else if (child->group != old->group && child->session == old->session) {
        hang_up_group(child->group);
    }
}

/* Its tracer hears of a thread's end as of a child's: with the wait status, not reaped by being ignored. */
static void tell_tracer_of_end(struct thread *t)
{
    struct process *to = t->ptrace.tracer->process;
    uint32_t status = t->ptrace.exit_status;
    int signal = status_signal(status);
    siginfo_t info = {.si_signo = SIGCHLD, .si_code = !signal ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED};
    struct cred cred;

    (void)process_cred(t->process, &cred);
    info.si_pid = t->ptrace.tid;
    info.si_uid = cred.uid;
    info.si_status = signal ? signal : (int)(status >> 8);
    if (signal_handler(to->signals.actions, SIGCHLD) != SIG_IGN)
        (void)signal_send_process(to, &info);
    wake_all(&to->child_changed);
}

void process_tell_end(struct process *p)
{
    if (process_zombie_is_hidden(p))
        tell_tracer_of_end(p->traced_leader);
    else
        process_announce_zombie(p);
}

static void become_zombie(struct process *p, struct thread *last)
{
    struct process *to = new_parent_for(p);
    struct process *child;

    memcpy(p->last_comm, last->task->comm, sizeof(p->last_comm));
    p->last_cred = last->task->cred;
    while ((child = TAILQ_FIRST(&p->children)))
        reparent_child(child, p, to);
    __atomic_store_n(&p->zombie, true, __ATOMIC_RELEASE); /* pidfd_poll() looks without the lock */
    wake_all(&p->ended);
    if (p->parent->group != p->group && p->parent->session == p->session)
        hang_up_group(p->group);
    if (!p->kept_threads)
        process_tell_end(p); /* may put the tables' reference; the last thread still has its own */
}

static void thread_dead(struct task *task)
{
    struct thread *t = thread_of(task);

    spin_lock(&process_tree_lock);
    bool kept = t->ptrace.exited;
    if (kept)
        t->task = NULL; /* whoever lets go of it frees it (ptrace_link.c) */
    spin_unlock(&process_tree_lock);
    if (!kept)
        thread_free(t);
    task_free(task);
}

/* A stop that waited for this thread alone is complete without it. */
static bool completes_stop(struct thread *t)
{
    struct signal_state *s = &t->process->signals;

    if (t->stop_seen)
        s->stopped_threads--;
    t->stop_seen = false;
    if (!s->stopping || s->stopped || s->stopped_threads != t->process->thread_count - 1)
        return false;
    s->stopped = true;
    return true;
}

/* True: t is the last thread.  p->exit_status is what the process will have ended with, as far as is known. */
static bool note_status(struct thread *t, uint32_t status, bool *stopped)
{
    struct process *p = t->process;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    bool last = p->thread_count == 1;

    if (p->signals.exiting)
        p->exit_status = p->signals.exit_code;
    else if (t->task->tid == p->pid)
        p->exit_status = status;
    *stopped = !last && completes_stop(t);
    if (last)
        signal_discard(p, ~0ULL);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return last;
}

/* Before the last thread goes. */
static void end_of_group(struct process *p)
{
    if (p->pid == 1)
        init_ended(p->exit_status);
    if (p->session == p->pid)
        tty_session_ends(p, true);
}

/* Out of the tables; the last thread ends the process. */
static void leave(struct thread *t, uint32_t status)
{
    struct process *p = t->process;
    bool stopped;

    struct file *exe = NULL;

    spin_lock(&process_tree_lock);
    bool last = note_status(t, status, &stopped);
    if (last) { /* nobody can add a thread any more: the lock may be dropped */
        spin_unlock(&process_tree_lock);
        end_of_group(p);
        spin_lock(&process_tree_lock);
        exe = p->exe;
        p->exe = NULL;
    }
    ptrace_tracer_ends(t);
    bool kept = ptrace_keep_zombie(t, status);
    thread_unpublish(t);
    if (kept && !(last && p->traced_leader == t)) /* else with the process */
        tell_tracer_of_end(t);
    if (last) {
        (void)timer_cancel(&p->alarm); /* no thread is left to arm it again */
        posix_timers_delete_locked(p);
        cpu_clock_ends(&p->clock);
        become_zombie(p, t);
    } else {
        wake_all(&p->child_changed); /* an execve of another thread waits for this one */
    }
    spin_unlock(&process_tree_lock);
    if (exe)
        file_put(exe);
    if (stopped)
        process_notify_parent(p, CLD_STOPPED);
}

noreturn void thread_exit(uint32_t status)
{
    struct thread *t = thread_current();
    struct process *p = t->process;

    coredump_wait(t);
    if (p->signals.exiting)
        status = p->signals.exit_code; /* with what a core file adds */
    ptrace_event(PTRACE_EVENT_EXIT, status);
    capture_task_exit(status);
    futex_thread_leaves(t, true);
    drop_resources(t->task);
    sem_undo_leave(t);
    leave(t, status);
    task_exit(thread_dead);
}

noreturn void process_exit(uint32_t status)
{
    struct process *p = process_current();
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    process_begin_exit(p, status);
    status = p->signals.exit_code; /* another thread may have been first */
    spin_unlock_irqrestore(&p->signals.lock, flags);
    thread_exit(status);
}

void process_notify_parent_locked(struct process *p, int why)
{
    struct process *parent = p->parent;

    assert_held(&process_tree_lock);
    if (why == CLD_STOPPED) {
        p->stop_report = true;
        p->continue_report = false;
        p->stop_signal = p->signals.stop_signal;
    } else {
        p->stop_report = false;
        p->continue_report = true;
    }
    if (parent) {
        siginfo_t info = child_info(p, why, why == CLD_STOPPED ? p->stop_signal : SIGCONT);
        struct sigaction action = signal_action(parent->signals.actions, SIGCHLD);
        info.si_signo = SIGCHLD;
        if (action.sa_handler != SIG_IGN && !(action.sa_flags & SA_NOCLDSTOP))
            (void)signal_send_process(parent, &info);
        wake_all(&parent->child_changed);
    }
}

void process_notify_parent(struct process *p, int why)
{
    spin_lock(&process_tree_lock);
    process_notify_parent_locked(p, why);
    struct thread *leader = thread_lookup(p->pid);
    if (why == CLD_CONTINUED && leader && ptrace_is_foreign(leader)) /* per process, but tracers want to know, too */
        ptrace_notify_tracer(leader, CLD_CONTINUED, SIGCONT);
    spin_unlock(&process_tree_lock);
}

long sys_exit(const struct syscall_args *args)
{
    thread_exit((args->a[0] & 0xff) << 8);
}

long sys_exit_group(const struct syscall_args *args)
{
    process_exit((args->a[0] & 0xff) << 8);
}
