/*
 * See guest_kernel/cpu_sleep.h.  The sleeper's timer is on its stack.  Interrupted, a relative sleep goes on to the
 * same time of the clock when the call is restarted.
 */
#include "guest_kernel/cpu_sleep.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "guest_kernel/cpu_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

struct sleep {
    struct cpu_timer timer;
    struct task *task;
    bool over; /* atomic: release when set, acquire by the sleeper */
};

static void sleep_over(struct cpu_timer *t, uint64_t now)
{
    struct sleep *s = container_of(t, struct sleep, timer);

    __atomic_store_n(&s->over, true, __ATOMIC_RELEASE);
    task_wake(s->task);
}

/* True: a signal came.  On a clock that is gone nothing else ends the sleep (as on Linux). */
static bool wait_for(struct sleep *s)
{
    bool over = false, interrupted = false;

    while (!over && !interrupted) {
        task_sleep_prepare(true);
        over = __atomic_load_n(&s->over, __ATOMIC_ACQUIRE);
        interrupted = !over && task_signal_pending();
        if (!over && !interrupted)
            task_sleep();
    }
    task_sleep_cancel();
    return interrupted;
}

/* Its own thread's time does not go on while it sleeps. */
static bool is_own(const struct cpu_clock_name *name)
{
    return name->thread == thread_current();
}

/* Until *expires of the clock; *now: its time at the beginning and, if a signal came, at the end (then -EINTR). */
static long sleep_on(int32_t clock, uint64_t *expires, bool absolute, uint64_t *now)
{
    struct sleep s = {.task = task_current()};
    struct cpu_clock_name name;

    spin_lock(&process_tree_lock);
    long result = cpu_clock_find(clock, false, &name);
    if (!result && is_own(&name))
        result = -EINVAL;
    if (result)
        goto unlock;
    cpu_timer_init(&s.timer, &name, sleep_over);
    *now = cpu_clock_ns(&name);
    if (!absolute)
        *expires = *expires >= INT64_MAX - *now ? UINT64_MAX : *now + *expires;
    s.over = *expires <= *now;
    if (!s.over)
        cpu_timer_arm(&s.timer, *expires);
    spin_unlock(&process_tree_lock);
    bool interrupted = wait_for(&s);
    spin_lock(&process_tree_lock);
    if (!cpu_timer_now(&s.timer, now))
        *now = 0; /* the clock is gone */
    cpu_timer_forget(&s.timer);
    result = interrupted && !s.over ? -EINTR : 0;
unlock:
    spin_unlock(&process_tree_lock);
    return result;
}

static long sleep_again(struct thread *t);

static long sleep_from(int32_t clock, uint64_t expires, bool absolute, uint64_t remaining)
{
    struct thread *t = thread_current();
    uint64_t now;
    long result = sleep_on(clock, &expires, absolute, &now);

    if (result != -EINTR)
        return result;
    struct timespec left = timespec_of_ns(MAX(expires, now) - now);
    if (remaining && put_user(user(remaining), left))
        return -EFAULT;
    t->restart = sleep_again;
    t->restart_args[0] = remaining;
    t->restart_args[1] = (uint32_t)clock;
    t->task->restart_deadline_ns = expires;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_again(struct thread *t)
{
    return sleep_from((int32_t)t->restart_args[1], t->task->restart_deadline_ns, true, t->restart_args[0]);
}

long cpu_sleep(int32_t clock, uint64_t ns, bool absolute, uint64_t remaining)
{
    uint64_t now;

    if (!absolute)
        return sleep_from(clock, ns, false, remaining);
    long result = sleep_on(clock, &ns, true, &now);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}
