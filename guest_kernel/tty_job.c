/*
 * Job control: whose controlling terminal it is, which group is in the foreground, who may use it, and what a hang-up
 * does to its session (credentials(7), ioctl_tty(2), setpgid(2)).
 *
 * process.terminal is no counted reference: a terminal that is some process's has a session, and one that goes away is
 * hung up before, which takes it from all processes.  tty.session and .foreground change with process_tree_lock and
 * tty.lock held; either is enough to read them.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/user.h"
#include "guest_kernel/tty_device.h"

static void signal_group(int32_t group, int signal)
{
    siginfo_t info = signal_info_kernel(signal);

    if (group)
        (void)signal_send_group(group, &info);
}

void tty_signal_group(struct tty *t, int signal)
{
    signal_group(tty_foreground_group(t), signal);
}

long tty_check_foreground(struct tty *t, int signal)
{
    struct process *p = process_current();

    if (likely(__atomic_load_n(&p->terminal, __ATOMIC_RELAXED) != t || p->group == tty_foreground_group(t)))
        return 0;
    spin_lock(&process_tree_lock);
    bool background = p->terminal == t && t->foreground && p->group != t->foreground;
    int32_t group = p->group;
    bool orphaned = background && process_group_is_orphaned(group);
    spin_unlock(&process_tree_lock);
    if (!background)
        return 0;
    if (signal_is_ignored_or_blocked(signal))
        return signal == SIGTTIN ? -EIO : 0;
    if (orphaned)
        return -EIO;
    signal_group(group, signal);
    return -ERESTARTSYS;
}

static void set_session(struct tty *t, int32_t session, int32_t foreground)
{
    assert_held(&process_tree_lock);
    tty_lock(t);
    t->session = session;
    t->foreground = foreground;
    tty_unlock(t);
}

static void take_from_all(struct tty *t)
{
    assert_held(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->terminal == t)
            p->terminal = NULL;
    }
}

static void give_to_current(struct tty *t)
{
    struct process *p = process_current();

    p->terminal = t;
    set_session(t, p->session, p->group);
}

static bool may_read(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY;
}

/* A process that may only write to a terminal does not become its owner by opening it. */
void tty_acquire(struct tty *t, const struct file *f)
{
    struct process *p = process_current();

    spin_lock(&process_tree_lock);
    if (p->session == p->pid && !p->terminal && !t->session && may_read(f) && !tty_is_hung_up(f))
        give_to_current(t);
    spin_unlock(&process_tree_lock);
}

void tty_abandon(struct tty *t, bool session_ends)
{
    siginfo_t hup = signal_info_kernel(SIGHUP), cont = signal_info_kernel(SIGCONT);

    spin_lock(&process_tree_lock);
    int32_t foreground = t->foreground;
    struct process *leader = t->session ? process_lookup(t->session) : NULL;
    take_from_all(t);
    set_session(t, 0, 0);
    if (leader) {
        leader->lost_foreground = foreground;
        (void)signal_send_process(leader, &hup);
        (void)signal_send_process(leader, &cont);
    }
    spin_unlock(&process_tree_lock);
    if (session_ends)
        signal_group(foreground, SIGHUP);
}

/* As on Linux: the end of a leader hangs the terminal up, but a pseudoterminal only loses its session. */
void tty_session_ends(struct process *p, bool at_exit)
{
    int32_t group = 0, lost;

    spin_lock(&process_tree_lock);
    struct tty *t = p->session == p->pid ? p->terminal : NULL;
    lost = p->lost_foreground;
    p->lost_foreground = 0;
    if (t)
        tty_get(t);
    bool hang_up = t && at_exit && !t->kind->is_pty;
    if (t && !hang_up) {
        group = t->foreground;
        take_from_all(t);
        set_session(t, 0, 0);
    }
    spin_unlock(&process_tree_lock);
    if (hang_up)
        tty_hang_up(t, true);
    if (t)
        tty_put(t);
    signal_group(group, SIGHUP);
    if (!at_exit)
        signal_group(group, SIGCONT);
    if (!t && at_exit) { /* it was hung up before: those who were in the foreground then */
        signal_group(lost, SIGHUP);
        signal_group(lost, SIGCONT);
    }
}

/* --- calls --- */

static long give_up(struct tty *t)
{
    struct process *p = process_current();

    spin_lock(&process_tree_lock);
    bool mine = p->terminal == t;
    bool leader = p->session == p->pid;
    if (mine && !leader)
        p->terminal = NULL;
    spin_unlock(&process_tree_lock);
    if (mine && leader)
        tty_session_ends(p, false);
    return mine ? 0 : -ENOTTY;
}

static long take_locked(struct tty *t, const struct file *f, bool steal)
{
    struct process *p = process_current();
    bool leader = p->session == p->pid;

    if (leader && t->session == p->session)
        return 0;
    if (!leader || p->terminal)
        return -EPERM;
    if (t->session && !(steal && cred_may(CAP_SYS_ADMIN)))
        return -EPERM;
    if (!may_read(f) && !cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    take_from_all(t);
    give_to_current(t);
    return 0;
}

static long take(struct tty *t, const struct file *f, bool steal)
{
    spin_lock(&process_tree_lock);
    long result = take_locked(t, f, steal);
    spin_unlock(&process_tree_lock);
    return result;
}

/* Who asks by the terminal itself must have it as his controlling one; a master's holder need not. */
static bool is_strange(struct tty *t, bool master)
{
    return !master && __atomic_load_n(&process_current()->terminal, __ATOMIC_RELAXED) != t;
}

static long get_foreground(struct tty *t, bool master, uint64_t argument)
{
    int32_t group = tty_foreground_group(t);

    return is_strange(t, master) ? -ENOTTY : put_user(user(argument), group);
}

static long get_session(struct tty *t, bool master, uint64_t argument)
{
    int32_t session = __atomic_load_n(&t->session, __ATOMIC_RELAXED);

    return is_strange(t, master) || !session ? -ENOTTY : put_user(user(argument), session);
}

/* The session of a group, or of the process with that number where there is no such group; 0: neither. */
static int32_t session_of(int32_t group)
{
    struct process *p;

    assert_held(&process_tree_lock);
    for (p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group)
            return p->session;
    }
    p = process_lookup(group);
    return p ? p->session : 0;
}

static long set_foreground(struct tty *t, uint64_t argument)
{
    struct process *p = process_current();
    int32_t group, session;
    long result = tty_check_foreground(t, SIGTTOU);

    if (result)
        return result == -EIO ? -ENOTTY : result;
    if (get_user(group, user(argument)))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    if (p->terminal != t || t->session != p->session)
        result = -ENOTTY;
    else if (!(session = session_of(group)))
        result = -ESRCH;
    else if (session != p->session)
        result = -EPERM;
    else
        set_session(t, session, group);
    spin_unlock(&process_tree_lock);
    return result;
}

long tty_job_ioctl(struct tty *t, bool master, struct file *f, unsigned request, uint64_t argument)
{
    switch (request) {
    case TIOCGPGRP:
        return get_foreground(t, master, argument);
    case TIOCSPGRP:
        return set_foreground(t, argument);
    case TIOCGSID:
        return get_session(t, master, argument);
    case TIOCSCTTY:
        return take(t, f, argument == 1);
    case TIOCNOTTY:
        return master ? -ENOTTY : give_up(t);
    default:
        return -ENOIOCTLCMD;
    }
}
