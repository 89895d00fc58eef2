/*
 * Files of terminals: reading by VMIN and VTIME, writing, polling, hanging up.  See tty_device.h for the locks.
 */
#include "guest_kernel/tty_device.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/major.h>

#include "fs/inode.h"
#include "lib/string.h"

#define TIMES_EVERY_S 8 /* how exact st_atime and st_mtime are: they must not tell how fast someone types */

void tty_prepare(struct tty *t, const struct tty_kind *kind, uint64_t device, uint8_t *output, uint32_t output_size)
{
    t->refs = 1;
    t->kind = kind;
    t->device = device;
    t->lock = (struct spinlock)SPINLOCK_INIT;
    tty_discipline_init(&t->discipline, kind->input_flags);
    t->out.bytes = output;
    t->out.size = output_size;
    t->out.limit = output_size - TTY_ECHO_ROOM;
    mutex_init(&t->input_lock);
    wait_queue_init(&t->readable);
    wait_queue_init(&t->writable);
    wait_queue_init(&t->reading.given);
    wait_queue_init(&t->writing.given);
    async_list_init(&t->async);
}

void tty_lock(struct tty *t)
{
    spin_lock(&t->lock);
}

void tty_unlock(struct tty *t)
{
    spin_unlock(&t->lock);
}

struct tty *tty_get(struct tty *t)
{
    __atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

void tty_put(struct tty *t)
{
    if (!__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) && t->kind->free)
        t->kind->free(t);
}

/* --- turns --- */

static bool turn_try(struct tty_turn *turn)
{
    return !__atomic_exchange_n(&turn->taken, 1, __ATOMIC_ACQUIRE); /* pairs with the store in tty_turn_give() */
}

long tty_turn_take(struct tty_turn *turn, bool nonblocking)
{
    if (turn_try(turn))
        return 0;
    return nonblocking ? -EAGAIN : wait_event(&turn->given, turn_try(turn));
}

void tty_turn_give(struct tty_turn *turn)
{
    __atomic_store_n(&turn->taken, 0, __ATOMIC_RELEASE);
    wake_all(&turn->given);
}

/* --- opening --- */

int tty_open(struct tty *t, struct file *f)
{
    tty_lock(t);
    int error = t->kind->opens ? t->kind->opens(t) : 0;
    if (!error && t->exclusive && !cred_may(CAP_SYS_ADMIN))
        error = -EBUSY;
    if (!error)
        t->files++;
    tty_unlock(t);
    if (error)
        return error;
    f->data = t;
    f->position = __atomic_load_n(&t->hang_ups, __ATOMIC_ACQUIRE);
    if (!(f->flags & O_NOCTTY))
        tty_acquire(t, f);
    return 0;
}

static void tty_release(struct file *f)
{
    struct tty *t = f->data;

    async_list_set(&t->async, f, false);
    tty_lock(t);
    bool last = --t->files == 0;
    tty_unlock(t);
    if (last && t->kind->closed)
        t->kind->closed(t);
    tty_put(t);
}

static int own_terminal_open(struct file *f)
{
    spin_lock(&process_tree_lock);
    struct tty *t = process_current()->terminal;
    if (t)
        tty_get(t); /* a terminal that is somebody's has not been hung up, so its maker still has a reference */
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ENXIO;
    f->flags |= O_NOCTTY;
    int error = tty_open(t, f);
    if (error)
        tty_put(t);
    return error;
}

/* --- hanging up --- */

bool tty_is_hung_up(const struct file *f)
{
    const struct tty *t = f->data;

    /* Acquire: pairs with the add in tty_hang_up(). */
    return f->ops != &console_system_ops && f->position != __atomic_load_n(&t->hang_ups, __ATOMIC_ACQUIRE);
}

void tty_hang_up(struct tty *t, bool session_ends)
{
    struct tty_discipline *d = &t->discipline;

    __atomic_fetch_add(&t->hang_ups, 1, __ATOMIC_RELEASE);
    tty_abandon(t, session_ends);
    tty_lock(t);
    tty_discipline_init(d, t->kind->input_flags);
    t->out.held = false;
    tty_unlock(t);
    async_list_clear(&t->async);
    wake_all(&t->readable);
    wake_all(&t->writable);
    (void)t->kind->output(t);
}

/* --- input --- */

static bool can_read(struct tty *t, uint32_t least)
{
    tty_lock(t);
    bool result = tty_discipline_can_read(&t->discipline, least);
    tty_unlock(t);
    return result;
}

bool tty_has_input_room(struct tty *t)
{
    tty_lock(t);
    bool result = tty_discipline_has_room(&t->discipline);
    tty_unlock(t);
    return result;
}

