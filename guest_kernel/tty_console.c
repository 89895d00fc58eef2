/*
 * The console: a terminal on virtio-console port 0, or on the two ports of standard input and output (abi/init_spec.h).
 * A kernel thread takes typed bytes from the port through the discipline, so that signals work though nobody reads, and
 * sends what writers and echo could not send at once.
 *
 * /dev/hvc0 is the terminal; /dev/console is the same one for messages: opening it gives nobody a controlling terminal,
 * reading it is not subject to job control, and a hang-up does not touch it.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/major.h>

#include "abi/init_spec.h"
#include "fs/inode.h"
#include "guest_kernel/core/boot.h"
#include "guest_kernel/core/poll.h"
#include "guest_kernel/tty_device.h"
#include "lib/string.h"
#include "virtio/driver/driver.h"

#define HVC_MAJOR   229
#define OUTPUT_SIZE (2 * TTY_ECHO_ROOM)
#define INPUT_PIECE 256u
#define PORT_PIECE  1024u

static struct console {
    struct tty tty;
    struct console_port *in, *out; /* NULL: there is no console; fixed */
    struct mutex send_lock;        /* guards the next group; not held while anything is waited for */
    uint8_t piece[PORT_PIECE];     /* taken from tty.out, on its way to the port */
    size_t piece_used, piece_sent;
    uint8_t typed[INPUT_PIECE]; /* of the thread alone: from the port, on its way to the discipline */
    size_t typed_used;
    uint8_t output[OUTPUT_SIZE];
} console;

/* --- output --- */

/* What was taken from tty.out goes out though output was stopped since. */
static bool has_output(const struct console *c)
{
    bool stopped = __atomic_load_n(&c->tty.discipline.stopped, __ATOMIC_RELAXED);

    return c->piece_sent != c->piece_used || (!stopped && tty_ring_used(&c->tty.out));
}

static size_t next_piece(struct console *c, bool also_stopped)
{
    struct tty *t = &c->tty;
    size_t n = 0;

    tty_lock(t);
    if (also_stopped)
        t->out.held = false;
    if (also_stopped || !t->discipline.stopped)
        n = tty_ring_take(&t->out, c->piece, sizeof(c->piece));
    tty_unlock(t);
    return n;
}

/* Sends what the port takes.  True: nothing is left. */
static bool send_output(struct console *c, bool also_stopped)
{
    bool all = false;

    mutex_lock(&c->send_lock);
    for (;;) {
        if (c->piece_sent == c->piece_used) {
            c->piece_used = next_piece(c, also_stopped);
            c->piece_sent = 0;
            all = !c->piece_used;
        }
        size_t n = all ? 0 : console_port_write(c->out, c->piece + c->piece_sent, c->piece_used - c->piece_sent);
        if (!n)
            break;
        c->piece_sent += n;
    }
    mutex_unlock(&c->send_lock);
    if (tty_can_write(&c->tty))
        tty_tell_room(&c->tty);
    return all;
}

static long console_output(struct tty *t)
{
    struct console *c = container_of(t, struct console, tty);

    while (has_output(c) && !send_output(c, false)) {
        if (console_port_is_starved(c->out))
            return -ENOMEM;
        if (!console_port_can_write(c->out)) /* that asks for an interrupt, which wakes the thread */
            break;
    }
    return 0;
}

/* Output that is stopped by the user has all the time it wants: so has who waits for its end. */
static long console_drain_tty(struct tty *t)
{
    struct console *c = container_of(t, struct console, tty);

    if (send_output(c, false) && !t->discipline.stopped)
        return 0;
    return wait_event(&t->writable, !tty_ring_used(&t->out) && c->piece_sent == c->piece_used);
}

void console_drain(void)
{
    struct console *c = &console;

    if (!c->out)
        return;
    while (!send_output(c, true) && !console_port_is_starved(c->out))
        wait_event_uninterruptible(&c->out->writable, console_port_can_write(c->out));
    console_port_drain(c->out);
}

/* --- input --- */

static void console_input_room(struct tty *t)
{
    struct console *c = container_of(t, struct console, tty);

    if (c->typed_used)
        wake_all(&c->in->readable); /* the thread has something that found no room */
}

