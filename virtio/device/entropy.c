/*
 * Random bytes; see entropy.h.  No state but the fallback's counter, which any CPU may advance.
 */
#include "virtio/device/entropy.h"

#include "lib/string.h"
#include "lib/x86.h"

#define CPUID_1_ECX_RDRAND BIT(30)
#define CPUID_7_EBX_RDSEED BIT(18)
#define TRIES 16 /* SDM vol. 1, 7.3.17.1 asks for 10 of RDRAND */

static bool rdseed(uint64_t *value)
{
    bool good;

    __asm__ volatile("rdseed %0" : "=r"(*value), "=@ccc"(good));
    return good;
}

static bool rdrand(uint64_t *value)
{
    bool good;

    __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(good));
    return good;
}

struct generators {
    bool rdseed, rdrand;
};

static struct generators generators_of_cpu(void)
{
    return (struct generators){
        .rdseed = cpuid_count(0, 0).eax >= 7 && (cpuid_count(7, 0).ebx & CPUID_7_EBX_RDSEED),
        .rdrand = cpuid_count(1, 0).ecx & CPUID_1_ECX_RDRAND,
    };
}

static bool from_cpu(const struct generators *g, uint64_t *value)
{
    for (int i = 0; i < TRIES && g->rdseed; i++)
        if (rdseed(value))
            return true;
    for (int i = 0; i < TRIES && g->rdrand; i++)
        if (rdrand(value))
            return true;
    return false;
}

/* Not random: the time stamp counter through the finaliser of splitmix64. */
static uint64_t guessable(void)
{
    static uint64_t counter;
    uint64_t x = __atomic_add_fetch(&counter, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED) ^ tsc_read();

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

bool entropy_fill(void *to, size_t n)
{
    struct generators g = generators_of_cpu();
    bool good = true;
    uint64_t value;

    for (size_t done = 0; done < n; done += sizeof(value)) {
        if (!from_cpu(&g, &value)) {
            value = guessable();
            good = false;
        }
        memcpy((uint8_t *)to + done, &value, MIN(n - done, sizeof(value)));
    }
    return good;
}
