/*
 * Tables of signal actions; see signal_actions.h.
 */
#include "guest_kernel/signal_actions.h"

#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/spinlock.h"
#include "lib/string.h"

struct signal_actions {
    uint32_t refs; /* atomic */
    struct spinlock lock;
    struct sigaction table[SIGNAL_COUNT]; /* [n - 1]; written under the lock.  Handlers alone are read without it: atomic */
};

static struct signal_actions actions_of_gone = {.refs = 1, .lock = SPINLOCK_INIT};
static struct slab_cache *actions_cache; /* of 2 KiB and a little */

int signal_actions_init(void)
{
    actions_cache = slab_cache_create("sighand_cache", sizeof(struct signal_actions)); /* Linux's name */
    return actions_cache ? 0 : -ENOMEM;
}

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *a = slab_alloc_zero(actions_cache);

    if (!a)
        return NULL;
    a->refs = 1;
    a->lock = (struct spinlock)SPINLOCK_INIT;
    return a;
}

struct signal_actions *signal_actions_share(struct signal_actions *a)
{
    __atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

struct signal_actions *signal_actions_of_gone(void)
{
    return signal_actions_share(&actions_of_gone);
}

void signal_actions_put(struct signal_actions *a)
{
    /* Release pairs with the acquire of the last putter: all uses happen before the free. */
    if (a && !__atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL))
        slab_free(actions_cache, a);
}

bool signal_actions_are_shared(const struct signal_actions *a)
{
    return __atomic_load_n(&a->refs, __ATOMIC_RELAXED) > 1;
}

void signal_actions_copy(struct signal_actions *to, struct signal_actions *from)
{
    uint64_t flags = spin_lock_irqsave(&from->lock);

    memcpy(to->table, from->table, sizeof(to->table));
    spin_unlock_irqrestore(&from->lock, flags);
}

static void set_handler(struct sigaction *action, __sighandler_t handler)
{
    __atomic_store_n(&action->sa_handler, handler, __ATOMIC_RELAXED);
}

void signal_actions_reset(struct signal_actions *a)
{
    uint64_t flags = spin_lock_irqsave(&a->lock);

    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        set_handler(&a->table[i], a->table[i].sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL);
        a->table[i].sa_flags = 0;
        a->table[i].sa_restorer = NULL;
        a->table[i].sa_mask = 0;
    }
    spin_unlock_irqrestore(&a->lock, flags);
}

struct sigaction signal_action(struct signal_actions *a, int signal)
{
    uint64_t flags = spin_lock_irqsave(&a->lock);
    struct sigaction action = a->table[signal - 1];

    spin_unlock_irqrestore(&a->lock, flags);
    return action;
}

__sighandler_t signal_handler(const struct signal_actions *a, int signal)
{
    return __atomic_load_n(&a->table[signal - 1].sa_handler, __ATOMIC_RELAXED);
}

struct sigaction signal_action_set(struct signal_actions *a, int signal, const struct sigaction *action)
{
    struct sigaction *place = &a->table[signal - 1];
    uint64_t flags = spin_lock_irqsave(&a->lock);
    struct sigaction old = *place;

    set_handler(place, action->sa_handler);
    place->sa_flags = action->sa_flags;
    place->sa_restorer = action->sa_restorer;
    place->sa_mask = action->sa_mask;
    spin_unlock_irqrestore(&a->lock, flags);
    return old;
}

void signal_action_default(struct signal_actions *a, int signal)
{
    uint64_t flags = spin_lock_irqsave(&a->lock);

    set_handler(&a->table[signal - 1], SIG_DFL);
    spin_unlock_irqrestore(&a->lock, flags);
}
