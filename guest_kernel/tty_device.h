/*
 * The terminal's state, shared by tty.c (bytes) and tty_ioctl.c (settings, job control).
 */
#ifndef GUEST_KERNEL_TTY_DEVICE_H
#define GUEST_KERNEL_TTY_DEVICE_H

#include <asm/termios.h>

#include "fs/file.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty.h"
#include "guest_kernel/tty_discipline.h"

#define TTY_PENDING_SIZE 4096u

struct console_port;

struct tty {
    struct console_port *port;
    struct spinlock lock; /* guards the next group */
    struct tty_discipline discipline;
    int32_t session;      /* whose controlling terminal it is; 0: none */
    int32_t foreground;   /* group; 0: none */
    struct winsize size;
    bool at_end;          /* the host closed its side */
    char pending[TTY_PENDING_SIZE]; /* bytes on their way to the port; a ring */
    uint32_t pending_head, pending_tail;

    struct wait_queue readable; /* input came, or at_end */
    struct wait_queue resumed;  /* output goes on after VSTOP */
    struct mutex output_lock;
};

/* Send the pending bytes to the port; waits for room only if asked.  0, -ERESTARTSYS or -ENOMEM. */
long tty_flush(struct tty *t, bool wait);
long tty_ioctl(struct file *f, unsigned request, uint64_t argument);
/*
 * Job control: may the current process use the terminal in a way for which `signal` (SIGTTIN, SIGTTOU) stops background
 * processes?  0: yes; -ERESTARTSYS: the signal was sent; -EIO: it cannot be stopped.
 */
long tty_check_foreground(struct tty *t, int signal);
/* Become the controlling terminal of the current session leader, if both are free. */
void tty_acquire(struct tty *t);

#endif
