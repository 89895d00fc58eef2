/*
 * Terminals, for the rest of the kernel.  The console is the one of the sandbox: on virtio-console port 0, /dev/hvc0
 * and /dev/console.  Pseudoterminals are made by opening /dev/ptmx (pty(7)).  /dev/tty is the controlling terminal.
 */
#ifndef GUEST_KERNEL_TTY_H
#define GUEST_KERNEL_TTY_H

#include "lib/compiler.h"

struct process;
struct tty;

/* Registers the devices; without a console port the console answers -ENXIO. */
int tty_init(void) must_check;
int pty_init(void) must_check;

/* The console: the host's window changed, SIGWINCH to the foreground group. */
void console_resize(unsigned rows, unsigned columns);
/* Send to the console's foreground group; false: there is none. */
bool console_signal_foreground(int signal);
void console_drain(void); /* until all output has left, also if it is stopped */

int tty_device_number(const struct tty *t); /* as stat's tty_nr; 0: NULL */
int32_t tty_foreground_group(const struct tty *t);
/*
 * The session leader p ends (or, at_exit false, gives its terminal up): signals to the foreground group, and no process
 * of the session keeps it (credentials(7), tty_ioctl(4)).
 */
void tty_session_ends(struct process *p, bool at_exit);

#endif
