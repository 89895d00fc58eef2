/*
 * See tty_discipline.h.  This file: typed bytes, and reading them.
 */
#include "guest_kernel/tty_discipline.h"

#include <asm/ioctls.h>
#include <asm/signal.h>

#include "guest_kernel/tty_echo.h"
#include "lib/string.h"

#define BYTE_DISABLED 0 /* _POSIX_VDISABLE */

static bool local_flag(const struct tty_discipline *d, tcflag_t flag)
{
    return d->termios.c_lflag & flag;
}

static bool input_flag(const struct tty_discipline *d, tcflag_t flag)
{
    return d->termios.c_iflag & flag;
}

static bool is(const struct tty_discipline *d, unsigned which, uint8_t c)
{
    return d->termios.c_cc[which] == c;
}

static bool extended(const struct tty_discipline *d, unsigned which, uint8_t c)
{
    return is(d, which, c) && local_flag(d, IEXTEN);
}

static uint8_t byte_at(const struct tty_discipline *d, uint32_t at)
{
    return d->bytes[at % TTY_INPUT_SIZE];
}

static bool ends_at(const struct tty_discipline *d, uint32_t at)
{
    return d->ends[at % TTY_INPUT_SIZE / 64] & BIT(at % 64);
}

static void set_end(struct tty_discipline *d, uint32_t at)
{
    d->ends[at % TTY_INPUT_SIZE / 64] |= BIT(at % 64);
}

static void append(struct tty_discipline *d, uint8_t c)
{
    d->bytes[d->head++ % TTY_INPUT_SIZE] = c;
}

/* The bytes from `at` on, which may lie in two parts. */
static void copy_out(const struct tty_discipline *d, uint32_t at, void *dst, size_t n)
{
    size_t first = MIN(n, (size_t)(TTY_INPUT_SIZE - at % TTY_INPUT_SIZE));

    memcpy(dst, d->bytes + at % TTY_INPUT_SIZE, first);
    memcpy((uint8_t *)dst + first, d->bytes, n - first);
}

/* PARMRK marks errors by 0xff: one that was typed is doubled, where there is room for two. */
static void append_mark(struct tty_discipline *d, uint8_t c)
{
    if (c == 0xff && input_flag(d, PARMRK) && d->head - d->tail < TTY_INPUT_SIZE - 1)
        append(d, c);
}

static void append_data(struct tty_discipline *d, uint8_t c)
{
    append_mark(d, c);
    append(d, c);
}

/* --- stopping output --- */

static void news(struct tty_discipline *d, uint8_t add, uint8_t remove)
{
    d->news = (d->news & ~remove) | add;
}

void tty_discipline_stop(struct tty_discipline *d, struct tty_ring *out)
{
    if (d->stopped)
        return;
    d->stopped = true;
    news(d, TIOCPKT_STOP, TIOCPKT_START);
    tty_ring_hold(out);
}

void tty_discipline_start(struct tty_discipline *d, struct tty_ring *out)
{
    if (!d->stopped || d->stopped_by_call)
        return;
    d->stopped = false;
    news(d, TIOCPKT_START, TIOCPKT_STOP);
    out->held = false;
}

/* --- editing a line --- */

static bool line_is_empty(const struct tty_discipline *d)
{
    return d->head == d->lines;
}

static void finish_erasing(struct tty_discipline *d, struct tty_ring *out)
{
    if (d->erasing)
        tty_echo_raw(d, '/', out);
    d->erasing = false;
}

/* The first of the bytes of the line's last character; false: there is none, only continuations. */
static bool last_character(const struct tty_discipline *d, uint32_t *at)
{
    uint32_t first = d->head;

    do {
        first--;
    } while (tty_is_continuation(d, byte_at(d, first)) && first != d->lines);
    *at = first;
    return !tty_is_continuation(d, byte_at(d, first));
}

/* Columns between the erased tab and what its width depends on: an earlier tab, or the start of the line. */
static void erase_tab(struct tty_discipline *d, struct tty_ring *out)
{
    uint32_t columns = 0, at = d->head;

    while (at != d->lines) {
        uint8_t c = byte_at(d, --at);
        if (c == '\t') {
            tty_echo_erase_tab(d, columns, true, out);
            return;
        }
        if (tty_is_control(c))
            columns += local_flag(d, ECHOCTL) ? 2 : 0;
        else if (!tty_is_continuation(d, c))
            columns++;
    }
    tty_echo_erase_tab(d, columns, false, out);
}

