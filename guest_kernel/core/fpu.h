/*
 * The processes' vector state and segment bases.  The kernel itself never touches them, so they stay in the CPU until
 * another user task needs it: they are saved when a user task leaves the CPU, and loaded unless still there.
 */
#ifndef GUEST_KERNEL_CORE_FPU_H
#define GUEST_KERNEL_CORE_FPU_H

#include "lib/compiler.h"

struct task;
struct xsave_area;

void fpu_init(void);     /* after the allocators; before the first user task */
void fpu_init_cpu(void); /* the same for another CPU, which has the same features */
/* A copy of the current task's state, the initial one in a kernel thread.  NULL: no memory. */
struct xsave_area *fpu_create(void) must_check;
void fpu_destroy(struct task *t);
/* Vector state, FS and GS base; interrupts off. */
void fpu_switch(struct task *prev, struct task *next);
/* si_code of the pending x87 or SIMD exception of the current task. */
int fpu_exception_code(bool simd);

/*
 * The vector state of a task that is off its CPU, as ptrace(2) and core files have it: the FXSAVE area, or (extended) the
 * XSAVE area in the standard format with XCR0 in its software bytes.  Size 0: there is no such set.  Writing what the
 * CPU would refuse: -EINVAL.
 */
void fpu_save_current(void); /* makes it true of the current task, until that goes on */
size_t fpu_set_size(bool extended);
void fpu_set_read(const struct task *t, void *out, bool extended);
int fpu_set_write(struct task *t, const void *in, bool extended) must_check;

#endif
