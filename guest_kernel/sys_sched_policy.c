/*
 * Policies of scheduling (sched(7)): sched_setscheduler(2), sched_setparam(2), sched_setattr(2) and what asks for them.
 * The classes themselves are core/sched_class.c.
 */
#include <asm/errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sched_permission.h"
#include "lib/string.h"

#define PRIORITY_MAX         99
#define POLICY_KEEP          (-1) /* as the task has it */
#define CLAIM_RUNTIME_MIN_NS 1024 /* SCHED_DEADLINE, as Linux's defaults, as the next two */
#define CLAIM_PERIOD_MIN_NS  100000
#define CLAIM_PERIOD_MAX_NS  ((1ULL << 22) * 1000)

static bool is_realtime(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
    return policy == SCHED_NORMAL || is_realtime(policy) || policy == SCHED_BATCH || policy == SCHED_IDLE ||
           policy == SCHED_DEADLINE;
}

/* The thread of that number, the caller for 0; NULL: none. */
static struct thread *find(int32_t tid)
{
    assert_held(&process_tree_lock);
    return tid ? thread_lookup(tid) : thread_current();
}

static bool claim_is_valid(const struct sched_attr *a)
{
    uint64_t period = a->sched_period ? a->sched_period : a->sched_deadline;

    if (!a->sched_deadline || a->sched_runtime < CLAIM_RUNTIME_MIN_NS || (int64_t)(a->sched_deadline | period) < 0)
        return false;
    return period >= a->sched_deadline && a->sched_deadline >= a->sched_runtime && period >= CLAIM_PERIOD_MIN_NS &&
           period <= CLAIM_PERIOD_MAX_NS;
}

/* What an unprivileged task may do to t (sched(7), "Privileges and resource limits"). */
static bool is_allowed(const struct thread *t, int policy, const struct sched_attr *a, bool reset_on_fork)
{
    const struct sched_setting *now = &t->task->setting;
    uint64_t limit = thread_limit(t, RLIMIT_RTPRIO);

    if (policy == SCHED_DEADLINE || !may_schedule(t) || (now->reset_on_fork && !reset_on_fork))
        return false;
    if (is_realtime(policy)) {
        if (policy != now->policy && !limit)
            return false;
        if (a->sched_priority > now->priority && a->sched_priority > limit)
            return false;
    } else if (a->sched_nice < now->nice && !nice_is_allowed(t, a->sched_nice)) {
        return false;
    }
    return now->policy != SCHED_IDLE || policy == SCHED_IDLE || nice_is_allowed(t, now->nice);
}

static long check(const struct thread *t, int policy, const struct sched_attr *a, bool reset_on_fork)
{
    if (!is_known(policy) || (a->sched_flags & ~(uint64_t)SCHED_FLAG_ALL) || a->sched_priority > PRIORITY_MAX)
        return -EINVAL;
    if (policy == SCHED_DEADLINE && !claim_is_valid(a))
        return -EINVAL;
    if (is_realtime(policy) != !!a->sched_priority)
        return -EINVAL;
    if (!cred_may(CAP_SYS_NICE) && !is_allowed(t, policy, a, reset_on_fork))
        return -EPERM;
    return a->sched_flags & SCHED_FLAG_UTIL_CLAMP ? -EOPNOTSUPP : 0; /* as a Linux without CONFIG_UCLAMP_TASK */
}

static long apply(struct thread *t, int policy, const struct sched_attr *a)
{
    const struct sched_setting *now = &t->task->setting;
    bool keep = policy == POLICY_KEEP;
    bool reset_on_fork = keep ? now->reset_on_fork : a->sched_flags & SCHED_FLAG_RESET_ON_FORK;

    if (keep)
        policy = now->policy;
    long error = check(t, policy, a, reset_on_fork);
    if (error)
        return error;
    struct sched_setting wanted = {(uint8_t)policy, (uint8_t)a->sched_priority, now->nice, reset_on_fork};
    struct sched_deadline claim = {a->sched_runtime, a->sched_deadline,
                                   a->sched_period ? a->sched_period : a->sched_deadline};
    if (policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE)
        wanted.nice = (int8_t)a->sched_nice;
    if (a->sched_flags & SCHED_FLAG_KEEP_PARAMS) { /* Linux keeps the policy too then */
        wanted = *now;
        wanted.reset_on_fork = reset_on_fork;
        policy = now->policy;
    }
    return thread_set_scheduling(t, &wanted, policy == SCHED_DEADLINE ? &claim : NULL);
}

