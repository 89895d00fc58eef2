/*
 * Scheduling as programs see it: affinity to the CPUs there are, bounds of priorities.  Policies are in sys_sched_policy.c.
 */
#include <asm/errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "config.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sched_permission.h"
#include "guest_kernel/time_convert.h"

#define CPU_SET_MIN sizeof(uint64_t) /* what the mask of at most 64 CPUs takes */
#define REALTIME_PRIORITY_MIN 1
#define REALTIME_PRIORITY_MAX 99
#define ROUND_NS 100000000 /* of SCHED_RR */
#define SLICE_NS (CONFIG_TIME_SLICE_US * 1000UL)

static uint64_t cpus_present(void)
{
    return __atomic_load_n(&cpus_online, __ATOMIC_RELAXED);
}

long sys_sched_yield(const struct syscall_args *args)
{
    task_yield();
    return 0;
}

/* The thread of that number, the caller for 0; NULL: none.  Tree lock held. */
static struct thread *thread_meant(int32_t tid)
{
    return tid ? thread_lookup(tid) : thread_current();
}

long sys_sched_getaffinity(const struct syscall_args *args)
{
    uint64_t mask = 0;
    uint32_t size = (uint32_t)args->a[1];

    if (size * 8 < CPU_SET_MIN * 8 || size % sizeof(uint64_t)) /* in 32 bits, as Linux counts */
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = thread_meant((int32_t)args->a[0]);
    if (t)
        mask = task_allowed(t->task) & cpus_present();
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ESRCH;
    return put_user(user(args->a[2]), mask) ? -EFAULT : (long)CPU_SET_MIN;
}

long sys_sched_setaffinity(const struct syscall_args *args)
{
    uint64_t mask = 0, size = MIN((uint32_t)args->a[1], sizeof(mask));

    if (copy_from_user(&mask, user(args->a[2]), size))
        return -EFAULT;
    mask &= cpus_present();
    spin_lock(&process_tree_lock);
    struct thread *t = thread_meant((int32_t)args->a[0]);
    long error = !t ? -ESRCH : !may_schedule(t) && !cred_may(CAP_SYS_NICE) ? -EPERM : !mask ? -EINVAL : 0;
    if (!error)
        task_set_allowed(t->task, mask);
    spin_unlock(&process_tree_lock);
    if (!error)
        task_leave_forbidden_cpu();
    return error;
}

static long priority_bound(int policy, long realtime)
{
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return realtime;
    case SCHED_NORMAL:
    case SCHED_BATCH:
    case SCHED_IDLE:
    case SCHED_DEADLINE:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_sched_get_priority_max(const struct syscall_args *args)
{
    return priority_bound((int)args->a[0], REALTIME_PRIORITY_MAX);
}

long sys_sched_get_priority_min(const struct syscall_args *args)
{
    return priority_bound((int)args->a[0], REALTIME_PRIORITY_MIN);
}

static uint64_t interval_of(int policy)
{
    switch (policy) {
    case SCHED_RR:
        return ROUND_NS;
    case SCHED_FIFO:
    case SCHED_DEADLINE:
        return 0;
    default:
        return SLICE_NS;
    }
}

long sys_sched_rr_get_interval(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    int policy = SCHED_NORMAL;

    if (tid < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = thread_meant(tid);
    if (t)
        policy = t->task->setting.policy;
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ESRCH;
    struct timespec interval = timespec_of_ns(interval_of(policy));
    return put_user(user(args->a[1]), interval);
}

long sys_getcpu(const struct syscall_args *args)
{
    uint32_t cpu = cpu_index(), node = 0;

    if (args->a[0] && put_user(user(args->a[0]), cpu))
        return -EFAULT;
    if (args->a[1] && put_user(user(args->a[1]), node))
        return -EFAULT;
    return 0;
}
