/*
 * Futexes: sleeping on a word of user memory (futex(2)).
 */
#ifndef GUEST_KERNEL_FUTEX_H
#define GUEST_KERNEL_FUTEX_H

#include "guest_kernel/process.h"

void futex_init(void);
/* Wake up to `count` waiters of a word of the current space whose bits meet `bitset`: their number, -EINVAL, -EFAULT. */
long futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bitset);
/* A thread's end: its robust list, then clear_tid: the word is cleared and one waiter woken. */
void futex_thread_exits(struct thread *t);

#endif
