/*
 * See capture.h.  A page is its CPU's alone, and the hypervisor reads it only while that CPU is stopped in an exit, so
 * plain stores suffice.  The boot CPU's lies in the image.
 */
#include "guest_kernel/core/capture.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/layout.h"
#include "lib/log.h"
#include "lib/string.h"

static union {
    struct capture_page page;
    uint8_t whole[PAGE_SIZE];
} boot_page aligned_to(4096);

static struct msi_message answers; /* made by the boot CPU, constant then */

static long hypervisor_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    long result;

    __asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static struct capture_page *page_of_this_cpu(void)
{
    if (cpu_index() == 0)
        return &boot_page.page;
    struct page *p = page_alloc_zero();

    return p ? page_address(p) : NULL;
}

static uint64_t page_place(const struct capture_page *page)
{
    return cpu_index() == 0 ? (uintptr_t)page - KERNEL_BASE : virt_to_phys(page);
}

void capture_init(void)
{
    if (!(cpuid_count(1, 0).ecx & BIT(31)))
        return;
    struct cpuid_regs r = cpuid_count(CAPTURE_CPUID_LEAF, 0);

    if (r.eax < CAPTURE_VERSION || r.ebx != CAPTURE_SIGNATURE_EBX || r.ecx != CAPTURE_SIGNATURE_ECX ||
        r.edx != CAPTURE_SIGNATURE_EDX)
        return;
    struct capture_page *page = page_of_this_cpu();

    if (!page) {
        log_warn("capture: no memory for the page of CPU %u", cpu_index());
        return;
    }
    page->version = CAPTURE_VERSION;
    if (cpu_index() == 0)
        capture_answers_init(&answers);
    long error = hypervisor_call(CAPTURE_CALL_REGISTER, page_place(page), answers.address, answers.data);

    if (error) {
        log_warn("capture: the hypervisor refused the capture page (%ld)", error);
        return;
    }
    this_cpu()->capture = page;
    log_info("capture: registered with the hypervisor");
}

void capture_switch(struct task *t)
{
    struct capture_page *page = capture_page();

    if (likely(!page))
        return;
    page->pid = (uint32_t)t->pid;
    page->tid = (uint32_t)t->tid;
    page->buffer = t->capture ? virt_to_phys(t->capture) : 0;
}

void capture_begin(struct capture_page *page, struct task *t)
{
    page->dispatches++;
    if (!__atomic_load_n(&page->active, __ATOMIC_RELAXED))
        return;
    if (unlikely(page->wanted))
        capture_requested(page, t);
    if (!t->capture)
        return;
    t->capture->used = 0;
    t->capture->lost = 0;
    t->capture_flushes = 0;
    t->capture_unread = 0;
    if (t->call_nr < SYSCALL_COUNT && capture_reads[t->call_nr])
        capture_observe_begin(t);
}

/* The hypervisor takes what there is, and the buffer is empty; false: it does not, or too often. */
static bool flush(struct task *t)
{
    if (t->capture_flushes >= CAPTURE_MORE_MAX || hypervisor_call(CAPTURE_CALL_MORE, 0, 0, 0))
        return false;
    t->capture_flushes++;
    t->capture->used = 0;
    return true;
}

void capture_flush(struct task *t)
{
    if (t->capture && t->capture->used)
        (void)flush(t);
}

/* The way back need not be the long one for capture_observe()'s sake. */
static void all_is_read(struct task *t)
{
    t->capture_unread = 0;
    __atomic_fetch_and(&t->work, ~TASK_OBSERVE, __ATOMIC_RELAXED);
}

static void append(struct task *t, uint64_t address, const void *bytes, size_t kept, size_t total,
                   enum capture_direction direction)
{
    struct capture_buffer *b = t->capture;

    if (!b || t->call_nr == ~0UL)
        return;
    size_t size = ALIGN_UP(sizeof(struct capture_item) + kept, (size_t)8);

    if ((b->used > sizeof b->items || size > sizeof b->items - b->used) && !flush(t)) {
        b->lost++;
        return;
    }
    struct capture_item *item = (struct capture_item *)(void *)(b->items + b->used);

    *item =
        (struct capture_item){address, (uint32_t)MIN(total, (size_t)UINT32_MAX), (uint16_t)kept, (uint16_t)direction};
    memcpy(item->bytes, bytes, kept);
    b->used += (uint32_t)size;
    if (direction == CAPTURE_IN && address == t->capture_unread && address)
        all_is_read(t);
}

void capture_append(uint64_t address, const void *bytes, size_t n, enum capture_direction direction)
{
    append(task_current(), address, bytes, MIN(n, (size_t)CAPTURE_ITEM_MAX), n, direction);
}

void capture_append_cut(uint64_t address, const void *bytes, size_t kept, size_t total,
                        enum capture_direction direction)
{
    append(task_current(), address, bytes, kept, total, direction);
}

long capture_check(enum capture_judged kind, uint64_t address, const void *bytes, size_t n)
{
    register uint64_t rsi __asm__("rsi") = kind;
    long result = CAPTURE_CALL_CHECK;

    __asm__ volatile("vmcall" : "+a"(result) : "b"(bytes), "c"(n), "d"(address), "r"(rsi) : "memory");
    return result;
}

long capture_answer(bool withdraw)
{
    return hypervisor_call(CAPTURE_CALL_ANSWER, withdraw, 0, 0);
}

void capture_close(long result)
{
    if (capture_active())
        hypervisor_call(CAPTURE_CALL_CLOSE, (uint64_t)result, 0, 0);
}

long capture_changed(const struct syscall_args *args, uint64_t rip)
{
    register uint64_t r10 __asm__("r10") = args->a[3], r8 __asm__("r8") = args->a[4], r9 __asm__("r9") = args->a[5];
    long result = CAPTURE_CALL_CHANGED;

    if (!capture_active())
        return 0;
    __asm__ volatile("vmcall"
                     : "+a"(result)
                     : "b"(args->nr), "c"(rip), "D"(args->a[0]), "S"(args->a[1]), "d"(args->a[2]), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "memory");
    if (!result)
        capture_begin(capture_page(), task_current());
    return result;
}

void capture_signal(const void *siginfo)
{
    if (capture_active())
        hypervisor_call(CAPTURE_CALL_SIGNAL, (uintptr_t)siginfo, 0, 0);
}

void capture_task_new(int32_t tid, int32_t pid, int32_t parent_tid)
{
    if (capture_active())
        hypervisor_call(CAPTURE_CALL_TASK_NEW, (uint32_t)tid, (uint32_t)pid, (uint32_t)parent_tid);
}

void capture_task_exit(uint32_t wait_status)
{
    if (capture_active())
        hypervisor_call(CAPTURE_CALL_TASK_EXIT, wait_status, 0, 0);
}
