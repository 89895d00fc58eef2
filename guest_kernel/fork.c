/*
 * fork, vfork, clone, clone3: a new process or thread that starts with the caller's registers.  Everything is built
 * aside; nothing can fail once it is published.
 */
#include <asm/errno.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "abi/syscalls.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "guest_kernel/account.h"
#include "guest_kernel/alt_stack.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/pidfd.h"
#include "guest_kernel/process.h"
#include "guest_kernel/rseq.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/sysv_sem.h"
#include "lib/string.h"
#include "lib/x86.h"

#define CLONE_NAMESPACES                                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define SET_TID_MAX 32 /* nested process namespaces, as Linux */

struct clone_request {
    uint64_t flags;
    uint64_t stack;      /* new RSP, 0: the caller's */
    uint64_t parent_tid, child_tid;
    uint64_t pidfd;      /* where CLONE_PIDFD's descriptor is stored */
    uint64_t tls;
    int exit_signal;
    uint64_t set_tid_size; /* numbers wanted, one for each nested process namespace; 0: none is */
    int32_t set_tid;       /* the first of them */
};

static long request_check(const struct clone_request *r)
{
    uint64_t f = r->flags;

    if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
        (f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
        return -EINVAL;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_PARENT) && process_current()->pid == 1)
        return -EINVAL;
    if (f & CLONE_NAMESPACES) /* none is built in */
        return (f & CLONE_NEWUSER) || cred_may(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
        return -EINVAL;
    if (f & CLONE_INTO_CGROUP)
        return -EINVAL;
    return 0;
}

/*
 * One more thread for the caller's user.  RLIMIT_NPROC does not bind user 0 and the privileged, threads-max does.  It is
 * counted before it is made, so that threads that fork at once cannot pass the limits together.
 */
static long charge(struct account *a)
{
    uint32_t count = account_charge(a);

    thread_current()->over_limit = false;
    bool unbound = !a->uid || cred_may(CAP_SYS_RESOURCE) || cred_may(CAP_SYS_ADMIN);
    if (!thread_limit_is_passed() && (unbound || count <= process_limit(RLIMIT_NPROC)))
        return 0;
    account_uncharge(a);
    return -EAGAIN;
}

/* A deadline's claim cannot be had twice (sched(7), "SCHED_DEADLINE"). */
static bool is_bound_to_deadline(void)
{
    const struct sched_setting *s = &task_current()->setting;

    return s->policy == SCHED_DEADLINE && !s->reset_on_fork;
}

/* What the task shares or copies.  False: no memory; task_drop_resources() undoes what was done. */
static bool task_take_resources(struct task *t, uint64_t flags)
{
    struct task *me = task_current();

    if (flags & CLONE_VM) {
        t->space = me->space;
        space_get(t->space);
    } else {
        t->space = space_clone(me->space);
    }
    t->files = flags & CLONE_FILES ? file_table_get(me->files) : file_table_clone(me->files);
    t->fs = flags & CLONE_FS ? fs_context_share(me->fs) : fs_context_clone(me->fs);
    return t->space && t->files && t->fs;
}

static void task_drop_resources(struct task *t)
{
    if (t->fs)
        fs_context_leave(t->fs);
    if (t->files)
        file_table_put(t->files);
    if (t->space)
        space_put(t->space);
    t->fs = NULL;
    t->files = NULL;
    t->space = NULL;
}

static struct task *task_copy(const struct clone_request *r, int32_t tid)
{
    struct task *me = task_current();
    struct pt_regs regs = *me->regs;

    regs.rax = 0;
    if (thread_current() && thread_current()->ptrace.own_flag)
        regs.eflags &= ~RFLAGS_TF; /* it is not stepped */
    if (r->stack)
        regs.rsp = r->stack;
    struct task *t = task_create_user(&regs);
    if (!t)
        return NULL;
    t->tid = tid;
    t->pid = r->flags & CLONE_THREAD ? me->pid : tid;
    memcpy(t->comm, me->comm, sizeof(t->comm));
    t->cred = cred_copy(&me->cred);
    if (r->flags & CLONE_SETTLS)
        t->fs_base = r->tls;
    if (r->flags & CLONE_CHILD_CLEARTID)
        t->clear_tid = user(r->child_tid);
    if (task_take_resources(t, r->flags))
        return t;
    task_drop_resources(t);
    task_free(t);
    return NULL;
}

