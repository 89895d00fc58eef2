/*
 * Inside of the line discipline: classes of bytes, output processing and echo (tty_echo.c), for tty_discipline.c.
 */
#ifndef GUEST_KERNEL_TTY_ECHO_H
#define GUEST_KERNEL_TTY_ECHO_H

#include "guest_kernel/tty_discipline.h"

/* Classes as the kernel of Linux has them: letters of Latin-1 too, which is where UTF-8's first bytes lie. */
static inline bool tty_is_control(uint8_t c)
{
    return c < ' ' || c == 127;
}

static inline bool tty_is_upper(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static inline bool tty_is_lower(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

static inline bool tty_is_continuation(const struct tty_discipline *d, uint8_t c)
{
    return (d->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

/* Both do nothing without ECHO's being looked at: that is the caller's. */
void tty_echo_raw(struct tty_discipline *d, uint8_t c, struct tty_ring *out);
void tty_echo(struct tty_discipline *d, uint8_t c, struct tty_ring *out); /* ^X for a control character (ECHOCTL) */
/*
 * Go back over a tab that was echoed.  `columns`: used by what was typed before it on the line, or since an earlier tab
 * (after_tab).
 */
void tty_echo_erase_tab(struct tty_discipline *d, uint32_t columns, bool after_tab, struct tty_ring *out);

#endif
