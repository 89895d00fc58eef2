/*
 * A terminal's state and what its parts share: tty.c (files, bytes), tty_ioctl.c, tty_settings.c (calls), tty_job.c
 * (who owns it), and the two kinds: tty_console.c and pty.c.
 *
 * Locks: process_tree_lock > tty.lock > wait queues.  tty.lock is a spinlock, never taken in interrupts.  input_lock (a
 * mutex, not held while anything is waited for) keeps received bytes in order; it is taken before all of these. Readers
 * and writers take turns; a turn is kept while waiting, and waiting for one can be interrupted.
 */
#ifndef GUEST_KERNEL_TTY_DEVICE_H
#define GUEST_KERNEL_TTY_DEVICE_H

#include <asm/termios.h>

#include "fs/async.h"
#include "fs/file.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty.h"
#include "guest_kernel/tty_discipline.h"

#define TTY_PIECE       512u /* bytes that go through the stack at once */
#define TTY_WRITE_LEAST 8u   /* room that a writer waits for: a tab can become so much */

struct tty_kind { /* const.  No lock is held in these, but where it says so */
    /* There is something to take from tty.out, or it may be taken again.  -ENOMEM: it cannot leave. */
    long (*output)(struct tty *t);
    long (*drain)(
        struct tty *t); /* until all output has left; 0 or -ERESTARTSYS.  NULL: it has when it is in tty.out */
    void (*input_room)(struct tty *t);   /* input was read, or will be taken otherwise than before */
    int (*opens)(struct tty *t);         /* before it gets a file, tty.lock held: 0 or -errno.  NULL: always */
    void (*closed)(struct tty *t);       /* the last file is gone.  NULL: nothing to do */
    void (*free)(struct tty *t);         /* the last reference is gone; NULL: never */
    tcflag_t input_flags;               /* of a new terminal, beside the usual ones */
    bool is_pty;
};

struct tty_turn {
    uint32_t taken; /* atomic */
    struct wait_queue given;
};

struct tty {
    uint32_t refs; /* atomic */
    const struct tty_kind *kind;
    uint64_t device;   /* as st_rdev */
    uint32_t hang_ups; /* atomic; files remember the number at their opening: tty_is_hung_up() */

    struct spinlock lock; /* guards down to `exclusive` */
    struct tty_discipline discipline;
    struct tty_ring out;
    struct tty_ring backlog; /* received, and no room yet (pseudoterminals) */
    int32_t session;    /* whose controlling terminal it is, 0: none; changed with process_tree_lock too, as the next */
    int32_t foreground; /* group; 0: none */
    struct winsize size;
    struct termios locked; /* bits that are set cannot be changed (TIOCSLCKTRMIOS) */
    uint32_t files;
    uint32_t arrivals; /* to be told to `async` */
    bool exclusive; /* TIOCEXCL */

    bool at_end;       /* atomic: no input will come any more; what is there can be read */
    bool other_closed; /* atomic: the master is; set before the hang-up that follows */
    struct tty_turn reading, writing;
    struct mutex input_lock;
    struct wait_queue readable; /* input came, at_end, or it was hung up */
    struct wait_queue writable; /* output was taken, or goes on after a stop */
    struct async_list async;
    bool wants_room; /* atomic: one of `async` found none */
};

void tty_prepare(struct tty *t, const struct tty_kind *kind, uint64_t device, uint8_t *output, uint32_t output_size);
void tty_lock(struct tty *t); /* tty.lock; functions, for these are many places and none is hot */
void tty_unlock(struct tty *t);
struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);

/* tty.c */
extern const struct file_ops tty_file_ops;
/* Make f a file of t, whose reference is taken over on success.  -EBUSY: it is exclusive. */
int tty_open(struct tty *t, struct file *f) must_check;
bool tty_is_hung_up(const struct file *f);
/* Typed bytes: how many were taken.  input_lock is held.  tty_received() afterwards tells readers, and sends echo. */
size_t tty_receive(struct tty *t, const uint8_t *bytes, size_t n);
void tty_received(struct tty *t);
bool tty_has_input_room(struct tty *t);
bool tty_can_write(struct tty *t);
/* All files are dead from now on: reads return 0, writes -EIO.  session_ends: the foreground group hears of it too. */
void tty_hang_up(struct tty *t, bool session_ends);

/* tty_async.c: FASYNC of a file of the terminal; owners by themselves; what comes in and what room there is.  May sleep. */
void tty_async(struct file *f, bool on);
void tty_async_owner(const struct tty *t, struct file *f);
void tty_async_count(struct tty *t, uint32_t lines, uint32_t head);
void tty_async_arrived(struct tty *t);
void tty_want_room(struct tty *t); /* before the look that decides that there is none */
void tty_tell_room(struct tty *t); /* also wakes who waits for it */

long tty_turn_take(struct tty_turn *turn, bool nonblocking) must_check; /* 0, -EAGAIN, -ERESTARTSYS */
void tty_turn_give(struct tty_turn *turn);

/* tty_ioctl.c: of files of the terminal itself; and what is the same for files of its other end (master). */
long tty_ioctl(struct file *f, unsigned request, uint64_t argument);
long tty_ioctl_shared(struct tty *t, bool master, struct file *f, unsigned request, uint64_t argument);
void tty_set_size(struct tty *t, const struct winsize *size); /* SIGWINCH to the foreground group if it is another */
long tty_drain(struct tty *t);                                /* until all output has left: 0 or -ERESTARTSYS */

/* tty_settings.c: -ENOIOCTLCMD: none of the settings' */
#define ENOIOCTLCMD 515 /* Linux's number, never seen by a process */
long tty_settings_ioctl(struct tty *t, unsigned request, uint64_t argument);

/* tty_job.c */
/*
 * May the current process use the terminal in a way for which `signal` (SIGTTIN, SIGTTOU) stops background processes?
 * 0: yes; -ERESTARTSYS: the signal was sent; -EIO: it cannot be stopped.
 */
long tty_check_foreground(struct tty *t, int signal) must_check;
void tty_signal_group(struct tty *t, int signal); /* to the foreground group, if there is one */
/* Become the controlling terminal of the current session leader, if both are free. */
void tty_acquire(struct tty *t, const struct file *f);
/* Nobody's any more: of a hang-up. */
void tty_abandon(struct tty *t, bool session_ends);
long tty_job_ioctl(struct tty *t, bool master, struct file *f, unsigned request,
                   uint64_t argument); /* or -ENOIOCTLCMD */

/* tty_console.c */
int console_tty_start(void) must_check;
int console_open(struct file *f) must_check;
extern const struct file_ops console_system_ops; /* /dev/console: never controlling, no job control, no hang-up */

#endif
