/*
 * See lib/lock_check.h.  Linked in debug builds alone.  What was seen is kept for good: `after` says which class was taken
 * while which was held, and where.  It is only added to, under `table_lock`, which is not a checked lock itself; readers
 * without it see an older state, which at worst makes them look again.
 */
#include "lib/lock_check.h"

#include "lib/log.h"
#include "lib/spinlock.h"
#include "lib/x86.h"

#if CONFIG_DEBUG_CHECKS

#define CLASS_MAX 96u
#define CPUS 64u
#define SPIN_ROUNDS_MAX (1u << 27) /* seconds on any machine, a minute or two on an emulated one */
#define IMAGE_BASE 0xffffffff00000000ULL /* sites are kept by their low halves */

static uint64_t keys[CLASS_MAX]; /* atomic, 0: free; an open hash table */
static struct {
    uint32_t from, to; /* sites; to is atomic, 0: never */
} after[CLASS_MAX][CLASS_MAX]; /* [held][taken] */
static uint32_t in_interrupt_at[CLASS_MAX], interruptible_at[CLASS_MAX]; /* sites, atomic; 0: never */

static struct {
    struct lock_held_list spins;
    uint32_t interrupts;
} cpus[CPUS] aligned_to(64);

static bool table_lock; /* atomic */

static uint64_t site_of(uint32_t low)
{
    return IMAGE_BASE | low;
}

