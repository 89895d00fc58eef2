/*
 * The tables of processes and threads, and pid numbers.  See process.h for the locks.  Pids are handed out in a rolling
 * order up to PID_MAX, as Linux does; a number still in use as the id of a group or session is not given again.
 */
#include "guest_kernel/process.h"

#include <asm/errno.h>
#include <linux/prctl.h>
#include <linux/signal.h>

#include "fs/vfs.h"
#include "guest_kernel/account.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/coredump.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/tty.h"
#include "lib/string.h"

#define TIMER_SLACK_NS 50000 /* of the first process, as Linux */
#define PID_MAX 32768
#define PID_RESERVED 300 /* after the first wrap, as Linux: low numbers stay with the early processes */

#define THREADS_MEMORY_PART 8 /* of memory may be stacks */
#define THREADS_MAX_LEAST 20

struct spinlock process_tree_lock = SPINLOCK_INIT;
int threads_max;

static int compare_process(const struct process *a, const struct process *b)
{
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static int compare_thread(const struct thread *a, const struct thread *b)
{
    return (a->task->tid > b->task->tid) - (a->task->tid < b->task->tid);
}

RB_HEAD(process_tree, process);
RB_HEAD(thread_tree, thread);
RB_GENERATE_INTERNAL(process_tree, process, by_pid, compare_process, static __attribute__((unused)))
RB_GENERATE_INTERNAL(thread_tree, thread, by_tid, compare_thread, static __attribute__((unused)))

/* All guarded by process_tree_lock. */
static struct process_tree processes = RB_INITIALIZER(&processes);
static struct thread_tree threads = RB_INITIALIZER(&threads);
static uint64_t pids_in_use[PID_MAX / 64];
static int32_t last_pid;
static bool pids_return; /* the rolling order may come to a number that was in use before */

static bool pid_test(int32_t pid)
{
    return pids_in_use[pid / 64] & BIT(pid % 64);
}

/* A number that no process bears can still name a group or session. */
static bool pid_names_group(int32_t pid)
{
    struct process *p;

    RB_FOREACH(p, process_tree, &processes) {
        if (p->group == pid || p->session == pid)
            return true;
    }
    return false;
}

int32_t pid_allocate(void)
{
    int32_t result = -EAGAIN;

    spin_lock(&process_tree_lock);
    for (int32_t tries = 0; tries < PID_MAX; tries++) {
        if (++last_pid >= PID_MAX) {
            last_pid = PID_RESERVED;
            pids_return = true;
        }
        if (pid_test(last_pid) || (pids_return && pid_names_group(last_pid)))
            continue;
        pids_in_use[last_pid / 64] |= BIT(last_pid % 64);
        result = last_pid;
        break;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

int32_t pid_claim(int32_t pid)
{
    if (pid < 1 || pid >= PID_MAX)
        return -EINVAL;
    if (!cred_may(CAP_CHECKPOINT_RESTORE) && !cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    spin_lock(&process_tree_lock);
    bool taken = pid_test(pid) || pid_names_group(pid);
    if (!taken) {
        pids_in_use[pid / 64] |= BIT(pid % 64);
        pids_return = true;
    }
    spin_unlock(&process_tree_lock);
    return taken ? -EEXIST : pid;
}

void pid_release_locked(int32_t pid)
{
    assert_held(&process_tree_lock);
    pids_in_use[pid / 64] &= ~BIT(pid % 64);
}

void pid_release(int32_t pid)
{
    spin_lock(&process_tree_lock);
    pid_release_locked(pid);
    spin_unlock(&process_tree_lock);
}

/* As Linux has it: so that threads alone, whose memory nobody's limits count, leave enough for all else. */
static void set_threads_max(void)
{
    uint64_t count = memory_total_pages() * PAGE_SIZE / (THREADS_MEMORY_PART * KERNEL_STACK_SIZE);

    __atomic_store_n(&threads_max, (int)MIN(MAX(count, (uint64_t)THREADS_MAX_LEAST), (uint64_t)INT32_MAX),
                     __ATOMIC_RELAXED);
}

bool thread_limit_is_passed(void)
{
    return account_charges() > (uint32_t)__atomic_load_n(&threads_max, __ATOMIC_RELAXED);
}

static void limits_init(struct process *p)
{
    set_threads_max();
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        p->limits[i] = (struct process_limit){RLIM64_INFINITY, RLIM64_INFINITY};
    p->limits[RLIMIT_STACK].soft = MiB(8);
    p->limits[RLIMIT_CORE].soft = 0;
    p->limits[RLIMIT_NOFILE] = (struct process_limit){1024, 4096};
    p->limits[RLIMIT_MEMLOCK] = (struct process_limit){MiB(8), MiB(8)};
    p->limits[RLIMIT_SIGPENDING] = (struct process_limit){1024, 1024};
    p->limits[RLIMIT_MSGQUEUE] = (struct process_limit){819200, 819200};
    p->limits[RLIMIT_NICE] = (struct process_limit){0, 0};
    p->limits[RLIMIT_RTPRIO] = (struct process_limit){0, 0};
}

static void process_inherit(struct process *p, struct process *parent)
{
    p->group = parent->group;
    p->session = parent->session;
    p->terminal = parent->terminal;
    p->not_dumpable = parent->not_dumpable;
    p->no_huge_pages = parent->no_huge_pages;
    p->personality = parent->personality;
    p->coredump_filter = parent->coredump_filter;
    p->oom_score_adj = parent->oom_score_adj;
    p->oom_score_adj_min = parent->oom_score_adj_min;
    memcpy(p->limits, parent->limits, sizeof(p->limits));
    if (parent->exe)
        p->exe = file_get(parent->exe);
}

/* Signal actions of a new process: its parent's, shared, or a copy of them. */
static struct signal_actions *actions_for(struct process *parent, bool shared)
{
    if (parent && shared)
        return signal_actions_share(parent->signals.actions);
    struct signal_actions *a = signal_actions_create();
    if (a && parent)
        signal_actions_copy(a, parent->signals.actions);
    return a;
}

struct process *process_create(struct process *parent, bool shares_actions)
{
    struct process *p = mem_alloc_zero(sizeof(*p));
    struct signal_actions *actions = actions_for(parent, shares_actions);

    if (!p || !actions) {
        mem_free(p);
        signal_actions_put(actions);
        return NULL;
    }
    signal_state_init(&p->signals, actions);
    p->refs = 1;
    p->exit_signal = SIGCHLD;
    p->coredump_filter = COREDUMP_FILTER_DEFAULT;
    p->start_ns = clock_monotonic_ns();
    TAILQ_INIT(&p->children);
    TAILQ_INIT(&p->threads);
    LIST_INIT(&p->posix_timers);
    p->last_timer_id = -1; /* the first is 0, as on Linux */
    wait_queue_init(&p->child_changed);
    wait_queue_init(&p->vfork_done);
    wait_queue_init(&p->ended);
    timer_init(&p->alarm, process_alarm_expired);
    if (parent) {
        spin_lock(&process_tree_lock);
        uint64_t flags = spin_lock_irqsave(&parent->signals.lock);
        process_inherit(p, parent);
        spin_unlock_irqrestore(&parent->signals.lock, flags);
        spin_unlock(&process_tree_lock);
    } else {
        limits_init(p);
    }
    return p;
}

struct process *process_get(struct process *p)
{
    __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
    return p;
}

void process_put(struct process *p)
{
    /* Release pairs with the acquire of the last putter: all uses happen before the free. */
    if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
        return;
    if (p->exe)
        file_put(p->exe);
    signal_actions_put(p->signals.actions);
    mem_free(p);
}

struct thread *thread_create(struct task *t, struct process *p, struct account *a)
{
    struct thread *thread = mem_alloc_zero(sizeof(*thread));

    if (!thread)
        return NULL;
    thread->task = t;
    thread->process = process_get(p);
    thread->memory_failure = PR_MCE_KILL_DEFAULT;
    thread->timer_slack_ns = thread->default_timer_slack_ns = TIMER_SLACK_NS;
    thread->account = account_hold(a);
    signal_queue_init(&thread->pending);
    LIST_INIT(&thread->ptrace.tracees);
    t->upper = thread;
    t->process = p;
    return thread;
}

void thread_free(struct thread *t)
{
    if (t->task) {
        t->task->upper = NULL;
        t->task->process = NULL;
    }
    account_put(t->account);
    process_put(t->process);
    mem_free(t);
}

void process_publish(struct process *p, struct thread *t)
{
    assert_held(&process_tree_lock);
    p->pid = t->task->tid;
    RB_INSERT(process_tree, &processes, p);
    if (p->parent)
        TAILQ_INSERT_TAIL(&p->parent->children, p, sibling);
    thread_publish(t);
}

void thread_publish(struct thread *t)
{
    struct process *p = t->process;

    assert_held(&process_tree_lock);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    TAILQ_INSERT_TAIL(&p->threads, t, link);
    p->thread_count++;
    signal_recalculate(t); /* an end, an execve or a stop that began before it was in the list is for it too */
    spin_unlock_irqrestore(&p->signals.lock, flags);
    RB_INSERT(thread_tree, &threads, t);
}

/* A thread's user is no longer charged for it; of the last one, when the zombie is reaped. */
static void uncharge(struct process *p, struct thread *t)
{
    if (p->thread_count)
        account_uncharge(t->account);
    else
        p->last_account = account_hold(t->account);
}

void thread_unpublish(struct thread *t)
{
    struct process *p = t->process;

    assert_held(&process_tree_lock);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    TAILQ_REMOVE(&p->threads, t, link);
    p->thread_count--;
    p->signals.leaving -= t->leaving;
    signal_flush_thread(t);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    RB_REMOVE(thread_tree, &threads, t);
    uncharge(p, t);
    cpu_clock_ends(&t->clock);
    p->run_ns += task_run_ns(t->task);
    p->user_ns += t->task->user_ns;
    if (t->task->tid != p->pid && !t->ptrace.exited)
        pid_release_locked(t->task->tid);
}

void thread_become_leader(struct thread *t)
{
    assert_held(&process_tree_lock);
    ptrace_forget_leader(t->process);
    if (t->task->tid == t->process->pid)
        return;
    RB_REMOVE(thread_tree, &threads, t);
    pid_release_locked(t->task->tid);
    t->task->tid = t->process->pid;
    RB_INSERT(thread_tree, &threads, t);
}

/* Whoever shared signal actions with it has them alone, though p may be looked at for a while. */
static void leave_actions(struct process *p)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct signal_actions *old = p->signals.actions;

    p->signals.actions = signal_actions_of_gone();
    spin_unlock_irqrestore(&p->signals.lock, flags);
    signal_actions_put(old);
}

void process_reap(struct process *p)
{
    assert_held(&process_tree_lock);
    RB_REMOVE(process_tree, &processes, p);
    if (p->parent)
        TAILQ_REMOVE(&p->parent->children, p, sibling);
    p->parent = NULL;
    leave_actions(p);
    account_uncharge(p->last_account);
    account_put(p->last_account);
    pid_release_locked(p->pid);
}

struct process *process_lookup(int32_t pid)
{
    struct process key = {.pid = pid};

    assert_held(&process_tree_lock);
    return RB_FIND(process_tree, &processes, &key);
}

struct thread *thread_lookup(int32_t tid)
{
    struct task task_key = {.tid = tid};
    struct thread key = {.task = &task_key};

    assert_held(&process_tree_lock);
    return RB_FIND(thread_tree, &threads, &key);
}

struct thread *process_parent_thread(struct process *p)
{
    struct thread *t = thread_lookup(p->parent_tid);

    if (t && t->process == p->parent)
        return t;
    return p->parent ? TAILQ_FIRST(&p->parent->threads) : NULL;
}

struct process *process_find(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    if (p)
        process_get(p);
    spin_unlock(&process_tree_lock);
    return p;
}

struct process *process_first(void)
{
    assert_held(&process_tree_lock);
    return process_lookup(1);
}

struct process *process_next(int32_t after)
{
    struct process key = {.pid = after + 1};

    assert_held(&process_tree_lock);
    return after == INT32_MAX ? NULL : RB_NFIND(process_tree, &processes, &key);
}

int32_t process_next_pid(int32_t after)
{
    spin_lock(&process_tree_lock);
    struct process *p = process_next(after);
    int32_t pid = p ? p->pid : 0;
    spin_unlock(&process_tree_lock);
    return pid;
}

bool process_group_exists(int32_t group, int32_t session)
{
    struct process *p;

    assert_held(&process_tree_lock);
    RB_FOREACH(p, process_tree, &processes) {
        if (p->group == group && (!session || p->session == session))
            return true;
    }
    return false;
}

bool process_group_is_orphaned(int32_t group)
{
    struct process *p;

    assert_held(&process_tree_lock);
    RB_FOREACH(p, process_tree, &processes) {
        if (p->group != group || p->zombie || !p->parent)
            continue;
        if (p->parent->group != group && p->parent->session == p->session)
            return false;
    }
    return true;
}

void process_run_times(struct process *p, uint64_t *run_ns, uint64_t *user_ns)
{
    struct thread *t;

    assert_held(&process_tree_lock);
    *run_ns = p->run_ns;
    *user_ns = p->user_ns;
    TAILQ_FOREACH(t, &p->threads, link) {
        *run_ns += task_run_ns(t->task);
        *user_ns += t->task->user_ns;
    }
}

bool process_cred(struct process *p, struct cred *out)
{
    assert_held(&process_tree_lock);
    struct thread *t = TAILQ_FIRST(&p->threads);
    *out = t ? t->task->cred : p->last_cred;
    out->groups = NULL;
    return t;
}

struct group_list *process_groups(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    struct thread *t = p ? TAILQ_FIRST(&p->threads) : thread_lookup(pid);
    struct group_list *g = t ? groups_get(t->task->cred.groups) : NULL;
    spin_unlock(&process_tree_lock);
    return g;
}

long process_check_access(int32_t pid, bool by_fs_ids)
{
    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    struct thread *t = p ? TAILQ_FIRST(&p->threads) : thread_lookup(pid);
    long result = t ? ptrace_check_access(t, by_fs_ids) : -ESRCH;
    spin_unlock(&process_tree_lock);
    return result;
}

bool process_may_signal(const struct process *p, int signal)
{
    const struct cred *mine = &task_current()->cred;
    struct cred theirs;

    assert_held(&process_tree_lock);
    if (p == process_current() || cred_may(CAP_KILL))
        return true;
    (void)process_cred((struct process *)p, &theirs);
    if (mine->euid == theirs.suid || mine->euid == theirs.uid || mine->uid == theirs.suid || mine->uid == theirs.uid)
        return true;
    return signal == SIGCONT && p->session == process_current()->session;
}

uint64_t process_limit(unsigned resource)
{
    struct process *p = process_current();

    if (!p) /* a kernel thread */
        return RLIM64_INFINITY;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    uint64_t soft = p->limits[resource].soft;

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return soft;
}
