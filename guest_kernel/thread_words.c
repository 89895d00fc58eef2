/*
 * Words of user memory that a thread leaves a message in when it ends: clear_tid (set_tid_address(2), for pthread_join)
 * and the locks of its robust list (set_robust_list(2)).
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/syscalls.h"
#include "guest_kernel/futex.h"
#include "guest_kernel/futex_pi.h"

#define ROBUST_LIST_MAX 2048 /* entries followed at exit: the list is the program's, so it may be a circle */

/*
 * A lock that the dying thread holds: mark it, and wake one who waits (set_robust_list(2)).  pending: it was just
 * taking or leaving it, and may have freed it without waking anybody.  False: there is no lock, the list is not followed.
 */
static bool robust_lock_died(uint64_t address, uint32_t tid, bool inheriting, bool pending)
{
    uint32_t seen, expected;

    if (address % sizeof(seen))
        return false;
    for (;;) {
        if (user_touch32(user(address), true))
            return false;
        if (user_load32_now(&seen, user(address)))
            continue; /* the page is gone again, by another thread: touched once more, it comes back or is no memory */
        if (pending && !inheriting && !(seen & FUTEX_TID_MASK)) {
            (void)futex_wake(address, true, 1, FUTEX_BITSET_MATCH_ANY);
            return true;
        }
        if ((seen & FUTEX_TID_MASK) != tid)
            return true;
        expected = seen;
        if (!user_compare_exchange32_now(user(address), &seen, (expected & FUTEX_WAITERS) | FUTEX_OWNER_DIED) &&
            seen == expected)
            break;
    }
    if (!inheriting && (seen & FUTEX_WAITERS)) /* else pi_thread_leaves() tells who waits */
        (void)futex_wake(address, true, 1, FUTEX_BITSET_MATCH_ANY);
    return true;
}

/* Bit 0 of a list's pointer: the entry it points to is a priority-inheriting lock. */
static bool robust_entry_died(uint64_t entry, const struct robust_list_head *head, uint32_t tid, bool pending)
{
    return robust_lock_died((entry & ~1UL) + (uint64_t)head->futex_offset, tid, entry & 1, pending);
}

static void robust_list_walk(struct thread *t)
{
    struct robust_list_head head;
    uint32_t tid = (uint32_t)t->task->tid;

    if (!t->robust_list || get_user(head, user(t->robust_list)))
        return;
    uint64_t pending = (uint64_t)head.list_op_pending;
    uint64_t entry = (uint64_t)head.list.next;
    for (unsigned i = 0; i < ROBUST_LIST_MAX && entry != t->robust_list; i++) {
        uint64_t next = 0;
        bool more = !get_user(next, user(entry & ~1UL));
        if ((entry & ~1UL) != (pending & ~1UL) && !robust_entry_died(entry, &head, tid, false))
            return;
        if (!more)
            return;
        entry = next;
    }
    if (pending)
        (void)robust_entry_died(pending, &head, tid, true);
}

/* Nobody is left to see clear_tid's word if the memory goes with this thread; clearing it would only copy a page. */
void futex_thread_leaves(struct thread *t, bool for_good)
{
    bool watched = t->process->thread_count > 1 || t->process->shares_space;
    user_ptr word = t->task->clear_tid;
    uint32_t zero = 0;

    if (unlikely(t->robust_list))
        robust_list_walk(t);
    t->robust_list = 0;
    pi_thread_leaves(t, for_good);
    if (watched && !user_is_null(word) && !put_user(word, zero))
        (void)futex_wake(word.address, true, 1, FUTEX_BITSET_MATCH_ANY);
    t->task->clear_tid = user(0);
}

long sys_set_tid_address(const struct syscall_args *args)
{
    task_current()->clear_tid = user(args->a[0]);
    return task_current()->tid;
}

long sys_set_robust_list(const struct syscall_args *args)
{
    if (args->a[1] != sizeof(struct robust_list_head))
        return -EINVAL;
    thread_current()->robust_list = args->a[0];
    return 0;
}

long sys_get_robust_list(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    uint64_t size = sizeof(struct robust_list_head), head = 0;
    long result = 0;

    spin_lock(&process_tree_lock);
    struct thread *t = tid ? thread_lookup(tid) : thread_current();
    if (!t)
        result = -ESRCH;
    else if (!process_may_signal(t->process, 0))
        result = -EPERM;
    else
        head = t->robust_list;
    spin_unlock(&process_tree_lock);
    if (result)
        return result;
    if (put_user(user(args->a[2]), size) || put_user(user(args->a[1]), head))
        return -EFAULT;
    return 0;
}
