/*
 * Pseudoterminals (pty(7)): a terminal whose other end, the master, is a file too.  Opening ptmx makes a pair; the
 * slave is a node in devpts (fs/devpts.h).  Bytes that the master writes are typed at the slave, in the writer's
 * context; what finds no room waits in tty.backlog, as it does on Linux, until the slave is read.
 *
 * The master's file holds one reference on the pair, each file of the slave another.  The last one gives the number
 * back.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/major.h>

#include "fs/devpts.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/tty_device.h"
#include "lib/string.h"

#define PTMX_MINOR   2
#define OUTPUT_SIZE  (4 * TTY_ECHO_ROOM)
#define BACKLOG_SIZE (2 * PAGE_SIZE)
#define FEW          4u    /* who waits for room is woken when the queue has only this part of its bytes left */
#define DELIVERED    4095u /* what a flush leaves to the master: the size of Linux's buffer on its side */

struct pty {
    struct tty tty; /* the slave's */
    struct devpts_node node;
    struct wait_queue master_readable, master_writable;
    bool locked;         /* until unlockpt(3); tty.lock, as all below */
    bool slave_opened;   /* ever: without files it is closed then */
    bool packet;         /* TIOCPKT */
    bool master_stopped; /* TCOOFF on the master */
    uint32_t told;       /* output up to here has been told to master_async; tty.lock */
    struct async_list master_async;
};

static struct pty *pty_of(struct tty *t)
{
    return container_of(t, struct pty, tty);
}

/* --- the slave's side --- */

/* Has something been put out since this was asked last? */
static bool output_is_new(struct pty *p)
{
    struct tty *t = &p->tty;

    tty_lock(t);
    bool is_new = tty_ring_readable(&t->out) && t->out.head != p->told;
    p->told = t->out.head;
    tty_unlock(t);
    return is_new;
}

static long pty_output(struct tty *t)
{
    struct pty *p = pty_of(t);

    wake_all(&p->master_readable);
    if (!async_list_is_empty(&p->master_async) && output_is_new(p))
        async_list_tell(&p->master_async, POLL_IN);
    return 0;
}

/* Bytes from the backlog to the discipline, as many as it takes: true if any. */
static bool pump_backlog(struct tty *t)
{
    uint8_t piece[TTY_PIECE];
    bool any = false;

    assert(mutex_is_held(&t->input_lock));
    for (;;) {
        tty_lock(t);
        uint32_t before = t->backlog.tail;
        size_t n = tty_ring_take(&t->backlog, piece, sizeof(piece));
        t->backlog.tail = before;
        tty_unlock(t);
        size_t done = n ? tty_receive(t, piece, n) : 0;
        tty_lock(t);
        t->backlog.tail += (uint32_t)MIN(done, (size_t)tty_ring_used(&t->backlog)); /* a flush may have emptied it */
        tty_unlock(t);
        if (!done)
            return any;
        any = true;
    }
}

static void pty_input_room(struct tty *t)
{
    if (tty_ring_used(&t->backlog)) {
        mutex_lock(&t->input_lock);
        bool any = pump_backlog(t);
        mutex_unlock(&t->input_lock);
        if (any)
            tty_received(t);
    }
    if (tty_ring_used(&t->backlog) <= t->backlog.limit / FEW)
        wake_all(&pty_of(t)->master_writable);
}

static int pty_opens(struct tty *t)
{
    struct pty *p = pty_of(t);

    if (t->other_closed || p->locked)
        return -EIO;
    p->slave_opened = true;
    return 0;
}

static void pty_closed(struct tty *t)
{
    wake_all(&pty_of(t)->master_readable);
}

static void pty_free(struct tty *t)
{
    struct pty *p = pty_of(t);

    devpts_free(&p->node);
    mem_free(t->backlog.bytes);
    mem_free(t->out.bytes);
    mem_free(p);
}

static const struct tty_kind pty_kind = {
    .output = pty_output,
    .input_room = pty_input_room,
    .opens = pty_opens,
    .closed = pty_closed,
    .free = pty_free,
    .is_pty = true,
};

