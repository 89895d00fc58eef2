/*
 * Nice values and I/O priorities: getpriority(2), setpriority(2), ioprio_get(2), ioprio_set(2).  Both belong to
 * threads; a call addresses one, those of a process group, or those of a user.
 */
#include <asm/errno.h>
#include <linux/ioprio.h>
#include <linux/resource.h>

#include "abi/syscalls.h"
#include "guest_kernel/sched_permission.h"

#define IO_LEVELS 8 /* of one class; the bits above them are hints */
#define NICE_MIN  (-20)
#define NICE_MAX  19

/* What is done to each thread, and to one result: -ESRCH before the first. */
typedef void (*thread_function)(struct thread *t, int value, long *result);

static void for_threads(struct process *p, thread_function fn, int value, long *result)
{
    struct thread *t;

    TAILQ_FOREACH(t, &p->threads, link)
    fn(t, value, result);
}

static bool is_of_user(struct process *p, uint32_t uid)
{
    struct cred cred;

    return process_cred(p, &cred) && cred.uid == uid;
}

static long for_addressed(int which, int32_t who, thread_function fn, int value)
{
    uint32_t uid = who ? (uint32_t)who : task_current()->cred.uid;
    int32_t group = who ? who : process_current()->group;
    long result = -ESRCH;

    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    if (which == PRIO_PROCESS) {
        struct thread *t = who ? thread_lookup(who) : thread_current();
        if (t)
            fn(t, value, &result);
    }
    for (struct process *p = which == PRIO_PROCESS ? NULL : process_next(0); p; p = process_next(p->pid)) {
        if (which == PRIO_PGRP ? p->group == group : is_of_user(p, uid))
            for_threads(p, fn, value, &result);
    }
    spin_unlock(&process_tree_lock);
    return result;
}

bool may_schedule(const struct thread *t)
{
    const struct cred *own = &task_current()->cred, *its = &t->task->cred;

    assert_held(&process_tree_lock);
    return own->euid == its->euid || own->euid == its->uid;
}

uint64_t thread_limit(const struct thread *t, unsigned resource)
{
    return __atomic_load_n(&t->process->limits[resource].soft, __ATOMIC_RELAXED);
}

bool nice_is_allowed(const struct thread *t, int nice)
{
    return (uint64_t)(NICE_MAX + 1 - nice) <= thread_limit(t, RLIMIT_NICE);
}

int thread_set_scheduling(struct thread *t, const struct sched_setting *s, const struct sched_deadline *d)
{
    int error = task_set_scheduling(t->task, s, d);

    if (!error)
        pi_urgency_changed(t);
    return error;
}

/* 20 - nice, so that no result looks like an error; the C library turns it around. */
static void get_nice(struct thread *t, int unused, long *result)
{
    *result = MAX(*result, NICE_MAX + 1 - (long)t->task->setting.nice);
}

static long set_nice(struct thread *t, int nice)
{
    struct sched_setting s = t->task->setting;
    struct sched_deadline d;

    if (!cred_may(CAP_SYS_NICE)) {
        if (!may_schedule(t))
            return -EPERM;
        if (nice < s.nice && !nice_is_allowed(t, nice))
            return -EACCES;
    }
    s.nice = (int8_t)nice;
    return thread_set_scheduling(t, &s, task_deadline(t->task, &d) ? &d : NULL);
}

static void set_nice_one(struct thread *t, int nice, long *result)
{
    long error = set_nice(t, nice);

    if (error || *result == -ESRCH)
        *result = error;
}

long sys_getpriority(const struct syscall_args *args)
{
    return for_addressed((int)args->a[0], (int32_t)args->a[1], get_nice, 0);
}

long sys_setpriority(const struct syscall_args *args)
{
    int nice = MIN(MAX((int)args->a[2], NICE_MIN), NICE_MAX);

    return for_addressed((int)args->a[0], (int32_t)args->a[1], set_nice_one, nice);
}

/* IOPRIO_WHO_PROCESS, _PGRP, _USER follow PRIO_* by one. */
static int io_which(int which)
{
    return which - IOPRIO_WHO_PROCESS + PRIO_PROCESS;
}

static void get_io_priority(struct thread *t, int unused, long *result)
{
    *result = *result < 0 ? t->io_priority : MIN(*result, (long)t->io_priority);
}

long sys_ioprio_get(const struct syscall_args *args)
{
    return for_addressed(io_which((int)args->a[0]), (int32_t)args->a[1], get_io_priority, 0);
}

static bool io_priority_is_valid(int priority)
{
    switch (priority >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_NONE:
        return !(priority & (IO_LEVELS - 1));
    case IOPRIO_CLASS_RT:
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return true;
    default:
        return false;
    }
}

static void set_io_priority(struct thread *t, int priority, long *result)
{
    const struct cred *own = &task_current()->cred, *its = &t->task->cred;
    bool mine = its->uid == own->euid || its->uid == own->uid;

    *result = mine || cred_may(CAP_SYS_NICE) ? 0 : -EPERM;
    if (!*result)
        t->io_priority = priority;
}

long sys_ioprio_set(const struct syscall_args *args)
{
    int priority = (int)args->a[2];

    if (!io_priority_is_valid(priority))
        return -EINVAL;
    if (priority >> IOPRIO_CLASS_SHIFT == IOPRIO_CLASS_RT && !cred_may(CAP_SYS_ADMIN) && !cred_may(CAP_SYS_NICE))
        return -EPERM;
    return for_addressed(io_which((int)args->a[0]), (int32_t)args->a[1], set_io_priority, priority);
}
