/*
 * Access to the current VMCS of this CPU, and the bits of its control fields (SDM vol. 3, chapter 25).
 */
#ifndef HV_VMX_VMCS_H
#define HV_VMX_VMCS_H

#include "lib/compiler.h"

enum vmcs_field {
#define VMCS_FIELD(name, encoding) VMCS_##name = encoding,
#include "hv/vmx/fields.def"
#undef VMCS_FIELD
};

#define PIN_EXTERNAL_INTERRUPT BIT(0)
#define PIN_NMI BIT(3)
#define PIN_VIRTUAL_NMI BIT(5)
#define PIN_PREEMPTION_TIMER BIT(6)

#define PROC_INTERRUPT_WINDOW BIT(2)
#define PROC_HLT BIT(7)
#define PROC_MWAIT BIT(10)
#define PROC_RDPMC BIT(11)
#define PROC_CR8_LOAD BIT(19)
#define PROC_CR8_STORE BIT(20)
#define PROC_NMI_WINDOW BIT(22)
#define PROC_ALL_IO BIT(24)
#define PROC_MSR_BITMAP BIT(28)
#define PROC_MONITOR BIT(29)
#define PROC_SECONDARY BIT(31)

#define PROC2_EPT BIT(1)
#define PROC2_RDTSCP BIT(3)
#define PROC2_VPID BIT(5)
#define PROC2_WBINVD BIT(6)
#define PROC2_UNRESTRICTED BIT(7)
#define PROC2_PAUSE_LOOP BIT(10)
#define PROC2_INVPCID BIT(12)
#define PROC2_XSAVES BIT(20)

#define EXIT_SAVE_DEBUG BIT(2)
#define EXIT_HOST_64 BIT(9)
#define EXIT_SAVE_PAT BIT(18)
#define EXIT_LOAD_PAT BIT(19)
#define EXIT_SAVE_EFER BIT(20)
#define EXIT_LOAD_EFER BIT(21)

#define ENTRY_LOAD_DEBUG BIT(2)
#define ENTRY_IA32E BIT(9)
#define ENTRY_LOAD_PAT BIT(14)
#define ENTRY_LOAD_EFER BIT(15)

#define EVENT_VECTOR 0xffu
#define EVENT_TYPE_MASK (7u << 8)
#define EVENT_EXTERNAL (0u << 8)
#define EVENT_NMI (2u << 8)
#define EVENT_EXCEPTION (3u << 8)
#define EVENT_SOFTWARE_INTERRUPT (4u << 8)
#define EVENT_PRIVILEGED_EXCEPTION (5u << 8)
#define EVENT_SOFTWARE_EXCEPTION (6u << 8)
#define EVENT_HAS_ERROR BIT(11)
#define EVENT_NMI_UNBLOCKING BIT(12) /* of an exit: IRET had already unblocked NMIs */
#define EVENT_VALID BIT(31)

#define BLOCKED_BY_STI BIT(0)
#define BLOCKED_BY_MOV_SS BIT(1)
#define BLOCKED_BY_NMI BIT(3)
#define BLOCKED_SHADOW (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)

#define RIGHTS_UNUSABLE BIT(16)
#define RIGHTS_LONG_MODE BIT(13)
#define RIGHTS_DPL_SHIFT 5

#define PENDING_DEBUG_SINGLE_STEP BIT(14)

static inline uint64_t vmcs_read(enum vmcs_field field)
{
    uint64_t value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((uint64_t)field) : "cc");
    return value;
}

void vmcs_write_failed(enum vmcs_field field, uint64_t value);

static inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
    bool failed;
    __asm__ volatile("vmwrite %2, %1" : "=@ccna"(failed) : "r"((uint64_t)field), "r"(value));
    if (unlikely(failed))
        vmcs_write_failed(field, value);
}

/* The same without the check, for the path of every exit: fields that set-up has written before. */
static inline void vmcs_put(enum vmcs_field field, uint64_t value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"((uint64_t)field), "r"(value) : "cc");
}

/* A row of the table that sets a VMCS up; the name is for the message when the CPU refuses it. */
struct vmcs_row {
    enum vmcs_field field;
    uint64_t value;
    const char *name;
};

/* clang-format off */
#define VMCS_ROW(f, v) {VMCS_##f, (v), #f}
/* clang-format on */

/* 0, or -EINVAL: a row was refused and has been named in the log. */
int vmcs_write_rows(const struct vmcs_row *rows, unsigned count) must_check;
const char *vmcs_field_name(enum vmcs_field field); /* "?" if unknown */

#endif
