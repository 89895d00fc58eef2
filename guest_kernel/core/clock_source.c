/*
 * What the machine says about time: TSC frequency from a hypervisor's timing leaf (0x40000010), CPUID leaf 0x15, KVM's
 * clock page, or measured with channel 2 of the PIT; time of day from KVM's wall clock or the CMOS clock.
 */
#include <asm/kvm_para.h>

#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/layout.h"
#include "lib/log.h"
#include "lib/pit.h"
#include "lib/string.h"
#include "lib/x86.h"

#define HYPERVISOR_LEAF 0x40000000u
#define HYPERVISOR_LEAF_TIMING 0x40000010u

/* KVM's per-CPU clock page and wall clock (Documentation/virt/kvm/x86/msr.rst). */
struct kvm_clock {
    uint32_t version; /* odd: being written */
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns since boot at tsc_timestamp */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad[2];
};

struct kvm_wall_clock {
    uint32_t version;
    uint32_t seconds, nanoseconds; /* of boot */
};

static struct kvm_clock kvm_clock aligned_to(64);
static struct kvm_wall_clock kvm_wall aligned_to(16);
static bool kvm_clock_on;

static uint64_t image_address_phys(const void *p)
{
    return (uintptr_t)p - KERNEL_BASE;
}

static bool hypervisor_leaf(uint32_t leaf)
{
    return (cpuid_count(1, 0).ecx & BIT(31)) && cpuid_count(HYPERVISOR_LEAF, 0).eax >= leaf;
}

static bool kvm_has_clock(void)
{
    struct cpuid_regs r;

    if (!hypervisor_leaf(KVM_CPUID_FEATURES))
        return false;
    r = cpuid_count(HYPERVISOR_LEAF, 0);
    if (r.ebx != 0x4b4d564b || r.ecx != 0x564b4d56 || r.edx != 0x4d) /* "KVMKVMKVM" */
        return false;
    return cpuid_count(KVM_CPUID_FEATURES, 0).eax & BIT(KVM_FEATURE_CLOCKSOURCE2);
}

static void kvm_clock_start(void)
{
    if (kvm_clock_on || !kvm_has_clock())
        return;
    msr_write(MSR_KVM_SYSTEM_TIME_NEW, image_address_phys(&kvm_clock) | 1);
    barrier();
    kvm_clock_on = kvm_clock.tsc_to_system_mul != 0;
}

static uint64_t hz_by_kvm_clock(void)
{
    kvm_clock_start();
    if (!kvm_clock_on)
        return 0;
    uint64_t hz = (NS_PER_S << 32) / kvm_clock.tsc_to_system_mul;

    return kvm_clock.tsc_shift < 0 ? hz << -kvm_clock.tsc_shift : hz >> kvm_clock.tsc_shift;
}

static uint64_t hz_by_cpuid_15(void)
{
    if (cpuid_count(0, 0).eax < 0x15)
        return 0;
    struct cpuid_regs r = cpuid_count(0x15, 0);

    return r.eax && r.ebx && r.ecx ? (uint64_t)r.ecx * r.ebx / r.eax : 0;
}

struct clock_rates clock_rates_find(void)
{
    struct clock_rates rates = {.source = "the hypervisor's timing leaf"};

    if (hypervisor_leaf(HYPERVISOR_LEAF_TIMING)) {
        struct cpuid_regs r = cpuid_count(HYPERVISOR_LEAF_TIMING, 0);

        rates.tsc_hz = r.eax * 1000ULL;
        rates.apic_bus_hz = r.ebx * 1000ULL;
        if (rates.tsc_hz)
            return rates;
    }
    rates.source = "CPUID leaf 0x15";
    rates.tsc_hz = hz_by_cpuid_15();
    if (rates.tsc_hz)
        return rates;
    rates.source = "KVM's clock";
    rates.tsc_hz = hz_by_kvm_clock();
    if (rates.tsc_hz)
        return rates;
    rates.source = "measured by the PIT";
    rates.tsc_hz = pit_tsc_hz();
    if (rates.tsc_hz)
        return rates;
    log_warn("clock: nothing tells the TSC's frequency, taking 1 GHz");
    return (struct clock_rates){.tsc_hz = NS_PER_S, .source = "a guess"};
}

static uint64_t wall_by_kvm(void)
{
    kvm_clock_start();
    if (!kvm_clock_on)
        return 0;
    msr_write(MSR_KVM_WALL_CLOCK_NEW, image_address_phys(&kvm_wall));
    barrier();
    if (!kvm_wall.seconds)
        return 0;
    uint64_t since = kvm_clock.system_time + clock_ns_of_tsc(tsc_read()) - clock_ns_of_tsc(kvm_clock.tsc_timestamp);

    return kvm_wall.seconds * NS_PER_S + kvm_wall.nanoseconds + since;
}

static uint8_t cmos_read(uint8_t index)
{
    port_outb(0x70, index);
    return port_inb(0x71);
}

static unsigned from_bcd(unsigned v)
{
    return (v >> 4) * 10 + (v & 15);
}

/* Days since 1970-01-01 of a Gregorian date (years from March, so that a leap day comes last). */
static uint64_t days_of_date(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned m = month <= 2 ? month + 9 : month - 3;

    return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

struct cmos_time {
    uint8_t second, minute, hour, day, month, year;
};

static struct cmos_time cmos_time_read(void)
{
    return (struct cmos_time){cmos_read(0), cmos_read(2), cmos_read(4), cmos_read(7), cmos_read(8), cmos_read(9)};
}

/* Read until two readings agree: the clock may tick in between. */
static uint64_t wall_by_cmos(void)
{
    struct cmos_time t, again;

    if (cmos_read(0x0a) == 0xff)
        return 0;
    again = cmos_time_read();
    do {
        t = again;
        for (unsigned i = 0; i < 10000 && (cmos_read(0x0a) & 0x80); i++)
            cpu_relax();
        again = cmos_time_read();
    } while (memcmp(&t, &again, sizeof t));
    bool binary = cmos_read(0x0b) & 4;
    unsigned fields[6] = {t.second, t.minute, t.hour, t.day, t.month, t.year};

    for (unsigned i = 0; i < ARRAY_SIZE(fields) && !binary; i++)
        fields[i] = from_bcd(fields[i]);
    if (fields[0] > 59 || fields[1] > 59 || fields[2] > 23)
        return 0;
    if (!fields[3] || fields[3] > 31 || !fields[4] || fields[4] > 12)
        return 0;
    uint64_t days = days_of_date(2000 + fields[5], fields[4], fields[3]);

    return (((days * 24 + fields[2]) * 60 + fields[1]) * 60 + fields[0]) * NS_PER_S;
}

uint64_t wall_clock_read(void)
{
    uint64_t wall = wall_by_kvm();

    return wall ? wall : wall_by_cmos();
}
