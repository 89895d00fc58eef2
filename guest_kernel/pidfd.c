/*
 * See pidfd.h.
 */
#include "guest_kernel/pidfd.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/pidfd.h>
#include <linux/poll.h>

#include "abi/syscalls.h"
#include "fs/anon.h"

/* In the tables still: not reaped. */
static bool is_known(struct process *p)
{
    assert_held(&process_tree_lock);
    return process_lookup(p->pid) == p;
}

static unsigned pidfd_poll(struct file *f, struct poll_table *t)
{
    struct process *p = f->data;

    poll_wait(t, &p->ended);
    return __atomic_load_n(&p->zombie, __ATOMIC_ACQUIRE) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
    process_put(f->data);
}

static const struct file_ops pidfd_ops = {.seeks_nowhere = true, .poll = pidfd_poll, .release = pidfd_release};

struct file *pidfd_create(struct process *p, uint32_t flags)
{
    struct inode *i = anon_inode(0600);
    struct file *f = i ? anon_file(i, "anon_inode:[pidfd]", &pidfd_ops, p, O_RDWR | flags) : NULL;

    if (f)
        process_get(p);
    return f;
}

struct process *pidfd_process(int fd, bool *nonblocking)
{
    struct file *f = fd_get(fd);
    struct process *p = NULL;

    if (!f)
        return NULL;
    if (f->ops == &pidfd_ops)
        p = process_get(f->data);
    if (nonblocking)
        *nonblocking = f->flags & O_NONBLOCK;
    file_put(f);
    return p;
}

long sys_pidfd_open(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0];
    uint32_t flags = (uint32_t)args->a[1];

    if (flags & ~(uint32_t)PIDFD_NONBLOCK || pid <= 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    bool thread = !p && thread_lookup(pid);
    if (p)
        process_get(p);
    spin_unlock(&process_tree_lock);
    if (!p)
        return thread ? -EINVAL : -ESRCH;
    struct file *f = pidfd_create(p, flags);
    process_put(p);
    if (!f)
        return -ENOMEM;
    int fd = fd_install(f, 0, true);
    if (fd < 0)
        file_put(f);
    return fd;
}

static long read_info(siginfo_t *info, uint64_t address, const struct process *target, int signal)
{
    if (get_user(*info, user(address)))
        return -EFAULT;
    if (info->si_signo != signal)
        return -EINVAL;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && target != process_current())
        return -EPERM;
    return 0;
}

static long send_to(struct process *p, const siginfo_t *info, int signal)
{
    long result = -ESRCH;

    spin_lock(&process_tree_lock);
    if (is_known(p))
        result = !process_may_signal(p, signal) ? -EPERM : signal ? signal_send_process(p, info) : 0;
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_pidfd_send_signal(const struct syscall_args *args)
{
    int signal = (int)args->a[1];
    siginfo_t info = signal_info_user(signal, SI_USER);
    long result = 0;

    if ((uint32_t)args->a[3])
        return -EINVAL;
    struct process *p = pidfd_process((int)args->a[0], NULL);
    if (!p)
        return -EBADF;
    if (signal < 0 || signal > SIGNAL_COUNT)
        result = -EINVAL;
    if (!result && args->a[2])
        result = read_info(&info, args->a[2], p, signal);
    if (!result)
        result = send_to(p, &info, signal);
    process_put(p);
    return result;
}

/* As process_vm_readv: the same user throughout, or privileged. */
long sys_pidfd_getfd(const struct syscall_args *args)
{
    struct file *f = NULL;

    if ((uint32_t)args->a[2])
        return -EINVAL;
    struct process *p = pidfd_process((int)args->a[0], NULL);
    if (!p)
        return -EBADF;
    long result = process_check_access(p->pid, false);
    struct file_table *files = result ? NULL : process_files(p->pid);
    if (!result && !files)
        result = -ESRCH;
    if (files) {
        f = file_table_at(files, (int)args->a[1]);
        file_table_put(files);
        result = f ? fd_install(f, 0, true) : -EBADF;
    }
    if (f && result < 0)
        file_put(f);
    process_put(p);
    return result;
}
