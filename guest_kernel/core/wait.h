/*
 * Sleeping and waking.  A wait queue is a list of waiting tasks under its own spinlock (leaf of the lock order, taken
 * with interrupts off; wake-ups are allowed from interrupts).  Use the macros: they enqueue before testing the
 * condition, so no wake-up between test and sleep is lost.
 */
#ifndef GUEST_KERNEL_CORE_WAIT_H
#define GUEST_KERNEL_CORE_WAIT_H

#include <bsd/sys/queue.h>

#include "lib/spinlock.h"

struct task;

struct waiter {
    struct task *task;
    TAILQ_ENTRY(waiter) link;                  /* guarded by the queue's lock */
    struct wait_queue *queue;                  /* NULL: not queued */
    void (*wake)(struct waiter *w);            /* called with the queue's lock held; default wakes the task */
};

struct wait_queue {
    struct spinlock lock;
    TAILQ_HEAD(waiter_list, waiter) waiters;
};

void wait_queue_init(struct wait_queue *q);
void wait_enqueue(struct wait_queue *q, struct waiter *w); /* sets w->queue, w->task = current; default wake */
/* The same with another wake function. */
void wait_enqueue_with(struct wait_queue *q, struct waiter *w, void (*wake)(struct waiter *));
void wait_dequeue(struct waiter *w);
void wake_all(struct wait_queue *q);
void wake_one(struct wait_queue *q); /* the longest waiting; the next wake_one() takes another */
/*
 * Nobody waits: a wake-up can be left out.  Looks without the lock, so a full barrier must stand between the change that
 * would be announced and this; its partner is the one between getting on the queue and looking at the condition, which
 * wait_event() has and a poll operation that uses this must have.
 */
static inline bool wait_queue_is_idle(const struct wait_queue *q)
{
    return !__atomic_load_n(&q->waiters.tqh_first, __ATOMIC_RELAXED);
}

/* Mark the current task sleeping; task_sleep() then switches away unless a wake-up came in between. */
void task_sleep_prepare(bool interruptible);
void task_sleep_cancel(void);
void task_sleep(void);
/* The same until a monotonic time in ns (UINT64_MAX: no limit).  Returns false if the time is over. */
bool task_sleep_until(uint64_t deadline_ns);
bool task_signal_pending(void); /* something that interrupts an interruptible sleep */

#define WAIT_FOREVER UINT64_MAX

/*
 * 0 when cond is true; -ERESTARTSYS when interrupted by a signal; -ETIME when deadline_ns passed.  cond is evaluated
 * without the queue's lock; the waker changes the state first, then wakes.
 */
#define wait_event_deadline(q, cond, interruptible, deadline_ns)                                                       \
    ({                                                                                                                 \
        struct waiter waiter_;                                                                                         \
        long result_ = 0;                                                                                              \
        wait_enqueue((q), &waiter_);                                                                                   \
        for (;;) {                                                                                                     \
            task_sleep_prepare(interruptible);                                                                         \
            if (cond)                                                                                                  \
                break;                                                                                                 \
            if ((interruptible) && task_signal_pending()) {                                                            \
                result_ = -512; /* ERESTARTSYS */                                                                      \
                break;                                                                                                 \
            }                                                                                                          \
            if (!task_sleep_until(deadline_ns)) {                                                                      \
                if (!(cond))                                                                                           \
                    result_ = -62; /* ETIME */                                                                         \
                break;                                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        task_sleep_cancel();                                                                                           \
        wait_dequeue(&waiter_);                                                                                        \
        result_;                                                                                                       \
    })
#define wait_event(q, cond) wait_event_deadline(q, cond, true, WAIT_FOREVER)
#define wait_event_uninterruptible(q, cond) (void)wait_event_deadline(q, cond, false, WAIT_FOREVER)

/* Kernel-internal restart codes, as Linux numbers them; never seen by a process. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

/*
 * A sleeping lock.  Not recursive; never taken in interrupts.  Free for whoever comes first, until a task has waited in
 * vain for some milliseconds: then the next unlock hands it over to one that waits.
 */
struct mutex {
    struct task *owner; /* NULL: free.  Set by compare-exchange (acquire), or by the unlock that hands over */
    uint32_t hand_over; /* atomic */
    struct wait_queue waiters;
    LOCK_CLASS_FIELD
};
void mutex_init(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_held(const struct mutex *m); /* by the current task */

/*
 * poll(2) and relatives: a file's poll operation calls poll_wait() for each queue that announces a change, then
 * returns the events that are true now.  NULL table: only the present state is wanted.
 */
struct poll_table;
/* `events`: those (POLL*, but POLLERR and POLLHUP) whose coming the queue may announce; epoll(7) leaves the rest asleep. */
void poll_wait_events(struct poll_table *t, struct wait_queue *q, unsigned events);
static inline void poll_wait(struct poll_table *t, struct wait_queue *q)
{
    poll_wait_events(t, q, ~0u);
}

#endif