static void rub_out(struct tty_discipline *d, struct tty_ring *out)
{
    tty_echo_raw(d, '\b', out);
    tty_echo_raw(d, ' ', out);
    tty_echo_raw(d, '\b', out);
}

/* For paper: \ABC/ are the erased ones, last first. */
static void print_erased(struct tty_discipline *d, uint32_t at, uint32_t n, struct tty_ring *out)
{
    if (!d->erasing)
        tty_echo_raw(d, '\\', out);
    d->erasing = true;
    tty_echo(d, byte_at(d, at), out);
    while (--n) {
        tty_echo_raw(d, byte_at(d, ++at), out);
        d->column -= d->column > 0;
    }
}

/* The character of n bytes at head was erased from the line: show it. */
static void show_erased(struct tty_discipline *d, uint32_t n, bool single, struct tty_ring *out)
{
    uint8_t c = byte_at(d, d->head);

    if (!local_flag(d, ECHO))
        return;
    if (local_flag(d, ECHOPRT)) {
        print_erased(d, d->head, n, out);
    } else if (single && !local_flag(d, ECHOE)) {
        tty_echo(d, d->termios.c_cc[VERASE], out);
    } else if (c == '\t') {
        erase_tab(d, out);
    } else {
        bool control = tty_is_control(c);
        if (control && local_flag(d, ECHOCTL))
            rub_out(d, out);
        if (!control || local_flag(d, ECHOCTL))
            rub_out(d, out);
    }
}

static bool is_word_byte(uint8_t c)
{
    return tty_is_upper(c) || tty_is_lower(c) || (c >= '0' && c <= '9') || c == '_';
}

enum erase { ERASE_CHARACTER, ERASE_WORD, ERASE_LINE };

static void erase(struct tty_discipline *d, enum erase what, struct tty_ring *out)
{
    bool in_word = false;
    uint32_t at;

    while (!line_is_empty(d) && last_character(d, &at)) {
        bool word_byte = is_word_byte(byte_at(d, at));
        if (what == ERASE_WORD && in_word && !word_byte)
            break;
        in_word = in_word || word_byte;
        uint32_t n = d->head - at;
        d->head = at;
        show_erased(d, n, what == ERASE_CHARACTER, out);
        if (what == ERASE_CHARACTER)
            break;
    }
    if (line_is_empty(d) && local_flag(d, ECHO))
        finish_erasing(d, out);
}

static void kill_line(struct tty_discipline *d, struct tty_ring *out)
{
    const tcflag_t visibly = ECHOK | ECHOKE | ECHOE;

    if (line_is_empty(d))
        return;
    if (local_flag(d, ECHO) && (d->termios.c_lflag & visibly) == visibly) {
        erase(d, ERASE_LINE, out);
        return;
    }
    d->head = d->lines;
    if (!local_flag(d, ECHO))
        return;
    finish_erasing(d, out);
    tty_echo(d, d->termios.c_cc[VKILL], out);
    if (local_flag(d, ECHOK))
        tty_echo_raw(d, '\n', out);
}

static void reprint(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    finish_erasing(d, out);
    tty_echo(d, c, out);
    tty_echo_raw(d, '\n', out);
    for (uint32_t at = d->lines; at != d->head; at++)
        tty_echo(d, byte_at(d, at), out);
}

static void literal_next(struct tty_discipline *d, struct tty_ring *out)
{
    d->literal = true;
    if (!local_flag(d, ECHO))
        return;
    finish_erasing(d, out);
    if (local_flag(d, ECHOCTL)) { /* the next byte's echo covers it */
        tty_echo_raw(d, '^', out);
        tty_echo_raw(d, '\b', out);
    }
}

/* True: c was an editing character and is done with. */
static bool edit_by(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (is(d, VERASE, c))
        erase(d, ERASE_CHARACTER, out);
    else if (extended(d, VWERASE, c))
        erase(d, ERASE_WORD, out);
    else if (is(d, VKILL, c))
        kill_line(d, out);
    else if (extended(d, VLNEXT, c))
        literal_next(d, out);
    else if (extended(d, VREPRINT, c) && local_flag(d, ECHO))
        reprint(d, c, out);
    else
        return false;
    return true;
}

