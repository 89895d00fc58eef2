/*
 * epoll_create(2), epoll_ctl(2), epoll_wait(2) and relatives; eventfd(2).
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "abi/syscalls.h"
#include "fs/epoll.h"
#include "fs/eventfd.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/sys_file.h"
#include "guest_kernel/sys_poll.h"

#define EVENTS_MAX (INT32_MAX / (int)sizeof(struct epoll_event))
#define EVENTS_AT_ONCE 128 /* more are told by the next call */
#define FEW 8

/* A number for a new file, or the reason against it; the reference is used up. */
static long install(struct file *f, bool close_on_exec)
{
    if (!f)
        return -ENOMEM;
    int fd = fd_install(f, 0, close_on_exec);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_epoll_create1(const struct syscall_args *args)
{
    if ((int)args->a[0] & ~EPOLL_CLOEXEC)
        return -EINVAL;
    return install(epoll_create(), (int)args->a[0] & EPOLL_CLOEXEC);
}

long sys_epoll_create(const struct syscall_args *args)
{
    return (int)args->a[0] <= 0 ? -EINVAL : install(epoll_create(), false);
}

long sys_epoll_ctl(const struct syscall_args *args)
{
    int operation = (int)args->a[1], fd = (int)args->a[2];
    struct epoll_event event = {0};

    if (operation != EPOLL_CTL_DEL && copy_from_user(&event, user(args->a[3]), sizeof event))
        return -EFAULT;
    struct file *set = fd_get((int)args->a[0]), *f = fd_get(fd);
    int error = set && f ? epoll_control(set, operation, fd, f, &event) : -EBADF;
    if (set)
        file_put(set);
    if (f)
        file_put(f);
    return error;
}

static long wait_in(struct file *set, user_ptr out, int max, uint64_t deadline)
{
    struct epoll_event few[FEW], *events = few;

    if (!file_is_epoll(set))
        return -EINVAL;
    max = MIN(max, EVENTS_AT_ONCE);
    if (max > FEW)
        events = mem_alloc((size_t)max * sizeof *events);
    if (!events)
        return -ENOMEM;
    long n = epoll_wait_events(set, events, max, deadline);
    if (n > 0 && copy_to_user(out, events, (size_t)n * sizeof *events))
        n = -EFAULT;
    if (events != few)
        mem_free(events);
    return n;
}

static long wait_for_events(int fd, user_ptr out, int max, uint64_t deadline)
{
    if (max <= 0 || max > EVENTS_MAX)
        return -EINVAL;
    if (!user_range_ok(out.address, (uint64_t)max * sizeof(struct epoll_event)))
        return -EFAULT;
    struct file *set = fd_get(fd);
    if (!set)
        return -EBADF;
    long n = wait_in(set, out, max, deadline);
    file_put(set);
    return n;
}

static uint64_t deadline_of(int milliseconds)
{
    if (milliseconds <= 0)
        return milliseconds ? WAIT_FOREVER : 0;
    return poll_deadline((uint64_t)milliseconds * 1000000);
}

long sys_epoll_wait(const struct syscall_args *args)
{
    return wait_for_events((int)args->a[0], user(args->a[1]), (int)args->a[2], deadline_of((int)args->a[3]));
}

static long wait_masked(const struct syscall_args *args, uint64_t deadline)
{
    user_ptr mask = user(args->a[4]);
    int error = poll_mask_set(mask, args->a[5]);

    if (error)
        return error;
    return poll_mask_end(mask, wait_for_events((int)args->a[0], user(args->a[1]), (int)args->a[2], deadline));
}

long sys_epoll_pwait(const struct syscall_args *args)
{
    return wait_masked(args, deadline_of((int)args->a[3]));
}

long sys_epoll_pwait2(const struct syscall_args *args)
{
    uint64_t deadline;
    int error = poll_deadline_timespec(user(args->a[3]), &deadline);

    return error ? error : wait_masked(args, deadline);
}

long sys_eventfd2(const struct syscall_args *args)
{
    int flags = (int)args->a[1];

    if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
        return -EINVAL;
    return install(eventfd_create((unsigned)args->a[0], flags & EFD_SEMAPHORE, flags & EFD_NONBLOCK),
                   flags & EFD_CLOEXEC);
}

long sys_eventfd(const struct syscall_args *args)
{
    return install(eventfd_create((unsigned)args->a[0], false, 0), false);
}