/* What belongs to the task's policy. */
static void get_params(const struct thread *t, struct sched_attr *a)
{
    const struct sched_setting *now = &t->task->setting;
    struct sched_deadline claim;

    if (task_deadline(t->task, &claim)) {
        a->sched_runtime = claim.runtime_ns;
        a->sched_deadline = claim.relative_ns;
        a->sched_period = claim.period_ns;
    } else if (is_realtime(now->policy)) {
        a->sched_priority = now->priority;
    } else {
        a->sched_nice = now->nice;
    }
}

/* sched_setscheduler and sched_setparam: they know of a priority only. */
static long set_by_priority(int32_t tid, int policy, uint64_t address)
{
    struct sched_attr a = {0};
    long result = -ESRCH;
    int priority;

    if (!address || tid < 0)
        return -EINVAL;
    if (get_user(priority, user(address)))
        return -EFAULT;
    if (policy != POLICY_KEEP && (policy & SCHED_RESET_ON_FORK)) {
        a.sched_flags = SCHED_FLAG_RESET_ON_FORK;
        policy &= ~SCHED_RESET_ON_FORK;
    }
    a.sched_priority = (uint32_t)priority;
    spin_lock(&process_tree_lock);
    struct thread *t = find(tid);
    if (t) {
        a.sched_nice = t->task->setting.nice;
        result = apply(t, policy, &a);
    }
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_sched_setscheduler(const struct syscall_args *args)
{
    int policy = (int)args->a[1];

    return policy < 0 ? -EINVAL : set_by_priority((int32_t)args->a[0], policy, args->a[2]);
}

long sys_sched_setparam(const struct syscall_args *args)
{
    return set_by_priority((int32_t)args->a[0], POLICY_KEEP, args->a[1]);
}

long sys_sched_getscheduler(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    long result = -ESRCH;

    if (tid < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = find(tid);
    if (t)
        result = t->task->setting.policy | (t->task->setting.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_sched_getparam(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    int priority = 0;

    if (!args->a[1] || tid < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = find(tid);
    if (t)
        priority = t->task->setting.priority;
    spin_unlock(&process_tree_lock);
    return t ? put_user(user(args->a[1]), priority) : -ESRCH;
}

/* An unknown size is answered with the known one. */
static long size_refused(uint64_t address)
{
    uint32_t size = sizeof(struct sched_attr);

    return put_user(user(address), size) ? -EFAULT : -E2BIG;
}

static long read_attr(struct sched_attr *a, uint64_t address)
{
    uint32_t size;

    if (get_user(size, user(address)))
        return -EFAULT;
    if (!size)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return size_refused(address);
    long error = copy_struct_from_user(a, sizeof(*a), user(address), size);
    if (error == -E2BIG)
        return size_refused(address);
    if (!error && (a->sched_flags & SCHED_FLAG_UTIL_CLAMP) && size < SCHED_ATTR_SIZE_VER1)
        return -EINVAL;
    a->sched_nice = MIN(MAX(a->sched_nice, -20), 19);
    return error;
}

long sys_sched_setattr(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    struct sched_attr a;
    long result = -ESRCH;

    if (!args->a[1] || tid < 0 || (uint32_t)args->a[2])
        return -EINVAL;
    long error = read_attr(&a, args->a[1]);
    if (error)
        return error;
    if ((int32_t)a.sched_policy < 0)
        return -EINVAL;
    int policy = a.sched_flags & SCHED_FLAG_KEEP_POLICY ? POLICY_KEEP : (int)a.sched_policy;
    spin_lock(&process_tree_lock);
    struct thread *t = find(tid);
    if (t && (a.sched_flags & SCHED_FLAG_KEEP_PARAMS))
        get_params(t, &a);
    if (t)
        result = apply(t, policy, &a);
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_sched_getattr(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    uint32_t size = (uint32_t)args->a[2];
    struct sched_attr a = {.size = MIN(size, (uint32_t)sizeof(a))};

    if (!args->a[1] || tid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || (uint32_t)args->a[3])
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = find(tid);
    if (t) {
        a.sched_policy = t->task->setting.policy;
        if (t->task->setting.reset_on_fork)
            a.sched_flags = SCHED_FLAG_RESET_ON_FORK;
        get_params(t, &a);
    }
    spin_unlock(&process_tree_lock);
    return t ? copy_to_user(user(args->a[1]), &a, a.size) : -ESRCH;
}