/* --- a byte --- */

static void end_line(struct tty_discipline *d, uint8_t c)
{
    set_end(d, d->head);
    append(d, c);
    d->lines = d->head;
}

static void echo_data(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (!local_flag(d, ECHO))
        return;
    finish_erasing(d, out);
    if (line_is_empty(d))
        d->line_column = d->column;
    tty_echo(d, c, out);
}

/* True: c ended the line. */
static bool end_line_by(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (c == '\n') {
        if (local_flag(d, ECHO) || local_flag(d, ECHONL))
            tty_echo_raw(d, '\n', out);
        end_line(d, c);
    } else if (is(d, VEOF, c)) {
        end_line(d, BYTE_DISABLED);
    } else if (is(d, VEOL, c) || extended(d, VEOL2, c)) {
        if (local_flag(d, ECHO)) {
            if (line_is_empty(d))
                d->line_column = d->column;
            tty_echo(d, c, out);
        }
        append_mark(d, c);
        end_line(d, c);
    } else {
        return false;
    }
    return true;
}

static int signal_for(const struct tty_discipline *d, uint8_t c)
{
    if (!local_flag(d, ISIG))
        return 0;
    if (is(d, VINTR, c))
        return SIGINT;
    if (is(d, VQUIT, c))
        return SIGQUIT;
    return is(d, VSUSP, c) ? SIGTSTP : 0;
}

/* IXON's characters; true: c was one of them. */
static bool flow_by(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (!input_flag(d, IXON))
        return false;
    if (is(d, VSTART, c))
        tty_discipline_start(d, out);
    else if (is(d, VSTOP, c))
        tty_discipline_stop(d, out);
    else
        return false;
    return true;
}

static void start_by_any(struct tty_discipline *d, struct tty_ring *out)
{
    if (input_flag(d, IXON) && input_flag(d, IXANY))
        tty_discipline_start(d, out);
}

static void receive_plain(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    start_by_any(d, out);
    echo_data(d, c, out);
    append_data(d, c);
}

/* A byte that is more than data.  Returns the signal to send: the rest is then done by tty_discipline_signalled(). */
static int receive_special(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (flow_by(d, c, out))
        return 0;
    int signal = signal_for(d, c);
    if (signal)
        return signal;
    start_by_any(d, out);
    if (c == '\r' && input_flag(d, IGNCR))
        return 0;
    if (c == '\r' && input_flag(d, ICRNL))
        c = '\n';
    else if (c == '\n' && input_flag(d, INLCR))
        c = '\r';
    if (local_flag(d, ICANON) && (edit_by(d, c, out) || end_line_by(d, c, out)))
        return 0;
    if (local_flag(d, ECHO) && c == '\n') {
        finish_erasing(d, out);
        tty_echo_raw(d, c, out);
    } else {
        echo_data(d, c, out);
    }
    append_data(d, c);
    return 0;
}

static bool is_special(const struct tty_discipline *d, uint8_t c)
{
    return d->special[c / 64] & BIT(c % 64);
}

static int receive_byte(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    bool literal = d->literal;

    d->literal = false;
    if (input_flag(d, ISTRIP))
        c &= 0x7f;
    if (input_flag(d, IUCLC) && local_flag(d, IEXTEN) && tty_is_upper(c))
        c += 'a' - 'A';
    if (!literal && local_flag(d, EXTPROC))
        append(d, c);
    else if (!literal && is_special(d, c))
        return receive_special(d, c, out);
    else
        receive_plain(d, c, out);
    return 0;
}

/* The quick way for bytes that are but data, where nothing is done to data: how many there are at the front. */
static size_t receive_run(struct tty_discipline *d, const uint8_t *bytes, size_t n)
{
    size_t run = 0;

    if (d->literal || d->stopped || input_flag(d, ISTRIP | IUCLC | PARMRK) || local_flag(d, ECHO | EXTPROC))
        return 0;
    while (run < n && !is_special(d, bytes[run]))
        run++;
    size_t first = MIN(run, (size_t)(TTY_INPUT_SIZE - d->head % TTY_INPUT_SIZE));
    memcpy(d->bytes + d->head % TTY_INPUT_SIZE, bytes, first);
    memcpy(d->bytes, bytes + first, run - first);
    d->head += (uint32_t)run;
    return run;
}

