/*
 * See guest_kernel/file_owner.h.
 */
#include "guest_kernel/file_owner.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/file.h"
#include "guest_kernel/process.h"

/* Is there a process, thread or group of that number?  Tree lock held. */
static bool owner_exists(int kind, int32_t id)
{
    if (kind == F_OWNER_PGRP) {
        for (struct process *p = process_next(0); p; p = process_next(p->pid))
            if (p->group == id)
                return true;
        return false;
    }
    return process_lookup(id) || thread_lookup(id);
}

static bool owner_exists_now(int kind, int32_t id)
{
    spin_lock(&process_tree_lock);
    bool found = owner_exists(kind, id);
    spin_unlock(&process_tree_lock);
    return found;
}

static long owner_set(struct file *f, int kind, int32_t id)
{
    const struct cred *c = &task_current()->cred;

    if (id && !owner_exists_now(kind, id))
        return -ESRCH;
    mutex_lock(&f->lock);
    f->owner =
        (struct file_owner){.id = id, .kind = (uint8_t)kind, .signal = f->owner.signal, .uid = c->uid, .euid = c->euid};
    mutex_unlock(&f->lock);
    return 0;
}

long file_owner_set(struct file *f, int32_t id)
{
    if (id == INT32_MIN)
        return -EINVAL;
    return owner_set(f, id < 0 ? F_OWNER_PGRP : F_OWNER_PID, id < 0 ? -id : id);
}

void file_owner_forget(struct file *f)
{
    mutex_lock(&f->lock);
    f->owner = (struct file_owner){0};
    mutex_unlock(&f->lock);
}

int32_t file_owner_get(const struct file *f)
{
    struct file_owner o = f->owner;

    if (!o.id || !owner_exists_now(o.kind, o.id))
        return 0;
    return o.kind == F_OWNER_PGRP ? -o.id : o.id;
}

static long owner_set_extended(struct file *f, user_ptr from)
{
    struct f_owner_ex o;

    if (get_user(o, from))
        return -EFAULT;
    if ((unsigned)o.type > F_OWNER_PGRP)
        return -EINVAL;
    return owner_set(f, o.type, o.pid);
}

static long owner_get_extended(struct file *f, user_ptr to)
{
    int32_t id = file_owner_get(f);
    struct f_owner_ex o = {.type = f->owner.kind, .pid = id < 0 ? -id : id};

    return put_user(to, o);
}

static long signal_set_number(struct file *f, uint64_t signal)
{
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    mutex_lock(&f->lock);
    f->owner.signal = (uint8_t)signal;
    mutex_unlock(&f->lock);
    return 0;
}

long file_owner_fcntl(struct file *f, unsigned command, uint64_t argument)
{
    switch (command) {
    case F_SETOWN:
        return file_owner_set(f, (int32_t)argument);
    case F_GETOWN:
        return file_owner_get(f);
    case F_SETOWN_EX:
        return owner_set_extended(f, user(argument));
    case F_GETOWN_EX:
        return owner_get_extended(f, user(argument));
    case F_SETSIG:
        return signal_set_number(f, argument);
    default:
        return f->owner.signal; /* F_GETSIG */
    }
}

/* fcntl(2): as kill(2) would judge who set the owner. */
static bool may_tell(const struct file_owner *o, const struct cred *c)
{
    return !o->euid || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid || o->uid == c->uid;
}

static int send(struct process *p, struct thread *t, const siginfo_t *info)
{
    return t ? signal_send_thread(t, info) : signal_send_process(p, info);
}

/* A real-time signal that finds no room becomes a plain SIGIO. */
static void tell(const struct file_owner *o, struct process *p, struct thread *t, const siginfo_t *info)
{
    siginfo_t plain = signal_info_kernel(SIGIO);
    struct cred c;

    if (!process_cred(p, &c) || !may_tell(o, &c))
        return;
    if (send(p, t, info) == -EAGAIN)
        (void)send(p, t, &plain); /* from the kernel: not refused */
}

static void tell_owner(struct file *f, const siginfo_t *info)
{
    struct file_owner o = f->owner;

    if (!o.id)
        return;
    spin_lock(&process_tree_lock);
    if (o.kind == F_OWNER_PGRP) {
        for (struct process *p = process_next(0); p; p = process_next(p->pid))
            if (p->group == o.id)
                tell(&o, p, NULL, info);
    } else {
        struct thread *t = thread_lookup(o.id);
        struct process *p = t ? t->process : process_lookup(o.id);
        if (p)
            tell(&o, p, o.kind == F_OWNER_TID ? t : NULL, info);
    }
    spin_unlock(&process_tree_lock);
}

void file_owner_urgent(struct file *f)
{
    siginfo_t info = signal_info_kernel(SIGURG);

    tell_owner(f, &info);
}

/* Of these signals POSIX says what each si_code means: ours would be taken for one of theirs. */
static bool has_own_codes(int signal)
{
    return signal_in(SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) |
                         SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGSYS),
                     signal);
}

/* What poll(2) says of the same. */
static long band_of(int reason)
{
    switch (reason) {
    case POLL_OUT:
        return POLLOUT | POLLWRNORM | POLLWRBAND;
    case POLL_MSG:
        return POLLIN | POLLRDNORM | POLLMSG;
    case POLL_HUP:
        return POLLHUP | POLLERR;
    default:
        return POLLIN | POLLRDNORM;
    }
}

void file_owner_async(struct file *f, int reason)
{
    siginfo_t info = signal_info_kernel(SIGIO);
    int signal = f->owner.signal;

    if (signal) {
        info = (siginfo_t){.si_signo = signal, .si_code = has_own_codes(signal) ? SI_SIGIO : reason};
        info.si_band = band_of(reason);
        info.si_fd = f->async_fd;
    }
    tell_owner(f, &info);
}
