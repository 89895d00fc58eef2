/*
 * signalfd(2): reading signals from a descriptor.  It takes what is pending for whoever reads, as sigtimedwait does; the
 * signals should be blocked, else they are delivered first.
 *
 * All signalfds wait on one queue, which outlives every process: a descriptor may be inherited, and an epoll set may
 * still wait on it when the process that made it is gone.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signalfd.h>

#include "abi/syscalls.h"
#include "fs/anon.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal_dequeue.h"

struct signalfd {
    signal_set mask; /* atomic, relaxed: changed by signalfd(fd, ...) */
};

static signal_set mask_of(const struct file *f)
{
    const struct signalfd *s = f->data;

    return __atomic_load_n(&s->mask, __ATOMIC_RELAXED);
}

/* A pending signal of the file's set for the current thread: its number, 0: none. */
static int take(struct file *f, siginfo_t *info)
{
    struct thread *t = thread_current();
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    int signal = signal_dequeue(t, mask_of(f), info);

    signal_recalculate(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return signal;
}

static bool is_ready(struct file *f)
{
    struct thread *t = thread_current();
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    bool ready = (t->pending.set | t->process->signals.pending.set) & mask_of(f);

    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return ready;
}

/* The fields that the kind of signal has; the rest stays zero. */
static struct signalfd_siginfo info_to_user(const siginfo_t *info)
{
    struct signalfd_siginfo out = {
        .ssi_signo = (uint32_t)info->si_signo, .ssi_errno = info->si_errno, .ssi_code = info->si_code};

    if (info->si_code == SI_TIMER) {
        out.ssi_tid = (uint32_t)info->si_tid;
        out.ssi_overrun = (uint32_t)info->si_overrun;
    } else if (info->si_code == SI_KERNEL && signal_in(SIGNALS_SYNCHRONOUS, info->si_signo)) {
        out.ssi_addr = (uint64_t)info->si_addr;
        return out;
    } else {
        out.ssi_pid = (uint32_t)info->si_pid;
        out.ssi_uid = info->si_uid;
    }
    if (info->si_signo == SIGCHLD && info->si_code > 0)
        out.ssi_status = info->si_status;
    else if (info->si_code < 0) {
        out.ssi_ptr = (uint64_t)info->si_value.sival_ptr;
        out.ssi_int = info->si_value.sival_int;
    }
    return out;
}

static long signalfd_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct signalfd_siginfo out;
    siginfo_t info;
    long total = 0;
    int signal;

    if (it->remaining < sizeof(out))
        return -EINVAL;
    while (it->remaining >= sizeof(out)) {
        while (!(signal = take(f, &info))) {
            if (total)
                return total;
            if (f->flags & O_NONBLOCK)
                return -EAGAIN;
            long interrupted = wait_event(&signal_arrived, is_ready(f));
            if (interrupted)
                return interrupted;
        }
        out = info_to_user(&info);
        if (iter_write(it, &out, sizeof(out)) != sizeof(out))
            return total ? total : -EFAULT;
        total += (long)sizeof(out);
    }
    return total;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *t)
{
    poll_wait(t, &signal_arrived);
    return is_ready(f) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
    mem_free(f->data);
}

static const struct file_ops signalfd_ops = {
    .seeks_nowhere = true,
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
};

static struct file *signalfd_create(signal_set mask, uint32_t flags)
{
    struct signalfd *s = mem_alloc(sizeof(*s));
    struct inode *i = s ? anon_inode(0600) : NULL;

    if (!i) {
        mem_free(s);
        return NULL;
    }
    s->mask = mask;
    struct file *f = anon_file(i, "anon_inode:[signalfd]", &signalfd_ops, s, O_RDWR | flags);
    if (!f)
        mem_free(s);
    return f;
}

static long signalfd_change(int fd, signal_set mask)
{
    struct file *f = fd_get(fd);
    long result = fd;

    if (!f)
        return -EBADF;
    if (f->ops == &signalfd_ops)
        __atomic_store_n(&((struct signalfd *)f->data)->mask, mask, __ATOMIC_RELAXED);
    else
        result = -EINVAL;
    file_put(f);
    wake_all(&signal_arrived);
    return result;
}

static long signalfd_make(int fd, uint64_t mask_address, uint64_t size, uint32_t flags)
{
    signal_set mask;

    if (size != sizeof(mask))
        return -EINVAL;
    if (get_user(mask, user(mask_address)))
        return -EFAULT;
    if (flags & ~(uint32_t)(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    mask &= ~SIGNALS_UNBLOCKABLE;
    if (fd != -1)
        return signalfd_change(fd, mask);
    struct file *f = signalfd_create(mask, flags & SFD_NONBLOCK);
    if (!f)
        return -ENOMEM;
    fd = fd_install(f, 0, flags & SFD_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

long sys_signalfd(const struct syscall_args *args)
{
    return signalfd_make((int)args->a[0], args->a[1], args->a[2], 0);
}

long sys_signalfd4(const struct syscall_args *args)
{
    return signalfd_make((int)args->a[0], args->a[1], args->a[2], (uint32_t)args->a[3]);
}