static void thread_inherit(struct thread *t, const struct clone_request *r)
{
    struct thread *me = thread_current();

    t->blocked = me->blocked;
    t->io_priority = me->io_priority;
    t->no_new_privs = me->no_new_privs;
    t->io_flusher = me->io_flusher;
    t->memory_failure = me->memory_failure;
    t->timer_slack_ns = t->default_timer_slack_ns = me->timer_slack_ns;
    if ((r->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) {
        t->alt_stack = me->alt_stack;
        t->alt_stack_size = me->alt_stack_size;
        t->alt_stack_flags = me->alt_stack_flags;
    } else {
        alt_stack_forget(t);
    }
    if (!(r->flags & CLONE_VM))
        rseq_inherit(t, me);
}

static void process_prepare(struct process *p, const struct clone_request *r)
{
    p->exit_signal = r->exit_signal;
    p->vfork_pending = r->flags & CLONE_VFORK;
    if (r->flags & CLONE_CLEAR_SIGHAND)
        signal_actions_reset(p->signals.actions);
}

/* What the caller's tracer wants to hear of this: PTRACE_EVENT_*, 0: nothing.  ptrace(2), PTRACE_SETOPTIONS. */
static int event_of(const struct clone_request *r)
{
    int event = r->flags & CLONE_VFORK     ? PTRACE_EVENT_VFORK
                : r->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
                                            : PTRACE_EVENT_FORK;

    return !(r->flags & CLONE_UNTRACED) && ptrace_wants(&thread_current()->ptrace, event) ? event : 0;
}

/* Into the tables, unless this process is being ended or a signal came that the child should get too. */
static bool publish(struct thread *t, const struct clone_request *r)
{
    struct process *p = t->process, *me = process_current();

    spin_lock(&process_tree_lock);
    if (task_signal_pending() || signal_fatal_pending(thread_current())) {
        spin_unlock(&process_tree_lock);
        return false;
    }
    if (p == me) {
        thread_publish(t);
    } else {
        p->parent = r->flags & CLONE_PARENT ? me->parent : me;
        p->parent_tid = r->flags & CLONE_PARENT ? me->parent_tid : task_current()->tid;
        if (r->flags & CLONE_PARENT)
            p->exit_signal = me->exit_signal;
        p->group = me->group; /* may have changed since process_create() */
        p->session = me->session;
        p->terminal = me->terminal;
        if (r->flags & CLONE_VM)
            p->shares_space = me->shares_space = true;
        process_publish(p, t);
    }
    ptrace_inherit(t, r->flags, event_of(r));
    spin_unlock(&process_tree_lock);
    return true;
}

/* A new process's first reference is the tables'; the thread has one of its own. */
static struct thread *clone_build(const struct clone_request *r, int32_t tid)
{
    bool new_process = !(r->flags & CLONE_THREAD);
    struct process *p = new_process ? process_create(process_current(), r->flags & CLONE_SIGHAND) : process_current();

    if (!p)
        return NULL;
    struct task *task = task_copy(r, tid);
    if (!task)
        goto drop_process;
    struct thread *t = thread_create(task, p, thread_current()->account);
    if (!t)
        goto free_task;
    thread_inherit(t, r);
    if ((r->flags & CLONE_SYSVSEM) && !sem_undo_share(thread_current(), t))
        goto free_thread;
    if (new_process)
        process_prepare(p, r);
    return t;

free_thread:
    thread_free(t);
free_task:
    task_drop_resources(task);
    task_free(task);
drop_process:
    if (new_process)
        process_put(p);
    return NULL;
}

static void clone_discard(struct thread *t)
{
    struct task *task = t->task;
    struct process *p = t->process;

    task_drop_resources(task);
    sem_undo_leave(t);
    thread_free(t);
    task_free(task);
    if (p != process_current())
        process_put(p);
}

/* The parent of a vfork sleeps until the child no longer uses its memory; only its own end can cut that short: false. */
static bool vfork_wait(struct process *child)
{
    struct thread *me = thread_current();

    wait_event_uninterruptible(&child->vfork_done,
                               !__atomic_load_n(&child->vfork_pending, __ATOMIC_ACQUIRE) || signal_fatal_pending(me));
    return !signal_fatal_pending(me);
}

/* Where parent and child want to find the child's number; Linux too goes on if it cannot be stored. */
static void store_tid(struct thread *t, const struct clone_request *r, int32_t tid)
{
    bool told = !(r->flags & CLONE_PARENT_SETTID) || !put_user(user(r->parent_tid), tid);

    (void)told;
    if (r->flags & CLONE_CHILD_SETTID)
        (void)space_write(t->task->space, r->child_tid, &tid, sizeof(tid));
}

static long clone_start(struct thread *t, const struct clone_request *r, int32_t tid, int event)
{
    struct process *child = process_get(t->process); /* once it runs it may be gone at any time */

    capture_task_new(tid, child->pid, task_current()->tid);
    task_start(t->task);
    if (event)
        ptrace_event(event, (uint32_t)tid);
    if ((r->flags & CLONE_VFORK) && vfork_wait(child))
        ptrace_event(PTRACE_EVENT_VFORK_DONE, (uint32_t)tid);
    process_put(child);
    return tid;
}

/* CLONE_PIDFD: a descriptor in the caller's table only, shown once the child is published. */
struct child_descriptor {
    struct file *file; /* NULL: none is wanted */
    int fd;
};

static long child_descriptor_prepare(struct child_descriptor *d, const struct clone_request *r, struct process *child)
{
    *d = (struct child_descriptor){0};
    if (!(r->flags & CLONE_PIDFD))
        return 0;
    d->fd = fd_reserve(0, true);
    if (d->fd < 0)
        return d->fd;
    d->file = pidfd_create(child, 0);
    if (d->file && !put_user(user(r->pidfd), d->fd))
        return 0;
    long error = d->file ? -EFAULT : -ENOMEM;
    if (d->file)
        file_put(d->file);
    d->file = NULL;
    fd_unreserve(d->fd);
    return error;
}

static void child_descriptor_finish(struct child_descriptor *d, bool published)
{
    if (!d->file)
        return;
    if (published) {
        fd_publish(d->fd, d->file);
        return;
    }
    fd_unreserve(d->fd);
    file_put(d->file);
}

static long clone_numbered(const struct clone_request *r, int32_t tid)
{
    struct child_descriptor descriptor;
    struct thread *t = clone_build(r, tid);

    if (!t)
        return -ENOMEM;
    int event = event_of(r);
    long error = child_descriptor_prepare(&descriptor, r, t->process);
    if (!error)
        store_tid(t, r, tid);
    if (!error && !publish(t, r))
        error = -ERESTARTNOINTR;
    child_descriptor_finish(&descriptor, !error);
    if (!error)
        return clone_start(t, r, tid, event);
    clone_discard(t);
    return error;
}

/* There is one process namespace: who names numbers for more is refused, as on Linux in the first one. */
static int32_t take_number(const struct clone_request *r)
{
    if (!r->set_tid_size)
        return pid_allocate();
    return r->set_tid_size == 1 ? pid_claim(r->set_tid) : -EINVAL;
}

static long clone_process(const struct clone_request *r)
{
    struct account *a = thread_current()->account;
    long result = request_check(r);

    if (!result && is_bound_to_deadline())
        result = -EAGAIN;
    if (!result)
        result = charge(a);
    if (result)
        return result;
    int32_t tid = take_number(r);
    result = tid < 0 ? tid : clone_numbered(r, tid);
    if (tid >= 0 && result < 0)
        pid_release(tid);
    if (result < 0)
        account_uncharge(a);
    return result;
}

long sys_fork(const struct syscall_args *args)
{
    struct clone_request r = {.exit_signal = SIGCHLD};

    return clone_process(&r);
}

long sys_vfork(const struct syscall_args *args)
{
    struct clone_request r = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

    return clone_process(&r);
}

long sys_clone(const struct syscall_args *args)
{
    uint64_t flags = (uint32_t)args->a[0];
    struct clone_request r = {
        .flags = flags & ~(uint64_t)CSIGNAL,
        .exit_signal = flags & CSIGNAL,
        .stack = args->a[1],
        .parent_tid = args->a[2],
        .pidfd = args->a[2], /* clone(2) has no argument of its own for it */
        .child_tid = args->a[3],
        .tls = args->a[4],
    };

    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    return clone_process(&r);
}

/* What clone3(2) alone can say, and the first number of set_tid. */
static long clone3_check(const struct clone_args *a, int32_t *set_tid)
{
    int32_t numbers[SET_TID_MAX];

    if (a->set_tid_size > SET_TID_MAX || !a->set_tid != !a->set_tid_size)
        return -EINVAL;
    if (a->exit_signal & ~(uint64_t)CSIGNAL || a->exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if (copy_from_user(numbers, user(a->set_tid), a->set_tid_size * sizeof(numbers[0])))
        return -EFAULT;
    *set_tid = a->set_tid_size ? numbers[0] : 0;
    if (a->flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME) | CLONE_NEWTIME))
        return -EINVAL;
    if (a->flags & ~(CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | 0xffffffffULL))
        return -EINVAL;
    if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal)
        return -EINVAL;
    if (!a->stack != !a->stack_size || a->stack > USER_END || a->stack_size > USER_END - a->stack)
        return -EINVAL;
    return 0;
}

