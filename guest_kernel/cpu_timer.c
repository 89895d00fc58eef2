/*
 * See guest_kernel/cpu_timer.h.  Also what counts CPU time and ends in a signal: ITIMER_VIRTUAL, ITIMER_PROF,
 * RLIMIT_CPU and RLIMIT_RTTIME (setitimer(2), getrlimit(2)).
 *
 * A check tells when the next one makes sense: no clock runs faster than the CPUs that its threads can have.  So the
 * threads of a process are summed up seldom while an end is far.
 */
#include "guest_kernel/cpu_timer.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "guest_kernel/core/cpu.h"
#include "guest_kernel/process.h"

/* Negative ids: ~pid << 3, bit 2: a thread's, bits 0-1: which time; 3 there and no thread: a device's clock. */
#define CLOCK_OF_THREAD    4
#define CLOCK_TIME_MASK    3
#define CLOCK_TIME_VIRTUAL 1 /* 0: Linux's "prof", 2: "sched"; the same here */
#define CLOCK_TIME_COUNT   3

#define CHECK_NEVER UINT64_MAX

static int timer_compare(const struct cpu_timer *a, const struct cpu_timer *b)
{
    if (a->expires_ns != b->expires_ns)
        return a->expires_ns < b->expires_ns ? -1 : 1;
    return a < b ? -1 : a > b;
}

RB_GENERATE_INTERNAL(cpu_timer_tree, cpu_timer, node, timer_compare, static __attribute__((unused)))

bool clock_is_cpu(int32_t id)
{
    return id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID ||
           (id < 0 && (id & (CLOCK_OF_THREAD | CLOCK_TIME_MASK)) != CLOCK_TIME_MASK);
}

static long find_thread(int32_t tid, struct cpu_clock_name *out)
{
    struct thread *t = tid ? thread_lookup(tid) : thread_current();

    if (!t || t->process != process_current())
        return -EINVAL;
    out->thread = t;
    return 0;
}

static long find_process(int32_t pid, bool reading, struct cpu_clock_name *out)
{
    bool own = !pid || (reading && pid == task_current()->tid);

    out->process = own ? process_current() : process_lookup(pid);
    return out->process ? 0 : -EINVAL;
}

long cpu_clock_find(int32_t id, bool reading, struct cpu_clock_name *out)
{
    assert_held(&process_tree_lock);
    *out = (struct cpu_clock_name){.time = CPU_TIME_RUN};
    if (id == CLOCK_PROCESS_CPUTIME_ID)
        return find_process(0, reading, out);
    if (id == CLOCK_THREAD_CPUTIME_ID)
        return find_thread(0, out);
    if ((id & CLOCK_TIME_MASK) >= CLOCK_TIME_COUNT)
        return -EINVAL;
    if ((id & CLOCK_TIME_MASK) == CLOCK_TIME_VIRTUAL)
        out->time = CPU_TIME_USER;
    int32_t number = ~(id >> 3);
    return id & CLOCK_OF_THREAD ? find_thread(number, out) : find_process(number, reading, out);
}

struct times {
    uint64_t ns[CPU_TIMES];
};

static struct times thread_times(const struct thread *t)
{
    uint64_t run_ns = task_run_ns(t->task);

    return (struct times){{run_ns, MIN(t->task->user_ns, run_ns)}};
}

static struct times process_times(struct process *p)
{
    struct times times;

    process_run_times(p, &times.ns[CPU_TIME_RUN], &times.ns[CPU_TIME_USER]);
    return times;
}

uint64_t cpu_clock_ns(const struct cpu_clock_name *name)
{
    struct times times = name->thread ? thread_times(name->thread) : process_times(name->process);

    return times.ns[name->time];
}

static struct cpu_clock *clock_of(const struct cpu_timer *t)
{
    if (t->thread)
        return &t->thread->clock;
    return t->process ? &t->process->clock : NULL;
}

void cpu_timer_init(struct cpu_timer *t, const struct cpu_clock_name *name,
                    void (*expired)(struct cpu_timer *, uint64_t))
{
    assert_held(&process_tree_lock);
    *t = (struct cpu_timer){.process = name->process, .thread = name->thread, .time = name->time, .expired = expired};
    LIST_INSERT_HEAD(&clock_of(t)->timers, t, link);
}

void cpu_timer_disarm(struct cpu_timer *t)
{
    assert_held(&process_tree_lock);
    if (t->armed)
        RB_REMOVE(cpu_timer_tree, &clock_of(t)->armed[t->time], t);
    t->armed = false;
}

void cpu_timer_forget(struct cpu_timer *t)
{
    cpu_timer_disarm(t);
    if (clock_of(t))
        LIST_REMOVE(t, link);
    t->process = NULL;
    t->thread = NULL;
}

bool cpu_timer_now(const struct cpu_timer *t, uint64_t *ns)
{
    struct cpu_clock_name name = {t->process, t->thread, t->time};

    assert_held(&process_tree_lock);
    if (!clock_of(t))
        return false;
    *ns = cpu_clock_ns(&name);
    return true;
}

static void look_soon(struct thread *t)
{
    __atomic_store_n(&t->task->times_check_ns, 0, __ATOMIC_RELAXED);
}

void cpu_times_changed(struct process *p)
{
    struct thread *t;

    assert_held(&process_tree_lock);
    TAILQ_FOREACH(t, &p->threads, link)
    look_soon(t);
}

void cpu_timer_arm(struct cpu_timer *t, uint64_t expires_ns)
{
    struct cpu_clock *c = clock_of(t);

    cpu_timer_disarm(t);
    t->expires_ns = expires_ns;
    if (!c)
        return;
    t->armed = true;
    RB_INSERT(cpu_timer_tree, &c->armed[t->time], t);
    if (t->thread)
        look_soon(t->thread);
    else
        cpu_times_changed(t->process);
}

