/*
 * The frequency of this machine's TSC.  Sources, in this order: the hypervisor above us (CPUID 0x40000010), the HPET, the
 * PIT.  CPUID 0x15/0x16 are not believed: emulators report their model's figures there.
 */
#include "hv/tsc.h"

#include <asm-generic/errno.h>

#include "hv/paging.h"
#include "hv/timer.h"
#include "lib/log.h"
#include "lib/pit.h"
#include "lib/x86.h"

#define HYPERVISOR_LEAF 0x40000000u
#define HYPERVISOR_FREQUENCY_LEAF 0x40000010u

#define HPET_BASE 0xfed00000u
#define HPET_ID 0x00
#define HPET_PERIOD 0x04
#define HPET_CONFIG 0x10
#define HPET_COUNTER 0xf0
#define HPET_PERIOD_MAX 100000000u /* femtoseconds: at least 10 MHz (HPET specification 1.0a, 2.3.4) */
#define HPET_ENABLE 1u
#define FS_PER_S 1000000000000000ULL
#define HPET_WINDOW_FS (400ULL * 1000000000) /* 0.4 ms */

#define HPET_SPIN 100000000u

static uint64_t hz;

uint64_t tsc_hz(void)
{
    return hz;
}

static uint64_t hypervisor_hz(void)
{
    if (!(cpuid_count(1, 0).ecx & BIT(31)) || cpuid_count(HYPERVISOR_LEAF, 0).eax < HYPERVISOR_FREQUENCY_LEAF)
        return 0;
    return cpuid_count(HYPERVISOR_FREQUENCY_LEAF, 0).eax * 1000ULL;
}

/* Crystals give round numbers and the window is good for 50 ppm: take the megahertz that lies within that. */
static uint64_t round_hz(uint64_t measured)
{
    uint64_t nearest = (measured + 500000) / 1000000 * 1000000;
    uint64_t difference = nearest > measured ? nearest - measured : measured - nearest;

    return difference < measured / 20000 ? nearest : measured;
}

static uint64_t hpet_hz(void)
{
    volatile uint32_t *hpet = mmio_map(HPET_BASE, 0x400);

    if (!hpet || hpet[HPET_ID / 4] == 0 || hpet[HPET_ID / 4] == ~0u)
        return 0;
    uint64_t period = hpet[HPET_PERIOD / 4];
    if (period == 0 || period > HPET_PERIOD_MAX)
        return 0;
    hpet[HPET_CONFIG / 4] |= HPET_ENABLE;
    uint32_t window = (uint32_t)(HPET_WINDOW_FS / period);
    uint32_t first = hpet[HPET_COUNTER / 4];
    uint64_t start = tsc_read();
    uint32_t elapsed = 0;
    for (unsigned spin = 0; elapsed < window && spin < HPET_SPIN; spin++)
        elapsed = hpet[HPET_COUNTER / 4] - first;
    uint64_t ticks = tsc_read() - start;
    if (elapsed < window)
        return 0;
    return round_hz(ticks * (FS_PER_S / 1000) / period * 1000 / elapsed);
}

int tsc_init(void)
{
    hz = hypervisor_hz();
    if (!hz)
        hz = hpet_hz();
    if (!hz)
        hz = round_hz(pit_tsc_hz());
    log_info("tsc: %llu kHz", (unsigned long long)(hz / 1000));
    return hz ? 0 : -ENODEV;
}
