/*
 * Wait queues, sleeping, and the mutex built on them.  Lock order: a wait queue's lock > run queue locks.
 */
#include "guest_kernel/core/wait.h"

#include "guest_kernel/core/sched.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/time.h"

/* All wait queues are of one class, whoever made them. */
#define WAIT_QUEUE_CLASS ((uintptr_t)wait_queue_init)
#define CALLER ((uintptr_t)__builtin_return_address(0))

#define MUTEX_PATIENCE_NS (4 * 1000 * 1000ULL)

void wait_queue_init(struct wait_queue *q)
{
    q->lock = (struct spinlock)SPINLOCK_INIT;
    TAILQ_INIT(&q->waiters);
}

static uint64_t queue_lock(struct wait_queue *q)
{
    LOCK_CHECK(lock_class_set(&q->lock.class, WAIT_QUEUE_CLASS));
    return spin_lock_irqsave(&q->lock);
}

static void waiter_wake_task(struct waiter *w)
{
    task_wake(w->task);
}

void wait_enqueue_with(struct wait_queue *q, struct waiter *w, void (*wake)(struct waiter *))
{
    w->task = task_current();
    w->queue = q;
    w->wake = wake;
    uint64_t flags = queue_lock(q);

    TAILQ_INSERT_TAIL(&q->waiters, w, link);
    spin_unlock_irqrestore(&q->lock, flags);
}

void wait_enqueue(struct wait_queue *q, struct waiter *w)
{
    wait_enqueue_with(q, w, waiter_wake_task);
}

void wait_dequeue(struct waiter *w)
{
    struct wait_queue *q = w->queue;

    if (!q)
        return;
    uint64_t flags = queue_lock(q);

    TAILQ_REMOVE(&q->waiters, w, link);
    w->queue = NULL;
    spin_unlock_irqrestore(&q->lock, flags);
}

void wake_all(struct wait_queue *q)
{
    uint64_t flags = queue_lock(q);
    struct waiter *w;

    TAILQ_FOREACH(w, &q->waiters, link)
        w->wake(w);
    spin_unlock_irqrestore(&q->lock, flags);
}

void wake_one(struct wait_queue *q)
{
    uint64_t flags = queue_lock(q);
    struct waiter *w = TAILQ_FIRST(&q->waiters);

    if (w) {
        /* To the end: until it has run and left, another wake-up is for another task. */
        TAILQ_REMOVE(&q->waiters, w, link);
        TAILQ_INSERT_TAIL(&q->waiters, w, link);
        w->wake(w);
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

void task_sleep_prepare(bool interruptible)
{
    sched_set_state(interruptible ? TASK_INTERRUPTIBLE : TASK_UNINTERRUPTIBLE);
}

void task_sleep_cancel(void)
{
    sched_set_state(TASK_RUNNING);
}

void task_sleep(void)
{
    sched_switch();
}

struct sleep_timer {
    struct timer timer;
    struct task *task;
};

static void sleep_over(struct timer *t)
{
    task_wake(container_of(t, struct sleep_timer, timer)->task);
}

bool task_sleep_until(uint64_t deadline_ns)
{
    struct sleep_timer s = {.task = task_current()};

    if (deadline_ns == WAIT_FOREVER) {
        sched_switch();
        return true;
    }
    if (deadline_ns <= clock_monotonic_ns())
        return false;
    timer_init(&s.timer, sleep_over);
    timer_arm(&s.timer, deadline_ns);
    sched_switch();
    timer_cancel(&s.timer);
    return clock_monotonic_ns() < deadline_ns;
}

bool task_signal_pending(void)
{
    return __atomic_load_n(&task_current()->work, __ATOMIC_ACQUIRE) & TASK_SIGNAL;
}

void mutex_init(struct mutex *m)
{
    LOCK_CHECK(lock_class_set(&m->class, (uintptr_t)__builtin_return_address(0)));
    m->owner = NULL;
    m->hand_over = 0;
    wait_queue_init(&m->waiters);
}

static bool mutex_take(struct mutex *m)
{
    struct task *free = NULL;

    /* Acquire: pairs with the exchange in mutex_unlock(). */
    return __atomic_compare_exchange_n(&m->owner, &free, task_current(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool mutex_trylock(struct mutex *m)
{
    bool taken = mutex_take(m);

    if (taken)
        LOCK_CHECK(lock_check_mutex(&task_current()->mutexes, m, &m->class, CALLER, false));
    return taken;
}

static void mutex_wait(struct mutex *m)
{
    struct waiter w;
    uint64_t patience_ends = clock_monotonic_ns() + MUTEX_PATIENCE_NS;

    wait_enqueue(&m->waiters, &w);
    for (;;) {
        if (clock_monotonic_ns() > patience_ends)
            __atomic_store_n(&m->hand_over, 1, __ATOMIC_SEQ_CST); /* before the last try: see mutex_unlock() */
        task_sleep_prepare(false);
        if (mutex_take(m) || mutex_is_held(m))
            break;
        task_sleep();
    }
    task_sleep_cancel();
    wait_dequeue(&w);
}

void mutex_lock(struct mutex *m)
{
    LOCK_CHECK(lock_check_mutex(&task_current()->mutexes, m, &m->class, CALLER, true));
    if (likely(mutex_take(m)))
        return;
    assert(!mutex_is_held(m));
    mutex_wait(m);
}

/* Give it to the task that waits longest, if one still does. */
static void mutex_hand_over(struct mutex *m)
{
    uint64_t flags = queue_lock(&m->waiters);
    struct waiter *w = TAILQ_FIRST(&m->waiters.waiters);

    __atomic_store_n(&m->hand_over, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&m->owner, w ? w->task : NULL, __ATOMIC_RELEASE);
    if (w)
        w->wake(w);
    spin_unlock_irqrestore(&m->waiters.lock, flags);
}

void mutex_unlock(struct mutex *m)
{
    assert(mutex_is_held(m));
    LOCK_CHECK(lock_check_mutex_release(&task_current()->mutexes, m));
    if (unlikely(__atomic_load_n(&m->hand_over, __ATOMIC_RELAXED))) {
        mutex_hand_over(m);
        return;
    }
    /*
     * Sequentially consistent: the store of `owner` comes before the look at the queue, as a locker enqueues before it
     * tries again; one of the two sees the other.
     */
    (void)__atomic_exchange_n(&m->owner, NULL, __ATOMIC_SEQ_CST);
    if (!TAILQ_EMPTY(&m->waiters.waiters))
        wake_one(&m->waiters);
}

bool mutex_is_held(const struct mutex *m)
{
    return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) == task_current();
}
