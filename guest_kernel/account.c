/*
 * See account.h.  accounts_lock guards the tree and the last reference; it is a leaf, taken with interrupts off since
 * signals are freed in them.
 */
#include "guest_kernel/account.h"

#include "guest_kernel/core/alloc.h"
#include "lib/spinlock.h"

static int compare(const struct account *a, const struct account *b)
{
    return (a->uid > b->uid) - (a->uid < b->uid);
}

RB_HEAD(account_tree, account);
RB_GENERATE_INTERNAL(account_tree, account, node, compare, static __attribute__((unused)))

static struct spinlock accounts_lock = SPINLOCK_INIT;
static struct account_tree accounts = RB_INITIALIZER(&accounts);
static uint32_t charges; /* atomic */

struct account *account_get(uint32_t uid)
{
    struct account key = {.uid = uid};
    uint64_t flags = spin_lock_irqsave(&accounts_lock);
    struct account *a = RB_FIND(account_tree, &accounts, &key);

    if (!a && (a = mem_alloc_zero(sizeof(*a)))) {
        a->uid = uid;
        RB_INSERT(account_tree, &accounts, a);
    }
    if (a)
        account_hold(a);
    spin_unlock_irqrestore(&accounts_lock, flags);
    return a;
}

struct account *account_hold(struct account *a)
{
    __atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

/* Without the lock as long as it is not the last reference. */
static bool put_shared(struct account *a)
{
    uint32_t refs = __atomic_load_n(&a->refs, __ATOMIC_RELAXED);

    while (refs > 1) {
        if (__atomic_compare_exchange_n(&a->refs, &refs, refs - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

void account_put(struct account *a)
{
    if (!a || put_shared(a))
        return;
    uint64_t flags = spin_lock_irqsave(&accounts_lock);
    bool last = !__atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL);

    if (last)
        RB_REMOVE(account_tree, &accounts, a);
    spin_unlock_irqrestore(&accounts_lock, flags);
    if (last)
        mem_free(a);
}

uint32_t account_charge(struct account *a)
{
    __atomic_fetch_add(&charges, 1, __ATOMIC_RELAXED);
    return __atomic_add_fetch(&a->threads, 1, __ATOMIC_RELAXED);
}

void account_uncharge(struct account *a)
{
    __atomic_fetch_sub(&charges, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&a->threads, 1, __ATOMIC_RELAXED);
}

uint32_t account_charges(void)
{
    return __atomic_load_n(&charges, __ATOMIC_RELAXED);
}