/* What a signal's byte does comes after the signal, as on Linux: who sees its echo knows that the signal was sent. */
static size_t receive_some(struct tty *t, const uint8_t *bytes, size_t n)
{
    int signal;

    tty_lock(t);
    t->out.mark = t->out.head;
    uint32_t lines = t->discipline.lines, head = t->discipline.head;
    size_t done = tty_discipline_receive(&t->discipline, bytes, n, &t->out, &signal);
    tty_async_count(t, lines, head);
    tty_unlock(t);
    if (!signal)
        return done;
    tty_signal_group(t, signal);
    tty_lock(t);
    tty_discipline_signalled(&t->discipline, bytes[done - 1], &t->out);
    tty_unlock(t);
    return done;
}

size_t tty_receive(struct tty *t, const uint8_t *bytes, size_t n)
{
    size_t done = 0, some;

    assert(mutex_is_held(&t->input_lock));
    while (done < n && (some = receive_some(t, bytes + done, n - done)))
        done += some;
    return done;
}

void tty_received(struct tty *t)
{
    (void)t->kind->output(t);
    if (can_read(t, 1))
        wake_all(&t->readable);
    tty_async_arrived(t);
    if (tty_can_write(t)) /* perhaps it was stopped */
        tty_tell_room(t);
}

struct reading {
    struct file *file;
    struct tty *tty;
    struct io_iter *it;
    size_t done;
};

/* What is there now, by lines at most one.  1, 0: nothing was there, -EFAULT. */
static int take_input(struct reading *r)
{
    struct tty_discipline *d = &r->tty->discipline;
    bool there, ends = false;
    uint8_t piece[TTY_PIECE];
    size_t n, room;

    if (!can_read(r->tty, 1))
        return 0;
    do {
        room = MIN(r->it->remaining, sizeof(piece));
        tty_lock(r->tty);
        there = tty_discipline_can_read(d, 1);
        n = there ? tty_discipline_read(d, piece, room, &ends) : 0;
        if (n == r->it->remaining && !ends)
            tty_discipline_skip_end(d);
        tty_unlock(r->tty);
        size_t copied = iter_write(r->it, piece, n);
        r->done += copied;
        if (copied < n)
            return -EFAULT;
    } while (n == room && r->it->remaining && !ends);
    r->tty->kind->input_room(r->tty);
    return 1;
}

static bool input_ends(const struct file *f)
{
    return __atomic_load_n(&((struct tty *)f->data)->at_end, __ATOMIC_ACQUIRE) || tty_is_hung_up(f);
}

/* Until there is something, or it makes no sense to wait: 1, 0 (the read ends), -errno. */
static long wait_for_input(struct reading *r, uint64_t deadline_ns)
{
    struct tty *t = r->tty;

    if (can_read(t, 1))
        return 1;
    if (__atomic_load_n(&t->other_closed, __ATOMIC_ACQUIRE)) /* who waited when it closed, as on Linux */
        return -EIO;
    if (!deadline_ns || input_ends(r->file))
        return can_read(t, 1);
    if (r->file->flags & O_NONBLOCK)
        return -EAGAIN;
    long error = wait_event_deadline(&t->readable, can_read(t, 1) || input_ends(r->file), true, deadline_ns);
    return error == -ETIME ? 0 : error ? error : 1;
}

static uint64_t after_ns(uint64_t ns)
{
    return clock_monotonic_ns() + ns;
}

/* VMIN and VTIME (termios(3), "Canonical and noncanonical mode"). */
static long read_in_turn(struct reading *r)
{
    const struct termios2 *s = &r->tty->discipline.termios;
    uint64_t gap_ns = s->c_cc[VTIME] * TTY_TIMEOUT_UNIT_NS, deadline_ns = WAIT_FOREVER;
    size_t least = 0;
    long result = 0;

    if (!(s->c_lflag & ICANON)) {
        least = MAX(s->c_cc[VMIN], 1);
        if (!s->c_cc[VMIN])
            deadline_ns = gap_ns ? after_ns(gap_ns) : 0;
    }
    while (r->it->remaining) {
        int took = take_input(r);
        result = took ? took : wait_for_input(r, deadline_ns);
        if (result <= 0)
            break;
        if (took && r->done >= least)
            break;
        if (took && gap_ns && s->c_cc[VMIN])
            deadline_ns = after_ns(gap_ns); /* the clock runs between bytes */
    }
    return r->done ? (long)r->done : MIN(result, 0);
}

