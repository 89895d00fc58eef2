/*
 * Exceptions and interrupts in C.  User mode's faults become signals through task_ops.user_fault with the numbers that
 * Linux gives; the kernel's own faults are either announced (the fix-up table of the copy doors) or end in a panic.
 */
#include "guest_kernel/core/trap.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/debug.h"
#include "guest_kernel/core/fixup.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/irq_dispatch.h"
#include "guest_kernel/core/return.h"
#include "guest_kernel/core/space_fault.h"
#include "guest_kernel/core/task.h"
#include "lib/lock_check.h"
#include "lib/log.h"

#define ENTRY_SIZE 16 /* bytes of code per vector in trap_entry.S */
#define GATE_PRESENT (1ULL << 47)
#define GATE_INTERRUPT (0xeULL << 40)
#define GATE_DPL3 (3ULL << 45)

extern const char trap_entries[];

static struct {
    uint64_t low, high;
} idt[256];
static void (*interrupt_handlers[256])(void);

static unsigned vector_ist(unsigned vector)
{
    switch (vector) {
    case TRAP_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case TRAP_DEBUG:
        return IST_DEBUG;
    case TRAP_NMI:
        return IST_NMI;
    case TRAP_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    default:
        return 0;
    }
}

static void idt_build(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(idt); i++) {
        uint64_t at = (uintptr_t)trap_entries + i * ENTRY_SIZE;
        uint64_t dpl = i == TRAP_BREAKPOINT || i == TRAP_OVERFLOW ? GATE_DPL3 : 0;

        idt[i].low = (at & 0xffff) | KERNEL_CS << 16 | (uint64_t)vector_ist(i) << 32 | GATE_PRESENT | GATE_INTERRUPT |
                     dpl | (at >> 16 & 0xffff) << 48;
        idt[i].high = at >> 32;
    }
}

void trap_init_cpu(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout pointer = {sizeof idt - 1, (uintptr_t)idt};

    if (!idt[0].low)
        idt_build();
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void trap_set_interrupt(unsigned vector, void (*handler)(void))
{
    assert(vector >= 32 && vector < 256);
    __atomic_store_n(&interrupt_handlers[vector], handler, __ATOMIC_RELEASE);
}

static const char *vector_name(unsigned vector)
{
    static const char *const names[] = {
        "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no FPU",
        "double fault", "", "invalid TSS", "no segment", "stack fault", "general protection", "page fault", "",
        "x87 error", "alignment", "machine check", "SIMD error",
    };

    return vector < ARRAY_SIZE(names) ? names[vector] : "exception";
}

void trap_fatal(struct pt_regs *regs, unsigned vector)
{
    panic_with_regs(regs, "%s (vector %u, error code 0x%lx, cr2 0x%lx)", vector_name(vector), vector, regs->orig_rax,
                    cr2_read());
}

static void interrupt_dispatch(unsigned vector)
{
    void (*handler)(void) = __atomic_load_n(&interrupt_handlers[vector], __ATOMIC_ACQUIRE);

    if (vector == VECTOR_SPURIOUS)
        return;
    if (handler)
        handler();
    else if (!irq_dispatch(vector))
        log_warn("trap: interrupt on vector %u has no handler", vector);
    apic_eoi();
}

/* What a fault of user mode other than #PF means to Linux. */
struct user_signal {
    int signal, code;
    bool at_rip; /* si_addr is the instruction, else 0 */
};

static struct user_signal user_signal_of(unsigned vector, struct pt_regs *regs)
{
    switch (vector) {
    case TRAP_DIVIDE:
        return (struct user_signal){SIGFPE, FPE_INTDIV, true};
    case TRAP_DEBUG:
        return (struct user_signal){SIGTRAP, debug_exception(regs), true};
    case TRAP_BREAKPOINT:
        return (struct user_signal){SIGTRAP, SI_KERNEL, false};
    case TRAP_INVALID_OPCODE:
        return (struct user_signal){SIGILL, ILL_ILLOPN, true};
    case TRAP_NO_SEGMENT:
    case TRAP_STACK:
        return (struct user_signal){SIGBUS, SI_KERNEL, false};
    case TRAP_X87:
    case TRAP_SIMD:
        return (struct user_signal){SIGFPE, fpu_exception_code(vector == TRAP_SIMD), true};
    case TRAP_ALIGNMENT:
        return (struct user_signal){SIGBUS, BUS_ADRALN, false};
    default:
        return (struct user_signal){SIGSEGV, SI_KERNEL, false};
    }
}

static void user_trap(struct pt_regs *regs, unsigned vector, uint64_t error, uint64_t cr2)
{
    if (vector == TRAP_PAGE_FAULT) {
        struct fault_result r = space_fault(task_current()->space, cr2, error);

        if (cr2 >= USER_END)
            error |= FAULT_PRESENT; /* as Linux: what is mapped in the kernel's half is not a program's business */
        if (r.signal)
            task_user_fault(r.signal, r.code, cr2, TRAP_PAGE_FAULT, error);
        return;
    }
    struct user_signal s = user_signal_of(vector, regs);

    if (vector == TRAP_DEBUG && !s.code)
        return;
    task_user_fault(s.signal, s.code, s.at_rip ? regs->rip : 0, (int)vector, error);
}

/* A fault in kernel mode: repaired by demand paging or the fix-up table, or our own bug. */
static void kernel_trap(struct pt_regs *regs, unsigned vector, uint64_t error, uint64_t cr2)
{
    uint64_t fixup = fixup_find(regs->rip);
    bool user_page = vector == TRAP_PAGE_FAULT && cr2 < USER_END;

    if (!fixup || (vector != TRAP_PAGE_FAULT && vector != TRAP_PROTECTION)) {
        regs->orig_rax = error;
        panic_with_regs(regs, "%s in the kernel (vector %u, error code 0x%lx, cr2 0x%lx)", vector_name(vector), vector,
                        error, cr2);
    }
    if (user_page && task_current() && task_current()->space && (regs->eflags & RFLAGS_IF)) {
        irq_enable();
        struct fault_result r = space_fault(task_current()->space, cr2, error | FAULT_USER);

        if (r.signal == SIGKILL) /* no memory: the program ends, whatever the call makes of the missing bytes */
            task_user_fault(r.signal, r.code, cr2, TRAP_PAGE_FAULT, error);
        irq_disable();
        if (!r.signal)
            return;
    }
    regs->rip = fixup;
}

void trap_dispatch(struct pt_regs *regs, unsigned vector)
{
    uint64_t error = regs->orig_rax;
    uint64_t cr2 = vector == TRAP_PAGE_FAULT ? cr2_read() : 0;

    regs->orig_rax = ~0UL; /* no system call: signal delivery looks at it */
    if (vector >= 32) {
        this_cpu()->interrupted_user = regs_from_user(regs);
        LOCK_CHECK(lock_check_interrupt(true));
        interrupt_dispatch(vector);
        LOCK_CHECK(lock_check_interrupt(false));
    } else if (regs_from_user(regs)) {
        irq_enable();
        user_trap(regs, vector, error, cr2);
        irq_disable();
    } else {
        kernel_trap(regs, vector, error, cr2);
    }
    if (regs_from_user(regs))
        return_to_user(regs);
}