void cpu_clock_ends(struct cpu_clock *c)
{
    struct cpu_timer *t;

    assert_held(&process_tree_lock);
    while ((t = LIST_FIRST(&c->timers)))
        cpu_timer_forget(t);
}

/* How long the clock has to run until its first timer is due, after those that are due have gone off. */
static uint64_t check_timers(struct cpu_clock *c, const struct times *now)
{
    uint64_t left = CHECK_NEVER;

    for (unsigned i = 0; i < CPU_TIMES; i++) {
        struct cpu_timer *t;

        while ((t = RB_MIN(cpu_timer_tree, &c->armed[i])) && t->expires_ns <= now->ns[i]) {
            cpu_timer_disarm(t);
            t->expired(t, now->ns[i]);
        }
        if (t)
            left = MIN(left, t->expires_ns - now->ns[i]);
    }
    return left;
}

static void send_from_kernel(struct process *p, int signal)
{
    siginfo_t info = signal_info_kernel(signal);

    (void)signal_send_process(p, &info); /* from the kernel: not refused */
}

static uint64_t check_itimers(struct process *p, const struct times *now)
{
    static const int signals[CPU_TIMES] = {SIGPROF, SIGVTALRM};
    uint64_t left = CHECK_NEVER;

    for (unsigned i = 0; i < CPU_TIMES; i++) {
        struct cpu_itimer *t = &p->cpu_itimers[i];

        if (t->expires_ns && now->ns[i] >= t->expires_ns) {
            t->expires_ns = t->interval_ns ? t->expires_ns + t->interval_ns : 0;
            send_from_kernel(p, signals[i]);
        }
        if (t->expires_ns)
            left = MIN(left, MAX(t->expires_ns, now->ns[i]) - now->ns[i]);
    }
    return left;
}

/*
 * One limit of CPU time: past the hard one SIGKILL, past the soft one SIGXCPU and a soft limit one second on.  How much
 * is left until the next of these.
 */
static uint64_t check_limit(struct process *p, unsigned resource, uint64_t unit_ns, uint64_t used_ns)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct process_limit *limit = &p->limits[resource];
    uint64_t used = used_ns / unit_ns, next;
    int signal = 0;

    if (limit->hard != RLIM64_INFINITY && used >= limit->hard) {
        signal = SIGKILL;
    } else if (limit->soft != RLIM64_INFINITY && used >= limit->soft) {
        signal = SIGXCPU;
        limit->soft += NS_PER_S / unit_ns;
    }
    next = MIN(limit->soft, limit->hard);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    if (signal)
        send_from_kernel(p, signal);
    if (next >= INT64_MAX / unit_ns)
        return CHECK_NEVER;
    return MAX(next * unit_ns, used_ns) - used_ns;
}

/* Does anything wait for the CPU time of all its threads?  Most processes have nothing, and there may be many threads. */
static bool process_is_timed(struct process *p)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    const struct process_limit *limit = &p->limits[RLIMIT_CPU];
    bool timed = MIN(limit->soft, limit->hard) != RLIM64_INFINITY;

    spin_unlock_irqrestore(&p->signals.lock, flags);
    for (unsigned i = 0; i < CPU_TIMES; i++)
        timed = timed || p->cpu_itimers[i].expires_ns || !RB_EMPTY(&p->clock.armed[i]);
    return timed;
}

static uint64_t check_process(struct process *p)
{
    if (!process_is_timed(p))
        return CHECK_NEVER;
    struct times now = process_times(p);
    uint64_t left = check_timers(&p->clock, &now);

    left = MIN(left, check_itimers(p, &now));
    left = MIN(left, check_limit(p, RLIMIT_CPU, NS_PER_S, now.ns[CPU_TIME_RUN]));
    return left == CHECK_NEVER ? left : left / MIN(cpu_count, p->thread_count);
}

static uint64_t check_thread(struct thread *t)
{
    struct times now = thread_times(t);
    uint64_t left = check_timers(&t->clock, &now);
    struct process *p = t->process;

    if (!t->task->rank) /* may be given one: then it is looked at again */
        return left;
    return MIN(left, check_limit(p, RLIMIT_RTTIME, 1000, now.ns[CPU_TIME_RUN] - t->task->woken_run_ns));
}

void cpu_times_check(void)
{
    struct thread *t = thread_current();

    spin_lock(&process_tree_lock);
    uint64_t left = check_process(t->process);

    left = MIN(left, check_thread(t));
    uint64_t next = left == CHECK_NEVER ? CHECK_NEVER : clock_monotonic_ns() + left;
    __atomic_store_n(&t->task->times_check_ns, next, __ATOMIC_RELAXED);
    spin_unlock(&process_tree_lock);
}

struct itimer_setting cpu_itimer_exchange(enum cpu_time time, const struct itimer_setting *wanted)
{
    struct process *p = process_current();
    struct cpu_itimer *t = &p->cpu_itimers[time];

    spin_lock(&process_tree_lock);
    uint64_t now = process_times(p).ns[time];
    struct itimer_setting old = {.interval_ns = t->interval_ns};

    if (t->expires_ns)
        old.value_ns = t->expires_ns > now ? t->expires_ns - now : 1000; /* due: it must not look switched off */
    if (wanted) {
        bool on = wanted->value_ns;
        t->expires_ns = on ? now + wanted->value_ns : 0;
        t->interval_ns = on ? wanted->interval_ns : 0;
        cpu_times_changed(p);
    }
    spin_unlock(&process_tree_lock);
    return old;
}
