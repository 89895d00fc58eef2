/*
 * The alternate signal stack of a thread (sigaltstack(2)); touched by its own thread only.
 */
#ifndef GUEST_KERNEL_ALT_STACK_H
#define GUEST_KERNEL_ALT_STACK_H

#include <linux/signal.h>

#include "guest_kernel/process.h"

/* Is sp within it?  With SS_AUTODISARM never: then nested use is allowed (sigaltstack(2)). */
bool alt_stack_contains(const struct thread *t, uint64_t sp);
/* Is there one, and is it not in use already? */
bool alt_stack_is_free(const struct thread *t, uint64_t sp);
void alt_stack_get(const struct thread *t, stack_t *out); /* with no byte left as it was */
/* 0, -EPERM while it is in use, -EINVAL, -ENOMEM (too small). */
long alt_stack_set(struct thread *t, const stack_t *s, uint64_t sp);
/* rt_sigreturn: what the frame holds; a bad one changes nothing. */
void alt_stack_set_from_frame(struct thread *t, const stack_t *s, uint64_t sp);
void alt_stack_forget(struct thread *t); /* it has none, as a new thread */
void alt_stack_disarm(struct thread *t); /* a handler is entered */
/* AT_MINSIGSTKSZ: the most that a frame takes. */
uint64_t alt_stack_minimum(void);

#endif
