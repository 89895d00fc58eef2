/*
 * Every CPUID leaf of the ranges that mean something and samples of the others, with their subleaves: twice the same answer,
 * zeros outside of the ranges that leaf 0, 0x40000000 and 0x80000000 name.
 */
#include "tests/guests/guest.h"

#define RANGE 0x10000u
#define SUBLEAVES 70u
#define LEAVES_WITH_SUBLEAVES 0x40u

static uint64_t asked, answered, wrong;

static bool is_zero(const struct cpuid_regs *r)
{
    return !(r->eax | r->ebx | r->ecx | r->edx);
}

static void ask(uint32_t leaf, uint32_t subleaf, bool may_answer)
{
    struct cpuid_regs first = cpuid_count(leaf, subleaf), second = cpuid_count(leaf, subleaf);
    bool same = first.eax == second.eax && first.ebx == second.ebx && first.ecx == second.ecx && first.edx == second.edx;

    asked++;
    answered += !is_zero(&first);
    if (same && (may_answer || is_zero(&first)))
        return;
    wrong++;
    print_number((uint64_t)leaf << 32 | subleaf);
    check(same ? ": a leaf that is not there" : ": another answer the second time", false);
}

static void ask_range(const char *name, uint32_t first)
{
    uint32_t last = cpuid_count(first, 0).eax;

    asked = answered = 0;
    for (uint32_t leaf = 0; leaf < RANGE; leaf++) {
        uint32_t subleaves = leaf < LEAVES_WITH_SUBLEAVES ? SUBLEAVES : 1;
        for (uint32_t subleaf = 0; subleaf < subleaves; subleaf++)
            ask(first + leaf, subleaf, first + leaf <= MAX(last, first + 0x101)); /* 0x40000100 and the next: abi/capture.h and zeroed memory */
    }
    print(name);
    say(": leaves asked", asked);
    print(name);
    say(": leaves answered", answered);
}

void guest_main(void)
{
    ask_range("basic", 0);
    ask_range("hypervisor", 0x40000000);
    ask_range("extended", 0x80000000);
    asked = answered = 0;
    for (unsigned i = 0; i < 5000; i++)
        ask((uint32_t)random() | 0x10000000, (uint32_t)random(), false);
    for (uint32_t leaf = 0xfffffff0; leaf; leaf++)
        ask(leaf, 0xffffffff, false);
    check_equal("cpuid: elsewhere nothing answers", answered, 0);
    check_equal("cpuid: the same twice, zeros where nothing is", wrong, 0);
    print("done\n");
}
