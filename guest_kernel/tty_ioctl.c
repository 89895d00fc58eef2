/*
 * The calls of ioctl_tty(2) that are not settings (tty_settings.c) or job control (tty_job.c): queues, flow, size.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/tty.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/tty_device.h"
#include "lib/string.h"

static long get_size(struct tty *t, uint64_t argument)
{
    tty_lock(t);
    struct winsize size = t->size;
    tty_unlock(t);
    return put_user(user(argument), size);
}

void tty_set_size(struct tty *t, const struct winsize *size)
{
    tty_lock(t);
    bool changed = memcmp(&t->size, size, sizeof(*size));
    t->size = *size;
    tty_unlock(t);
    if (changed)
        tty_signal_group(t, SIGWINCH);
}

static long set_size(struct tty *t, uint64_t argument)
{
    struct winsize size;

    if (get_user(size, user(argument)))
        return -EFAULT;
    tty_set_size(t, &size);
    return 0;
}

long tty_drain(struct tty *t)
{
    return t->kind->drain ? t->kind->drain(t) : 0;
}

static void flush_input(struct tty *t)
{
    tty_lock(t);
    t->backlog.tail = t->backlog.head;
    tty_discipline_flush_input(&t->discipline);
    tty_unlock(t);
    t->kind->input_room(t);
}

static void flush_output(struct tty *t)
{
    tty_lock(t);
    t->out.mark = t->out.head;
    tty_ring_cut(&t->out);
    t->discipline.news |= TIOCPKT_FLUSHWRITE;
    tty_unlock(t);
    tty_tell_room(t);
}

static long flush_queues(struct tty *t, uint64_t which)
{
    long error = tty_check_foreground(t, SIGTTOU);

    if (error)
        return error;
    if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        flush_input(t);
    if (which != TCIFLUSH)
        flush_output(t);
    (void)t->kind->output(t); /* a master in packet mode is told */
    return 0;
}

/* TCIOFF and TCION ask the other side by its character to stop and to start; also past a stop of our own. */
static long send_flow_character(struct tty *t, unsigned which)
{
    cc_t c = t->discipline.termios.c_cc[which];

    if (!c) /* there is none */
        return 0;
    long error = tty_turn_take(&t->writing, false);
    if (error)
        return error;
    tty_lock(t);
    (void)tty_ring_put(&t->out, &c, 1);
    t->out.hold = t->out.head;
    tty_unlock(t);
    tty_turn_give(&t->writing);
    return t->kind->output(t);
}

static void set_stopped(struct tty *t, bool stop)
{
    struct tty_discipline *d = &t->discipline;

    tty_lock(t);
    t->out.mark = t->out.head;
    bool was = d->stopped_by_call;
    d->stopped_by_call = stop;
    if (stop)
        tty_discipline_stop(d, &t->out);
    else if (was)
        tty_discipline_start(d, &t->out);
    tty_unlock(t);
    (void)t->kind->output(t);
    tty_tell_room(t);
}

static long control_flow(struct tty *t, uint64_t action)
{
    long error = tty_check_foreground(t, SIGTTOU);

    if (error)
        return error;
    switch (action) {
    case TCOOFF:
    case TCOON:
        set_stopped(t, action == TCOOFF);
        return 0;
    case TCIOFF:
        return send_flow_character(t, VSTOP);
    case TCION:
        return send_flow_character(t, VSTART);
    default:
        return -EINVAL;
    }
}

/* There is no wire to break: what is left of it is the wait. */
static long send_break(struct tty *t, unsigned request)
{
    long error = tty_check_foreground(t, SIGTTOU);

    if (!error && request != TIOCCBRK)
        error = tty_drain(t) ? -EINTR : 0;
    return error;
}

static long count_input(struct tty *t, uint64_t argument)
{
    tty_lock(t);
    int n = (int)tty_discipline_available(&t->discipline);
    tty_unlock(t);
    return put_user(user(argument), n);
}

/* A pseudoterminal's output counts as sent once it is written. */
static long count_output(struct tty *t, uint64_t argument)
{
    int n = t->kind->is_pty ? 0 : (int)tty_ring_used(&t->out);

    return put_user(user(argument), n);
}

static long simulate_input(struct tty *t, uint64_t argument)
{
    uint8_t c;

    if (process_current()->terminal != t && !cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user(c, user(argument)))
        return -EFAULT;
    mutex_lock(&t->input_lock);
    (void)tty_receive(t, &c, 1);
    mutex_unlock(&t->input_lock);
    tty_received(t);
    return 0;
}

static long set_exclusive(struct tty *t, bool exclusive)
{
    tty_lock(t);
    t->exclusive = exclusive;
    tty_unlock(t);
    return 0;
}

static long get_exclusive(struct tty *t, uint64_t argument)
{
    int exclusive = t->exclusive;

    return put_user(user(argument), exclusive);
}

static long get_number(uint64_t argument, int number)
{
    return put_user(user(argument), number);
}

/* N_TTY is the only line discipline there is. */
static long set_line_discipline(struct tty *t, uint64_t argument)
{
    int number;
    long error = tty_check_foreground(t, SIGTTOU);

    if (error)
        return error;
    if (get_user(number, user(argument)))
        return -EFAULT;
    return number == N_TTY ? 0 : -EINVAL;
}

long tty_ioctl_shared(struct tty *t, bool master, struct file *f, unsigned request, uint64_t argument)
{
    long result;

    switch (request) {
    case TIOCGWINSZ:
        return get_size(t, argument);
    case TIOCSWINSZ:
        return set_size(t, argument);
    case TIOCGDEV:
        return get_number(argument, (int)t->device);
    case TIOCGETD:
        return get_number(argument, N_TTY);
    case TIOCSETD:
        return set_line_discipline(t, argument);
    default:
        result = tty_settings_ioctl(t, request, argument);
        if (result == -ENOIOCTLCMD)
            result = tty_job_ioctl(t, master, f, request, argument);
        return result == -ENOIOCTLCMD ? -ENOTTY : result;
    }
}

static long hang_up(struct tty *t)
{
    if (!cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    tty_hang_up(t, false);
    return 0;
}

long tty_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    struct tty *t = f->data;

    if (tty_is_hung_up(f))
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (request) {
    case FIONREAD:
        return count_input(t, argument);
    case TIOCOUTQ:
        return count_output(t, argument);
    case TCFLSH:
        return flush_queues(t, argument);
    case TCXONC:
        return control_flow(t, argument);
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
        return send_break(t, request);
    case TIOCSTI:
        return simulate_input(t, argument);
    case TIOCEXCL:
    case TIOCNXCL:
        return set_exclusive(t, request == TIOCEXCL);
    case TIOCGEXCL:
        return get_exclusive(t, argument);
    case TIOCGPTPEER: /* only a master has one */
        return -EIO;
    case TIOCVHANGUP:
        return hang_up(t);
    default:
        return tty_ioctl_shared(t, false, f, request, argument);
    }
}

/* The caller's terminal, for whoever uses it next: programs that still have it open get nothing of him. */
long sys_vhangup(const struct syscall_args *args)
{
    if (!cred_may(CAP_SYS_TTY_CONFIG))
        return -EPERM;
    spin_lock(&process_tree_lock);
    struct tty *t = process_current()->terminal;
    if (t)
        tty_get(t);
    spin_unlock(&process_tree_lock);
    if (!t)
        return 0;
    tty_hang_up(t, false);
    tty_put(t);
    return 0;
}