static uint32_t class_of(struct lock_class *c, uint64_t site)
{
    uint64_t key = __atomic_load_n(&c->key, __ATOMIC_RELAXED);

    if (!key) {
        uint64_t none = 0;

        key = site;
        if (!__atomic_compare_exchange_n(&c->key, &none, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            key = none;
    }
    for (uint32_t i = 0; i < CLASS_MAX; i++) {
        uint32_t at = (uint32_t)(key / 4 + i) % CLASS_MAX;
        uint64_t found = 0;

        if (__atomic_compare_exchange_n(&keys[at], &found, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) || found == key)
            return at;
    }
    panic("lock check: more than %u classes of locks", CLASS_MAX);
}

static bool table_enter(void)
{
    return !__atomic_exchange_n(&table_lock, true, __ATOMIC_ACQUIRE);
}

static void table_leave(void)
{
    __atomic_store_n(&table_lock, false, __ATOMIC_RELEASE);
}

static bool is_known(uint32_t held, uint32_t taken)
{
    return __atomic_load_n(&after[held][taken].to, __ATOMIC_RELAXED);
}

/* The first step of a way from one class to another over what was seen; CLASS_MAX: there is none.  Table lock held. */
static uint32_t way_find(uint32_t from, uint32_t to)
{
    static uint8_t first[CLASS_MAX]; /* of the way to each class; 0xff: not reached */
    static uint8_t queue[CLASS_MAX];
    uint32_t head = 0, tail = 0;

    for (uint32_t i = 0; i < CLASS_MAX; i++)
        first[i] = 0xff;
    queue[tail++] = (uint8_t)from;
    while (head < tail) {
        uint32_t at = queue[head++];

        for (uint32_t next = 0; next < CLASS_MAX; next++) {
            if (!is_known(at, next) || first[next] != 0xff || next == from)
                continue;
            first[next] = at == from ? (uint8_t)next : first[at];
            queue[tail++] = (uint8_t)next;
        }
    }
    return first[to] == 0xff ? CLASS_MAX : first[to];
}

static void order_note(const struct lock_held *h, uint32_t taken, uint64_t site)
{
    uint32_t step;

    if (h->class == taken || is_known(h->class, taken)) /* within a class the code has an order of its own */
        return;
    while (!table_enter())
        cpu_relax();
    step = way_find(taken, h->class);
    if (step == CLASS_MAX) {
        after[h->class][taken].from = (uint32_t)h->site;
        __atomic_store_n(&after[h->class][taken].to, (uint32_t)site, __ATOMIC_RELAXED);
    }
    table_leave();
    if (step == CLASS_MAX)
        return;
    log_error("backtrace: 0x%lx (takes a lock)", site);
    log_error("backtrace: 0x%lx (took one that is held)", h->site);
    log_error("backtrace: 0x%lx (before, in the other order: held)", site_of(after[taken][step].from));
    log_error("backtrace: 0x%lx (before, in the other order: taken)", site_of(after[taken][step].to));
    panic("lock order: two locks are taken in both orders");
}

static void list_add(struct lock_held_list *l, const void *lock, uint32_t class, uint64_t site)
{
    if (l->count == LOCK_HELD_MAX)
        panic("lock check: more than %u locks held, the last one taken at 0x%lx", LOCK_HELD_MAX, site);
    l->held[l->count++] = (struct lock_held){lock, site, class};
}

static void list_remove(struct lock_held_list *l, const void *lock)
{
    uint32_t i = l->count;

    while (i > 0 && l->held[i - 1].lock != lock)
        i--;
    if (!i)
        panic("lock check: a lock is given back that is not held");
    for (l->count--; i - 1 < l->count; i++)
        l->held[i - 1] = l->held[i];
}

static void order_check(const struct lock_held_list *l, uint32_t taken, uint64_t site)
{
    for (uint32_t i = 0; i < l->count; i++)
        order_note(&l->held[i], taken, site);
}

/* A holder that is interrupted by a handler that wants the lock would never go on. */
static void interrupts_check(uint32_t class, uint64_t site)
{
    uint32_t *mine = cpus[cpu_index()].interrupts ? in_interrupt_at : rflags_read() & RFLAGS_IF ? interruptible_at : NULL;

    if (!mine)
        return;
    if (!__atomic_load_n(&mine[class], __ATOMIC_RELAXED))
        __atomic_store_n(&mine[class], (uint32_t)site, __ATOMIC_SEQ_CST);
    uint32_t other = __atomic_load_n(mine == in_interrupt_at ? &interruptible_at[class] : &in_interrupt_at[class],
                                     __ATOMIC_SEQ_CST);

    if (!other)
        return;
    log_error("backtrace: 0x%lx (takes it %s)", site, mine == in_interrupt_at ? "in an interrupt" : "with interrupts on");
    log_error("backtrace: 0x%lx (took it the other way)", site_of(other));
    panic("lock check: a lock that interrupts take is taken with interrupts on");
}

void lock_check_spin(const void *lock, struct lock_class *c, uint64_t site)
{
    uint32_t class = class_of(c, site);
    struct lock_held_list *mutexes = lock_check_mutexes();

    interrupts_check(class, site);
    uint64_t flags = rflags_read();

    irq_disable();
    struct lock_held_list *spins = &cpus[cpu_index()].spins;

    order_check(spins, class, site);
    if (mutexes && !cpus[cpu_index()].interrupts)
        order_check(mutexes, class, site);
    list_add(spins, lock, class, site);
    if (flags & RFLAGS_IF)
        irq_enable();
}

void lock_check_spin_release(const void *lock)
{
    uint64_t flags = rflags_read();

    irq_disable();
    list_remove(&cpus[cpu_index()].spins, lock);
    if (flags & RFLAGS_IF)
        irq_enable();
}

void lock_check_spinning(const void *lock, uint64_t site, uint32_t *rounds)
{
    if (++*rounds < SPIN_ROUNDS_MAX)
        return;
    log_error("backtrace: 0x%lx (waits for the spinlock)", site);
    panic("lock check: the spinlock at %p is never given: it is held for ever, or it is not a lock any more", lock);
}

void lock_check_mutex(struct lock_held_list *mine, const void *lock, struct lock_class *c, uint64_t site, bool wait)
{
    uint32_t class = class_of(c, site);
    uint64_t flags = rflags_read();

    if (wait) {
        lock_check_none(NULL);
        irq_disable(); /* a handler must not find the table locked by its own CPU */
        order_check(mine, class, site);
        if (flags & RFLAGS_IF)
            irq_enable();
    }
    list_add(mine, lock, class, site);
}

void lock_check_mutex_release(struct lock_held_list *mine, const void *lock)
{
    list_remove(mine, lock);
}

void lock_check_interrupt(bool enters)
{
    cpus[cpu_index()].interrupts += enters ? 1 : -1;
}

void lock_check_none(const void *but)
{
    const struct lock_held_list *l = &cpus[cpu_index()].spins;

    if (cpus[cpu_index()].interrupts)
        panic("lock check: an interrupt handler would sleep or wait for other CPUs");
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->held[i].lock == but)
            continue;
        log_error("backtrace: 0x%lx (took the spinlock)", l->held[i].site);
        panic("lock check: a spinlock is held where its holder would sleep or wait for other CPUs");
    }
}

#endif
