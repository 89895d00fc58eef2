/*
 * The terminal's line discipline (termios(3)): what typed bytes become (lines, signals, echo) and what written bytes
 * become on the wire.  Pure: no locks, no waiting; the owner serialises and carries out the effects.  Unit-tested and
 * fuzzed on the host.
 *
 * Where POSIX leaves a choice it is Linux's N_TTY: its output to the byte, its limit of 4095 bytes and a newline a line
 * (each further byte takes the place of the last), its counting of columns.
 */
#ifndef GUEST_KERNEL_TTY_DISCIPLINE_H
#define GUEST_KERNEL_TTY_DISCIPLINE_H

#include <asm/termbits.h>

#include "guest_kernel/tty_ring.h"
#include "lib/compiler.h"

#define TTY_INPUT_SIZE      4096u
#define TTY_TIMEOUT_UNIT_NS 100000000ULL /* VTIME counts tenths of a second */

struct tty_discipline {
    struct termios2 termios;
    uint8_t bytes[TTY_INPUT_SIZE];      /* typed and not yet read; a ring */
    uint64_t ends[TTY_INPUT_SIZE / 64]; /* set: this byte ends a line; a byte 0 that does is VEOF's: not itself data */
    uint64_t special[4];                /* bytes that are more than data under these settings */
    uint32_t tail;                      /* next to read; these three only grow, taken modulo the size */
    uint32_t lines;                     /* line mode: end of the last whole line */
    uint32_t head;                      /* next to write */
    uint32_t column;                    /* of the cursor, for tabs */
    uint32_t line_column;               /* column where the line being typed began */
    bool literal;                       /* the next byte is taken as it is (VLNEXT) */
    bool erasing;                       /* ECHOPRT: a backslash was shown, its slash is due */
    bool stopped;                       /* output is held back: VSTOP, TCOOFF */
    bool stopped_by_call;               /* TCOOFF: no typed byte starts it again */
    uint8_t news;                       /* TIOCPKT_*: what a master in packet mode is to be told */
};

void tty_discipline_init(struct tty_discipline *d, tcflag_t input_flags); /* beside the usual ones */

/*
 * Typed bytes, in their order: how many were taken.  Echo goes to the ring, whose mark the caller has set.  Fewer are
 * taken when there is no room, or right after one that is to send a signal to the foreground group (*signal, else 0):
 * the caller sends it and calls tty_discipline_signalled() with that byte before it goes on.
 */
size_t tty_discipline_receive(struct tty_discipline *d, const uint8_t *bytes, size_t n, struct tty_ring *out,
                              int *signal);
void tty_discipline_signalled(struct tty_discipline *d, uint8_t c, struct tty_ring *out);

/* Written bytes: how many were taken; the rest finds no room in the ring. */
size_t tty_discipline_output(struct tty_discipline *d, const uint8_t *bytes, size_t n, struct tty_ring *out);

/* Stop output, or start it unless it was stopped by the other of the two ways. */
void tty_discipline_stop(struct tty_discipline *d, struct tty_ring *out);
void tty_discipline_start(struct tty_discipline *d, struct tty_ring *out);

/* Is input read by lines (ICANON without EXTPROC)? */
bool tty_discipline_by_lines(const struct tty_discipline *d);
/* Is there something to read: a line or end of file, else `least` bytes? */
bool tty_discipline_can_read(const struct tty_discipline *d, uint32_t least);
/* Would a typed byte be taken now? */
bool tty_discipline_has_room(const struct tty_discipline *d);
/* Bytes that a read could get now (FIONREAD). */
uint32_t tty_discipline_available(const struct tty_discipline *d);
/* Take at most n bytes, by lines no more than one.  *line_ends: it ended, perhaps by VEOF, which is no byte. */
size_t tty_discipline_read(struct tty_discipline *d, void *dst, size_t n, bool *line_ends);
/* After a read that was filled before the line's end: if VEOF is next, it is not to read as an empty line of its own.
 */
void tty_discipline_skip_end(struct tty_discipline *d);
void tty_discipline_flush_input(struct tty_discipline *d);
/* New settings; on a change between lines and bytes what was typed stays readable. */
void tty_discipline_set(struct tty_discipline *d, const struct termios2 *termios, struct tty_ring *out);

#endif
