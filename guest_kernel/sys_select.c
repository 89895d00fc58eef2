/*
 * select(2) and pselect6(2): three bit maps in, three out.
 */
#include <asm/errno.h>
#include <linux/poll.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "fs/vfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/sys_poll.h"
#include "lib/string.h"

#define WORD_BITS 64u
#define EVENTS_IN (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define EVENTS_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define EVENTS_EXCEPT POLLPRI

enum { SETS = 3 };

static const unsigned set_events[SETS] = {EVENTS_IN, EVENTS_OUT, EVENTS_EXCEPT};

struct selection {
    unsigned count; /* descriptors looked at: 0 .. count - 1 */
    unsigned words;
    uint64_t *wanted[SETS], *found[SETS];
};

/* Bits of one word that are ready, and how many. -EBADF: an open bit names no file. */
static long select_fd(const struct selection *s, unsigned fd, struct poll_table *t)
{
    uint64_t bit = BIT(fd % WORD_BITS);
    unsigned word = fd / WORD_BITS;
    long ready = 0;
    struct file *f = fd_get((int)fd);

    if (!f)
        return -EBADF;
    unsigned events = file_poll_keep(f, t);
    for (int n = 0; n < SETS; n++) {
        if ((s->wanted[n][word] & bit) && (events & set_events[n])) {
            s->found[n][word] |= bit;
            ready++;
        }
    }
    return ready;
}

static long select_round(const struct selection *s, struct poll_table *t)
{
    long ready = 0;

    for (unsigned word = 0; word < s->words; word++) {
        uint64_t left = s->wanted[0][word] | s->wanted[1][word] | s->wanted[2][word];
        if (word == s->count / WORD_BITS)
            left &= BIT(s->count % WORD_BITS) - 1;
        for (; left; left &= left - 1) {
            long n = select_fd(s, word * WORD_BITS + (unsigned)__builtin_ctzll(left), ready ? NULL : t);
            if (n < 0)
                return n;
            ready += n;
        }
    }
    return ready;
}

static long select_wait(const struct selection *s, uint64_t deadline)
{
    struct poll_table table;

    poll_table_init(&table);
    long ready = select_round(s, &table);
    while (!ready) {
        int error = table.error ? table.error : poll_table_wait(&table, deadline);
        if (error) {
            ready = error == -ETIME ? 0 : error;
            break;
        }
        ready = select_round(s, NULL);
    }
    poll_table_free(&table, file_put);
    return ready == -ERESTARTSYS ? -ERESTARTNOHAND : ready;
}

static long select_copied(struct selection *s, const user_ptr sets[SETS], uint64_t deadline)
{
    size_t bytes = s->words * sizeof(uint64_t);

    for (int n = 0; n < SETS; n++)
        if (!user_is_null(sets[n]) && copy_from_user(s->wanted[n], sets[n], bytes))
            return -EFAULT;
    long ready = select_wait(s, deadline);
    if (ready < 0)
        return ready;
    for (int n = 0; n < SETS; n++)
        if (!user_is_null(sets[n]) && copy_to_user(sets[n], s->found[n], bytes))
            return -EFAULT;
    return ready;
}

static long select_user(int count, const user_ptr sets[SETS], uint64_t deadline)
{
    struct selection s;

    if (count < 0)
        return -EINVAL;
    s.count = MIN((unsigned)count, (unsigned)file_table_size(task_current()->files));
    s.words = (s.count + WORD_BITS - 1) / WORD_BITS;
    uint64_t *words = mem_alloc_zero(2 * SETS * (s.words + 1) * sizeof *words);
    if (!words)
        return -ENOMEM;
    for (int n = 0; n < SETS; n++) {
        s.wanted[n] = words + 2 * n * s.words;
        s.found[n] = s.wanted[n] + s.words;
    }
    long ready = select_copied(&s, sets, deadline);
    mem_free(words);
    return ready;
}

long sys_select(const struct syscall_args *args)
{
    user_ptr sets[SETS] = {user(args->a[1]), user(args->a[2]), user(args->a[3])};
    user_ptr timeout = user(args->a[4]);
    struct __kernel_old_timeval t;
    uint64_t deadline = WAIT_FOREVER;

    if (!user_is_null(timeout)) {
        if (get_user(t, timeout))
            return -EFAULT;
        if (t.tv_sec < 0 || t.tv_usec < 0)
            return -EINVAL;
        uint64_t seconds = MIN((uint64_t)t.tv_sec + (uint64_t)t.tv_usec / 1000000, UINT64_MAX / NS_PER_S / 2);
        deadline = poll_deadline(seconds * NS_PER_S + (uint64_t)t.tv_usec % 1000000 * 1000);
    }
    long ready = select_user((int)args->a[0], sets, deadline);
    if (!user_is_null(timeout)) {
        uint64_t rest = poll_rest(deadline);
        t = (struct __kernel_old_timeval){.tv_sec = (long)(rest / NS_PER_S), .tv_usec = (long)(rest % NS_PER_S / 1000)};
        if (put_user(timeout, t))
            return ready; /* as Linux: the result stands */
    }
    return ready;
}

long sys_pselect6(const struct syscall_args *args)
{
    user_ptr sets[SETS] = {user(args->a[1]), user(args->a[2]), user(args->a[3])};
    struct {
        uint64_t mask, size;
    } last = {0, 0}; /* the sixth argument points to two more */
    uint64_t deadline;

    if (args->a[5] && get_user(last, user(args->a[5])))
        return -EFAULT;
    int error = poll_deadline_timespec(user(args->a[4]), &deadline);
    if (!error)
        error = poll_mask_set(user(last.mask), last.size);
    if (error)
        return error;
    long ready = poll_mask_end(user(last.mask), select_user((int)args->a[0], sets, deadline));
    poll_rest_timespec(user(args->a[4]), deadline);
    return ready;
}