static void slave_get(void *object)
{
    tty_get(&((struct pty *)object)->tty);
}

static int slave_open(struct file *f)
{
    struct pty *p = devpts_object(f->inode, slave_get);

    if (!p)
        return -EIO;
    int error = tty_open(&p->tty, f);
    if (error)
        tty_put(&p->tty);
    else
        f->ops = &tty_file_ops;
    return error;
}

static const struct file_ops slave_ops = {.open = slave_open};

/* --- the master's side --- */

static bool slave_is_closed(const struct pty *p)
{
    return p->slave_opened && !p->tty.files;
}

static bool has_news(const struct pty *p)
{
    return p->packet && p->tty.discipline.news;
}

/* Something to read, or an end to hear of? */
static bool master_can_read(struct pty *p)
{
    tty_lock(&p->tty);
    bool result = tty_ring_readable(&p->tty.out) || has_news(p) || slave_is_closed(p);
    tty_unlock(&p->tty);
    return result;
}

/* In packet mode each read starts with a byte that says what follows: 0 data, else news and nothing. */
static size_t take_output(struct pty *p, uint8_t *piece, size_t room, bool first, bool *closed)
{
    struct tty *t = &p->tty;
    size_t n = 0;

    tty_lock(t);
    *closed = slave_is_closed(p);
    if (first && has_news(p)) {
        piece[n++] = t->discipline.news;
        t->discipline.news = 0;
    } else if (tty_ring_readable(&t->out)) {
        if (first && p->packet)
            piece[n++] = TIOCPKT_DATA;
        n += tty_ring_take(&t->out, piece + n, room - n);
    }
    tty_unlock(t);
    return n;
}

/* Bytes, 0: there is nothing, -EIO: and nothing will come as long as the slave is closed; -EFAULT. */
static long master_take(struct pty *p, struct io_iter *it)
{
    uint8_t piece[TTY_PIECE];
    long total = 0;
    bool closed = false;

    while (it->remaining) {
        size_t room = MIN(it->remaining, sizeof(piece)), n = take_output(p, piece, room, !total, &closed);
        size_t copied = iter_write(it, piece, n);
        total += (long)copied;
        if (copied < n)
            return total ? total : -EFAULT;
        if (n < room)
            break;
    }
    if (total && tty_ring_used(&p->tty.out) <= p->tty.out.limit / FEW)
        tty_tell_room(&p->tty);
    return total ? total : closed ? -EIO : 0;
}

static long master_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct pty *p = f->data;

    while (it->remaining) {
        long n = master_take(p, it);
        if (n)
            return n;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long error = wait_event(&p->master_readable, master_can_read(p));
        if (error)
            return error;
    }
    return 0;
}

/* Room for at least a byte, or a byte would be taken right away. */
static bool master_can_write(struct pty *p)
{
    struct tty *t = &p->tty;

    tty_lock(t);
    bool waiting = tty_ring_used(&t->backlog), room = t->backlog.bytes && tty_ring_room(&t->backlog);
    bool result = !p->master_stopped && (room || (!waiting && tty_discipline_has_room(&t->discipline)));
    tty_unlock(t);
    return result;
}

/* What the discipline did not take goes behind what waits already; how much. */
static size_t keep_back(struct tty *t, const uint8_t *bytes, size_t n)
{
    assert(mutex_is_held(&t->input_lock));
    if (!n)
        return 0;
    if (!t->backlog.bytes) { /* without memory for it the writer waits for the discipline */
        t->backlog.bytes = mem_alloc(BACKLOG_SIZE);
        t->backlog.size = t->backlog.limit = BACKLOG_SIZE;
    }
    tty_lock(t);
    size_t some = t->backlog.bytes ? MIN(n, (size_t)tty_ring_room(&t->backlog)) : 0;
    (void)tty_ring_put(&t->backlog, bytes, (uint32_t)some);
    tty_unlock(t);
    return some;
}