/*
 * Bytes that may come now.  A byte can take two places (PARMRK).  A line longer than all the room is still edited, and
 * its end still found: each byte then takes the place of the last one.
 */
static uint32_t make_room(struct tty_discipline *d)
{
    uint32_t left = TTY_INPUT_SIZE - (d->head - d->tail);
    uint32_t room = input_flag(d, PARMRK) ? (left + 2) / 3 : left;

    if (room > 1)
        return room - 1;
    if (!local_flag(d, ICANON) || d->lines != d->tail)
        return 0;
    if (!room)
        d->head--;
    return 1;
}

bool tty_discipline_has_room(const struct tty_discipline *d)
{
    uint32_t left = TTY_INPUT_SIZE - (d->head - d->tail);

    return left > (input_flag(d, PARMRK) ? 3u : 1u) || (local_flag(d, ICANON) && d->lines == d->tail);
}

size_t tty_discipline_receive(struct tty_discipline *d, const uint8_t *bytes, size_t n, struct tty_ring *out,
                              int *signal)
{
    size_t done = 0;
    uint32_t room;

    *signal = 0;
    while (done < n && (room = make_room(d))) {
        for (size_t end = MIN(n, done + room); done < end && !*signal;) {
            done += receive_run(d, bytes + done, end - done);
            if (done < end)
                *signal = receive_byte(d, bytes[done++], out);
        }
        if (*signal)
            break;
    }
    return done;
}

void tty_discipline_signalled(struct tty_discipline *d, uint8_t c, struct tty_ring *out)
{
    if (!local_flag(d, NOFLSH)) {
        tty_ring_cut(out);
        tty_discipline_flush_input(d);
        news(d, TIOCPKT_FLUSHWRITE, 0);
    }
    if (input_flag(d, IXON))
        tty_discipline_start(d, out);
    if (local_flag(d, ECHO))
        tty_echo(d, c, out);
}

/* --- reading --- */

bool tty_discipline_by_lines(const struct tty_discipline *d)
{
    return (d->termios.c_lflag & (ICANON | EXTPROC)) == ICANON;
}

bool tty_discipline_can_read(const struct tty_discipline *d, uint32_t least)
{
    return tty_discipline_by_lines(d) ? d->lines != d->tail : d->head - d->tail >= MAX(least, 1u);
}

uint32_t tty_discipline_available(const struct tty_discipline *d)
{
    uint32_t n = (tty_discipline_by_lines(d) ? d->lines : d->head) - d->tail;

    for (uint32_t at = d->tail; tty_discipline_by_lines(d) && at != d->lines; at++)
        n -= ends_at(d, at) && byte_at(d, at) == BYTE_DISABLED;
    return n;
}

/* Where the next line ends from the tail on, or `limit` if that comes before. */
static uint32_t find_end(const struct tty_discipline *d, uint32_t limit)
{
    uint32_t at = d->tail;

    while ((int32_t)(limit - at) > 0) {
        uint64_t ends = d->ends[at % TTY_INPUT_SIZE / 64] >> at % 64;
        if (ends)
            return MIN(at + (uint32_t)__builtin_ctzll(ends) - d->tail, limit - d->tail) + d->tail;
        at = (at | 63) + 1;
    }
    return limit;
}

static size_t read_line(struct tty_discipline *d, void *dst, size_t n, bool *line_ends)
{
    uint32_t limit = d->tail + (uint32_t)MIN(n, (size_t)(d->lines - d->tail)), end = find_end(d, limit);
    size_t some = end - d->tail;

    *line_ends = end != limit;
    if (*line_ends) {
        some += byte_at(d, end) != BYTE_DISABLED;
        d->ends[end % TTY_INPUT_SIZE / 64] &= ~BIT(end % 64);
    }
    copy_out(d, d->tail, dst, some);
    d->tail = end + *line_ends;
    return some;
}

