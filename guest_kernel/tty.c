/*
 * Bytes to and from the terminal.  A kernel thread takes typed bytes from the port through the discipline, so that
 * signals work though nobody reads; readers sleep until the discipline has something for them.
 */
#include "guest_kernel/tty.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/major.h>

#include "abi/init_spec.h"
#include "fs/vfs.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty_device.h"
#include "virtio/driver/driver.h"

#define HVC_MAJOR 229
#define CONSOLE_DEVICE ((int)(TTYAUX_MAJOR << 8 | 1))

static struct tty console;

/* --- output: bytes go through `pending`, so that the discipline never waits --- */

struct pending_sink {
    struct tty_sink sink;
    struct tty *tty;
};

/* Echo that nobody takes away is dropped; writers make room first. */
static void pending_put(struct tty_sink *sink, char c)
{
    struct tty *t = container_of(sink, struct pending_sink, sink)->tty;

    assert_held(&t->lock);
    if (t->pending_head - t->pending_tail < TTY_PENDING_SIZE)
        t->pending[t->pending_head++ % TTY_PENDING_SIZE] = c;
}

static struct pending_sink sink_to(struct tty *t)
{
    return (struct pending_sink){{pending_put}, t};
}

/* Moves a contiguous piece to the port; bytes moved. */
static size_t flush_some(struct tty *t)
{
    char piece[256];
    size_t n = 0;

    spin_lock(&t->lock);
    for (uint32_t at = t->pending_tail; at != t->pending_head && n < sizeof(piece); at++)
        piece[n++] = t->pending[at % TTY_PENDING_SIZE];
    spin_unlock(&t->lock);
    size_t done = n ? console_port_write(t->port, piece, n) : 0;
    spin_lock(&t->lock);
    t->pending_tail += (uint32_t)done;
    spin_unlock(&t->lock);
    return done;
}

static bool has_pending(struct tty *t)
{
    return __atomic_load_n(&t->pending_head, __ATOMIC_RELAXED) != __atomic_load_n(&t->pending_tail, __ATOMIC_RELAXED);
}

/* The output lock is held: two flushes at once would send bytes twice. */
long tty_flush(struct tty *t, bool wait)
{
    while (has_pending(t)) {
        if (flush_some(t))
            continue;
        if (!wait)
            return 0;
        if (console_port_is_starved(t->port))
            return -ENOMEM;
        long error = wait_event(&t->port->writable, console_port_can_write(t->port));
        if (error)
            return error;
    }
    return 0;
}

/* As many bytes as surely fit: each can become up to 8 (a tab). */
static size_t process_some(struct tty *t, const char *bytes, size_t n)
{
    struct pending_sink sink = sink_to(t);
    size_t done = 0;

    spin_lock(&t->lock);
    while (done < n && TTY_PENDING_SIZE - (t->pending_head - t->pending_tail) >= 8)
        tty_discipline_output(&t->discipline, bytes[done++], &sink.sink);
    spin_unlock(&t->lock);
    return done;
}

/* Who holds the lock now does this when it lets go. */
static void flush_echo(struct tty *t)
{
    if (!has_pending(t) || !mutex_trylock(&t->output_lock))
        return;
    (void)tty_flush(t, false);
    mutex_unlock(&t->output_lock);
}

static bool is_stopped(struct tty *t)
{
    return __atomic_load_n(&t->discipline.stopped, __ATOMIC_RELAXED);
}

static long write_piece(struct tty *t, const char *bytes, size_t n)
{
    long error = wait_event(&t->resumed, !is_stopped(t));

    mutex_lock(&t->output_lock);
    while (n && !error) {
        size_t done = process_some(t, bytes, n);
        bytes += done;
        n -= done;
        error = tty_flush(t, true);
    }
    mutex_unlock(&t->output_lock);
    flush_echo(t); /* what was typed meanwhile and found the lock taken */
    return error;
}

static bool stops_background_writers(struct tty *t)
{
    return t->discipline.termios.c_lflag & TOSTOP;
}

