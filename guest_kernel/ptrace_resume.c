/*
 * How a tracee goes on (ptrace(2), PTRACE_CONT and its relatives), and single steps: ptrace sets RFLAGS.TF in its
 * registers and remembers that it is not the program's own, so that neither the program nor the tracer sees it.
 */
#include <asm/errno.h>
#include <asm/ptrace-abi.h>
#include <linux/ptrace.h>

#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/ptrace.h"
#include "lib/x86.h"

#define INSTRUCTION_MAX 15

static bool is_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64 ... 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
    case 0x40 ... 0x4f:
        return true;
    default:
        return false;
    }
}

/* POPF and IRET set TF themselves: what they leave there is the program's. */
static bool sets_flags(struct thread *t)
{
    uint8_t code[INSTRUCTION_MAX];
    size_t n = space_read(t->task->space, t->task->regs->rip, code, sizeof(code));

    for (size_t i = 0; i < n; i++) {
        if (!is_prefix(code[i]))
            return code[i] == 0x9d || code[i] == 0xcf;
    }
    return false;
}

static void step_enable(struct thread *t)
{
    struct pt_regs *regs = t->task->regs;
    bool was_set = regs->eflags & RFLAGS_TF;

    t->ptrace.step = true;
    regs->eflags |= RFLAGS_TF;
    if (sets_flags(t))
        t->ptrace.own_flag = false;
    else if (!was_set)
        t->ptrace.own_flag = true;
}

void ptrace_step_disable(struct thread *t)
{
    t->ptrace.step = false;
    if (t->ptrace.own_flag)
        t->task->regs->eflags &= ~RFLAGS_TF;
    t->ptrace.own_flag = false;
}

static bool is_step(long request)
{
    return request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP;
}

long ptrace_resume(struct thread *t, long request, uint64_t signal)
{
    struct ptrace_state *s = &t->ptrace;

    if (signal > SIGNAL_COUNT)
        return -EIO;
    s->calls = request == PTRACE_SYSCALL;
    s->emulate = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
    if (request == PTRACE_SINGLEBLOCK) /* needs a branch trap flag, which this machine may not have */
        return -EIO;
    if (is_step(request))
        step_enable(t);
    else
        ptrace_step_disable(t);

    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    s->code = (uint32_t)signal;
    s->frozen = false;
    ptrace_wake(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return 0;
}
