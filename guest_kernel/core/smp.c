/*
 * Starting the other CPUs: INIT, SIPI, SIPI (Intel SDM vol. 3 section 9.4.4) into a copy of ap_trampoline (ap_start.S)
 * in a page below 1 MiB, one CPU at a time.  A CPU that does not answer, or whose TSC is not the boot CPU's, is left
 * out: time here is the TSC, read by whichever CPU a task is on.
 */
#include "guest_kernel/core/smp.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/paging.h"
#include "guest_kernel/core/sched.h"
#include "guest_kernel/core/stacks.h"
#include "guest_kernel/core/timers.h"
#include "lib/log.h"
#include "lib/madt.h"
#include "lib/string.h"

#define REACH_MAX MiB(2)

/* Microseconds.  Processors of this century need no 10 ms after INIT; the answer may take long on a busy host. */
#define INIT_DELAY 20
#define SIPI_DELAY 200
#define ANSWER_DELAY 1000000

/* ap_start.S */
extern const char ap_trampoline[], ap_trampoline_end[];
extern uint64_t ap_stack; /* atomic: taken by the CPU that starts; 0: taken, or nobody may */

noreturn void ap_start(void);

static struct madt_cpus found;
static uint64_t low_page;
static uint32_t starting;   /* index of the CPU that starts */
static uint64_t ap_tsc;     /* atomic: its TSC, when it is through; 0: not yet */
static uint32_t ap_may_run; /* atomic: 1 it may, 2 it must not */

static const void *tables_reach(uint64_t phys, uint64_t n)
{
    if (phys >= GiB(4) || n > REACH_MAX || !paging_map_direct(phys, phys + n))
        return NULL;
    return phys_to_virt(phys);
}

void smp_find(uint64_t rsdp_phys)
{
    int error = madt_read(rsdp_phys, tables_reach, &found);

    if (error == -EINVAL)
        log_warn("smp: the ACPI tables are damaged, one CPU will do");
}

void smp_set_low_page(uint64_t phys)
{
    low_page = phys;
}

static void delay(uint64_t us)
{
    uint64_t end = tsc_read() + us * clock_tsc_hz() / 1000000;

    while ((int64_t)(end - tsc_read()) > 0)
        cpu_relax();
}

/* First C code of another CPU, on the stack that its idle task will have. */
void ap_start(void)
{
    uint32_t index = starting;

    cpu_init_early(index);
    apic_init_cpu();
    fpu_init_cpu();
    timers_init_cpu();
    sched_init();
    cpu_init_syscall();
    capture_init();
    __atomic_store_n(&ap_tsc, tsc_read(), __ATOMIC_RELEASE);
    uint32_t may;

    while (!(may = __atomic_load_n(&ap_may_run, __ATOMIC_ACQUIRE)))
        cpu_relax();
    if (may != 1)
        cpu_stop();
    __atomic_fetch_or(&cpus_online, BIT(index), __ATOMIC_SEQ_CST);
    sched_idle();
}

static bool has_answered(void)
{
    return __atomic_load_n(&ap_tsc, __ATOMIC_ACQUIRE);
}

static bool wait_for_answer(uint64_t us)
{
    uint64_t end = tsc_read() + us * clock_tsc_hz() / 1000000;

    while (!has_answered() && (int64_t)(end - tsc_read()) > 0)
        cpu_relax();
    return has_answered();
}

/* True: it is here, with ap_tsc set.  False: it is not, and will not come any more. */
static bool summon(uint32_t apic_id)
{
    apic_send_init(apic_id);
    delay(INIT_DELAY);
    apic_send_startup(apic_id, low_page);
    if (wait_for_answer(SIPI_DELAY))
        return true;
    if (__atomic_load_n(&ap_stack, __ATOMIC_ACQUIRE))
        apic_send_startup(apic_id, low_page);
    if (wait_for_answer(ANSWER_DELAY))
        return true;
    /* Has it begun meanwhile, it must be waited for: it uses the stack. */
    if (__atomic_exchange_n(&ap_stack, 0, __ATOMIC_ACQ_REL))
        return false;
    while (!has_answered())
        cpu_relax();
    return true;
}

static bool cpu_start(uint32_t index, uint32_t apic_id)
{
    void *stack = cpu_prepare(index) ? stack_alloc() : NULL;

    if (!stack) {
        log_warn("smp: no memory for CPU %u", index);
        return false;
    }
    starting = index;
    ap_tsc = 0;
    ap_may_run = 0;
    __atomic_store_n(&ap_stack, (uintptr_t)stack + KERNEL_STACK_SIZE, __ATOMIC_RELEASE);
    uint64_t before = tsc_read();

    if (!summon(apic_id)) {
        log_warn("smp: the CPU with APIC id %u does not start", apic_id);
        stack_free(stack);
        return false;
    }
    uint64_t theirs = ap_tsc, after = tsc_read();
    bool same = theirs >= before && theirs <= after;

    if (same)
        cpu_count = index + 1; /* its idle loop looks at it */
    else
        log_warn("smp: CPU %u is not used: its TSC says %lu, between %lu and %lu here", index, theirs, before, after);
    __atomic_store_n(&ap_may_run, same ? 1 : 2, __ATOMIC_RELEASE);
    while (same && !cpu_is_online(index))
        cpu_relax();
    return same;
}

void smp_start(uint64_t limit)
{
    uint32_t next = 1;

    if (found.count < 2 || limit < 2)
        return;
    if (!low_page) {
        log_warn("smp: no memory below 1 MiB to start %u CPUs in", found.count - 1);
        return;
    }
    ipi_init();
    paging_trampoline(low_page, true);
    memcpy(phys_to_virt(low_page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    for (uint32_t i = 0; i < found.count && next < MIN(limit, (uint64_t)CPU_MAX); i++) {
        if (found.apic_ids[i] == this_cpu()->apic_id || !apic_can_reach(found.apic_ids[i]))
            continue;
        if (cpu_start(next, found.apic_ids[i]))
            next++; /* one that did not start leaves its index to the next */
    }
    paging_trampoline(low_page, false);
    log_info("smp: %u of %u CPUs run", cpu_count, found.count + found.left_out);
}
