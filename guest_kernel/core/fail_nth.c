/*
 * See fail_nth.h.  `lock` guards all but the countdown; it is a leaf, taken with interrupts off.
 */
#include "guest_kernel/core/fail_nth.h"

#include "guest_kernel/core/pages.h"
#include "guest_kernel/core/task.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define SITES_MAX 1024

uint64_t fail_countdown;

static struct spinlock lock = SPINLOCK_INIT;
static const struct task *armed; /* NULL: allocations of all tasks count */
static uint64_t sites[SITES_MAX][FAIL_SITE_DEPTH];
static unsigned site_count;

static void arm(const struct task *t, uint64_t n)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    armed = t;
    __atomic_store_n(&fail_countdown, n, __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&lock, flags);
}

void alloc_fail_at(uint64_t n)
{
    arm(NULL, n);
}

void fail_nth_arm(uint64_t n)
{
    arm(task_current(), n);
}

uint64_t fail_nth_left(void)
{
    return __atomic_load_n(&fail_countdown, __ATOMIC_RELAXED);
}

/* From frame pointers: callers of alloc_fail_due(), which has a frame as all functions of the kernel. */
static void site_note(const uint64_t *frame)
{
    uint64_t *chain = sites[site_count];

    if (site_count == SITES_MAX)
        return;
    memset(chain, 0, sizeof sites[0]);
    for (unsigned i = 0; i < FAIL_SITE_DEPTH && frame && frame[0]; i++) {
        chain[i] = frame[1];
        frame = (const uint64_t *)frame[0];
    }
    for (unsigned i = 0; i < site_count; i++)
        if (!memcmp(sites[i], chain, sizeof sites[0]))
            return;
    site_count++;
}

__attribute__((noinline)) bool alloc_fail_due(void)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    bool due = fail_countdown && (!armed || armed == task_current());

    if (due) {
        __atomic_store_n(&fail_countdown, fail_countdown - 1, __ATOMIC_RELAXED);
        due = fail_countdown == 0;
    }
    if (due)
        site_note(__builtin_frame_address(0));
    spin_unlock_irqrestore(&lock, flags);
    return due;
}

bool fail_nth_site(unsigned index, uint64_t chain[FAIL_SITE_DEPTH])
{
    uint64_t flags = spin_lock_irqsave(&lock);
    bool known = index < site_count;

    if (known)
        memcpy(chain, sites[index], sizeof sites[0]);
    spin_unlock_irqrestore(&lock, flags);
    return known;
}
