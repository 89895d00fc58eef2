/*
 * A terminal's settings: the TC* calls in their three forms (struct termios, termios2, termio), speeds, locked bits
 * (ioctl_tty(2), termios(3)).
 */
#include <asm/errno.h>
#include <asm/ioctls.h>

#include "guest_kernel/core/user.h"
#include "guest_kernel/tty_device.h"
#include "lib/string.h"

/* struct termios is the first part of struct termios2. */
_Static_assert(offsetof(struct termios2, c_ispeed) == sizeof(struct termios), "termios2 extends termios");

enum form { FORM_TERMIOS, FORM_TERMIOS2, FORM_TERMIO };

static uint32_t speed_of(tcflag_t code, uint32_t other)
{
    static const uint32_t speeds[] = {
        0,      50,      75,      110,     134,     150,     200,     300,     600,     1200,   1800,
        2400,   4800,    9600,    19200,   38400,   57600,   115200,  230400,  460800,  500000, 576000,
        921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
    };
    uint32_t at = code & ~(tcflag_t)CBAUDEX;

    if (code == BOTHER)
        return other;
    if (code & CBAUDEX)
        at += 15;
    return at < ARRAY_SIZE(speeds) ? speeds[at] : 0;
}

/* The speeds in numbers follow the codes. */
static void set_speeds(struct termios2 *s)
{
    tcflag_t input = (s->c_cflag >> IBSHIFT) & CBAUD;

    s->c_ospeed = speed_of(s->c_cflag & CBAUD, s->c_ospeed);
    s->c_ispeed = input ? speed_of(input, s->c_ispeed) : s->c_ospeed;
}

static struct termios2 settings_of(struct tty *t)
{
    tty_lock(t);
    struct termios2 s = t->discipline.termios;
    tty_unlock(t);
    return s;
}

static long get_settings(struct tty *t, enum form form, uint64_t argument)
{
    struct termios2 s = settings_of(t);
    struct termio old = {.c_iflag = (unsigned short)s.c_iflag,
                         .c_oflag = (unsigned short)s.c_oflag,
                         .c_cflag = (unsigned short)s.c_cflag,
                         .c_lflag = (unsigned short)s.c_lflag,
                         .c_line = s.c_line};

    memcpy(old.c_cc, s.c_cc, NCC);
    if (form == FORM_TERMIO)
        return put_user(user(argument), old);
    return copy_to_user(user(argument), &s, form == FORM_TERMIOS2 ? sizeof(s) : sizeof(struct termios));
}

/* struct termio has the low halves of the flags and the first characters: the rest stays. */
static int read_termio(struct termios2 *s, uint64_t argument)
{
    const tcflag_t high = 0xffff0000;
    struct termio old;

    if (get_user(old, user(argument)))
        return -EFAULT;
    s->c_iflag = (s->c_iflag & high) | old.c_iflag;
    s->c_oflag = (s->c_oflag & high) | old.c_oflag;
    s->c_cflag = (s->c_cflag & high) | old.c_cflag;
    s->c_lflag = (s->c_lflag & high) | old.c_lflag;
    s->c_line = old.c_line;
    memcpy(s->c_cc, old.c_cc, NCC);
    return 0;
}

static void keep(tcflag_t *value, tcflag_t old, tcflag_t locked)
{
    *value = (old & locked) | (*value & ~locked);
}

static void keep_locked(struct termios2 *s, const struct termios2 *old, const struct termios *locked)
{
    keep(&s->c_iflag, old->c_iflag, locked->c_iflag);
    keep(&s->c_oflag, old->c_oflag, locked->c_oflag);
    keep(&s->c_cflag, old->c_cflag, locked->c_cflag);
    keep(&s->c_lflag, old->c_lflag, locked->c_lflag);
    s->c_line = locked->c_line ? old->c_line : s->c_line;
    for (unsigned i = 0; i < NCCS; i++)
        s->c_cc[i] = locked->c_cc[i] ? old->c_cc[i] : s->c_cc[i];
}

static bool has_usual_flow(const struct termios2 *s)
{
    return (s->c_iflag & IXON) && s->c_cc[VSTOP] == '\023' && s->c_cc[VSTART] == '\021';
}

