/*
 * Settings and job control of the terminal (ioctl_tty(2), termios(3), credentials(7)).
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/tty.h>

#include "guest_kernel/core/user.h"
#include "guest_kernel/tty_device.h"
#include "virtio/driver/driver.h"

long tty_check_foreground(struct tty *t, int signal)
{
    struct process *p = process_current();
    siginfo_t info = signal_info_kernel(signal);

    spin_lock(&process_tree_lock);
    bool background = p->terminal == t && p->group != tty_foreground_group(t) && tty_foreground_group(t);
    int32_t group = p->group;
    bool orphaned = background && process_group_is_orphaned(group);
    spin_unlock(&process_tree_lock);
    if (!background)
        return 0;
    if (signal_is_ignored_or_blocked(signal))
        return signal == SIGTTIN ? -EIO : 0;
    if (orphaned)
        return -EIO;
    (void)signal_send_group(group, &info);
    return -ERESTARTSYS;
}

void tty_acquire(struct tty *t)
{
    struct process *p = process_current();

    spin_lock(&process_tree_lock);
    spin_lock(&t->lock);
    if (p->session == p->pid && !p->terminal && !t->session) {
        p->terminal = t;
        t->session = p->session;
        t->foreground = p->group;
    }
    spin_unlock(&t->lock);
    spin_unlock(&process_tree_lock);
}

/* The terminal of p's session belongs to no one afterwards; returns the group that was in the foreground. */
static int32_t release_locked(struct process *p)
{
    struct tty *t = p->terminal;

    assert_held(&process_tree_lock);
    for (struct process *other = process_next(0); other; other = process_next(other->pid)) {
        if (other->session == p->session)
            other->terminal = NULL;
    }
    spin_lock(&t->lock);
    int32_t foreground = t->foreground;
    t->session = t->foreground = 0;
    spin_unlock(&t->lock);
    return foreground;
}

void tty_session_ends(struct process *p)
{
    siginfo_t hup = signal_info_kernel(SIGHUP), cont = signal_info_kernel(SIGCONT);
    int32_t group = 0;

    spin_lock(&process_tree_lock);
    if (p->terminal && p->session == p->pid)
        group = release_locked(p);
    spin_unlock(&process_tree_lock);
    if (!group)
        return;
    (void)signal_send_group(group, &hup);
    (void)signal_send_group(group, &cont);
}

static long give_up_terminal(struct tty *t)
{
    struct process *p = process_current();

    spin_lock(&process_tree_lock);
    bool mine = p->terminal == t;
    bool leader = p->session == p->pid;
    if (mine && !leader)
        p->terminal = NULL;
    spin_unlock(&process_tree_lock);
    if (!mine)
        return -ENOTTY;
    if (leader)
        tty_session_ends(p);
    return 0;
}

static long take_terminal(struct tty *t)
{
    struct process *p = process_current();

    tty_acquire(t);
    spin_lock(&process_tree_lock);
    long result = p->terminal == t && p->session == p->pid ? 0 : -EPERM;
    spin_unlock(&process_tree_lock);
    return result;
}

static long get_foreground(struct tty *t, uint64_t argument)
{
    int32_t group = tty_foreground_group(t);

    if (process_current()->terminal != t)
        return -ENOTTY;
    return put_user(user(argument), group);
}

static long set_foreground(struct tty *t, uint64_t argument)
{
    struct process *p = process_current();
    int32_t group;
    long result = 0;

    if (p->terminal != t)
        return -ENOTTY;
    result = tty_check_foreground(t, SIGTTOU);
    if (result)
        return result;
    if (get_user(group, user(argument)))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    if (!process_group_exists(group, 0)) {
        result = -ESRCH;
    } else if (!process_group_exists(group, p->session)) {
        result = -EPERM;
    } else {
        spin_lock(&t->lock);
        t->foreground = group;
        spin_unlock(&t->lock);
    }
    spin_unlock(&process_tree_lock);
    return result;
}

