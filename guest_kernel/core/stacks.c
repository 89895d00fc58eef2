/*
 * See stacks.h.  A slot of address space per stack, found in a bitmap; a few freed stacks stay mapped for the next
 * task. When there are more, some are unmapped together: all CPUs must forget them before their slots are used again.
 * `stacks_lock` guards bitmap and cache; taken with interrupts off, above the VMAP lock.
 */
#include "guest_kernel/core/stacks.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/paging.h"
#include "guest_kernel/core/tlb.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define SLOT_SIZE (2UL * KERNEL_STACK_SIZE)
#define SLOT_COUNT 32768u
#define CACHE_SIZE 8
#define STACK_PAGES (KERNEL_STACK_SIZE / PAGE_SIZE)

static struct spinlock stacks_lock = SPINLOCK_INIT;
static uint64_t slots_used[SLOT_COUNT / 64];
static unsigned first_word; /* words before it are full */
static void *cache[CACHE_SIZE];
static unsigned cached;
static uint32_t mapped; /* stacks that have pages, those in the cache included */

static void *slot_take(void)
{
    for (; first_word < ARRAY_SIZE(slots_used); first_word++) {
        uint64_t free = ~slots_used[first_word];

        if (!free)
            continue;
        unsigned bit = (unsigned)__builtin_ctzll(free);

        slots_used[first_word] |= BIT(bit);
        return (void *)(VMAP_BASE + (first_word * 64UL + bit) * SLOT_SIZE + KERNEL_STACK_SIZE);
    }
    return NULL;
}

static void slot_give(void *stack)
{
    uint64_t slot = ((uintptr_t)stack - VMAP_BASE) / SLOT_SIZE;

    slots_used[slot / 64] &= ~BIT(slot % 64);
    first_word = MIN(first_word, (unsigned)(slot / 64));
}

static void pages_unmap(void *stack, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE_SIZE) {
        page_put(page_of_phys(kernel_unmap_page((uintptr_t)stack + at)));
        tlb_flush_page((uintptr_t)stack + at); /* no other CPU has seen this stack */
    }
}

static bool pages_map(void *stack)
{
    for (size_t at = 0; at < KERNEL_STACK_SIZE; at += PAGE_SIZE) {
        struct page *p = page_alloc(0);

        if (p && kernel_map_page((uintptr_t)stack + at, page_phys(p), PTE_KERNEL_DATA))
            continue;
        if (p)
            page_put(p);
        pages_unmap(stack, at);
        return false;
    }
    return true;
}

void *stack_alloc(void)
{
    uint64_t flags = spin_lock_irqsave(&stacks_lock);
    void *stack = cached ? cache[--cached] : NULL;

    if (!stack) {
        stack = slot_take();
        if (stack && !pages_map(stack)) {
            slot_give(stack);
            stack = NULL;
        }
        mapped += stack != NULL;
    }
    spin_unlock_irqrestore(&stacks_lock, flags);
    return stack;
}

/* Without the lock: nobody else knows these stacks. */
static void stacks_unmap(void *const *stacks, unsigned count)
{
    struct page *pages[CACHE_SIZE * STACK_PAGES];

    for (unsigned i = 0; i < count * STACK_PAGES; i++)
        pages[i] = page_of_phys(kernel_unmap_page((uintptr_t)stacks[i / STACK_PAGES] + i % STACK_PAGES * PAGE_SIZE));
    tlb_flush_kernel();
    for (unsigned i = 0; i < count * STACK_PAGES; i++)
        page_put(pages[i]);
}

void stack_free(void *stack)
{
    void *surplus[CACHE_SIZE / 2];
    uint64_t flags = spin_lock_irqsave(&stacks_lock);
    bool full = cached == CACHE_SIZE;

    if (full) {
        cached -= CACHE_SIZE / 2;
        mapped -= CACHE_SIZE / 2;
        memcpy(surplus, &cache[cached], sizeof surplus);
    }
    cache[cached++] = stack;
    spin_unlock_irqrestore(&stacks_lock, flags);
    if (!full)
        return;
    stacks_unmap(surplus, CACHE_SIZE / 2);
    flags = spin_lock_irqsave(&stacks_lock);
    for (unsigned i = 0; i < CACHE_SIZE / 2; i++)
        slot_give(surplus[i]);
    spin_unlock_irqrestore(&stacks_lock, flags);
}

void stack_counts(uint32_t *used, uint32_t *all)
{
    uint64_t flags = spin_lock_irqsave(&stacks_lock);

    *used = mapped - cached;
    *all = mapped;
    spin_unlock_irqrestore(&stacks_lock, flags);
}
