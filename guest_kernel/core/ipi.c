/*
 * See ipi.h.  A call is a record of its sender's; each receiver has a set of senders whose records it has to look at. 
 * So there is no lock, and CPUs may call each other at the same time: who waits serves what comes in meanwhile.
 */
#include "guest_kernel/core/ipi.h"

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/trap.h"
#include "lib/lock_check.h"

struct call {
    void (*fn)(void *);
    void *argument;
    uint64_t waiting;  /* atomic: CPUs that have not run it */
    uint64_t incoming; /* atomic: of this CPU as a receiver, the senders */
} aligned_to(64);

static struct call calls[CPU_MAX]; /* by sender */

static void calls_serve(void)
{
    uint32_t self = cpu_index();
    /* Acquire pairs with the release in ipi_call(): the records are seen. */
    uint64_t from = __atomic_exchange_n(&calls[self].incoming, 0, __ATOMIC_ACQ_REL);

    while (from) {
        struct call *c = &calls[__builtin_ctzll(from)];

        from &= from - 1;
        c->fn(c->argument);
        __atomic_fetch_and(&c->waiting, ~BIT(self), __ATOMIC_RELEASE);
    }
}

void ipi_call(uint64_t mask, void (*fn)(void *), void *argument)
{
    uint32_t self = cpu_index();
    struct call *c = &calls[self];

    mask &= __atomic_load_n(&cpus_online, __ATOMIC_RELAXED) & ~BIT(self);
    LOCK_CHECK(lock_check_none(NULL));
    if (!mask)
        return;
    c->fn = fn;
    c->argument = argument;
    __atomic_store_n(&c->waiting, mask, __ATOMIC_RELAXED);
    for (uint64_t left = mask; left; left &= left - 1) {
        uint32_t to = (uint32_t)__builtin_ctzll(left);

        __atomic_fetch_or(&calls[to].incoming, BIT(self), __ATOMIC_RELEASE);
        apic_send_fixed(cpu_at(to)->apic_id, VECTOR_CALL);
    }
    /* Acquire: what the others did in fn is done. */
    while (__atomic_load_n(&c->waiting, __ATOMIC_ACQUIRE)) {
        uint64_t flags = rflags_read();

        irq_disable();
        calls_serve();
        if (flags & RFLAGS_IF)
            irq_enable();
        cpu_relax();
    }
}

void ipi_reschedule(uint32_t index)
{
    apic_send_fixed(cpu_at(index)->apic_id, VECTOR_RESCHEDULE);
}

/* The return from the interrupt does all that is to do: an idle CPU looks at its queue, a task at its work. */
static void reschedule_interrupt(void)
{
}

static void stop_interrupt(void)
{
    cpu_stop();
}

void ipi_stop_others(void)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        if (i != cpu_index() && cpu_is_online(i))
            apic_send_fixed(cpu_at(i)->apic_id, VECTOR_STOP);
}

void ipi_init(void)
{
    trap_set_interrupt(VECTOR_CALL, calls_serve);
    trap_set_interrupt(VECTOR_RESCHEDULE, reschedule_interrupt);
    trap_set_interrupt(VECTOR_STOP, stop_interrupt);
}