static void touch(struct file *f, uint64_t *time_ns)
{
    uint64_t now = clock_realtime_ns();

    if (f->inode && now / NS_PER_S / TIMES_EVERY_S != *time_ns / NS_PER_S / TIMES_EVERY_S)
        *time_ns = now / NS_PER_S * NS_PER_S;
}

static long tty_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct reading r = {.file = f, .tty = f->data, .it = it};

    if (tty_is_hung_up(f))
        return 0;
    long error = f->ops == &console_system_ops ? 0 : tty_check_foreground(r.tty, SIGTTIN);
    if (!error)
        error = tty_turn_take(&r.tty->reading, f->flags & O_NONBLOCK);
    if (error)
        return error;
    long n = read_in_turn(&r);
    tty_turn_give(&r.tty->reading);
    if (n > 0)
        touch(f, &f->inode->access_ns);
    return n;
}

/* --- output --- */

bool tty_can_write(struct tty *t)
{
    tty_lock(t);
    bool result = !t->discipline.stopped && tty_ring_room(&t->out) >= TTY_WRITE_LEAST;
    tty_unlock(t);
    return result;
}

/* The ring is full, or stopped.  0: it may not be any more. */
static long wait_for_room(struct file *f, struct tty *t)
{
    long error = t->kind->output(t);

    if (error || tty_can_write(t))
        return error;
    if (f->flags & O_NONBLOCK) {
        tty_want_room(t);
        return tty_can_write(t) ? 0 : -EAGAIN;
    }
    error = wait_event(&t->writable, tty_can_write(t) || tty_is_hung_up(f));
    return error ? error : tty_is_hung_up(f) ? -EIO : 0;
}

static long write_in_turn(struct file *f, struct tty *t, struct io_iter *it)
{
    uint8_t piece[TTY_PIECE];
    size_t n = 0, used = 0;
    long total = 0, error = 0;

    while (!error && (used < n || it->remaining)) {
        if (used == n) {
            size_t wanted = MIN(it->remaining, sizeof(piece));
            n = iter_read(it, piece, wanted);
            used = 0;
            if (n < wanted) { /* nothing of such a piece is written */
                error = -EFAULT;
                break;
            }
        }
        tty_lock(t);
        size_t some =
            t->discipline.stopped ? 0 : tty_discipline_output(&t->discipline, piece + used, n - used, &t->out);
        tty_unlock(t);
        used += some;
        total += (long)some;
        if (used < n)
            error = wait_for_room(f, t);
    }
    (void)t->kind->output(t);
    return total ? total : error;
}

static long tty_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct tty *t = f->data;
    long error = 0;

    if (tty_is_hung_up(f))
        return -EIO;
    if ((t->discipline.termios.c_lflag & TOSTOP) && f->ops != &console_system_ops)
        error = tty_check_foreground(t, SIGTTOU);
    if (!error)
        error = tty_turn_take(&t->writing, f->flags & O_NONBLOCK);
    if (error)
        return error;
    long n = write_in_turn(f, t, it);
    tty_turn_give(&t->writing);
    if (n > 0)
        touch(f, &f->inode->modify_ns);
    return n;
}

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
    struct tty *t = f->data;
    const struct termios2 *s = &t->discipline.termios;
    unsigned events = 0;

    if (tty_is_hung_up(f))
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    poll_wait_events(table, &t->readable, POLLIN | POLLRDNORM);
    poll_wait_events(table, &t->writable, POLLOUT | POLLWRNORM);
    bool at_end = __atomic_load_n(&t->at_end, __ATOMIC_ACQUIRE);
    if (at_end || can_read(t, s->c_cc[VTIME] ? 1 : s->c_cc[VMIN]))
        events |= POLLIN | POLLRDNORM;
    if (at_end)
        events |= POLLHUP;
    if (tty_can_write(t))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* --- devices --- */

#define TTY_FILE_OPS .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl, .async = tty_async, .release = tty_release
const struct file_ops tty_file_ops = {TTY_FILE_OPS};
const struct file_ops console_system_ops = {.open = console_open, TTY_FILE_OPS};
static const struct file_ops own_terminal_ops = {.open = own_terminal_open, TTY_FILE_OPS};

int tty_device_number(const struct tty *t)
{
    return t ? (int)t->device : 0;
}

int32_t tty_foreground_group(const struct tty *t)
{
    return t ? __atomic_load_n(&t->foreground, __ATOMIC_RELAXED) : -1;
}

int tty_init(void)
{
    int error = console_tty_start();

    return error ? error : devfs_register("tty", TTYAUX_MAJOR, 0, 0666, &own_terminal_ops, NULL);
}