/* What a master in packet mode is told of new settings. */
static void note_change(struct tty_discipline *d, const struct termios2 *old)
{
    const struct termios2 *s = &d->termios;

    if (has_usual_flow(old) != has_usual_flow(s)) {
        d->news &= ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
        d->news |= has_usual_flow(s) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    }
    if ((old->c_lflag | s->c_lflag) & EXTPROC)
        d->news |= TIOCPKT_IOCTL;
}

static void apply(struct tty *t, struct termios2 *s, bool flush)
{
    struct tty_discipline *d = &t->discipline;

    tty_lock(t);
    struct termios2 old = d->termios;
    if (flush)
        tty_discipline_flush_input(d);
    keep_locked(s, &old, &t->locked);
    s->c_cflag = (s->c_cflag & ~(tcflag_t)(CSIZE | PARENB | ADDRB)) | CS8 | CREAD; /* no wire, and 8 bits */
    tty_discipline_set(d, s, &t->out);
    note_change(d, &old);
    tty_unlock(t);
    t->kind->input_room(t);
    (void)t->kind->output(t);
    wake_all(&t->writable);
    wake_all(&t->readable);
}

/* Also those who are writing now are waited for. */
static long drain(struct tty *t)
{
    long error = tty_drain(t);

    if (!error)
        error = tty_turn_take(&t->writing, false);
    if (!error)
        tty_turn_give(&t->writing);
    return error;
}

static long set_settings(struct tty *t, enum form form, uint64_t argument, bool wait, bool flush)
{
    struct termios2 s = settings_of(t);
    long error = tty_check_foreground(t, SIGTTOU);

    if (error)
        return error;
    if (form == FORM_TERMIO)
        error = read_termio(&s, argument);
    else
        error = copy_from_user(&s, user(argument), form == FORM_TERMIOS2 ? sizeof(s) : sizeof(struct termios));
    if (error)
        return error;
    set_speeds(&s);
    if (wait)
        error = drain(t);
    if (!error)
        apply(t, &s, flush);
    return error;
}

static long get_locked(struct tty *t, uint64_t argument)
{
    tty_lock(t);
    struct termios locked = t->locked;
    tty_unlock(t);
    return put_user(user(argument), locked);
}

static long set_locked(struct tty *t, uint64_t argument)
{
    struct termios locked;

    if (!cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user(locked, user(argument)))
        return -EFAULT;
    tty_lock(t);
    t->locked = locked;
    tty_unlock(t);
    return 0;
}

static long get_soft_carrier(struct tty *t, uint64_t argument)
{
    int local = !!(settings_of(t).c_cflag & CLOCAL);

    return put_user(user(argument), local);
}

static long set_soft_carrier(struct tty *t, uint64_t argument)
{
    unsigned local;

    if (get_user(local, user(argument)))
        return -EFAULT;
    struct termios2 s = settings_of(t);
    s.c_cflag = (s.c_cflag & ~(tcflag_t)CLOCAL) | (local ? CLOCAL : 0);
    apply(t, &s, false);
    return 0;
}

long tty_settings_ioctl(struct tty *t, unsigned request, uint64_t argument)
{
    switch (request) {
    case TCGETS:
        return get_settings(t, FORM_TERMIOS, argument);
    case TCGETS2:
        return get_settings(t, FORM_TERMIOS2, argument);
    case TCGETA:
        return get_settings(t, FORM_TERMIO, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_settings(t, FORM_TERMIOS, argument, request != TCSETS, request == TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_settings(t, FORM_TERMIOS2, argument, request != TCSETS2, request == TCSETSF2);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_settings(t, FORM_TERMIO, argument, request != TCSETA, request == TCSETAF);
    case TIOCGLCKTRMIOS:
        return get_locked(t, argument);
    case TIOCSLCKTRMIOS:
        return set_locked(t, argument);
    case TIOCGSOFTCAR:
        return get_soft_carrier(t, argument);
    case TIOCSSOFTCAR:
        return set_soft_carrier(t, argument);
    default:
        return -ENOIOCTLCMD;
    }
}
