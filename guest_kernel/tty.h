/*
 * The terminal: one, on virtio-console port 0, known as /dev/console and /dev/hvc0, and as /dev/tty to those who have
 * it as their controlling terminal.
 *
 * Locks: tty.lock (spinlock, below process_tree_lock, above signals.lock; never taken in interrupts) guards the
 * discipline, session, foreground group and size; output_lock (mutex) serialises writers.
 */
#ifndef GUEST_KERNEL_TTY_H
#define GUEST_KERNEL_TTY_H

#include "lib/compiler.h"

struct process;
struct tty;

/* Registers the devices; without a console port they answer -ENXIO. */
int tty_init(void);
/* The host's window changed: SIGWINCH to the foreground group. */
void tty_resize(unsigned rows, unsigned columns);
/* Send to the terminal's foreground group; false: there is none. */
bool tty_signal_foreground(int signal);
void tty_drain(void); /* until all output has left */

int tty_device_number(const struct tty *t); /* as stat's tty_nr; 0: NULL */
int32_t tty_foreground_group(const struct tty *t);
/* The session leader p ends or gives the terminal up: SIGHUP and SIGCONT to the foreground group, no one keeps it. */
void tty_session_ends(struct process *p);

#endif
