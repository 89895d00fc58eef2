/*
 * See hv/hygiene.h.  Branch predictors: IBPB (SDM vol. 4, IA32_PRED_CMD).  First-level data cache: IA32_FLUSH_CMD, on CPUs
 * that may leak it (L1TF).  Fill, store and load buffers: VERW, where microcode gave it that meaning (MD_CLEAR).
 */
#include "hv/hygiene.h"

#include "hv/cpu.h"
#include "lib/log.h"
#include "lib/x86.h"

#define FEATURES7_EDX_MD_CLEAR BIT(10)
#define FEATURES7_EDX_IBPB BIT(26)
#define FEATURES7_EDX_L1D_FLUSH BIT(28)
#define FEATURES7_EDX_ARCH_CAPABILITIES BIT(29)

#define ARCH_RDCL_NO BIT(0)
#define ARCH_SKIP_L1D_FLUSH BIT(3)
#define ARCH_MDS_NO BIT(5)

#define MSR_PRED_CMD 0x49
#define PRED_IBPB BIT(0)
#define MSR_FLUSH_CMD 0x10b
#define FLUSH_L1D BIT(0)

static bool wants_ibpb, wants_l1d_flush, wants_buffer_clear; /* constant after boot */

/* Emulators offer a command and then refuse it: that is found out here, not in the middle of a switch. */
static bool command_works(bool offered, uint32_t msr, uint64_t value, const char *name)
{
    if (!offered)
        return false;
    if (!msr_write_checked(msr, value))
        return true;
    log_info("hygiene: quirk: this CPU offers %s but refuses it", name);
    return false;
}

void hygiene_init(void)
{
    struct cpuid_regs r = cpuid_count(0, 0);
    uint64_t arch = 0;

    if (r.eax < 7)
        return;
    r = cpuid_count(7, 0);
    if ((r.edx & FEATURES7_EDX_ARCH_CAPABILITIES) && msr_read_checked(MSR_ARCH_CAPABILITIES, &arch))
        arch = 0;
    wants_ibpb = command_works(r.edx & FEATURES7_EDX_IBPB, MSR_PRED_CMD, PRED_IBPB, "IBPB");
    wants_l1d_flush = command_works((r.edx & FEATURES7_EDX_L1D_FLUSH) && !(arch & (ARCH_RDCL_NO | ARCH_SKIP_L1D_FLUSH)),
                                    MSR_FLUSH_CMD, FLUSH_L1D, "flushing of L1D");
    wants_buffer_clear = (r.edx & FEATURES7_EDX_MD_CLEAR) && !(arch & ARCH_MDS_NO);
    log_debug("hygiene: between sandboxes: branch predictors %d, L1 data %d, buffers %d", wants_ibpb, wants_l1d_flush,
              wants_buffer_clear);
}

void hygiene_switch(void)
{
    uint16_t selector = SELECTOR_DATA;

    if (wants_ibpb)
        msr_write(MSR_PRED_CMD, PRED_IBPB);
    if (wants_l1d_flush)
        msr_write(MSR_FLUSH_CMD, FLUSH_L1D);
    if (wants_buffer_clear) /* the form with a memory operand is the one that clears */
        __asm__ volatile("verw %0" : : "m"(selector) : "cc");
}