size_t tty_discipline_read(struct tty_discipline *d, void *dst, size_t n, bool *line_ends)
{
    *line_ends = false;
    if (tty_discipline_by_lines(d))
        return read_line(d, dst, n, line_ends);
    size_t some = MIN(n, (size_t)(d->head - d->tail));
    copy_out(d, d->tail, dst, some);
    d->tail += (uint32_t)some;
    /* ICANON with EXTPROC: the other side edits, and VEOF by itself still is end of file. */
    bool end = some == 1 && local_flag(d, ICANON) && d->tail == d->head && is(d, VEOF, byte_at(d, d->head - 1));
    return end ? 0 : some;
}

void tty_discipline_skip_end(struct tty_discipline *d)
{
    uint32_t at = d->tail;

    if (!tty_discipline_by_lines(d) || at == d->lines || !ends_at(d, at) || byte_at(d, at) != BYTE_DISABLED)
        return;
    d->ends[at % TTY_INPUT_SIZE / 64] &= ~BIT(at % 64);
    d->tail++;
}

void tty_discipline_flush_input(struct tty_discipline *d)
{
    d->tail = d->lines = d->head = 0;
    memset(d->ends, 0, sizeof(d->ends));
    d->erasing = false;
    news(d, TIOCPKT_FLUSHREAD, 0);
}

/* --- settings --- */

void tty_discipline_init(struct tty_discipline *d, tcflag_t input_flags)
{
    static const cc_t characters[NCCS] = {
        [VINTR] = 3,   [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21,    [VEOF] = 4,      [VTIME] = 0,    [VMIN] = 1,
        [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26,   [VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22,
    };
    struct termios2 t = {
        .c_iflag = ICRNL | IXON | input_flags,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .c_ispeed = 38400,
        .c_ospeed = 38400,
    };
    struct tty_ring none = {0};

    memset(d, 0, sizeof(*d));
    memcpy(t.c_cc, characters, sizeof(characters));
    tty_discipline_set(d, &t, &none);
}

static void mark_special(struct tty_discipline *d, const uint8_t *which, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = d->termios.c_cc[which[i]];
        d->special[c / 64] |= BIT(c % 64);
    }
}

/* All that receive_special() looks at under these settings. */
static void find_special(struct tty_discipline *d)
{
    static const uint8_t edit[] = {VERASE, VKILL, VEOF, VEOL}, more[] = {VWERASE, VLNEXT, VEOL2, VREPRINT},
                         flow[] = {VSTART, VSTOP}, signals[] = {VINTR, VQUIT, VSUSP};

    memset(d->special, 0, sizeof(d->special));
    if (local_flag(d, ICANON))
        mark_special(d, edit, sizeof(edit));
    if (local_flag(d, ICANON) && local_flag(d, IEXTEN)) /* VREPRINT is last: it needs ECHO */
        mark_special(d, more, sizeof(more) - !local_flag(d, ECHO));
    if (input_flag(d, IXON))
        mark_special(d, flow, sizeof(flow));
    if (local_flag(d, ISIG))
        mark_special(d, signals, sizeof(signals));
    if (local_flag(d, ICANON) || input_flag(d, INLCR))
        d->special[0] |= BIT('\n');
    if (input_flag(d, IGNCR | ICRNL))
        d->special[0] |= BIT('\r');
    d->special[0] &= ~BIT(BYTE_DISABLED);
}

/* From lines to bytes, or back: what is there can be read at once, as if its last byte ended a line. */
static void change_reading(struct tty_discipline *d)
{
    bool something = d->head != d->tail;

    memset(d->ends, 0, sizeof(d->ends));
    if (local_flag(d, ICANON) && something)
        set_end(d, d->head - 1);
    d->lines = local_flag(d, ICANON) && something ? d->head : d->tail;
    d->erasing = d->literal = false;
}

void tty_discipline_set(struct tty_discipline *d, const struct termios2 *termios, struct tty_ring *out)
{
    struct termios2 old = d->termios;

    d->termios = *termios;
    if ((old.c_lflag ^ termios->c_lflag) & (ICANON | EXTPROC))
        change_reading(d);
    find_special(d);
    if ((old.c_iflag & IXON) && !input_flag(d, IXON))
        tty_discipline_start(d, out);
}
