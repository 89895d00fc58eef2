/*
 * /proc/cpuinfo, from CPUID (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
 */
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"
#include "lib/x86.h"

enum word { LEAF1_EDX, LEAF1_ECX, EXT1_EDX, EXT1_ECX, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX, WORDS };

struct flag {
    uint8_t word, bit;
    const char *name;
};

/* In the order and by the names of Linux. */
static const struct flag flags[] = {
    {LEAF1_EDX, 0, "fpu"}, {LEAF1_EDX, 1, "vme"}, {LEAF1_EDX, 2, "de"}, {LEAF1_EDX, 3, "pse"}, {LEAF1_EDX, 4, "tsc"},
    {LEAF1_EDX, 5, "msr"}, {LEAF1_EDX, 6, "pae"}, {LEAF1_EDX, 7, "mce"}, {LEAF1_EDX, 8, "cx8"},
    {LEAF1_EDX, 9, "apic"}, {LEAF1_EDX, 11, "sep"}, {LEAF1_EDX, 12, "mtrr"}, {LEAF1_EDX, 13, "pge"},
    {LEAF1_EDX, 14, "mca"}, {LEAF1_EDX, 15, "cmov"}, {LEAF1_EDX, 16, "pat"}, {LEAF1_EDX, 17, "pse36"},
    {LEAF1_EDX, 19, "clflush"}, {LEAF1_EDX, 23, "mmx"}, {LEAF1_EDX, 24, "fxsr"}, {LEAF1_EDX, 25, "sse"},
    {LEAF1_EDX, 26, "sse2"}, {LEAF1_EDX, 27, "ss"}, {LEAF1_EDX, 28, "ht"}, {EXT1_EDX, 11, "syscall"},
    {EXT1_EDX, 20, "nx"}, {EXT1_EDX, 22, "mmxext"}, {EXT1_EDX, 25, "fxsr_opt"}, {EXT1_EDX, 26, "pdpe1gb"},
    {EXT1_EDX, 27, "rdtscp"}, {EXT1_EDX, 29, "lm"}, {LEAF1_ECX, 0, "pni"}, {LEAF1_ECX, 1, "pclmulqdq"},
    {LEAF1_ECX, 3, "monitor"}, {LEAF1_ECX, 5, "vmx"}, {LEAF1_ECX, 9, "ssse3"}, {LEAF1_ECX, 12, "fma"},
    {LEAF1_ECX, 13, "cx16"}, {LEAF1_ECX, 17, "pcid"}, {LEAF1_ECX, 19, "sse4_1"}, {LEAF1_ECX, 20, "sse4_2"},
    {LEAF1_ECX, 21, "x2apic"}, {LEAF1_ECX, 22, "movbe"}, {LEAF1_ECX, 23, "popcnt"},
    {LEAF1_ECX, 24, "tsc_deadline_timer"}, {LEAF1_ECX, 25, "aes"}, {LEAF1_ECX, 26, "xsave"}, {LEAF1_ECX, 28, "avx"},
    {LEAF1_ECX, 29, "f16c"}, {LEAF1_ECX, 30, "rdrand"}, {LEAF1_ECX, 31, "hypervisor"}, {EXT1_ECX, 0, "lahf_lm"},
    {EXT1_ECX, 5, "abm"}, {EXT1_ECX, 6, "sse4a"}, {EXT1_ECX, 7, "misalignsse"}, {EXT1_ECX, 8, "3dnowprefetch"},
    {LEAF7_EBX, 0, "fsgsbase"}, {LEAF7_EBX, 1, "tsc_adjust"}, {LEAF7_EBX, 3, "bmi1"}, {LEAF7_EBX, 5, "avx2"},
    {LEAF7_EBX, 7, "smep"}, {LEAF7_EBX, 8, "bmi2"}, {LEAF7_EBX, 9, "erms"}, {LEAF7_EBX, 10, "invpcid"},
    {LEAF7_EBX, 16, "avx512f"}, {LEAF7_EBX, 17, "avx512dq"}, {LEAF7_EBX, 18, "rdseed"}, {LEAF7_EBX, 19, "adx"},
    {LEAF7_EBX, 20, "smap"}, {LEAF7_EBX, 21, "avx512ifma"}, {LEAF7_EBX, 23, "clflushopt"}, {LEAF7_EBX, 24, "clwb"},
    {LEAF7_EBX, 28, "avx512cd"}, {LEAF7_EBX, 29, "sha_ni"}, {LEAF7_EBX, 30, "avx512bw"},
    {LEAF7_EBX, 31, "avx512vl"}, {LEAF7_ECX, 1, "avx512vbmi"}, {LEAF7_ECX, 2, "umip"}, {LEAF7_ECX, 3, "pku"},
    {LEAF7_ECX, 8, "gfni"}, {LEAF7_ECX, 9, "vaes"}, {LEAF7_ECX, 10, "vpclmulqdq"}, {LEAF7_ECX, 16, "la57"},
    {LEAF7_ECX, 22, "rdpid"}, {LEAF7_EDX, 4, "fsrm"},
};

