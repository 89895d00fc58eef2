/*
 * Restartable sequences, rseq(2): a thread's area holds the number of its CPU, and a short sequence of user code that
 * is restarted when the thread is switched away or gets a signal in the middle of it.
 */
#ifndef GUEST_KERNEL_RSEQ_H
#define GUEST_KERNEL_RSEQ_H

#include <asm/ptrace.h>

struct task;
struct thread;

/* Before returning to user mode after a switch (task_ops.switched). */
void rseq_switched(struct pt_regs *regs);
/* Before a signal frame is built from regs: a handler must not see, nor return into, the middle of a sequence. */
void rseq_interrupted(struct pt_regs *regs);
/* fork: the child has its own copy of the area.  execve: the area is gone; the current thread's alone. */
void rseq_inherit(struct thread *child, const struct thread *parent);
void rseq_forget(struct thread *t);

#endif
