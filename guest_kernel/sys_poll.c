/*
 * poll(2) and ppoll(2).
 */
#include "guest_kernel/sys_poll.h"

#include <asm/errno.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/time_types.h>

#include "abi/syscalls.h"
#include "fs/vfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/signal.h"

#define FEW 8

uint64_t poll_deadline(uint64_t relative_ns)
{
    uint64_t now = clock_monotonic_ns();

    return relative_ns > UINT64_MAX - 1 - now ? WAIT_FOREVER - 1 : now + relative_ns;
}

int poll_deadline_timespec(user_ptr timeout, uint64_t *deadline)
{
    struct __kernel_timespec t;

    *deadline = WAIT_FOREVER;
    if (user_is_null(timeout))
        return 0;
    if (get_user(t, timeout))
        return -EFAULT;
    if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= (long long)NS_PER_S)
        return -EINVAL;
    bool huge = (uint64_t)t.tv_sec > UINT64_MAX / NS_PER_S - 1;
    *deadline = poll_deadline(huge ? UINT64_MAX : (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec);
    return 0;
}

uint64_t poll_rest(uint64_t deadline)
{
    uint64_t now = clock_monotonic_ns();

    return deadline > now ? deadline - now : 0;
}

void poll_rest_timespec(user_ptr timeout, uint64_t deadline)
{
    uint64_t rest = poll_rest(deadline);
    struct __kernel_timespec t = {.tv_sec = (int64_t)(rest / NS_PER_S), .tv_nsec = (int64_t)(rest % NS_PER_S)};

    if (!user_is_null(timeout) && put_user(timeout, t))
        return; /* read-only memory: the result of the call does not change */
}

int poll_mask_set(user_ptr mask, uint64_t size)
{
    signal_set set;

    if (user_is_null(mask))
        return 0;
    if (size != sizeof set)
        return -EINVAL;
    if (get_user(set, mask))
        return -EFAULT;
    signal_mask_until_return(set);
    return 0;
}

long poll_mask_end(user_ptr mask, long result)
{
    if (!user_is_null(mask) && result != -ERESTARTNOHAND && result != -EINTR)
        signal_mask_restore();
    return result;
}

/* What is true of one entry now; closed descriptors are POLLNVAL, negative ones are left out. */
static unsigned poll_one(const struct pollfd *p, struct poll_table *t)
{
    if (p->fd < 0)
        return 0;
    struct file *f = fd_get(p->fd);
    if (!f)
        return POLLNVAL;
    return file_poll_keep(f, t) & ((unsigned)p->events | POLLERR | POLLHUP);
}

/* How many entries have something to tell. */
static long poll_round(struct pollfd *entries, unsigned count, struct poll_table *t)
{
    long ready = 0;

    for (unsigned n = 0; n < count; n++) {
        entries[n].revents = (short)poll_one(&entries[n], ready ? NULL : t);
        ready += entries[n].revents != 0;
    }
    return ready;
}

static long poll_wait_for(struct pollfd *entries, unsigned count, uint64_t deadline)
{
    struct poll_table table;

    poll_table_init(&table);
    long ready = poll_round(entries, count, &table);
    while (!ready) {
        int error = table.error ? table.error : poll_table_wait(&table, deadline);
        if (error == -ETIME)
            break;
        if (error) {
            ready = error;
            break;
        }
        ready = poll_round(entries, count, NULL);
    }
    poll_table_free(&table, file_put);
    return ready == -ERESTARTSYS ? -ERESTARTNOHAND : ready;
}

static long copy_results(user_ptr out, const struct pollfd *entries, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        if (put_user(user_add(out, n * sizeof *entries + offsetof(struct pollfd, revents)), entries[n].revents))
            return -EFAULT;
    return 0;
}

static long poll_user(user_ptr fds, unsigned count, uint64_t deadline)
{
    struct pollfd few[FEW], *entries = few;

    if (count > fs_limit(RLIMIT_NOFILE))
        return -EINVAL;
    if (count > FEW)
        entries = mem_alloc(count * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    long ready = copy_from_user(entries, fds, count * sizeof *entries);
    if (!ready)
        ready = poll_wait_for(entries, count, deadline);
    if (ready >= 0 && copy_results(fds, entries, count))
        ready = -EFAULT;
    if (entries != few)
        mem_free(entries);
    return ready;
}

long sys_poll(const struct syscall_args *args)
{
    int milliseconds = (int)args->a[2];
    uint64_t deadline = milliseconds < 0 ? WAIT_FOREVER : poll_deadline((uint64_t)milliseconds * 1000000);

    return poll_user(user(args->a[0]), (unsigned)args->a[1], deadline);
}

long sys_ppoll(const struct syscall_args *args)
{
    user_ptr mask = user(args->a[3]);
    uint64_t deadline;
    int error = poll_deadline_timespec(user(args->a[2]), &deadline);

    if (!error)
        error = poll_mask_set(mask, args->a[4]);
    if (error)
        return error;
    long ready = poll_mask_end(mask, poll_user(user(args->a[0]), (unsigned)args->a[1], deadline));
    poll_rest_timespec(user(args->a[2]), deadline);
    return ready;
}