static uint32_t highest_leaf(uint32_t base)
{
    return cpuid_count(base, 0).eax;
}

static void read_words(uint32_t words[WORDS])
{
    struct cpuid_regs leaf1 = cpuid_count(1, 0), none = {0};
    struct cpuid_regs leaf7 = highest_leaf(0) >= 7 ? cpuid_count(7, 0) : none;
    struct cpuid_regs ext1 = highest_leaf(0x80000000) >= 0x80000001 ? cpuid_count(0x80000001, 0) : none;

    words[LEAF1_EDX] = leaf1.edx;
    words[LEAF1_ECX] = leaf1.ecx;
    words[EXT1_EDX] = ext1.edx;
    words[EXT1_ECX] = ext1.ecx;
    words[LEAF7_EBX] = leaf7.ebx;
    words[LEAF7_ECX] = leaf7.ecx;
    words[LEAF7_EDX] = leaf7.edx;
}

static void vendor(char out[13])
{
    struct cpuid_regs r = cpuid_count(0, 0);

    memcpy(out, &r.ebx, 4);
    memcpy(out + 4, &r.edx, 4);
    memcpy(out + 8, &r.ecx, 4);
    out[12] = '\0';
}

static void brand(char out[49])
{
    string_copy(out, "unknown", 49);
    if (highest_leaf(0x80000000) < 0x80000004)
        return;
    for (uint32_t n = 0; n < 3; n++) {
        struct cpuid_regs r = cpuid_count(0x80000002 + n, 0);
        memcpy(out + 16 * n, &r, 16);
    }
    out[48] = '\0';
}

/* Family and model with their extensions (SDM 2A, "CPUID signature"). */
static void signature(uint32_t eax, unsigned *family, unsigned *model)
{
    *family = eax >> 8 & 15;
    *model = eax >> 4 & 15;
    if (*family == 6 || *family == 15)
        *model |= (eax >> 16 & 15) << 4;
    if (*family == 15)
        *family += eax >> 20 & 255;
}

static void show_flags(struct text *t)
{
    uint32_t words[WORDS];

    read_words(words);
    text_printf(t, "flags\t\t:");
    for (size_t n = 0; n < ARRAY_SIZE(flags); n++)
        if (words[flags[n].word] >> flags[n].bit & 1)
            text_printf(t, " %s", flags[n].name);
    text_printf(t, "\nbugs\t\t:\n");
}

static void show_sizes(struct text *t)
{
    unsigned sizes = highest_leaf(0x80000000) >= 0x80000008 ? cpuid_count(0x80000008, 0).eax : 0x3024;
    unsigned line = (cpuid_count(1, 0).ebx >> 8 & 255) * 8;
    unsigned long long hz = clock_tsc_hz();

    text_printf(t, "bogomips\t: %llu.%02u\nclflush size\t: %u\ncache_alignment\t: %u\n", hz / 500000,
                (unsigned)(hz / 5000 % 100), line ? line : 64, line ? line : 64);
    text_printf(t, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n", sizes & 255,
                sizes >> 8 & 255);
}

static void show_cpu(struct text *t, uint32_t index)
{
    char vendor_name[13], brand_name[49];
    unsigned family, model, eax = cpuid_count(1, 0).eax;
    unsigned long long khz = clock_tsc_hz() / 1000;

    vendor(vendor_name);
    brand(brand_name);
    signature(eax, &family, &model);
    text_printf(t, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n", index,
                vendor_name, family, model, brand_name);
    text_printf(t, "stepping\t: %u\ncpu MHz\t\t: %llu.%03u\nphysical id\t: 0\nsiblings\t: %u\n", eax & 15, khz / 1000,
                (unsigned)(khz % 1000), cpu_count);
    text_printf(t, "core id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n", index, cpu_count,
                cpu_at(index)->apic_id, cpu_at(index)->apic_id);
    text_printf(t, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", highest_leaf(0));
    show_flags(t);
    show_sizes(t);
}

int procfs_show_cpuinfo(struct text *t)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        show_cpu(t, i);
    return 0;
}
