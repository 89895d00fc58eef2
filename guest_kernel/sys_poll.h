/*
 * What poll(2) and select(2) share: the deadline, the mask, and giving the rest of the time back.
 */
#ifndef GUEST_KERNEL_SYS_POLL_H
#define GUEST_KERNEL_SYS_POLL_H

#include "guest_kernel/core/poll.h"
#include "guest_kernel/core/user.h"

/* A monotonic deadline from a relative time in ns. */
uint64_t poll_deadline(uint64_t relative_ns);
/* From user memory, NULL: none.  0, -EFAULT, -EINVAL. */
int poll_deadline_timespec(user_ptr timeout, uint64_t *deadline) must_check;
/* The rest of the time, as ppoll and pselect6 leave it; failures are not told. */
void poll_rest_timespec(user_ptr timeout, uint64_t deadline);
uint64_t poll_rest(uint64_t deadline);
/* The temporary signal mask of ppoll and pselect6; NULL: none.  0, -EFAULT, -EINVAL. */
int poll_mask_set(user_ptr mask, uint64_t size) must_check;
/* The result of a call under such a mask: what a signal makes of it, and the old mask. */
long poll_mask_end(user_ptr mask, long result);

#endif
