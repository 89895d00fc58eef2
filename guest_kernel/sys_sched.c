/*
 * Scheduling as programs see it: one policy (SCHED_OTHER), affinity to the CPUs there are.
 */
#include <asm/errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

#define CPU_SET_MIN sizeof(uint64_t) /* what the mask of at most 64 CPUs takes */
#define REALTIME_PRIORITY_MIN 1
#define REALTIME_PRIORITY_MAX 99
#define SLICE_NS 100000000 /* what sched_rr_get_interval tells */

static uint64_t cpus_present(void)
{
    return __atomic_load_n(&cpus_online, __ATOMIC_RELAXED);
}

/* 0 if there is such a thread (tid 0: the caller), -ESRCH, -EINVAL. */
static long check_tid(int32_t tid)
{
    if (tid < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    bool found = !tid || thread_lookup(tid);
    spin_unlock(&process_tree_lock);
    return found ? 0 : -ESRCH;
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
    uint64_t mask = 0, size = (uint32_t)args->a[1];

    if (size < CPU_SET_MIN || size % sizeof(uint64_t))
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

static bool may_schedule(const struct task *t)
{
    const struct cred *own = &task_current()->cred;

    return cred_is_privileged() || own->euid == t->cred.euid || own->euid == t->cred.uid;
}

long sys_sched_setaffinity(const struct syscall_args *args)
{
    uint64_t mask = 0, size = MIN((uint32_t)args->a[1], sizeof(mask));

    if (copy_from_user(&mask, user(args->a[2]), size))
        return -EFAULT;
    mask &= cpus_present();
    spin_lock(&process_tree_lock);
    struct thread *t = thread_meant((int32_t)args->a[0]);
    long error = !t ? -ESRCH : !may_schedule(t->task) ? -EPERM : !mask ? -EINVAL : 0;
    if (!error)
        task_set_allowed(t->task, mask);
    spin_unlock(&process_tree_lock);
    if (!error)
        task_leave_forbidden_cpu();
    return error;
}

long sys_sched_getscheduler(const struct syscall_args *args)
{
    long error = check_tid((int32_t)args->a[0]);

    return error ? error : SCHED_NORMAL;
}

long sys_sched_getparam(const struct syscall_args *args)
{
    int priority = 0;
    long error = check_tid((int32_t)args->a[0]);

    if (!args->a[1])
        return -EINVAL;
    return error ? error : put_user(user(args->a[1]), priority);
}

/* Only what changes nothing is accepted: there are no other policies. */
long sys_sched_setparam(const struct syscall_args *args)
{
    int priority;
    long error = check_tid((int32_t)args->a[0]);

    if (!args->a[1])
        return -EINVAL;
    if (get_user(priority, user(args->a[1])))
        return -EFAULT;
    if (error)
        return error;
    return priority ? -EINVAL : 0;
}

long sys_sched_setscheduler(const struct syscall_args *args)
{
    int policy = (int)args->a[1], priority;
    long error = check_tid((int32_t)args->a[0]);

    if (policy < 0 || !args->a[2])
        return -EINVAL;
    if (get_user(priority, user(args->a[2])))
        return -EFAULT;
    if (error)
        return error;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return priority < REALTIME_PRIORITY_MIN || priority > REALTIME_PRIORITY_MAX ? -EINVAL : -EPERM;
    return policy == SCHED_NORMAL && !priority ? 0 : -EINVAL;
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

long sys_sched_rr_get_interval(const struct syscall_args *args)
{
    struct timespec slice = timespec_of_ns(SLICE_NS);
    long error = check_tid((int32_t)args->a[0]);

    return error ? error : put_user(user(args->a[1]), slice);
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
