/*
 * The terminal's line discipline (termios(3)): what typed bytes become (lines, signals, echo) and what written bytes
 * become on the wire.  Pure: no locks, no waiting; the owner serialises and carries out the effects.  Unit-tested on the
 * host.
 */
#ifndef GUEST_KERNEL_TTY_DISCIPLINE_H
#define GUEST_KERNEL_TTY_DISCIPLINE_H

#include <asm/termbits.h>

#include "lib/compiler.h"

#define TTY_INPUT_SIZE 4096u /* cells; a longer line loses what does not fit, as on Linux */
#define TTY_TIMEOUT_UNIT_NS 100000000ULL /* VTIME counts tenths of a second */

/* Where echo and output go: never fails, the owner buffers. */
struct tty_sink {
    void (*put)(struct tty_sink *sink, char c);
};

struct tty_discipline {
    struct termios termios;
    uint16_t cells[TTY_INPUT_SIZE]; /* byte, CELL_* flags; a ring */
    uint32_t tail;      /* next to read; these three only grow, taken modulo the size */
    uint32_t committed; /* canonical mode: end of the last whole line */
    uint32_t head;      /* next to write */
    uint32_t column;    /* of the cursor, for tabs */
    uint32_t line_start; /* column where the line being typed began */
    bool literal;       /* the next byte is taken as it is (VLNEXT) */
    bool stopped;       /* output held back (VSTOP) */
};

void tty_discipline_init(struct tty_discipline *d);

/* One typed byte.  Echo goes to the sink.  Returns the signal to send to the foreground group, 0: none. */
int tty_discipline_input(struct tty_discipline *d, uint8_t c, struct tty_sink *echo);

/* One written byte. */
void tty_discipline_output(struct tty_discipline *d, char c, struct tty_sink *out);

/* Is there something to read: a whole line or end of file, or, in raw mode, `least` bytes? */
bool tty_discipline_can_read(const struct tty_discipline *d, uint32_t least);
/* Bytes that a read could get now (FIONREAD). */
uint32_t tty_discipline_available(const struct tty_discipline *d);
/* Take at most n bytes, in canonical mode no more than one line; 0: end of file was typed (or nothing is there). */
size_t tty_discipline_read(struct tty_discipline *d, void *dst, size_t n);
void tty_discipline_flush_input(struct tty_discipline *d);
/* New settings; on a change between canonical and raw mode what was typed stays readable. */
void tty_discipline_set(struct tty_discipline *d, const struct termios *termios);

#endif
