/*
 * See hv/xstate.h; SDM vol. 1, chapter 13.
 */
#include "hv/xstate.h"

#include "hv/alloc.h"
#include "lib/string.h"
#include "lib/x86.h"

#define XSTATE_LEAF 0xdu
#define FEATURE_X87 BIT(0)
#define FEATURE_SSE BIT(1)
#define FEATURE_AVX BIT(2)
#define FEATURES_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define FEATURE_PKRU BIT(9)
#define FEATURES_KNOWN (FEATURE_X87 | FEATURE_SSE | FEATURE_AVX | FEATURES_AVX512 | FEATURE_PKRU)

#define MXCSR_OFFSET 24
#define MXCSR_DEFAULT 0x1f80u
#define XSTATE_BV_OFFSET 512
#define EXTENDED_OFFSET 576 /* where the first component lies behind the legacy area and header, in both formats */

static uint64_t features; /* the same on all CPUs */
static unsigned area_order;
static bool compaction_broken;

uint64_t xstate_features(void)
{
    return features;
}

bool xstate_compaction_is_broken(void)
{
    return compaction_broken;
}

/*
 * Load a known AVX component by the standard format, store it compacted, and see whether it lies where the manual says.
 * Leaves the vector registers in their initial state.
 */
static bool compaction_probe(void)
{
    char standard[EXTENDED_OFFSET + 256] aligned_to(64), compact[EXTENDED_OFFSET + 256] aligned_to(64);
    uint64_t present = FEATURE_AVX;
    uint32_t mxcsr = MXCSR_DEFAULT;

    if (!(features & FEATURE_AVX) || !(cpuid_count(XSTATE_LEAF, 1).eax & BIT(1)))
        return false;
    memset(standard, 0, sizeof standard);
    memset(compact, 0, sizeof compact);
    memcpy(standard + MXCSR_OFFSET, &mxcsr, sizeof mxcsr);
    memcpy(standard + XSTATE_BV_OFFSET, &present, sizeof present);
    memset(standard + EXTENDED_OFFSET, 0x5a, 256);
    __asm__ volatile("xrstor64 (%0)" : : "r"(standard), "a"((uint32_t)FEATURE_AVX), "d"(0) : "memory");
    __asm__ volatile("xsavec64 (%0)" : : "r"(compact), "a"((uint32_t)FEATURE_AVX), "d"(0) : "memory");
    bool broken = memcmp(standard + EXTENDED_OFFSET, compact + EXTENDED_OFFSET, 256) != 0;
    present = 0;
    memcpy(standard + XSTATE_BV_OFFSET, &present, sizeof present);
    __asm__ volatile("xrstor64 (%0)" : : "r"(standard), "a"((uint32_t)features), "d"(0) : "memory");
    return broken;
}

void xstate_enable(void)
{
    cr4_write(cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
    xcr0_write(features);
}

void xstate_init(void)
{
    struct cpuid_regs r = cpuid_count(XSTATE_LEAF, 0);

    features = (r.eax | (uint64_t)r.edx << 32) & FEATURES_KNOWN;
    xstate_enable();
    while ((PAGE_SIZE << area_order) < r.ecx)
        area_order++;
    compaction_broken = compaction_probe();
}

void *xstate_create(void)
{
    uint32_t mxcsr = MXCSR_DEFAULT;
    char *area = page_alloc(area_order);

    if (!area)
        return NULL;
    memset(area, 0, EXTENDED_OFFSET);
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof mxcsr);
    return area;
}

void xstate_free(void *area)
{
    page_free(area, area_order);
}

void xstate_save(void *area)
{
    xcr0_write(features);
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
}

void xstate_restore(const void *area)
{
    xcr0_write(features);
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
}
