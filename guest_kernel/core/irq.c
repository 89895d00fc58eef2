/*
 * See irq.h.  Each device vector has one handler, given out in order and never given back; `irq_lock` guards that.
 */
#include "guest_kernel/core/irq.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/irq_dispatch.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/paging.h"
#include "guest_kernel/core/trap.h"
#include "lib/spinlock.h"

#define DEVICE_VECTORS (VECTOR_LAST_DEVICE - VECTOR_FIRST_DEVICE + 1)
#define MSI_ADDRESS_BASE 0xfee00000u

static struct {
    void (*handler)(void *context); /* atomic: written last */
    void *context;
} devices[DEVICE_VECTORS];

static struct spinlock irq_lock = SPINLOCK_INIT;
static unsigned vectors_used;
static uint64_t mmio_used;

int irq_allocate(void (*handler)(void *context), void *context, struct msi_message *message)
{
    uint64_t flags = spin_lock_irqsave(&irq_lock);
    unsigned i = vectors_used;

    if (i < DEVICE_VECTORS)
        vectors_used++;
    spin_unlock_irqrestore(&irq_lock, flags);
    if (i >= DEVICE_VECTORS)
        return -ENOSPC;
    devices[i].context = context;
    /* Pairs with the acquire in irq_dispatch(): who sees the handler sees its context. */
    __atomic_store_n(&devices[i].handler, handler, __ATOMIC_RELEASE);
    /* Fixed delivery, edge, physical destination (SDM vol. 3 section 11.11). */
    message->address = MSI_ADDRESS_BASE | (this_cpu()->apic_id & 0xff) << 12;
    message->data = VECTOR_FIRST_DEVICE + i;
    return (int)(VECTOR_FIRST_DEVICE + i);
}

bool irq_dispatch(unsigned vector)
{
    if (vector < VECTOR_FIRST_DEVICE || vector > VECTOR_LAST_DEVICE)
        return false;
    void (*handler)(void *) = __atomic_load_n(&devices[vector - VECTOR_FIRST_DEVICE].handler, __ATOMIC_ACQUIRE);

    if (!handler)
        return false;
    handler(devices[vector - VECTOR_FIRST_DEVICE].context);
    return true;
}

volatile void *mmio_map(uint64_t phys, size_t size)
{
    uint64_t offset = phys & (PAGE_SIZE - 1);
    uint64_t bytes = ALIGN_UP(offset + size, PAGE_SIZE);
    uint64_t flags = spin_lock_irqsave(&irq_lock);
    uint64_t va = VMAP_MMIO_BASE + mmio_used;
    bool fits = size && bytes >= size && bytes <= VMAP_MMIO_SIZE - mmio_used;

    if (fits)
        mmio_used += bytes;
    spin_unlock_irqrestore(&irq_lock, flags);
    if (!fits)
        return NULL;
    for (uint64_t done = 0; done < bytes; done += PAGE_SIZE)
        if (!kernel_map_page(va + done, phys - offset + done, PTE_KERNEL_DEVICE))
            return NULL;
    return (volatile void *)(va + offset);
}
