/*
 * The lock-order checker of the debug build (-Ddebug_checks=true); nothing in the others.  Locks made at one place are a
 * class.  A class that was once taken while another was held must never be taken the other way round, directly or over
 * others; a class that interrupt handlers take must never be taken with interrupts on; mutexes are not taken, and no task
 * sleeps, under a spinlock.  Whatever breaks this panics with both places, before the lock is waited for.
 */
#ifndef LIB_LOCK_CHECK_H
#define LIB_LOCK_CHECK_H

#include "config.h"
#include "lib/compiler.h"

#define LOCK_HELD_MAX 12

/* One lock held: its class and where it was taken. */
struct lock_held {
    const void *lock;
    uint64_t site;
    uint32_t class;
};

/* The mutexes that a task holds; it may move between CPUs. */
struct lock_held_list {
    struct lock_held held[LOCK_HELD_MAX];
    uint32_t count;
};

#if CONFIG_DEBUG_CHECKS

/* A lock's class: any address that is the same for all of its kind.  0: the place where it is first taken. */
struct lock_class {
    uint64_t key;
};

#define LOCK_HELD_FIELD(name) struct lock_held_list name;
#define LOCK_CLASS_FIELD struct lock_class class;

/* The address of the code around it. */
static inline __attribute__((always_inline)) uint64_t lock_site(void)
{
    uint64_t here;

    __asm__ volatile("leaq 0(%%rip), %0" : "=r"(here));
    return here;
}

static inline void lock_class_set(struct lock_class *c, uint64_t key)
{
    c->key = key;
}

/* Before the lock is waited for; after it is given back. */
void lock_check_spin(const void *lock, struct lock_class *class, uint64_t site);
void lock_check_spin_release(const void *lock);
/* Each round of waiting for a lock, which counts them in *rounds: panics when nobody can mean to hold it any more. */
void lock_check_spinning(const void *lock, uint64_t site, uint32_t *rounds);
/* `wait`: may sleep for it, so the order counts.  Release pairs with either. */
void lock_check_mutex(struct lock_held_list *mine, const void *lock, struct lock_class *class, uint64_t site, bool wait);
void lock_check_mutex_release(struct lock_held_list *mine, const void *lock);
/* This CPU enters or leaves an interrupt handler. */
void lock_check_interrupt(bool enters);
/* Each kernel says which mutexes the running task holds; NULL: it has none of the kind. */
struct lock_held_list *lock_check_mutexes(void);
/* No spinlock is held here but `but` (NULL: none at all). */
void lock_check_none(const void *but);

#define LOCK_SITE lock_site()
#define LOCK_CHECK(call) call
#define LOCK_CHECK_VARIABLE(declaration) declaration;

#else

#define LOCK_HELD_FIELD(name)
#define LOCK_CLASS_FIELD
#define LOCK_CHECK(call) ((void)0)
#define LOCK_CHECK_VARIABLE(declaration)

#endif
#endif