/* Typed at the slave: how many bytes were taken. */
static size_t type(struct pty *p, const uint8_t *bytes, size_t n)
{
    struct tty *t = &p->tty;
    size_t done = 0;

    mutex_lock(&t->input_lock);
    if (!p->master_stopped) {
        (void)pump_backlog(t);
        if (!tty_ring_used(&t->backlog))
            done = tty_receive(t, bytes, n);
        done += keep_back(t, bytes + done, n - done);
    }
    mutex_unlock(&t->input_lock);
    return done;
}

static long wait_for_room(struct file *f, struct pty *p)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    tty_received(&p->tty);
    return wait_event(&p->master_writable, master_can_write(p));
}

static long master_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct pty *p = f->data;
    uint8_t piece[TTY_PIECE];
    long total = 0, error = 0;

    while (it->remaining && !error) {
        size_t wanted = MIN(it->remaining, sizeof(piece)), n = iter_read(it, piece, wanted), done = 0;
        if (n < wanted)
            error = -EFAULT;
        while (done < n && !error) {
            size_t some = type(p, piece + done, n - done);
            done += some;
            total += (long)some;
            if (done < n && !some)
                error = wait_for_room(f, p);
        }
    }
    if (total)
        tty_received(&p->tty);
    return total ? total : error;
}

static unsigned master_poll(struct file *f, struct poll_table *table)
{
    struct pty *p = f->data;
    unsigned events = 0;

    poll_wait_events(table, &p->master_readable, POLLIN | POLLRDNORM | POLLPRI);
    poll_wait_events(table, &p->master_writable, POLLOUT | POLLWRNORM);
    tty_lock(&p->tty);
    if (tty_ring_readable(&p->tty.out))
        events |= POLLIN | POLLRDNORM;
    if (has_news(p))
        events |= POLLIN | POLLRDNORM | POLLPRI;
    if (slave_is_closed(p))
        events |= POLLHUP;
    tty_unlock(&p->tty);
    if (master_can_write(p))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* --- calls on the master --- */

static long get_value(uint64_t argument, int value)
{
    return put_user(user(argument), value);
}

/* A flag of the pair from user memory. */
static long set_flag(struct pty *p, bool *flag, uint64_t argument)
{
    int value;

    if (get_user(value, user(argument)))
        return -EFAULT;
    tty_lock(&p->tty);
    if (flag == &p->packet && value && !p->packet)
        p->tty.discipline.news = 0; /* what was before does not count */
    *flag = value;
    tty_unlock(&p->tty);
    return 0;
}

static long open_peer(struct file *f, struct pty *p, uint64_t flags)
{
    struct file *peer;
    int fd = fd_reserve(0, flags & O_CLOEXEC);

    if (fd < 0)
        return fd;
    int error = devpts_open(f, &p->node, (int)flags, &peer);
    if (error) {
        fd_unreserve(fd);
        return error;
    }
    fd_publish(fd, peer);
    return fd;
}

static long send_signal(struct pty *p, uint64_t signal)
{
    if (signal != SIGINT && signal != SIGQUIT && signal != SIGTSTP)
        return -EINVAL;
    tty_signal_group(&p->tty, (int)signal);
    return 0;
}

/* The master's own queues: input is what the slave put out, output what waits to be typed. */
static long flush_queues(struct pty *p, uint64_t which)
{
    struct tty *t = &p->tty;

    if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
        return -EINVAL;
    tty_lock(t);
    if (which != TCOFLUSH)
        t->out.tail += tty_ring_readable(&t->out);
    if (which != TCIFLUSH)
        t->backlog.tail = t->backlog.head;
    tty_unlock(t);
    tty_tell_room(t);
    wake_all(&p->master_writable);
    return 0;
}

static long control_flow(struct pty *p, uint64_t action)
{
    uint8_t flow[] = {[TCIOFF] = 023, [TCION] = 021}; /* a master has no settings of its own */

    switch (action) {
    case TCOOFF:
    case TCOON:
        p->master_stopped = action == TCOOFF;
        wake_all(&p->master_writable);
        return 0;
    case TCIOFF:
    case TCION:
        (void)type(p, &flow[action], 1);
        tty_received(&p->tty);
        return 0;
    default:
        return -EINVAL;
    }
}

static long count_input(struct pty *p, uint64_t argument)
{
    tty_lock(&p->tty);
    int n = (int)MIN(tty_ring_readable(&p->tty.out), DELIVERED);
    tty_unlock(&p->tty);
    return get_value(argument, n);
}

/* On a master: as if the slave had put it out. */
static long simulate_input(struct pty *p, uint64_t argument)
{
    uint8_t c;

    if (!cred_may(CAP_SYS_ADMIN)) /* a master is nobody's controlling terminal */
        return -EPERM;
    if (get_user(c, user(argument)))
        return -EFAULT;
    tty_lock(&p->tty);
    (void)tty_ring_put(&p->tty.out, &c, 1);
    tty_unlock(&p->tty);
    return pty_output(&p->tty);
}

static long master_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    struct pty *p = f->data;

    switch (request) {
    case TIOCGPTN:
        return get_value(argument, (int)p->node.index);
    case TIOCSPTLCK:
        return set_flag(p, &p->locked, argument);
    case TIOCGPTLCK:
        return get_value(argument, p->locked);
    case TIOCPKT:
        return set_flag(p, &p->packet, argument);
    case TIOCGPKT:
        return get_value(argument, p->packet);
    case TIOCGPTPEER:
        return open_peer(f, p, argument);
    case TIOCSIG:
        return send_signal(p, argument);
    case FIONREAD:
        return count_input(p, argument);
    case TIOCOUTQ:
    case TIOCGEXCL:
        return get_value(argument, 0);
    case TCFLSH:
        return flush_queues(p, argument);
    case TCXONC:
        return control_flow(p, argument);
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
    case TIOCEXCL: /* nobody can open a master again */
    case TIOCNXCL:
        return 0;
    case TIOCSTI:
        return simulate_input(p, argument);
    default:
        return tty_ioctl_shared(&p->tty, true, f, request, argument);
    }
}