static long tty_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct tty *t = f->data;
    char piece[256];
    long total = 0, error = 0;

    if (stops_background_writers(t)) {
        error = tty_check_foreground(t, SIGTTOU);
        if (error)
            return error;
    }
    while (it->remaining && !error) {
        size_t n = iter_read(it, piece, MIN(it->remaining, sizeof(piece)));
        if (!n)
            return total ? total : -EFAULT;
        error = write_piece(t, piece, n);
        if (!error)
            total += (long)n;
    }
    return total ? total : error;
}

/* --- input --- */

/* True when the last of the typed bytes has been taken. */
static void input_bytes(struct tty *t, const uint8_t *bytes, size_t n)
{
    struct pending_sink sink = sink_to(t);

    for (size_t i = 0; i < n; i++) {
        spin_lock(&t->lock);
        int signal = tty_discipline_input(&t->discipline, bytes[i], &sink.sink);
        spin_unlock(&t->lock);
        if (signal)
            (void)tty_signal_foreground(signal);
    }
    if (!is_stopped(t))
        wake_all(&t->resumed);
    wake_all(&t->readable);
    flush_echo(t);
}

static void hang_up(struct tty *t)
{
    siginfo_t info = signal_info_kernel(SIGHUP);

    spin_lock(&t->lock);
    t->at_end = true;
    int32_t session = t->session;
    spin_unlock(&t->lock);
    wake_all(&t->readable);
    struct process *leader = session ? process_find(session) : NULL;
    if (leader) {
        (void)signal_send_process(leader, &info);
        process_put(leader);
    }
}

static void input_thread(void *context)
{
    struct tty *t = context;
    uint8_t bytes[64];

    for (;;) {
        wait_event_uninterruptible(&t->port->readable,
                                   console_port_has_input(t->port) || console_port_at_end(t->port));
        size_t n = console_port_read(t->port, bytes, sizeof(bytes));
        if (n) {
            input_bytes(t, bytes, n);
            continue;
        }
        hang_up(t);
        wait_event_uninterruptible(&t->port->readable, console_port_has_input(t->port));
        t->at_end = false;
    }
}

static bool can_read(struct tty *t, uint32_t least)
{
    spin_lock(&t->lock);
    bool result = t->at_end || tty_discipline_can_read(&t->discipline, least);
    spin_unlock(&t->lock);
    return result;
}

/* VMIN and VTIME (termios(3), "Canonical and noncanonical mode").  0, -ERESTARTSYS, -EAGAIN. */
static long wait_for_input(struct tty *t, size_t wanted, bool nonblocking)
{
    const struct termios *s = &t->discipline.termios;
    bool canonical = s->c_lflag & ICANON;
    uint32_t least = canonical ? 1 : (uint32_t)MIN((size_t)s->c_cc[VMIN], wanted);
    uint64_t gap_ns = canonical ? 0 : s->c_cc[VTIME] * TTY_TIMEOUT_UNIT_NS;

    if (can_read(t, least))
        return 0;
    if (nonblocking)
        return can_read(t, 1) ? 0 : -EAGAIN;
    if (!canonical && !least && !gap_ns)
        return 0;
    if (gap_ns && least) { /* the clock starts with the first byte */
        long error = wait_event(&t->readable, can_read(t, 1));
        if (error)
            return error;
    }
    uint64_t deadline_ns = gap_ns ? clock_monotonic_ns() + gap_ns : WAIT_FOREVER;
    long result = wait_event_deadline(&t->readable, can_read(t, MAX(least, 1u)), true, deadline_ns);
    return result == -ETIME ? 0 : result;
}

