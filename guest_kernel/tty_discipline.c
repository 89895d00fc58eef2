/*
 * See tty_discipline.h.
 */
#include "guest_kernel/tty_discipline.h"

#include <asm/signal.h>

#include "lib/string.h"

#define CELL_END 0x100 /* ends a line */
#define CELL_EOF 0x200 /* the end is VEOF: not itself data */

#define CHARACTER_DISABLED 0 /* _POSIX_VDISABLE */

static bool local_flag(const struct tty_discipline *d, tcflag_t flag)
{
    return d->termios.c_lflag & flag;
}

static bool is_special(const struct tty_discipline *d, unsigned which, uint8_t c)
{
    return c != CHARACTER_DISABLED && d->termios.c_cc[which] == c;
}

void tty_discipline_init(struct tty_discipline *d)
{
    static const cc_t characters[NCCS] = {
        [VINTR] = 3,   [VQUIT] = 28,  [VERASE] = 127,   [VKILL] = 21,   [VEOF] = 4,     [VTIME] = 0,   [VMIN] = 1,
        [VSTART] = 17, [VSTOP] = 19,  [VSUSP] = 26,     [VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23,
        [VLNEXT] = 22,
    };

    memset(d, 0, sizeof(*d));
    d->termios.c_iflag = ICRNL | IXON | IUTF8;
    d->termios.c_oflag = OPOST | ONLCR;
    d->termios.c_cflag = B38400 | CS8 | CREAD | HUPCL;
    d->termios.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    memcpy(d->termios.c_cc, characters, sizeof(characters));
}

static uint16_t *cell(struct tty_discipline *d, uint32_t at)
{
    return &d->cells[at % TTY_INPUT_SIZE];
}

static uint16_t cell_at(const struct tty_discipline *d, uint32_t at)
{
    return d->cells[at % TTY_INPUT_SIZE];
}

/* --- output --- */

static void put(struct tty_discipline *d, char c, struct tty_sink *out)
{
    uint8_t byte = (uint8_t)c;

    if (c == '\n' || c == '\r')
        d->column = c == '\r' ? 0 : d->column;
    else if (c == '\b')
        d->column -= d->column > 0;
    else if (c == '\t')
        d->column = (d->column | 7) + 1;
    else if (byte >= ' ' && (byte & 0xc0) != 0x80) /* UTF-8: one column a sequence */
        d->column++;
    out->put(out, c);
}

void tty_discipline_output(struct tty_discipline *d, char c, struct tty_sink *out)
{
    tcflag_t flags = d->termios.c_oflag;

    if (!(flags & OPOST)) {
        put(d, c, out);
        return;
    }
    switch (c) {
    case '\n':
        if (flags & ONLRET)
            d->column = 0;
        if (flags & ONLCR)
            put(d, '\r', out);
        put(d, '\n', out);
        return;
    case '\r':
        if ((flags & ONOCR) && d->column == 0)
            return;
        put(d, flags & OCRNL ? '\n' : '\r', out);
        return;
    case '\t':
        if ((flags & TABDLY) != XTABS) {
            put(d, c, out);
            return;
        }
        do {
            put(d, ' ', out);
        } while (d->column % 8);
        return;
    default:
        put(d, c, out);
    }
}

/* --- echo --- */

static bool shows_as_caret(const struct tty_discipline *d, uint8_t c)
{
    return local_flag(d, ECHOCTL) && (c < ' ' || c == 127) && c != '\t' && c != '\n';
}

static void echo_byte(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    if (shows_as_caret(d, c)) {
        put(d, '^', echo);
        put(d, (char)(c ^ 0x40), echo);
    } else {
        tty_discipline_output(d, (char)c, echo);
    }
}

/* Columns that a typed byte takes on the screen when it starts at `column`. */
static uint32_t width(const struct tty_discipline *d, uint8_t c, uint32_t column)
{
    if (c == '\t')
        return 8 - column % 8;
    if (shows_as_caret(d, c))
        return 2;
    if (c < ' ' || (c & 0xc0) == 0x80)
        return 0;
    return 1;
}

static uint32_t line_width(const struct tty_discipline *d)
{
    uint32_t column = d->line_start;

    for (uint32_t at = d->committed; at != d->head; at++)
        column += width(d, (uint8_t)cell_at(d, at), column);
    return column - d->line_start;
}

static void rub_out(struct tty_discipline *d, uint32_t columns, struct tty_sink *echo)
{
    while (columns--) {
        put(d, '\b', echo);
        put(d, ' ', echo);
        put(d, '\b', echo);
    }
}

/* --- editing a line --- */

static bool line_is_empty(const struct tty_discipline *d)
{
    return d->head == d->committed;
}

static uint8_t last_byte(const struct tty_discipline *d)
{
    return (uint8_t)cell_at(d, d->head - 1);
}

static void erase_one(struct tty_discipline *d)
{
    bool utf8 = d->termios.c_iflag & IUTF8;

    do {
        d->head--;
    } while (utf8 && !line_is_empty(d) && ((uint8_t)cell_at(d, d->head) & 0xc0) == 0x80);
}

static bool is_word_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty_discipline *d)
{
    while (!line_is_empty(d) && !is_word_byte(last_byte(d)))
        erase_one(d);
    while (!line_is_empty(d) && is_word_byte(last_byte(d)))
        erase_one(d);
}

