/*
 * The last words: what, registers, backtrace; then a triple fault, which every hypervisor reports as the machine's end.
 * Takes no lock.  A panic within the panic ends it at once; other CPUs stop.
 */
#include <stdarg.h>

#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fixup.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/trap.h"
#include "lib/format.h"
#include "lib/log.h"

static uint32_t panicking; /* atomic: index of the CPU that panics + 1 */

static noreturn void machine_stop(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout none = {0, 0};

    __asm__ volatile("lidt %0; int3" : : "m"(none));
    for (;;)
        cpu_halt();
}

static bool word_read(uint64_t address, uint64_t *out)
{
    bool ok = false;

    if (address < DIRECT_BASE || !IS_ALIGNED(address, 8))
        return false;
    __asm__ volatile("1: movq (%2), %0\n\t"
                     "movb $1, %1\n"
                     "2:\n\t" FIXUP("1b", "2b")
                     : "=&r"(*out), "+q"(ok)
                     : "r"(address));
    return ok;
}

void backtrace_print(uint64_t rbp)
{
    for (unsigned i = 0; i < 24; i++) {
        uint64_t next, from;

        if (!word_read(rbp, &next) || !word_read(rbp + 8, &from) || !from)
            return;
        log_error("backtrace: 0x%lx", from);
        if (next <= rbp)
            return;
        rbp = next;
    }
}

void regs_print(const struct pt_regs *r)
{
    log_error("rip %016lx cs %lx rflags %lx rsp %016lx ss %lx", r->rip, r->cs, r->eflags, r->rsp, r->ss);
    log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_error("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_error("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_error("r13 %016lx r14 %016lx r15 %016lx cr3 %016lx", r->r13, r->r14, r->r15, cr3_read());
}

static noreturn void panic_end(const struct pt_regs *regs, uint64_t rbp, const char *fmt, va_list ap)
{
    char text[200];
    struct task *t = this_cpu()->self ? task_current() : NULL;

    irq_disable();
    uint32_t first = 0, self = this_cpu()->self ? cpu_index() + 1 : 1;

    if (!__atomic_compare_exchange_n(&panicking, &first, self, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        if (first == self)
            machine_stop();
        cpu_stop();
    }
    ipi_stop_others();
    format_va(text, sizeof text, fmt, ap);
    log_error("panic: %s", text);
    if (t)
        log_error("cpu %u, task %d (%s)", cpu_index(), t->tid, t->comm);
    if (regs) {
        regs_print(regs);
        log_error("backtrace: 0x%lx", regs->rip);
    }
    backtrace_print(rbp);
    machine_stop();
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    panic_end(NULL, (uintptr_t)__builtin_frame_address(0), fmt, ap);
}

void panic_with_regs(const struct pt_regs *regs, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    panic_end(regs, regs->rbp, fmt, ap);
}
