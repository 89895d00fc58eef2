/*
 * wait4(2), waitid(2): waiting for children to end, stop or continue, and for what tracees do (wait_trace.c).
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/wait.h>

#include "abi/syscalls.h"
#include "guest_kernel/pidfd.h"
#include "guest_kernel/rusage.h"
#include "guest_kernel/wait_child.h"

static bool is_wanted(struct process *child, const struct wait_request *r)
{
    if (r->type == P_PID && child->pid != r->id)
        return false;
    if (r->type == P_PGID && child->group != r->id)
        return false;
    if ((r->options & __WNOTHREAD) && process_parent_thread(child) != thread_current())
        return false;
    if (r->options & __WALL)
        return true;
    return (child->exit_signal != SIGCHLD) == !!(r->options & __WCLONE);
}

void wait_collect(struct process *p, int32_t id, struct wait_result *out, int why, uint32_t status)
{
    struct cred cred;

    (void)process_cred(p, &cred);
    out->pid = id;
    out->uid = cred.uid;
    out->why = why;
    out->status = status;
    rusage_of_child(p, &out->usage);
}

int wait_end_code(uint32_t status)
{
    return status & 0x80 ? CLD_DUMPED : status & 0x7f ? CLD_KILLED : CLD_EXITED;
}

void wait_take_zombie(struct process *child, const struct wait_request *r, struct wait_result *out)
{
    struct process *me = process_current();

    wait_collect(child, child->pid, out, wait_end_code(child->exit_status), child->exit_status);
    if (r->options & WNOWAIT)
        return;
    if (child->traced_leader) /* by this process, else it would be hidden */
        ptrace_unlink(child->traced_leader);
    me->children_run_ns += child->run_ns + child->children_run_ns;
    me->children_user_ns += child->user_ns + child->children_user_ns;
    me->children_max_resident = MAX(me->children_max_resident, MAX(child->max_resident, child->children_max_resident));
    process_reap(child);
    process_put(child);
}

bool wait_take_continued(struct process *child, const struct wait_request *r, struct wait_result *out)
{
    if (!(r->options & WCONTINUED) || !child->continue_report)
        return false;
    wait_collect(child, child->pid, out, CLD_CONTINUED, 0xffff);
    child->continue_report = r->options & WNOWAIT;
    return true;
}

/* Its tracer is in its parent's process: its stops are told as a tracee's alone. */
static bool is_traced_here(struct process *child)
{
    const struct thread *leader = ptrace_leader(child);

    return leader && leader->ptrace.tracer && !ptrace_is_foreign(leader);
}

/* True: child had something to report, which is now in *out. */
static bool take_report(struct process *child, const struct wait_request *r, struct wait_result *out)
{
    bool keep = r->options & WNOWAIT;

    if (child->zombie) {
        if (!(r->options & WEXITED) || process_zombie_is_hidden(child))
            return false;
        wait_take_zombie(child, r, out);
        return true;
    }
    if ((r->options & WSTOPPED) && child->stop_report && !is_traced_here(child)) {
        wait_collect(child, child->pid, out, CLD_STOPPED, (uint32_t)child->stop_signal << 8 | 0x7f);
        child->stop_report = keep;
        __atomic_store_n(&child->signals.stop_told, !keep, __ATOMIC_RELAXED);
        return true;
    }
    return wait_take_continued(child, r, out);
}

