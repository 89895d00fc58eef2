/*
 * futex_waitv(2): sleeping on several words at once.
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/futex_inner.h"

struct group {
    struct futex_waiter w;
    uint64_t address;
    uint32_t expected;
    bool shared;
};

static long read_group(struct group *g, uint64_t address, uint32_t count)
{
    struct futex_waitv v;

    for (uint32_t i = 0; i < count; i++) {
        if (get_user(v, user(address + i * sizeof(v))))
            return -EFAULT;
        if ((v.flags & ~(uint32_t)(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || v.__reserved || !(v.flags & FUTEX_32))
            return -EINVAL;
        g[i] = (struct group){.w = {.bitset = FUTEX_BITSET_MATCH_ANY, .task = task_current()},
                              .address = v.uaddr,
                              .expected = (uint32_t)v.val,
                              .shared = !(v.flags & FUTEX_PRIVATE_FLAG)};
    }
    return 0;
}

/* The first `count` leave: the last of those that were woken, -1: none was. */
static long leave_all(struct group *g, uint32_t count)
{
    long woken = -1;

    for (uint32_t i = 0; i < count; i++) {
        if (futex_leave(&g[i].w))
            woken = i;
    }
    return woken;
}

/* 0: all are in; else none: a word was another, or something was wrong, unless one was woken already (*woken). */
static long enter_all(struct group *g, uint32_t count, long *woken)
{
    for (uint32_t i = 0; i < count; i++) {
        long error = futex_key_make(&g[i].w.key, g[i].address, g[i].shared, false);
        if (error)
            return error;
    }
    for (uint32_t i = 0; i < count; i++) {
        long error = futex_enter(&g[i].w, g[i].address, g[i].expected);
        if (!error)
            continue;
        *woken = leave_all(g, i);
        return *woken >= 0 ? 0 : error;
    }
    return 0;
}

static bool any_is_woken(const struct group *g, uint32_t count)
{
    uint32_t i = 0;

    while (i < count && !futex_is_woken(&g[i].w))
        i++;
    return i < count;
}

static long sleep_on_all(struct group *g, uint32_t count, const struct futex_timeout *timeout)
{
    long result = 0;

    for (;;) {
        task_sleep_prepare(true);
        if (any_is_woken(g, count))
            break;
        if (task_signal_pending()) {
            result = -ERESTARTSYS;
            break;
        }
        if (!futex_sleep(timeout)) {
            result = -ETIMEDOUT;
            break;
        }
    }
    task_sleep_cancel();
    long woken = leave_all(g, count);
    return woken >= 0 ? woken : result;
}

long sys_futex_waitv(const struct syscall_args *args)
{
    uint32_t count = (uint32_t)args->a[1];
    int clock = (int)args->a[4];
    struct futex_timeout timeout = {.ns = WAIT_FOREVER};
    long woken = -1, result = 0;

    if ((uint32_t)args->a[2] || !count || count > FUTEX_WAITV_MAX || !args->a[0])
        return -EINVAL;
    if (args->a[3] && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return -EINVAL;
    if (args->a[3])
        result = futex_timeout_read(args->a[3], false, clock == CLOCK_REALTIME, &timeout);
    if (result)
        return result;
    struct group *g = mem_alloc(count * sizeof(*g));
    if (!g)
        return -ENOMEM;
    result = read_group(g, args->a[0], count);
    if (!result)
        result = enter_all(g, count, &woken);
    if (!result)
        result = woken >= 0 ? woken : sleep_on_all(g, count, &timeout);
    mem_free(g);
    return result;
}