static long tty_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct tty *t = f->data;
    char piece[256];

    if (!it->remaining)
        return 0;
    long error = tty_check_foreground(t, SIGTTIN);
    if (!error)
        error = wait_for_input(t, it->remaining, f->flags & O_NONBLOCK);
    if (error)
        return error;
    long total = 0;
    while (it->remaining) {
        size_t room = MIN(it->remaining, sizeof(piece));
        spin_lock(&t->lock);
        bool canonical = t->discipline.termios.c_lflag & ICANON;
        size_t n = tty_discipline_read(&t->discipline, piece, room);
        spin_unlock(&t->lock);
        if (iter_write(it, piece, n) != n)
            return total ? total : -EFAULT;
        total += (long)n;
        if (n < room || (canonical && piece[n - 1] == '\n'))
            break;
    }
    return total;
}

static unsigned tty_poll(struct file *f, struct poll_table *table)
{
    struct tty *t = f->data;

    poll_wait(table, &t->readable);
    poll_wait(table, &t->port->writable);
    unsigned events = can_read(t, 1) ? POLLIN | POLLRDNORM : 0;
    if (t->at_end)
        events |= POLLHUP;
    if (console_port_can_write(t->port) && !is_stopped(t))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* --- devices --- */

static int console_open(struct file *f)
{
    struct tty *t = &console;

    if (!t->port)
        return -ENXIO;
    f->data = t;
    if (!(f->flags & O_NOCTTY))
        tty_acquire(t);
    return 0;
}

static int tty_open(struct file *f)
{
    spin_lock(&process_tree_lock);
    struct tty *t = process_current()->terminal;
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ENXIO;
    f->data = t;
    return 0;
}

#define TTY_OPS .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl
static const struct file_ops console_ops = {.open = console_open, TTY_OPS};
static const struct file_ops tty_ops = {.open = tty_open, TTY_OPS};

bool tty_signal_foreground(int signal)
{
    siginfo_t info = signal_info_kernel(signal);

    spin_lock(&console.lock);
    int32_t group = console.foreground;
    spin_unlock(&console.lock);
    return group && !signal_send_group(group, &info);
}

void tty_resize(unsigned rows, unsigned columns)
{
    struct tty *t = &console;

    spin_lock(&t->lock);
    bool changed = t->size.ws_row != rows || t->size.ws_col != columns;
    t->size.ws_row = (unsigned short)rows;
    t->size.ws_col = (unsigned short)columns;
    spin_unlock(&t->lock);
    if (changed)
        (void)tty_signal_foreground(SIGWINCH);
}

void tty_drain(void)
{
    struct tty *t = &console;

    if (!t->port)
        return;
    mutex_lock(&t->output_lock);
    (void)tty_flush(t, true);
    mutex_unlock(&t->output_lock);
    console_port_drain(t->port);
}

int tty_device_number(const struct tty *t)
{
    return t ? CONSOLE_DEVICE : 0;
}

int32_t tty_foreground_group(const struct tty *t)
{
    return t ? __atomic_load_n(&t->foreground, __ATOMIC_RELAXED) : -1;
}

static int start_port(struct tty *t)
{
    unsigned rows, columns;

    t->port = console_port_find(PORT_NR_CONSOLE);
    if (!t->port)
        return 0;
    if (console_size(&rows, &columns)) {
        t->size.ws_row = (unsigned short)rows;
        t->size.ws_col = (unsigned short)columns;
    }
    struct task *task = task_create_kernel("tty", input_thread, t);
    if (!task)
        return -ENOMEM;
    task_start(task);
    return 0;
}

int tty_init(void)
{
    struct tty *t = &console;

    t->lock = (struct spinlock)SPINLOCK_INIT;
    tty_discipline_init(&t->discipline);
    wait_queue_init(&t->readable);
    wait_queue_init(&t->resumed);
    mutex_init(&t->output_lock);
    int error = start_port(t);
    if (!error)
        error = devfs_register("console", TTYAUX_MAJOR, 1, 0600, &console_ops, t);
    if (!error)
        error = devfs_register("tty", TTYAUX_MAJOR, 0, 0666, &tty_ops, NULL);
    if (!error)
        error = devfs_register("hvc0", HVC_MAJOR, 0, 0600, &console_ops, t);
    return error;
}