/* Nothing more will come: what was typed ends as if by VEOF. */
static void end_input(struct console *c)
{
    struct tty *t = &c->tty;
    uint8_t end = t->discipline.termios.c_cc[VEOF];

    mutex_lock(&t->input_lock);
    if (tty_discipline_by_lines(&t->discipline) && end)
        (void)tty_receive(t, &end, 1);
    mutex_unlock(&t->input_lock);
    tty_received(t);
    __atomic_store_n(&t->at_end, true, __ATOMIC_RELEASE); /* pairs with the acquire of readers */
    wake_all(&t->readable);
}

/* True: something was done. */
static bool take_typed(struct console *c)
{
    struct tty *t = &c->tty;

    if (!c->typed_used)
        c->typed_used = console_port_read(c->in, c->typed, sizeof(c->typed));
    if (!c->typed_used) {
        bool ends = console_port_at_end(c->in) && !t->at_end;
        if (ends)
            end_input(c);
        return ends;
    }
    __atomic_store_n(&t->at_end, false, __ATOMIC_RELEASE); /* the host opened its side again */
    mutex_lock(&t->input_lock);
    size_t n = tty_receive(t, c->typed, c->typed_used);
    mutex_unlock(&t->input_lock);
    tty_received(t);
    c->typed_used -= n;
    memmove(c->typed, c->typed + n, c->typed_used);
    return n;
}

static bool send_waiting(struct console *c)
{
    if (!has_output(c) || !console_port_can_write(c->out))
        return false;
    (void)send_output(c, false);
    return true;
}

static void console_thread(void *context)
{
    struct console *c = context;
    struct poll_table table;

    for (;;) {
        poll_table_init(&table);
        poll_wait(&table, &c->in->readable);
        poll_wait(&table, &c->out->writable);
        while (take_typed(c) || send_waiting(c))
            ;
        int error = poll_table_wait(&table, WAIT_FOREVER);
        poll_table_free(&table, NULL);
        assert(!error); /* two queues need no memory, a kernel thread gets no signal */
    }
}

/* --- the device --- */

static const struct tty_kind console_kind = {
    .output = console_output,
    .drain = console_drain_tty,
    .input_room = console_input_room,
    .input_flags = IUTF8,
};

static int open_console(struct file *f, unsigned more_flags)
{
    if (!console.out)
        return -ENXIO;
    f->flags |= more_flags;
    int error = tty_open(&console.tty, f);
    if (!error)
        tty_get(&console.tty);
    return error;
}

int console_open(struct file *f)
{
    return open_console(f, O_NOCTTY);
}

static int hvc_open(struct file *f)
{
    f->ops = &tty_file_ops;
    return open_console(f, 0);
}

static const struct file_ops hvc_ops = {.open = hvc_open};

bool console_signal_foreground(int signal)
{
    bool any = tty_foreground_group(&console.tty) > 0;

    tty_signal_group(&console.tty, signal);
    return any;
}

void console_resize(unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    tty_set_size(&console.tty, &size);
}

static int start_port(struct console *c)
{
    unsigned rows, columns;
    char word[8];

    bool by_stdio = boot_option("tty", word, sizeof(word)) > 0 && !strcmp(word, "stdio");
    c->in = console_port_find(by_stdio ? PORT_NR_STDIN : PORT_NR_CONSOLE);
    c->out = console_port_find(by_stdio ? PORT_NR_STDOUT : PORT_NR_CONSOLE);
    if (!c->in || !c->out) {
        c->out = NULL;
        return 0;
    }
    if (console_size(&rows, &columns))
        console_resize(rows, columns);
    struct task *task = task_create_kernel("tty", console_thread, c);
    if (!task)
        return -ENOMEM;
    task_start(task);
    return 0;
}

int console_tty_start(void)
{
    struct console *c = &console;

    mutex_init(&c->send_lock);
    tty_prepare(&c->tty, &console_kind, device_encode(HVC_MAJOR, 0), c->output, sizeof(c->output));
    int error = start_port(c);
    if (!error)
        error = devfs_register("console", TTYAUX_MAJOR, 1, 0600, &console_system_ops, NULL);
    if (!error)
        error = devfs_register("hvc0", HVC_MAJOR, 0, 0600, &hvc_ops, NULL);
    return error;
}
