/*
 * See hv/smp.h.  CPUs set themselves up one after the other, under `turn`, so each knows who came before it.
 */
#include "hv/smp.h"

#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/paging.h"
#include "hv/timer.h"
#include "hv/vmx/vmx.h"
#include "hv/xstate.h"
#include "lib/log.h"
#include "lib/string.h"

#define AP_START 0x8000u /* hv/boot/ap_start.S; nobody else uses low memory (hv/main/boot_info.c) */
#define AP_MAX (CPU_MAX - 1)
#define STACK_PAGES 4u

#define LEAF_TOPOLOGY 0xbu
#define TOPOLOGY_THREADS 1u /* of ECX[15:8] */

#define AFTER_INIT_US 10000u
#define AFTER_STARTUP_US 200u
#define ARRIVAL_US 100000u

extern const char ap_start[], ap_start_end[];
extern uint32_t ap_arrived; /* counted by hv/boot/ap_start.S */
extern void *ap_stacks[AP_MAX];
void ap_main(void);

uint32_t ap_arrived;
void *ap_stacks[AP_MAX]; /* tops */

static void (*ap_work)(void);
static bool share_cores, use_vmx;
static uint32_t turn;    /* atomic: 1 while a CPU sets itself up; no spinlock, as those know their CPU's number */
static uint32_t settled; /* atomic: CPUs that are done with that, for better or worse */
static const char *left_out; /* atomic: why the last CPU that does not take part does not */
static uint32_t cores[CPU_MAX]; /* of the CPUs that take part, by index: under `turn` */

static void wait_us(uint64_t us)
{
    uint64_t end = tsc_read() + us * tsc_hz() / 1000000;

    while (tsc_read() < end)
        cpu_relax();
}

/* How many CPUs to wait for, this one included; more may come, or fewer. */
static unsigned cpus_expected(void)
{
    struct cpuid_regs r = cpuid_count(1, 0);
    unsigned n = r.edx & BIT(28) ? r.ebx >> 16 & 0xff : 1;

    if (cpuid_count(0, 0).eax < LEAF_TOPOLOGY)
        return n;
    for (uint32_t level = 0; level < 4; level++) {
        r = cpuid_count(LEAF_TOPOLOGY, level);
        n = MAX(n, r.ebx & 0xffff);
    }
    return n;
}

/* A number that only threads of one core share.  CPUs whose CPUID does not tell are cores of their own. */
static uint32_t core_number(void)
{
    struct cpuid_regs r = {0};

    if (cpuid_count(0, 0).eax < LEAF_TOPOLOGY)
        return cpuid_count(1, 0).ebx >> 24;
    r = cpuid_count(LEAF_TOPOLOGY, 0);
    return (r.ecx >> 8 & 0xff) == TOPOLOGY_THREADS ? r.edx >> (r.eax & 0x1f) : r.edx;
}

static bool is_core_taken(uint32_t core)
{
    for (unsigned i = 0; i < cpu_count(); i++)
        if (cores[i] == core)
            return true;
    return false;
}

/* NULL, or why this CPU cannot take part. */
static const char *ap_set_up(void)
{
    uint32_t core = core_number();

    if (cpu_count() == CPU_MAX)
        return "there are more than this hypervisor knows to use";
    if (!share_cores && is_core_taken(core))
        return "it shares its core, and sandboxes are not to (smt=1 would allow it)";
    cores[cpu_count()] = core;
    cpu_init(cpu_count());
    if (cpu_init_stacks() || apic_init())
        return "no memory for it, or it has no local APIC";
    xstate_enable();
    if (use_vmx && vmx_enable())
        return "VMXON failed on it";
    cpu_join();
    return NULL;
}

void ap_main(void)
{
    while (__atomic_exchange_n(&turn, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
    cr3_write(cr3_read()); /* nothing of the one-to-one page is left in the TLB once this CPU has settled */
    const char *why = ap_set_up();
    if (why) /* not logged here: this CPU may be too bare for that */
        __atomic_store_n(&left_out, why, __ATOMIC_RELAXED);
    __atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&settled, 1, __ATOMIC_RELEASE);
    if (!why)
        ap_work();
}

static void stacks_make(unsigned count)
{
    for (unsigned i = 0; i < MIN(count, AP_MAX); i++)
        ap_stacks[i] = stack_create(STACK_PAGES);
}

static uint32_t settled_now(void)
{
    return __atomic_load_n(&settled, __ATOMIC_ACQUIRE);
}

void smp_start(void (*work)(void), bool smt, bool with_vmx)
{
    unsigned expected = cpus_expected();

    cores[0] = core_number();
    if (expected <= 1)
        return;
    ap_work = work;
    share_cores = smt;
    use_vmx = with_vmx;
    stacks_make(expected - 1);
    memcpy(phys_to_virt(AP_START), ap_start, (size_t)(ap_start_end - ap_start));
    paging_low_map(true);
    apic_send_init_to_others();
    wait_us(AFTER_INIT_US);
    for (unsigned i = 0; i < 2; i++) {
        apic_send_startup_to_others(AP_START >> PAGE_SHIFT);
        wait_us(AFTER_STARTUP_US);
    }
    uint64_t end = tsc_read() + ARRIVAL_US * tsc_hz() / 1000000;
    while (settled_now() < expected - 1 && tsc_read() < end)
        cpu_relax();
    while (settled_now() < MIN(__atomic_load_n(&ap_arrived, __ATOMIC_RELAXED), AP_MAX)) /* on their way through here */
        cpu_relax();
    paging_low_map(false);
    const char *why = __atomic_load_n(&left_out, __ATOMIC_RELAXED);
    if (why)
        log_info("smp: a CPU stays out: %s", why);
    log_info("smp: %u CPUs", cpu_count());
}
