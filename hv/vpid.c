/*
 * See hv/vpid.h.
 */
#include "hv/vpid.h"

#include "lib/log.h"
#include "lib/spinlock.h"

#define VPID_COUNT 65535u /* 1 to 65535; VPID 0 is the host's (SDM vol. 3, 29.1) */
#define WORD_BITS 64u

static struct spinlock lock = SPINLOCK_INIT; /* a leaf; guards all below */
static uint64_t used[VPID_COUNT / WORD_BITS + 1]; /* bit n: VPID n + 1 is taken */
static uint32_t next; /* where to look first: numbers are reused as late as possible */

uint16_t vpid_alloc(void)
{
    uint16_t found = 0;
    uint64_t flags = spin_lock_irqsave(&lock);

    for (uint32_t i = 0; i < VPID_COUNT && !found; i++, next = (next + 1) % VPID_COUNT) {
        if (used[next / WORD_BITS] >> next % WORD_BITS & 1)
            continue;
        used[next / WORD_BITS] |= 1ULL << next % WORD_BITS;
        found = (uint16_t)(next + 1);
    }
    spin_unlock_irqrestore(&lock, flags);
    return found;
}

void vpid_free(uint16_t vpid)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    if (vpid) {
        uint32_t n = vpid - 1u;
        assert(used[n / WORD_BITS] >> n % WORD_BITS & 1);
        used[n / WORD_BITS] &= ~(1ULL << n % WORD_BITS);
    }
    spin_unlock_irqrestore(&lock, flags);
}
