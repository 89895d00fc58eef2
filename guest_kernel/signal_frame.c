/*
 * Signal frames, laid out exactly as Linux x86-64 does (struct rt_sigframe), since unwinders, debuggers and language
 * runtimes read and edit them:
 *
 *     higher   [interrupted stack: its 128-byte red zone is skipped]
 *              XSAVE area, 64-byte aligned, then FP_XSTATE_MAGIC2
 *              siginfo
 *              ucontext
 *     RSP ->   return address (SA_RESTORER)        RSP + 8 is 16-byte aligned, as after a CALL
 *
 * What comes back by rt_sigreturn is the program's: only registers and flags that user mode may set anyway are taken.
 */
#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#include "abi/syscalls.h"
#include "guest_kernel/alt_stack.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/trap.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal.h"
#include "lib/string.h"
#include "lib/x86.h"

#define RED_ZONE 128

/* The flags that user mode can change by itself (Intel SDM vol. 1 section 3.4.3): all that a frame may restore. */
#define USER_FLAGS 0x50dd5UL /* AC RF OF DF TF SF ZF AF PF CF */

struct signal_frame {
    uint64_t return_address;
    struct ucontext context;
    siginfo_t info;
};

_Static_assert(sizeof(siginfo_t) == 128, "siginfo as Linux lays it out");
_Static_assert(sizeof(struct sigcontext) == 256, "sigcontext as Linux lays it out");
_Static_assert(offsetof(struct signal_frame, context.uc_mcontext) == 48, "ucontext as Linux lays it out");
_Static_assert(offsetof(struct signal_frame, info) == 312, "rt_sigframe as Linux lays it out");

static bool has_xsave(void)
{
    return cr4_read() & CR4_OSXSAVE;
}

static uint64_t frame_stack(const struct pt_regs *regs, const struct sigaction *action)
{
    const struct thread *t = thread_current();

    if ((action->sa_flags & SA_ONSTACK) && alt_stack_is_free(t, regs->rsp))
        return t->alt_stack + t->alt_stack_size;
    return regs->rsp - RED_ZONE;
}

static void save_registers(struct sigcontext *c, const struct pt_regs *regs, uint64_t fpu_area, signal_set mask)
{
    const struct thread *t = thread_current();

    *c = (struct sigcontext){
        .r8 = regs->r8, .r9 = regs->r9, .r10 = regs->r10, .r11 = regs->r11,
        .r12 = regs->r12, .r13 = regs->r13, .r14 = regs->r14, .r15 = regs->r15,
        .rdi = regs->rdi, .rsi = regs->rsi, .rbp = regs->rbp, .rbx = regs->rbx,
        .rdx = regs->rdx, .rax = regs->rax, .rcx = regs->rcx, .rsp = regs->rsp,
        .rip = regs->rip, .eflags = regs->eflags, .cs = regs->cs, .ss = regs->ss,
        .err = t->fault_error, .trapno = t->fault_trap, .cr2 = t->fault_address,
        .oldmask = mask, .fpstate = (struct _fpstate *)fpu_area,
    };
}

bool signal_frame_push(struct pt_regs *regs, const struct sigaction *action, const siginfo_t *info, signal_set mask)
{
    struct thread *t = thread_current();
    struct signal_frame frame;

    if (!(action->sa_flags & SA_RESTORER))
        return false;
    uint64_t stack = frame_stack(regs, action);
    uint64_t fpu_area = ALIGN_DOWN(stack - fpu_frame_size(), 64);
    uint64_t at = ALIGN_DOWN(fpu_area - sizeof(frame), 16) - 8;
    /* Already on the alternate stack and this frame does not fit: do not write below it. */
    if (alt_stack_contains(t, regs->rsp) && !alt_stack_contains(t, at))
        return false;
    if (fpu_save_user(fpu_area))
        return false;

    memset(&frame, 0, sizeof(frame));
    frame.return_address = (uint64_t)action->sa_restorer;
    frame.context.uc_flags = UC_SIGCONTEXT_SS | (has_xsave() ? UC_FP_XSTATE : 0);
    if (regs->cs == USER_CS)
        frame.context.uc_flags |= UC_STRICT_RESTORE_SS;
    alt_stack_get(t, &frame.context.uc_stack);
    save_registers(&frame.context.uc_mcontext, regs, fpu_area, mask);
    frame.context.uc_sigmask = mask;
    frame.info = *info;
    size_t size = action->sa_flags & SA_SIGINFO ? sizeof(frame) : offsetof(struct signal_frame, info);
    if (copy_to_user(user(at), &frame, size))
        return false;

    task_reset_fpu(); /* a handler starts as a program does, whatever rounding or flags it came upon */
    alt_stack_disarm(t);
    regs->rdi = info->si_signo;
    regs->rsi = at + offsetof(struct signal_frame, info);
    regs->rdx = at + offsetof(struct signal_frame, context);
    regs->rax = 0;
    regs->rip = (uint64_t)action->sa_handler;
    regs->rsp = at;
    regs->cs = USER_CS;
    regs->ss = USER_DS;
    regs->eflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
    return true;
}

static void load_registers(struct pt_regs *regs, const struct ucontext *context)
{
    const struct sigcontext *c = &context->uc_mcontext;

    regs->r8 = c->r8;
    regs->r9 = c->r9;
    regs->r10 = c->r10;
    regs->r11 = c->r11;
    regs->r12 = c->r12;
    regs->r13 = c->r13;
    regs->r14 = c->r14;
    regs->r15 = c->r15;
    regs->rdi = c->rdi;
    regs->rsi = c->rsi;
    regs->rbp = c->rbp;
    regs->rbx = c->rbx;
    regs->rdx = c->rdx;
    regs->rax = c->rax;
    regs->rcx = c->rcx;
    regs->rsp = c->rsp;
    regs->rip = c->rip;
    regs->cs = c->cs | 3;
    regs->ss = context->uc_flags & UC_STRICT_RESTORE_SS ? c->ss | 3 : USER_DS;
    regs->eflags = (regs->eflags & ~USER_FLAGS) | (c->eflags & USER_FLAGS);
    regs->orig_rax = ~0UL; /* no call to restart */
}

/* Registers first, as Linux: a handler of the SIGSEGV for bad FPU state returns to where the frame says. */
long sys_rt_sigreturn(const struct syscall_args *args)
{
    struct pt_regs *regs = task_current()->regs;
    uint64_t at = regs->rsp - offsetof(struct signal_frame, context); /* RET has popped the return address */
    struct ucontext context;

    if (copy_from_user(&context, user(at + offsetof(struct signal_frame, context)), sizeof(context)))
        goto bad_frame;
    signal_mask_set(context.uc_sigmask);
    load_registers(regs, &context);
    if (!context.uc_mcontext.fpstate) {
        task_reset_fpu();
    } else if (fpu_restore_user((uint64_t)context.uc_mcontext.fpstate)) {
        task_reset_fpu();
        goto bad_frame;
    }
    alt_stack_set_from_frame(thread_current(), &context.uc_stack, regs->rsp);
    return (long)regs->rax;

bad_frame:
    signal_user_fault(SIGSEGV, SI_KERNEL, 0, 0, 0);
    return 0;
}