/* Shorten the line by `erase` and show it. */
static void edit(struct tty_discipline *d, uint8_t c, void (*erase)(struct tty_discipline *), struct tty_sink *echo)
{
    if (line_is_empty(d))
        return;
    uint32_t before = line_width(d);
    erase(d);
    if (!local_flag(d, ECHO))
        return;
    if (local_flag(d, ECHOE))
        rub_out(d, before - line_width(d), echo);
    else
        echo_byte(d, c, echo);
}

static void kill_line(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    uint32_t columns = line_width(d);

    d->head = d->committed;
    if (!local_flag(d, ECHO))
        return;
    if (local_flag(d, ECHOK) && local_flag(d, ECHOKE) && local_flag(d, ECHOE)) {
        rub_out(d, columns, echo);
        return;
    }
    echo_byte(d, c, echo);
    if (local_flag(d, ECHOK))
        tty_discipline_output(d, '\n', echo);
}

static void reprint(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    echo_byte(d, c, echo);
    tty_discipline_output(d, '\n', echo);
    d->line_start = 0;
    for (uint32_t at = d->committed; at != d->head; at++)
        echo_byte(d, (uint8_t)cell_at(d, at), echo);
}

/* --- input --- */

static void append(struct tty_discipline *d, uint16_t value)
{
    /* In canonical mode one cell stays for the byte that ends the line. */
    uint32_t limit = local_flag(d, ICANON) && !(value & CELL_END) ? TTY_INPUT_SIZE - 1 : TTY_INPUT_SIZE;

    if (d->head - d->tail >= limit)
        return;
    *cell(d, d->head++) = value;
}

static void commit(struct tty_discipline *d, uint16_t value)
{
    append(d, value | CELL_END);
    d->committed = d->head;
}

static void take_plain(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    if (line_is_empty(d))
        d->line_start = d->column;
    append(d, c);
    if (!local_flag(d, ICANON))
        d->committed = d->head;
    if (local_flag(d, ECHO))
        echo_byte(d, c, echo);
}

static int signal_for(const struct tty_discipline *d, uint8_t c)
{
    if (!local_flag(d, ISIG))
        return 0;
    if (is_special(d, VINTR, c))
        return SIGINT;
    if (is_special(d, VQUIT, c))
        return SIGQUIT;
    return is_special(d, VSUSP, c) ? SIGTSTP : 0;
}

/* True: c was an editing character and is done with. */
static bool edit_by(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    bool extended = local_flag(d, IEXTEN);

    if (is_special(d, VERASE, c))
        edit(d, c, erase_one, echo);
    else if (extended && is_special(d, VWERASE, c))
        edit(d, c, erase_word, echo);
    else if (is_special(d, VKILL, c))
        kill_line(d, c, echo);
    else if (extended && is_special(d, VREPRINT, c) && local_flag(d, ECHO))
        reprint(d, c, echo);
    else
        return false;
    return true;
}

