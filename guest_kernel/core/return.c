/*
 * See return.h.  The path of a call that has nothing special about it is counted in instructions: keep it straight.
 */
#include "guest_kernel/core/return.h"

#include <asm-generic/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/debug.h"
#include "guest_kernel/core/sched.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/trap.h"
#include "lib/log.h"
#include "lib/string.h"

#define CALL_NONE (~0UL)

/* RFLAGS that a program may have: CF PF AF ZF SF TF DF OF NT RF AC ID. */
#define USER_FLAGS                                                                                                     \
    (RFLAGS_CF | BIT(2) | BIT(4) | BIT(6) | BIT(7) | RFLAGS_TF | RFLAGS_DF | BIT(11) | RFLAGS_NT | RFLAGS_RF |         \
     RFLAGS_AC | RFLAGS_ID)

static uint32_t missing[SYSCALL_COUNT + 1]; /* relaxed */

uint32_t syscall_missing_count(unsigned nr)
{
    return __atomic_load_n(&missing[MIN(nr, (unsigned)SYSCALL_COUNT)], __ATOMIC_RELAXED);
}

void task_close_call(const struct pt_regs *regs)
{
    struct task *t = task_current();

    if (t->call_nr == CALL_NONE)
        return;
    capture_close((long)regs->rax);
    t->call_nr = CALL_NONE;
}

/* What signal code left in the registers may be anything; IRET must not fault in the kernel. */
static void registers_sanitise(struct pt_regs *regs)
{
    regs->cs = USER_CS;
    regs->ss = USER_DS;
    regs->eflags = (regs->eflags & USER_FLAGS) | RFLAGS_IF | RFLAGS_FIXED;
}

/*
 * With another address or other selectors IRET would fault in the kernel (SDM vol. 2, IRET).  There are no other
 * segments than these two: no LDT, no 32-bit code.  The kernel's half of the addresses faults in user mode.
 */
static bool frame_is_good(const struct pt_regs *regs)
{
    return (uint64_t)((int64_t)(regs->rip << 16) >> 16) == regs->rip && regs->cs == USER_CS && regs->ss == USER_DS;
}

/* The program sees the fault as if IRET had met it in user mode. */
static void frame_fault(const struct pt_regs *regs)
{
    uint64_t selector = regs->cs != USER_CS ? regs->cs : regs->ss != USER_DS ? regs->ss : 0;

    task_user_fault(SIGSEGV, SI_KERNEL, 0, TRAP_PROTECTION, selector & 0xfffc);
}

static void work_do(struct task *t, struct pt_regs *regs, uint64_t work)
{
    if (work & TASK_NEED_RESCHED)
        sched_switch();
    if (work & TASK_SWITCHED) {
        __atomic_fetch_and(&t->work, ~TASK_SWITCHED, __ATOMIC_RELAXED);
        if (t->tell_switch & TELL_DEBUG)
            debug_registers_load();
        if (t->tell_switch & TELL_CALLS)
            task_trace_calls(true);
        task_switched(regs);
    }
    if (work & TASK_OBSERVE) {
        __atomic_fetch_and(&t->work, ~TASK_OBSERVE, __ATOMIC_RELAXED);
        capture_observe(t, regs);
    }
    if (work & TASK_TIMES) {
        __atomic_fetch_and(&t->work, ~TASK_TIMES, __ATOMIC_RELAXED);
        task_times();
    }
    if (work & TASK_REQUESTED) {
        __atomic_fetch_and(&t->work, ~TASK_REQUESTED, __ATOMIC_RELAXED);
        capture_request_finish(t, regs);
    }
    if (work & TASK_CALL_LEAVE) {
        __atomic_fetch_and(&t->work, ~TASK_CALL_LEAVE, __ATOMIC_RELAXED);
        task_call_left(regs);
    }
    if (work & TASK_SIGNAL) {
        __atomic_fetch_and(&t->work, ~TASK_SIGNAL, __ATOMIC_ACQUIRE);
        task_signal_work(regs);
    }
    if (!frame_is_good(regs))
        frame_fault(regs);
}

/* Until nothing is left to do but TASK_IRET; interrupts off before and after. */
static void work_loop(struct task *t, struct pt_regs *regs)
{
    for (;;) {
        uint64_t work = __atomic_load_n(&t->work, __ATOMIC_RELAXED) & ~TASK_IRET;

        if (likely(!work && frame_is_good(regs)))
            return;
        irq_enable();
        work_do(t, regs, work);
        irq_disable();
    }
}

