/*
 * Interrupt messages of the guest: the local APIC's command register (SDM vol. 3, section 11.6) and the MSIs of devices
 * (11.11).  Both name a set of local APICs of the same VM; nothing here can reach another VM or the machine's own APIC.
 */
#include "hv/vm.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "vmexit/lapic_state.h"

#define DELIVERY_FIXED 0
#define DELIVERY_LOWEST 1
#define DELIVERY_NMI 4
#define DELIVERY_INIT 5
#define DELIVERY_STARTUP 6

#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL_TRIGGERED BIT(15)

#define MSI_ADDRESS 0xfee00000u
#define MSI_LOGICAL BIT(2)

#define VECTOR_FIRST 16u /* the ones below are illegal */

enum shorthand { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

struct message {
    const struct lapic *from; /* NULL: a device */
    uint32_t destination;
    bool logical;
    enum shorthand shorthand;
    unsigned delivery, vector;
};

static const struct lapic_events *events; /* set once at boot */

void lapic_set_events(const struct lapic_events *e)
{
    events = e;
}

static bool matches_logical(const struct lapic *l, uint32_t destination)
{
    uint32_t ldr = l->ldr;

    if (lapic_is_x2(l))
        return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff);
    if (l->dfr >> 28 == 0xf) /* flat */
        return (destination & ldr >> 24) != 0;
    return (destination & 0xf0) == (ldr >> 24 & 0xf0) && (destination & ldr >> 24 & 0xf); /* cluster */
}

static bool matches(const struct lapic *l, const struct message *m)
{
    uint32_t everybody = m->from && lapic_is_x2(m->from) ? 0xffffffff : 0xff;

    switch (m->shorthand) {
    case TO_SELF:
        return l == m->from;
    case TO_ALL:
        return true;
    case TO_OTHERS:
        return l != m->from;
    case TO_DESTINATION:
        break;
    }
    if (m->destination == everybody)
        return true;
    return m->logical ? matches_logical(l, m->destination) : m->destination == l->id;
}

static bool deliver(struct lapic *l, const struct message *m)
{
    switch (m->delivery) {
    case DELIVERY_FIXED:
    case DELIVERY_LOWEST:
        if (m->vector < VECTOR_FIRST)
            return false;
        lapic_post(l, m->vector);
        return true;
    case DELIVERY_NMI:
        if (events)
            events->nmi(l->vcpu);
        return events != NULL;
    case DELIVERY_INIT:
        if (events)
            events->init(l->vcpu);
        return events != NULL;
    case DELIVERY_STARTUP:
        if (events)
            events->startup(l->vcpu, m->vector);
        return events != NULL;
    default: /* SMI, ExtINT: there is nobody to take them */
        return false;
    }
}

/* To every vCPU that is meant; a lowest-priority message to the first of them.  False: somebody could not take it. */
static bool message_send(struct vm *vm, const struct message *m)
{
    bool taken = true;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct lapic *l = vm->vcpu[i] ? vm->vcpu[i]->lapic : NULL;
        if (!l || !matches(l, m))
            continue;
        taken = deliver(l, m) && taken;
        if (m->delivery == DELIVERY_LOWEST)
            break;
    }
    return taken;
}

static void count_dropped(struct lapic *l)
{
    __atomic_fetch_add(&l->dropped, 1, __ATOMIC_RELAXED);
}

void lapic_icr_write(struct lapic *l, uint64_t icr)
{
    struct message m = {
        .from = l,
        .destination = lapic_is_x2(l) ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56),
        .logical = icr & ICR_LOGICAL,
        .shorthand = (enum shorthand)(icr >> 18 & 3),
        .delivery = (unsigned)(icr >> 8 & 7),
        .vector = (unsigned)(icr & 0xff),
    };

    /* "INIT level de-assert" of old start-up sequences: there is no level to take back. */
    if (m.delivery == DELIVERY_INIT && (icr & ICR_LEVEL_TRIGGERED) && !(icr & ICR_ASSERT))
        return;
    if (m.delivery <= DELIVERY_LOWEST && m.vector < VECTOR_FIRST) {
        lapic_error(l, LAPIC_ESR_SEND_ILLEGAL);
        return;
    }
    if (!message_send(l->vcpu->vm, &m))
        count_dropped(l);
}

void vm_msi(struct vm *vm, uint64_t address, uint32_t data)
{
    struct message m = {
        .destination = (uint32_t)(address >> 12 & 0xff),
        .logical = address & MSI_LOGICAL,
        .delivery = data >> 8 & 7,
        .vector = data & 0xff,
    };
    bool sound = address >> 20 == MSI_ADDRESS >> 20 && m.delivery <= DELIVERY_NMI;

    if ((!sound || !message_send(vm, &m)) && vm->vcpu[0] && vm->vcpu[0]->lapic)
        count_dropped(vm->vcpu[0]->lapic);
}