static void master_async(struct file *f, bool on)
{
    struct pty *p = f->data;

    if (on) {
        tty_async_owner(&p->tty, f);
        (void)output_is_new(p);
    }
    async_list_set(&p->master_async, f, on);
}

static void master_release(struct file *f)
{
    struct pty *p = f->data;

    async_list_set(&p->master_async, f, false);
    tty_lock(&p->tty);
    __atomic_store_n(&p->tty.other_closed, true, __ATOMIC_RELEASE);
    tty_unlock(&p->tty);
    devpts_remove(&p->node);
    tty_hang_up(&p->tty, false);
    tty_put(&p->tty);
}

static const struct file_ops master_ops = {
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = master_ioctl,
    .async = master_async,
    .release = master_release,
};

static struct pty *pty_create(void)
{
    struct pty *p = mem_alloc_zero(sizeof(*p));
    uint8_t *output = mem_alloc(OUTPUT_SIZE);

    if (!p || !output) {
        mem_free(output);
        mem_free(p);
        return NULL;
    }
    tty_prepare(&p->tty, &pty_kind, 0, output, OUTPUT_SIZE);
    p->tty.out.kept = DELIVERED;
    p->locked = true;
    wait_queue_init(&p->master_readable);
    wait_queue_init(&p->master_writable);
    async_list_init(&p->master_async);
    return p;
}

static int ptmx_open(struct file *f)
{
    struct pty *p = pty_create();

    if (!p)
        return -ENOMEM;
    int error = devpts_add(f, &p->node, &slave_ops, p);
    if (error) {
        p->tty.kind->free(&p->tty);
        return error;
    }
    p->tty.device = p->node.device;
    f->data = p;
    f->ops = &master_ops;
    return 0;
}

static const struct file_ops ptmx_ops = {.open = ptmx_open};

int pty_init(void)
{
    return devfs_register("ptmx", TTYAUX_MAJOR, PTMX_MINOR, 0666, &ptmx_ops, NULL);
}
