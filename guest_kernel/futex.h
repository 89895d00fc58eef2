/*
 * Futexes: sleeping on a word of user memory (futex(2)).
 */
#ifndef GUEST_KERNEL_FUTEX_H
#define GUEST_KERNEL_FUTEX_H

#include "guest_kernel/process.h"

void futex_init(void);
/* Wake up to `count` waiters of a word of the current space whose bits meet `bitset`: their number, -EINVAL, -EFAULT.
 */
long futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bitset);
/*
 * The current thread leaves its memory, by its end (for_good) or by execve: its robust list, the locks that others wait
 * for, then clear_tid: the word is cleared and one waiter woken.
 */
void futex_thread_leaves(struct thread *t, bool for_good);

#endif