static long get_session(struct tty *t, uint64_t argument)
{
    int32_t session = t->session;

    if (process_current()->terminal != t)
        return -ENOTTY;
    return put_user(user(argument), session);
}

static long get_settings(struct tty *t, uint64_t argument)
{
    spin_lock(&t->lock);
    struct termios settings = t->discipline.termios;
    spin_unlock(&t->lock);
    return put_user(user(argument), settings);
}

static long drain(struct tty *t)
{
    mutex_lock(&t->output_lock);
    long error = tty_flush(t, true);
    mutex_unlock(&t->output_lock);
    return error;
}

static void flush_input(struct tty *t)
{
    spin_lock(&t->lock);
    tty_discipline_flush_input(&t->discipline);
    spin_unlock(&t->lock);
}

static long set_settings(struct tty *t, unsigned request, uint64_t argument)
{
    struct termios settings;
    long error = tty_check_foreground(t, SIGTTOU);

    if (error)
        return error;
    if (get_user(settings, user(argument)))
        return -EFAULT;
    if (request != TCSETS) {
        error = drain(t);
        if (error)
            return error;
    }
    if (request == TCSETSF)
        flush_input(t);
    spin_lock(&t->lock);
    tty_discipline_set(&t->discipline, &settings);
    spin_unlock(&t->lock);
    wake_all(&t->resumed);
    wake_all(&t->readable);
    return 0;
}

static long get_size(struct tty *t, uint64_t argument)
{
    spin_lock(&t->lock);
    struct winsize size = t->size;
    spin_unlock(&t->lock);
    return put_user(user(argument), size);
}

static long set_size(struct tty *t, uint64_t argument)
{
    struct winsize size;

    if (get_user(size, user(argument)))
        return -EFAULT;
    spin_lock(&t->lock);
    t->size.ws_xpixel = size.ws_xpixel;
    t->size.ws_ypixel = size.ws_ypixel;
    spin_unlock(&t->lock);
    tty_resize(size.ws_row, size.ws_col);
    return 0;
}

static long flush_queues(struct tty *t, int which)
{
    if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        flush_input(t);
    if (which != TCIFLUSH) {
        spin_lock(&t->lock);
        t->pending_tail = t->pending_head;
        spin_unlock(&t->lock);
    }
    return 0;
}

static long control_flow(struct tty *t, int action)
{
    if (action != TCOOFF && action != TCOON)
        return action == TCIOFF || action == TCION ? 0 : -EINVAL;
    spin_lock(&t->lock);
    t->discipline.stopped = action == TCOOFF;
    spin_unlock(&t->lock);
    wake_all(&t->resumed);
    return 0;
}

static long count_input(struct tty *t, uint64_t argument)
{
    spin_lock(&t->lock);
    int n = (int)tty_discipline_available(&t->discipline);
    spin_unlock(&t->lock);
    return put_user(user(argument), n);
}

long tty_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    struct tty *t = f->data;
    int number = 0;

    switch (request) {
    case TCGETS:
        return get_settings(t, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_settings(t, request, argument);
    case TIOCGWINSZ:
        return get_size(t, argument);
    case TIOCSWINSZ:
        return set_size(t, argument);
    case TIOCGPGRP:
        return get_foreground(t, argument);
    case TIOCSPGRP:
        return set_foreground(t, argument);
    case TIOCGSID:
        return get_session(t, argument);
    case TIOCSCTTY:
        return take_terminal(t);
    case TIOCNOTTY:
        return give_up_terminal(t);
    case FIONREAD:
        return count_input(t, argument);
    case TIOCOUTQ:
        number = (int)(t->pending_head - t->pending_tail);
        return put_user(user(argument), number);
    case TIOCGETD: /* N_TTY */
        return put_user(user(argument), number);
    case TCFLSH:
        return flush_queues(t, (int)argument);
    case TCXONC:
        return control_flow(t, (int)argument);
    case TCSBRK:
    case TCSBRKP:
        return drain(t);
    default:
        return -ENOTTY;
    }
}