/* 1: *out is filled; 0: nothing yet; -ECHILD. */
static long scan(const struct wait_request *r, struct wait_result *out)
{
    struct process *child, *next;
    long result = -ECHILD;

    spin_lock(&process_tree_lock);
    TAILQ_FOREACH_SAFE(child, &process_current()->children, sibling, next)
    {
        if (!is_wanted(child, r))
            continue;
        result = 0;
        if (take_report(child, r, out)) {
            result = 1;
            break;
        }
    }
    if (result != 1) {
        long found = wait_scan_tracees(r, out);
        if (found != -ECHILD)
            result = found;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

/* 1, 0 with WNOHANG when nothing is there, or -errno. */
static long wait_for(const struct wait_request *r, struct wait_result *out)
{
    long found = 0;

    if (r->options & WNOHANG)
        return scan(r, out);
    long error = wait_event(&process_current()->child_changed, (found = scan(r, out)) != 0);
    return error ? error : found;
}

long sys_wait4(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0];
    int options = (int)args->a[2];
    struct wait_request r = {.type = P_ALL, .options = options | WEXITED};
    struct wait_result result;

    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid > 0) {
        r.type = P_PID;
        r.id = pid;
    } else if (pid != -1) {
        r.type = P_PGID;
        r.id = pid ? -pid : process_current()->group;
    }
    long found = wait_for(&r, &result);
    if (found <= 0)
        return found;
    if (args->a[1] && put_user(user(args->a[1]), result.status))
        return -EFAULT;
    if (args->a[3] && put_user(user(args->a[3]), result.usage))
        return -EFAULT;
    return result.pid;
}

static int waitid_status(const struct wait_result *r)
{
    switch (r->why) {
    case CLD_EXITED:
    case CLD_STOPPED:
    case CLD_TRAPPED:
        return (int)(r->status >> 8);
    case CLD_CONTINUED:
        return SIGCONT;
    default:
        return (int)(r->status & 0x7f);
    }
}

/* A child that is reaped has no number any more: waiting for it is waiting for no one. */
static long waitid_pidfd(struct wait_request *r, int fd, bool *nonblocking)
{
    struct process *p = fd < 0 ? NULL : pidfd_process(fd, nonblocking);

    if (!p)
        return fd < 0 ? -EINVAL : -EBADF;
    spin_lock(&process_tree_lock);
    r->type = P_PID;
    r->id = process_lookup(p->pid) == p ? p->pid : 0;
    spin_unlock(&process_tree_lock);
    process_put(p);
    return 0;
}

static long waitid_id(struct wait_request *r, int type, int32_t id, bool *nonblocking)
{
    r->type = type;
    r->id = id;
    switch (type) {
    case P_ALL:
        return 0;
    case P_PID:
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        if (id < 0)
            return -EINVAL;
        if (!id)
            r->id = process_current()->group;
        return 0;
    case P_PIDFD:
        return waitid_pidfd(r, id, nonblocking);
    default:
        return -EINVAL;
    }
}

/* 1 and *result: a child was found; 0: none yet; or -errno. */
static long waitid_find(const struct syscall_args *args, struct wait_result *result)
{
    int options = (int)args->a[3];
    struct wait_request r = {.options = options};
    bool nonblocking = false;

    if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    long error = waitid_id(&r, (int)args->a[0], (int32_t)args->a[1], &nonblocking);
    if (error)
        return error;
    r.options |= nonblocking ? WNOHANG : 0;
    long found = wait_for(&r, result);
    if (!found && nonblocking && !(options & WNOHANG))
        return -EAGAIN;
    return found < 0 ? found : found > 0;
}

/* Those members that waitid(2) sets, also when it fails; what is between and behind them stays as it is. */
static int put_siginfo(user_ptr to, const siginfo_t *info)
{
    size_t pid = offsetof(siginfo_t, si_pid), end = offsetof(siginfo_t, si_status) + sizeof info->si_status;

    if (copy_to_user(to, info, offsetof(siginfo_t, si_code) + sizeof info->si_code))
        return -EFAULT;
    return copy_to_user(user_add(to, pid), (const char *)info + pid, end - pid);
}

long sys_waitid(const struct syscall_args *args)
{
    struct wait_result result = {0};
    siginfo_t info = {0};
    long found = waitid_find(args, &result);

    if (found > 0) {
        info.si_signo = SIGCHLD;
        info.si_code = result.why;
        info.si_pid = result.pid;
        info.si_uid = result.uid;
        info.si_status = waitid_status(&result);
    }
    if (found > 0 && args->a[4] && put_user(user(args->a[4]), result.usage))
        return -EFAULT;
    if (args->a[2] && put_siginfo(user(args->a[2]), &info))
        return -EFAULT;
    return MIN(found, 0);
}
