/*
 * See fs/port_file.h.  Bytes pass through a buffer on the stack: the driver never sees user memory.  Two readers
 * share a port without losing bytes: what was taken from it is given out under the inode's lock, or lost with EFAULT
 * only.
 */
#include "fs/port_file.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "virtio/driver/driver.h"

#define CHUNK 1024u

static struct console_port *port_of(const struct file *f)
{
    return f->inode->u.object;
}

/* What is there now, up to what is asked for: bytes, 0: nothing, -EFAULT. */
static long take(struct file *f, struct io_iter *it)
{
    char bytes[CHUNK];
    long total = 0;

    while (it->remaining) {
        size_t n = console_port_read(port_of(f), bytes, MIN(it->remaining, sizeof bytes));
        if (!n)
            break;
        size_t done = iter_write(it, bytes, n);
        total += (long)done;
        if (done < n)
            return total ? total : -EFAULT;
    }
    return total;
}

static long port_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct console_port *p = port_of(f);

    if (!it->remaining)
        return 0;
    for (;;) {
        mutex_lock(&f->inode->lock);
        long n = take(f, it);
        mutex_unlock(&f->inode->lock);
        if (n || console_port_at_end(p))
            return n;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&p->readable, console_port_has_input(p) || console_port_at_end(p));
        if (interrupted)
            return interrupted;
    }
}

/* Give the port all n bytes, waiting for room: bytes given, or -errno if none was. */
static long give(struct file *f, const char *bytes, size_t n)
{
    struct console_port *p = port_of(f);
    size_t done = 0;

    for (;;) {
        done += console_port_write(p, bytes + done, n - done);
        if (done == n)
            return (long)done;
        if (console_port_is_starved(p))
            return done ? (long)done : -ENOMEM;
        if (f->flags & O_NONBLOCK)
            return done ? (long)done : -EAGAIN;
        long interrupted = wait_event(&p->writable, console_port_can_write(p));
        if (interrupted)
            return done ? (long)done : interrupted;
    }
}

static long port_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    char bytes[CHUNK];
    long total = 0;

    while (it->remaining) {
        size_t want = MIN(it->remaining, sizeof bytes);
        size_t got = iter_read(it, bytes, want);
        if (!got)
            return total ? total : -EFAULT;
        long given = give(f, bytes, got);
        if (given < 0)
            return total ? total : given;
        total += given;
        if ((size_t)given < want)
            break;
    }
    return total;
}

static unsigned port_poll(struct file *f, struct poll_table *t)
{
    struct console_port *p = port_of(f);
    unsigned events = 0;

    poll_wait(t, &p->readable);
    poll_wait(t, &p->writable);
    if ((f->flags & O_ACCMODE) != O_WRONLY) {
        if (console_port_has_input(p))
            events |= POLLIN | POLLRDNORM;
        if (console_port_at_end(p))
            events |= POLLHUP;
    }
    if ((f->flags & O_ACCMODE) != O_RDONLY && console_port_can_write(p))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

static const struct file_ops port_ops = {
    .read = port_read,
    .write = port_write,
    .poll = port_poll,
};

struct file *port_file_create(struct console_port *port, unsigned access)
{
    struct inode *i = anon_inode(S_IFIFO | 0600);

    if (!i)
        return NULL;
    i->u.object = port;
    i->file_ops = &port_ops;
    return anon_file(i, "pipe", &port_ops, NULL, access);
}
