/*
 * What a terminal puts out: written bytes through the output flags, and echo.  The column is counted where OPOST is on,
 * as Linux does.
 */
#include "guest_kernel/tty_echo.h"

#include "lib/string.h"

#define TAB_STOP 8u

static bool output_flag(const struct tty_discipline *d, tcflag_t flag)
{
    return d->termios.c_oflag & flag;
}

static bool put_byte(struct tty_ring *out, uint8_t c, uint32_t room)
{
    return room && tty_ring_put(out, &c, 1);
}

static bool put_newline(struct tty_discipline *d, struct tty_ring *out, uint32_t room)
{
    bool both = output_flag(d, ONLCR);

    if (room < 1u + both)
        return false;
    if (both || output_flag(d, ONLRET))
        d->column = 0;
    d->line_column = d->column;
    return tty_ring_put(out, both ? "\r\n" : "\n", 1u + both);
}

static bool put_return(struct tty_discipline *d, struct tty_ring *out, uint32_t room)
{
    bool as_newline = output_flag(d, OCRNL);

    if (output_flag(d, ONOCR) && d->column == 0)
        return true;
    if (!put_byte(out, as_newline ? '\n' : '\r', room))
        return false;
    if (!as_newline || output_flag(d, ONLRET))
        d->line_column = d->column = 0;
    return true;
}

static bool put_tab(struct tty_discipline *d, struct tty_ring *out, uint32_t room)
{
    uint32_t spaces = TAB_STOP - d->column % TAB_STOP;
    bool expands = (d->termios.c_oflag & TABDLY) == XTABS;

    if (room < (expands ? spaces : 1) || !tty_ring_put(out, expands ? "        " : "\t", expands ? spaces : 1))
        return false;
    d->column += spaces;
    return true;
}

/* One byte, OPOST being on; false: it does not fit. */
static bool put_processed(struct tty_discipline *d, uint8_t c, struct tty_ring *out, uint32_t room)
{
    uint8_t as = output_flag(d, OLCUC) && tty_is_lower(c) ? c - ('a' - 'A') : c;

    if (c == '\n')
        return put_newline(d, out, room);
    if (c == '\r')
        return put_return(d, out, room);
    if (c == '\t')
        return put_tab(d, out, room);
    if (!put_byte(out, as, room))
        return false;
    if (c == '\b')
        d->column -= d->column > 0;
    else if (!tty_is_control(c) && !tty_is_continuation(d, as))
        d->column++;
    return true;
}

/* How many bytes go out as they are, the column counted. */
static size_t plain_run(struct tty_discipline *d, const uint8_t *bytes, size_t n)
{
    bool folds = output_flag(d, OLCUC);
    size_t i;

    for (i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if ((c >= '\b' && c <= '\r') || (folds && tty_is_lower(c)))
            break;
        if (!tty_is_control(c) && !tty_is_continuation(d, c))
            d->column++;
    }
    return i;
}

size_t tty_discipline_output(struct tty_discipline *d, const uint8_t *bytes, size_t n, struct tty_ring *out)
{
    bool processed = output_flag(d, OPOST);
    size_t done = 0;

    while (done < n) {
        size_t most = MIN(n - done, (size_t)tty_ring_room(out));
        size_t run = processed ? plain_run(d, bytes + done, most) : most;
        (void)tty_ring_put(out, bytes + done, (uint32_t)run);
        done += run;
        if (run == most)
            break; /* all is out, or the ring is full */
        if (!put_processed(d, bytes[done], out, tty_ring_room(out)))
            break;
        done++;
    }
    return done;
}

void tty_echo_raw(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (output_flag(d, OPOST))
        (void)put_processed(d, c, out, TTY_ECHO_ROOM);
    else
        (void)tty_ring_put(out, &c, 1);
}

void tty_echo(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    uint8_t shown[2] = {'^', c ^ 0x40};

    if (c == 0xff) { /* Linux's echo has it as an escape: never folded or counted otherwise */
        if (tty_ring_put(out, &c, 1))
            d->column++;
    } else if ((d->termios.c_lflag & ECHOCTL) && tty_is_control(c) && c != '\t') {
        if (tty_ring_put(out, shown, sizeof(shown)))
            d->column += 2;
    } else {
        tty_echo_raw(d, c, out);
    }
}

void tty_echo_erase_tab(struct tty_discipline *d, uint32_t columns, bool after_tab, struct tty_ring *out)
{
    if (!after_tab)
        columns += d->line_column;
    for (uint32_t n = TAB_STOP - columns % TAB_STOP; n; n--) {
        if (tty_ring_put(out, "\b", 1))
            d->column -= d->column > 0;
    }
}