/* True: c ended the line. */
static bool end_line_by(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    if (c == '\n') {
        if (local_flag(d, ECHO) || local_flag(d, ECHONL))
            tty_discipline_output(d, '\n', echo);
        commit(d, c);
    } else if (is_special(d, VEOF, c)) {
        commit(d, CELL_EOF);
    } else if (is_special(d, VEOL, c) || (local_flag(d, IEXTEN) && is_special(d, VEOL2, c))) {
        if (local_flag(d, ECHO))
            echo_byte(d, c, echo);
        commit(d, c);
    } else {
        return false;
    }
    return true;
}

/* Flow control: true if c was one of its characters. */
static bool flow_by(struct tty_discipline *d, uint8_t c)
{
    if (!(d->termios.c_iflag & IXON))
        return false;
    if (is_special(d, VSTART, c))
        d->stopped = false;
    else if (is_special(d, VSTOP, c))
        d->stopped = true;
    else
        return false;
    return true;
}

/* The input flags' translations; false: the byte is dropped. */
static bool translate(const struct tty_discipline *d, uint8_t *c)
{
    tcflag_t flags = d->termios.c_iflag;

    if (flags & ISTRIP)
        *c &= 0x7f;
    if (*c == '\r') {
        if (flags & IGNCR)
            return false;
        if (flags & ICRNL)
            *c = '\n';
    } else if (*c == '\n' && (flags & INLCR)) {
        *c = '\r';
    }
    return true;
}

int tty_discipline_input(struct tty_discipline *d, uint8_t c, struct tty_sink *echo)
{
    if (d->literal) {
        d->literal = false;
        take_plain(d, c, echo);
        return 0;
    }
    if (flow_by(d, c))
        return 0;
    int signal = signal_for(d, c);
    if (signal) {
        if (!local_flag(d, NOFLSH))
            tty_discipline_flush_input(d);
        d->stopped = false;
        if (local_flag(d, ECHO))
            echo_byte(d, c, echo);
        return signal;
    }
    if (!translate(d, &c))
        return 0;
    if (local_flag(d, ICANON)) {
        if (local_flag(d, IEXTEN) && is_special(d, VLNEXT, c)) {
            d->literal = true;
            return 0;
        }
        if (edit_by(d, c, echo) || end_line_by(d, c, echo))
            return 0;
    }
    take_plain(d, c, echo);
    return 0;
}

/* --- reading --- */

bool tty_discipline_can_read(const struct tty_discipline *d, uint32_t least)
{
    uint32_t there = d->committed - d->tail;

    return local_flag(d, ICANON) ? there > 0 : there >= MAX(least, 1u);
}

uint32_t tty_discipline_available(const struct tty_discipline *d)
{
    uint32_t n = 0;

    for (uint32_t at = d->tail; at != d->committed; at++)
        n += !(cell_at(d, at) & CELL_EOF);
    return n;
}

size_t tty_discipline_read(struct tty_discipline *d, void *dst, size_t n)
{
    uint8_t *to = dst;
    size_t done = 0;
    bool canonical = local_flag(d, ICANON);

    while (done < n && d->tail != d->committed) {
        uint16_t value = *cell(d, d->tail++);
        if (!(value & CELL_EOF))
            to[done++] = (uint8_t)value;
        if (canonical && (value & CELL_END))
            return done;
    }
    /* A line that just filled the buffer: its end of file must not read as one more, empty line. */
    if (canonical && done && d->tail != d->committed && (*cell(d, d->tail) & CELL_EOF))
        d->tail++;
    return done;
}

void tty_discipline_flush_input(struct tty_discipline *d)
{
    d->tail = d->committed = d->head;
    d->literal = false;
}

void tty_discipline_set(struct tty_discipline *d, const struct termios *termios)
{
    bool was_canonical = local_flag(d, ICANON);

    d->termios = *termios;
    if (was_canonical && !local_flag(d, ICANON))
        d->committed = d->head;
    if (!(d->termios.c_iflag & IXON))
        d->stopped = false;
}