void return_to_user(struct pt_regs *regs)
{
    struct task *t = task_current();

    work_loop(t, regs);
    task_close_call(regs);
    __atomic_fetch_and(&t->work, ~TASK_IRET, __ATOMIC_RELAXED);
    registers_sanitise(regs);
}

static bool sysret_will_do(const struct task *t, const struct pt_regs *regs)
{
    return !__atomic_load_n(&t->work, __ATOMIC_RELAXED) && regs->rip == regs->rcx && regs->eflags == regs->r11 &&
           regs->rip < USER_END && !(regs->eflags & (RFLAGS_TF | RFLAGS_RF));
}

/* Not inlined: the straight path should not pay for its registers. */
static __attribute__((noinline)) bool return_slow(struct task *t, struct pt_regs *regs)
{
    work_loop(t, regs);
    if (t->call_nr != CALL_NONE && sysret_will_do(t, regs)) {
        t->call_nr = CALL_NONE;
        return true;
    }
    return_to_user(regs);
    return false;
}

static __attribute__((noinline)) long call_missing(uint64_t nr)
{
    uint32_t slot = nr < SYSCALL_COUNT ? (uint32_t)nr : SYSCALL_COUNT;

    if (__atomic_fetch_add(&missing[slot], 1, __ATOMIC_RELAXED) == 0)
        log_info("syscall: %lu (%s) is not implemented", nr, nr < SYSCALL_COUNT ? syscall_name(nr) : "no such call");
    return -ENOSYS;
}

/* Linux takes 32 bits of RAX. */
static inline struct syscall_args call_args(const struct pt_regs *regs)
{
    return (struct syscall_args){(uint32_t)regs->orig_rax,
                                 {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9}};
}

/* Interrupts on; off afterwards. */
static inline void call_run(struct task *t, struct pt_regs *regs, const struct syscall_args *args)
{
    if (likely(args->nr < SYSCALL_COUNT && syscall_table[args->nr]))
        regs->rax = (uint64_t)syscall_table[args->nr](args);
    else
        regs->rax = (uint64_t)call_missing(args->nr);
    irq_disable();
    if (unlikely(regs->rax + ERESTART_RESTARTBLOCK <= ERESTART_RESTARTBLOCK - ERESTARTSYS))
        task_set_work(t, TASK_SIGNAL); /* a restart code must meet signal_work, whatever became of the signal */
}

void task_trace_calls(bool on)
{
    struct task *t = task_current();
    uint64_t flags = rflags_read();

    irq_disable();
    t->tell_switch = on ? t->tell_switch | TELL_CALLS : t->tell_switch & ~TELL_CALLS;
    this_cpu()->dispatch = on ? syscall_dispatch_traced : syscall_dispatch;
    if (flags & RFLAGS_IF)
        irq_enable();
}

/* What is run is what is recorded, and what the sandbox's policy allows; interrupts off, so that no other task comes.
 */
static long call_changed(const struct syscall_args *args, const struct pt_regs *regs)
{
    irq_disable();
    long refused = capture_changed(args, regs->rip);

    irq_enable();
    return refused;
}

/* As Linux: RAX is -ENOSYS when the tracer looks at the entry, and stays so if it takes the call away. */
bool syscall_dispatch_traced(struct pt_regs *regs)
{
    struct task *t = task_current();

    if (!(t->tell_switch & TELL_CALLS)) { /* the task that wanted this is gone from this CPU */
        task_trace_calls(false);
        return syscall_dispatch(regs);
    }
    struct syscall_args before = call_args(regs);

    t->call_nr = before.nr;
    capture_dispatch(t);
    irq_enable();
    regs->rax = (uint64_t)-ENOSYS;
    if (task_call_entered(regs)) {
        struct syscall_args args = call_args(regs);
        long refused = memcmp(&before, &args, sizeof args) ? call_changed(&args, regs) : 0;

        if (refused)
            regs->rax = (uint64_t)refused;
        else
            call_run(t, regs, &args);
    }
    irq_disable();
    __atomic_fetch_or(&t->work, TASK_CALL_LEAVE, __ATOMIC_RELAXED);
    return return_slow(t, regs);
}

bool syscall_dispatch(struct pt_regs *regs)
{
    struct task *t = task_current();
    struct syscall_args args = call_args(regs);

    t->call_nr = args.nr;
    capture_dispatch(t);
    irq_enable();
    call_run(t, regs, &args);
    if (unlikely(!sysret_will_do(t, regs)))
        return return_slow(t, regs);
    t->call_nr = CALL_NONE;
    return true;
}
