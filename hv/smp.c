/*
 * See hv/smp.h.  CPUs set themselves up one after the other, under `turn`, so each knows who came before it.
 */
#include "hv/smp.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/paging.h"
#include "hv/timer.h"
#include "hv/vmx/vmx.h"
#include "hv/xstate.h"
#include "lib/log.h"
#include "lib/madt.h"
#include "lib/string.h"

#define AP_START 0x8000u /* hv/boot/ap_start.S; nobody else uses low memory (hv/main/boot_info.c) */
#define AP_MAX (CPU_MAX - 1)
#define STACK_PAGES 4u

#define LEAF_TOPOLOGY 0xbu
#define TOPOLOGY_THREADS 1u /* of ECX[15:8] */

/* Where the BIOS leaves ACPI's root pointer, and the end of the direct map (hv/paging.c). */
#define BIOS_START 0xe0000u
#define BIOS_END 0x100000u
#define TABLES_END GiB(512)

#define AFTER_INIT_US 10000u
#define AFTER_STARTUP_US 200u
#define ARRIVAL_US 100000u
#define ARRIVAL_LISTED_US 1000000u /* those are known to be there */

extern const char ap_start[], ap_start_end[];
extern uint32_t ap_arrived; /* counted by hv/boot/ap_start.S */
extern void *ap_stacks[AP_MAX];
void ap_main(void);

uint32_t ap_arrived;
void *ap_stacks[AP_MAX]; /* tops */

static struct madt_cpus others;
static void (*ap_work)(void);
static bool share_cores, use_vmx;
static uint32_t turn;    /* atomic: 1 while a CPU sets itself up; no spinlock, as those know their CPU's number */
static bool closed;      /* `turn`: who comes now is too late */
static uint32_t settled; /* atomic: CPUs that are done with that, for better or worse */
static const char *left_out; /* atomic: why the last CPU that does not take part does not */
static uint32_t cores[CPU_MAX]; /* of the CPUs that take part, by index: under `turn` */

static void wait_us(uint64_t us)
{
    uint64_t end = tsc_read() + us * tsc_hz() / 1000000;

    while (tsc_read() < end)
        cpu_relax();
}

static const void *tables_reach(uint64_t phys, uint64_t n)
{
    if (phys >= TABLES_END || n > TABLES_END - phys || paging_map_ram(phys, phys + n))
        return NULL;
    return phys_to_virt(phys);
}

/* The CPUs that the MADT lists but this one, in `others`; false: there is no MADT, or none that makes sense. */
static bool others_find(uint64_t rsdp)
{
    if (!rsdp)
        rsdp = madt_find_rsdp(BIOS_START, BIOS_END, tables_reach);
    int error = madt_read(rsdp, tables_reach, &others);
    if (error == -EINVAL)
        log_warn("smp: the ACPI tables are damaged");
    unsigned reachable = 0;
    bool lists_this = false; /* a list without it is not of this machine */
    for (unsigned i = 0; i < others.count; i++) {
        uint32_t id = others.apic_ids[i];
        if (id == this_cpu()->apic_id)
            lists_this = true;
        else if (apic_reaches(id))
            others.apic_ids[reachable++] = id;
    }
    others.count = reachable;
    return lists_this;
}

/* How many CPUs to wait for beside this one, where nobody lists them; more may come, or fewer. */
static unsigned others_guess(void)
{
    struct cpuid_regs r = cpuid_count(1, 0);
    unsigned n = r.edx & BIT(28) ? MAX(r.ebx >> 16 & 0xff, 1u) : 1;

    if (cpuid_count(0, 0).eax < LEAF_TOPOLOGY)
        return n - 1;
    for (uint32_t level = 0; level < 4; level++) {
        r = cpuid_count(LEAF_TOPOLOGY, level);
        n = MAX(n, r.ebx & 0xffff);
    }
    return n - 1;
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

    if (closed)
        return "it came too late";
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

static void turn_take(void)
{
    while (__atomic_exchange_n(&turn, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
}

static void turn_give(void)
{
    __atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
}

void ap_main(void)
{
    turn_take();
    cr3_write(cr3_read()); /* nothing of the one-to-one page is left in the TLB once this CPU has settled */
    const char *why = ap_set_up();
    if (why) /* not logged here: this CPU may be too bare for that */
        __atomic_store_n(&left_out, why, __ATOMIC_RELAXED);
    turn_give();
    __atomic_fetch_add(&settled, 1, __ATOMIC_RELEASE);
    if (!why)
        ap_work();
}

/* How many of `count` there is memory for: a CPU without one halts at once. */
static unsigned stacks_make(unsigned count)
{
    unsigned made = 0;

    while (made < count && (ap_stacks[made] = stack_create(STACK_PAGES)))
        made++;
    return made;
}

static uint32_t settled_now(void)
{
    return __atomic_load_n(&settled, __ATOMIC_ACQUIRE);
}

/* The `count` first of `others`, or all that are there. */
static void messages_send(bool listed, unsigned count)
{
    const unsigned start_page = AP_START >> PAGE_SHIFT;

    if (!listed) {
        others.apic_ids[0] = APIC_OTHERS;
        count = 1;
    }
    for (unsigned i = 0; i < count; i++)
        apic_send_init(others.apic_ids[i]);
    wait_us(AFTER_INIT_US);
    for (unsigned twice = 0; twice < 2; twice++) {
        for (unsigned i = 0; i < count; i++)
            apic_send_startup(others.apic_ids[i], start_page);
        wait_us(AFTER_STARTUP_US);
    }
}

static bool has_joined(uint32_t apic_id)
{
    for (unsigned i = 0; i < cpu_count(); i++)
        if (cpu_at(i)->apic_id == apic_id)
            return true;
    return false;
}

/* Whom the messages reach later would find nothing at AP_START: back to sleep with them. */
static void door_close(bool listed, unsigned count)
{
    turn_take();
    closed = true;
    turn_give();
    for (unsigned i = 0; listed && i < count; i++)
        if (!has_joined(others.apic_ids[i]))
            apic_send_init(others.apic_ids[i]);
}

void smp_start(void (*work)(void), uint64_t rsdp, bool smt, bool with_vmx)
{
    bool listed = others_find(rsdp);
    unsigned expected = MIN(listed ? others.count : others_guess(), AP_MAX);

    cores[0] = core_number();
    if (expected == 0)
        return;
    ap_work = work;
    share_cores = smt;
    use_vmx = with_vmx;
    expected = stacks_make(expected);
    memcpy(phys_to_virt(AP_START), ap_start, (size_t)(ap_start_end - ap_start));
    paging_low_map(true);
    messages_send(listed, expected);
    uint64_t end = tsc_read() + (listed ? ARRIVAL_LISTED_US : ARRIVAL_US) * tsc_hz() / 1000000;
    while (settled_now() < expected && tsc_read() < end)
        cpu_relax();
    while (settled_now() < MIN(__atomic_load_n(&ap_arrived, __ATOMIC_RELAXED), expected)) /* on their way through here */
        cpu_relax();
    door_close(listed, expected);
    paging_low_map(false);
    const char *why = __atomic_load_n(&left_out, __ATOMIC_RELAXED);
    if (why)
        log_info("smp: a CPU stays out: %s", why);
    log_info("smp: %u CPUs, started by %s", cpu_count(), listed ? "ACPI's list" : "a message to all");
}
