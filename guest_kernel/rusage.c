/*
 * getrusage(2), times(2), and the usage that wait4 reports.
 */
#include "guest_kernel/rusage.h"

#include <asm/errno.h>
#include <linux/times.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/time_convert.h"

#define NS_PER_TICK (NS_PER_S / 100) /* USER_HZ */

static struct __kernel_old_timeval usage_time(uint64_t ns)
{
    return (struct __kernel_old_timeval){.tv_sec = (long)(ns / NS_PER_S), .tv_usec = (long)(ns % NS_PER_S / 1000)};
}

static void usage_fill(struct rusage *out, uint64_t run_ns, uint64_t user_ns, uint64_t resident_pages)
{
    user_ns = MIN(user_ns, run_ns);
    *out = (struct rusage){
        .ru_utime = usage_time(user_ns),
        .ru_stime = usage_time(run_ns - user_ns),
        .ru_maxrss = (long)(resident_pages * (PAGE_SIZE / 1024)),
    };
}

void rusage_of_child(struct process *child, struct rusage *out)
{
    uint64_t run_ns, user_ns;

    process_run_times(child, &run_ns, &user_ns);
    usage_fill(out, run_ns + child->children_run_ns, user_ns + child->children_user_ns,
               MAX(child->max_resident, child->children_max_resident));
}

static uint64_t resident_now(void)
{
    struct space_counts counts;

    space_counts(task_current()->space, &counts);
    return counts.peak_resident;
}

long sys_getrusage(const struct syscall_args *args)
{
    struct process *p = process_current();
    struct task *t = task_current();
    uint64_t run_ns, user_ns, resident = resident_now();
    struct rusage usage;
    long result = 0;

    spin_lock(&process_tree_lock);
    p->max_resident = MAX(p->max_resident, resident);
    switch ((int)args->a[0]) {
    case RUSAGE_SELF:
        process_run_times(p, &run_ns, &user_ns);
        usage_fill(&usage, run_ns, user_ns, p->max_resident);
        break;
    case RUSAGE_CHILDREN:
        usage_fill(&usage, p->children_run_ns, p->children_user_ns, p->children_max_resident);
        break;
    case RUSAGE_THREAD:
        usage_fill(&usage, task_run_ns(t), t->user_ns, p->max_resident);
        break;
    default:
        result = -EINVAL;
    }
    spin_unlock(&process_tree_lock);
    if (!result && put_user(user(args->a[1]), usage))
        result = -EFAULT;
    return result;
}

long sys_times(const struct syscall_args *args)
{
    struct process *p = process_current();
    uint64_t run_ns, user_ns;
    struct tms tms;

    spin_lock(&process_tree_lock);
    process_run_times(p, &run_ns, &user_ns);
    tms.tms_utime = (long)(user_ns / NS_PER_TICK);
    tms.tms_stime = (long)((run_ns - MIN(user_ns, run_ns)) / NS_PER_TICK);
    tms.tms_cutime = (long)(p->children_user_ns / NS_PER_TICK);
    tms.tms_cstime = (long)((p->children_run_ns - MIN(p->children_user_ns, p->children_run_ns)) / NS_PER_TICK);
    spin_unlock(&process_tree_lock);
    if (args->a[0] && put_user(user(args->a[0]), tms))
        return -EFAULT;
    return (long)(clock_monotonic_ns() / NS_PER_TICK);
}
