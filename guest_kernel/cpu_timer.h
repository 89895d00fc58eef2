/*
 * Timers on CPU time: of a process or a thread, all of it or that in user mode.  A clock that something waits for is
 * looked at when the running thread's time slice timer goes off, at most 4 ms apart, as Linux looks at its ticks; where
 * nothing is near, not even that (task.times_check_ns).  process_tree_lock guards all of it.
 */
#ifndef GUEST_KERNEL_CPU_TIMER_H
#define GUEST_KERNEL_CPU_TIMER_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "lib/compiler.h"

struct process;
struct thread;

enum cpu_time { CPU_TIME_RUN, CPU_TIME_USER, CPU_TIMES };

RB_HEAD(cpu_timer_tree, cpu_timer);

struct cpu_clock { /* in struct process, struct thread */
    struct cpu_timer_tree armed[CPU_TIMES];
    LIST_HEAD(, cpu_timer) timers; /* armed or not */
};

struct cpu_timer {
    RB_ENTRY(cpu_timer) node;
    LIST_ENTRY(cpu_timer) link;
    struct process *process; /* whose time it is: one of the two, neither once that is gone */
    struct thread *thread;
    enum cpu_time time;
    bool armed;
    uint64_t expires_ns;
    void (*expired)(struct cpu_timer *t, uint64_t now_ns); /* no longer armed; may arm it again */
};

/*
 * A clock as Linux numbers it (negative, or one of the two CLOCK_*_CPUTIME_ID): whose time, and which.  `reading`: the
 * caller's own thread id also names its process, as clock_gettime(2) has it.  -EINVAL: there is none.  All with the
 * lock.
 */
bool clock_is_cpu(int32_t id);
struct cpu_clock_name {
    struct process *process; /* one of the two */
    struct thread *thread;
    enum cpu_time time;
};
long cpu_clock_find(int32_t id, bool reading, struct cpu_clock_name *out) must_check;
uint64_t cpu_clock_ns(const struct cpu_clock_name *name);

void cpu_timer_init(struct cpu_timer *t, const struct cpu_clock_name *name,
                    void (*expired)(struct cpu_timer *, uint64_t));
void cpu_timer_forget(struct cpu_timer *t);
/* Its clock's time; false: the clock is gone. */
bool cpu_timer_now(const struct cpu_timer *t, uint64_t *ns) must_check;
void cpu_timer_arm(struct cpu_timer *t, uint64_t expires_ns);
void cpu_timer_disarm(struct cpu_timer *t);

/* A thread, and with the last one its process, is gone: timers on its time never expire any more. */
void cpu_clock_ends(struct cpu_clock *c);
/* A limit (RLIMIT_CPU, RLIMIT_RTTIME) or timer of p may be near: its threads look. */
void cpu_times_changed(struct process *p);
void cpu_times_check(void); /* task_ops.times; the lock not held, as for the next */

/* setitimer(2); NULL: only read. */
struct itimer_setting {
    uint64_t value_ns, interval_ns; /* value 0: off */
};
struct itimer_setting cpu_itimer_exchange(enum cpu_time time, const struct itimer_setting *wanted);

#endif
