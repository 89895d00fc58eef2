/*
 * The guest's side of the optional feature "Trapline trace" (abi/capture.h).  Without a hypervisor that offers it, each
 * function here is one branch.
 */
#ifndef GUEST_KERNEL_CORE_CAPTURE_H
#define GUEST_KERNEL_CORE_CAPTURE_H

#include "abi/capture.h"
#include "abi/syscalls.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/irq.h"
#include "guest_kernel/core/task.h"
#include "lib/compiler.h"

void capture_init(void); /* registers this CPU's page, if someone wants it */

/* This CPU's page, NULL: none. */
static inline struct capture_page *capture_page(void)
{
    struct capture_page *p;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(p) : "i"(CPU_CAPTURE));
    return p;
}

static inline bool capture_active(void)
{
    struct capture_page *p = capture_page();

    return unlikely(p && __atomic_load_n(&p->active, __ATOMIC_RELAXED));
}

/* The current task of this CPU has become t: its ids and buffer are shown.  Interrupts off. */
void capture_switch(struct task *t);
void capture_begin(struct capture_page *page, struct task *t);
/*
 * capture_request.c: take over what the hypervisor asked of the call that begins, and do its first part; interrupts off,
 * on meanwhile.  The rest is done on the way to user mode, after TASK_REQUESTED; interrupts on.
 */
void capture_requested(struct capture_page *page, struct task *t);
void capture_request_finish(struct task *t, struct pt_regs *regs);
/*
 * May the current task's call use this text or address, of which the kernel has its own copy?  False: the call is to fail, its
 * result is decided.  May sleep until somebody has answered; no lock is held.
 */
bool capture_judge(enum capture_judged kind, uint64_t address, const void *bytes, size_t n) must_check;
/* The hypervisor's word: 0, -errno, CAPTURE_KILL, or the time to wait for it (abi/capture.h). */
long capture_check(enum capture_judged kind, uint64_t address, const void *bytes, size_t n);
long capture_answer(bool withdraw);
void capture_answers_init(struct msi_message *message); /* on the boot CPU; `message`: how the hypervisor says that there are some */
/*
 * capture_observe.c: bit i of capture_reads[nr]: argument i may be the address of something that the call reads.  As the call
 * ends, after TASK_OBSERVE, what it did not read of that is told too, as observed; interrupts on.
 */
extern const uint8_t capture_reads[SYSCALL_COUNT];
void capture_observe(struct task *t, const struct pt_regs *regs);
/* A call begins that reads something: it will have to be observed, unless all that it could read it does read. */
void capture_observe_begin(struct task *t);
/* What it has used so far is told now: it may never return, or not soon. */
void capture_flush(struct task *t);
void capture_append(uint64_t address, const void *bytes, size_t n, enum capture_direction direction);
/* The same where only the first `kept` (<= CAPTURE_ITEM_MAX) of `total` bytes are at hand. */
void capture_append_cut(uint64_t address, const void *bytes, size_t kept, size_t total,
                        enum capture_direction direction);
/* The current task's call ends by another way than SYSRET. */
void capture_close(long result);

/* A call was dispatched; interrupts off. */
static inline void capture_dispatch(struct task *t)
{
    struct capture_page *p = capture_page();

    if (unlikely(p))
        capture_begin(p, t);
}

/* A traced call has been changed before it runs.  0, or the error that the hypervisor wants it to return instead. */
long capture_changed(const struct syscall_args *args, uint64_t rip) must_check;

/* For the floors above: a signal is about to be delivered (128 bytes of siginfo); a task begins, ends. */
void capture_signal(const void *siginfo);
void capture_task_new(int32_t tid, int32_t pid, int32_t parent_tid);
void capture_task_exit(uint32_t wait_status);

#endif