long sys_clone3(const struct syscall_args *args)
{
    struct clone_args a;
    uint64_t size = args->a[1];
    int32_t set_tid;

    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    long error = copy_struct_from_user(&a, sizeof(a), user(args->a[0]), size);
    if (!error)
        error = clone3_check(&a, &set_tid);
    if (error)
        return error;
    struct clone_request r = {
        .flags = a.flags,
        .exit_signal = (int)a.exit_signal,
        .stack = a.stack ? a.stack + a.stack_size : 0,
        .parent_tid = a.parent_tid,
        .pidfd = a.pidfd,
        .child_tid = a.child_tid,
        .tls = a.tls,
        .set_tid = set_tid,
        .set_tid_size = a.set_tid_size,
    };
    return clone_process(&r);
}

/* Does another process use the current one's memory? */
static bool space_is_shared(void)
{
    struct process *me = process_current(), *p = NULL;
    bool shared = false;

    spin_lock(&process_tree_lock);
    for (int32_t pid = 0; me->shares_space && !shared && (p = process_next(pid)); pid = p->pid) {
        struct thread *t = TAILQ_FIRST(&p->threads);
        shared = p != me && t && t->task->space == task_current()->space;
    }
    spin_unlock(&process_tree_lock);
    return shared;
}

/* Threads, signal handlers and memory are not taken apart (unshare(2)): it works where they are the caller's alone. */
static bool unshare_is_refused(uint64_t flags)
{
    struct process *me = process_current();

    if (!(flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)))
        return false;
    if (me->thread_count > 1)
        return true;
    if (!(flags & (CLONE_SIGHAND | CLONE_VM)))
        return false;
    return signal_actions_are_shared(me->signals.actions) || ((flags & CLONE_VM) && space_is_shared());
}

static long unshare_directories(void)
{
    struct fs_context *fs = fs_context_clone(task_current()->fs);

    if (!fs)
        return -ENOMEM;
    spin_lock(&process_tree_lock); /* others look at it (process_info.c) */
    struct fs_context *old = task_current()->fs;
    task_current()->fs = fs;
    spin_unlock(&process_tree_lock);
    fs_context_leave(old);
    return 0;
}

long sys_unshare(const struct syscall_args *args)
{
    uint64_t flags = args->a[0];
    long error = 0;

    if (flags & ~(uint64_t)(CLONE_FILES | CLONE_FS | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_SYSVSEM |
                            CLONE_NAMESPACES | CLONE_NEWTIME))
        return -EINVAL;
    if (flags & (CLONE_NAMESPACES | CLONE_NEWTIME)) /* none is built in */
        return (flags & CLONE_NEWUSER) || cred_may(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (unshare_is_refused(flags))
        return -EINVAL;
    if (flags & CLONE_SYSVSEM)
        sem_undo_leave(thread_current());
    if (flags & CLONE_FS)
        error = unshare_directories();
    if (!error && (flags & CLONE_FILES))
        error = file_table_unshare();
    return error;
}
