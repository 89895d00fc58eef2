/*
 * See task_reaper.h.  `reaper_lock` guards the list of dead tasks, linked by dead_link.
 */
#include "guest_kernel/core/task_reaper.h"

#include "guest_kernel/core/fair.h"
#include "guest_kernel/core/task.h"

#define NICE_MOST -20

static struct spinlock reaper_lock = SPINLOCK_INIT;
static TAILQ_HEAD(, task) dead_tasks = TAILQ_HEAD_INITIALIZER(dead_tasks);
static struct wait_queue work = {.waiters = TAILQ_HEAD_INITIALIZER(work.waiters)};

void reaper_add(struct task *t)
{
    spin_lock(&reaper_lock);
    TAILQ_INSERT_TAIL(&dead_tasks, t, dead_link);
    spin_unlock(&reaper_lock);
    wake_all(&work);
}

static struct task *reaper_take(void)
{
    uint64_t flags = spin_lock_irqsave(&reaper_lock);
    struct task *t = TAILQ_FIRST(&dead_tasks);

    if (t)
        TAILQ_REMOVE(&dead_tasks, t, dead_link);
    spin_unlock_irqrestore(&reaper_lock, flags);
    return t;
}

static void reaper_run(void *unused)
{
    for (;;) {
        struct task *t = NULL;

        wait_event_uninterruptible(&work, (t = reaper_take()));
        if (t->dead)
            t->dead(t);
        else
            task_free(t);
    }
}

void reaper_start(void)
{
    struct task *t = task_create_kernel("reaper", reaper_run, NULL);

    if (!t)
        panic("boot: no memory for the reaper");
    t->weight = fair_weight(NICE_MOST); /* what is dead takes memory: it keeps up with those who make threads that soon end */
    task_start(t);
}
