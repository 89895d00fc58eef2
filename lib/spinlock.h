/*
 * Ticket spinlock, the same in both kernels.  Fair; holders never sleep.  Locks that interrupt handlers also take are
 * taken by the _irqsave forms.  `owner` is the holder's CPU + 1, for assertions (relaxed: only the holder's own view
 * of it is meaningful).
 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include "lib/lock_check.h"
#include "lib/log.h"
#include "lib/x86.h"

struct spinlock {
    uint16_t next;    /* ticket to take; fetch_add */
    uint16_t serving; /* ticket being served; release by the holder pairs with the acquire in spin_lock */
    uint32_t owner;
    LOCK_CLASS_FIELD
};

#define SPINLOCK_INIT                                                                                                  \
    {                                                                                                                  \
        .owner = 0                                                                                                     \
    }

/* The build names each kernel's header that defines cpu_index(), this CPU's number from 0. */
#include CPU_INDEX_HEADER

static inline bool spin_is_held_here(const struct spinlock *l)
{
    return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == cpu_index() + 1;
}

#define assert_held(l) assert(spin_is_held_here(l))

static inline __attribute__((always_inline)) void spin_lock(struct spinlock *l)
{
    LOCK_CHECK(lock_check_spin(l, &l->class, LOCK_SITE));
    assert(!spin_is_held_here(l));
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    LOCK_CHECK_VARIABLE(uint32_t rounds = 0)
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket) {
        LOCK_CHECK(lock_check_spinning(l, LOCK_SITE, &rounds));
        cpu_relax();
    }
    __atomic_store_n(&l->owner, cpu_index() + 1, __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *l)
{
    LOCK_CHECK(lock_check_spin_release(l));
    __atomic_store_n(&l->owner, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

/* Returns the interrupt state to hand back to spin_unlock_irqrestore. */
static inline __attribute__((always_inline)) uint64_t spin_lock_irqsave(struct spinlock *l)
{
    uint64_t flags = rflags_read();
    irq_disable();
    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
    spin_unlock(l);
    if (flags & RFLAGS_IF)
        irq_enable();
}

#endif
