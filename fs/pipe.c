/*
 * Pipes and fifos.  A ring of slots, each part of a page; a write appends to the last slot's page if all of it (or its
 * rest beyond whole pages) fits, else takes new slots: a write of up to PIPE_BUF bytes goes in whole or waits, which
 * is the atomicity of pipe(7).  pipe.lock (a mutex: copies may fault) guards all but the counts of ends, which change
 * under it too but are read by sleepers without.
 */
#include "fs/pipe.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "fs/pipe_ring.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

#define SLOTS_DEFAULT 16u
#define SLOTS_MAX     256u /* fs.pipe-max-size of Linux: 1 MiB */

static const struct file_ops pipe_ops;

void slot_drop_first(struct pipe *p)
{
    struct slot *s = slot_at(p, 0);

    if (!p->spare && __atomic_load_n(&s->page->refs, __ATOMIC_ACQUIRE) == 1)
        p->spare = s->page;
    else
        page_put(s->page);
    slot_forget_first(p);
}

static struct pipe *pipe_alloc(void)
{
    struct pipe *p = mem_alloc_zero(sizeof *p);

    if (!p)
        return NULL;
    p->slots = mem_alloc_zero(SLOTS_DEFAULT * sizeof *p->slots);
    if (!p->slots) {
        mem_free(p);
        return NULL;
    }
    p->count = SLOTS_DEFAULT;
    mutex_init(&p->lock);
    wait_queue_init(&p->readable);
    wait_queue_init(&p->writable);
    return p;
}

static void pipe_free(struct pipe *p)
{
    for (uint32_t n = 0; n < p->used; n++)
        page_put(slot_at(p, n)->page);
    if (p->spare)
        page_put(p->spare);
    mem_free(p->slots);
    mem_free(p);
}

void fifo_free(struct inode *i)
{
    if (i->u.pipe)
        pipe_free(i->u.pipe);
}

long pipe_drain(struct pipe *p, struct io_iter *it)
{
    long total = 0;

    while (p->used && it->remaining) {
        struct slot *s = slot_at(p, 0);
        size_t want = MIN(s->length, it->remaining);
        size_t done = iter_write(it, (char *)page_address(s->page) + s->start, want);
        s->start += (uint32_t)done;
        s->length -= (uint32_t)done;
        total += (long)done;
        if (done < want)
            return total ? total : -EFAULT;
        bool packet = s->packet;
        if (!s->length || packet)
            slot_drop_first(p);
        if (packet)
            break;
    }
    return total;
}

/* Those that want SIGIO hear that there is something to read (POLL_IN) or room to write (POLL_OUT). */
void pipe_tell_async(struct pipe *p, int reason)
{
    unsigned other = reason == POLL_IN ? O_WRONLY : O_RDONLY;
    struct file *f;

    if (likely(!__atomic_load_n(&p->async.lh_first, __ATOMIC_RELAXED)))
        return;
    mutex_lock(&p->lock);
    LIST_FOREACH(f, &p->async, async_link)
    {
        if ((f->flags & O_ACCMODE) != other)
            fs_async_tell(f, reason);
    }
    mutex_unlock(&p->lock);
}

static void pipe_async(struct file *f, bool on)
{
    struct pipe *p = f->data;

    mutex_lock(&p->lock);
    if (f->async_listed)
        LIST_REMOVE(f, async_link);
    if (on)
        LIST_INSERT_HEAD(&p->async, f, async_link);
    f->async_listed = on;
    mutex_unlock(&p->lock);
}

static long pipe_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct pipe *p = f->data;
    long n;

    if (!it->remaining)
        return 0;
    for (;;) {
        mutex_lock(&p->lock);
        n = p->used ? pipe_drain(p, it) : 0;
        bool at_end = !p->writers;
        mutex_unlock(&p->lock);
        if (n || at_end)
            break;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&p->readable, load(&p->used) || !load(&p->writers));
        if (interrupted)
            return interrupted;
    }
    if (n > 0) {
        wake_all(&p->writable);
        pipe_tell_async(p, POLL_OUT);
    }
    return n;
}

/* The rest of a write beyond whole pages goes behind what the last slot holds. */
static long merge(struct pipe *p, struct io_iter *it)
{
    struct slot *last = p->used ? slot_at(p, p->used - 1) : NULL;
    size_t n = it->remaining % PAGE_SIZE;

    if (!last || !n || last->packet || last->fixed || last->start + last->length + n > PAGE_SIZE)
        return 0;
    size_t done = iter_read(it, (char *)page_address(last->page) + last->start + last->length, n);
    last->length += (uint32_t)done;
    return done < n && !done ? -EFAULT : (long)done;
}

static long append_slot(struct pipe *p, struct io_iter *it, bool packet)
{
    struct page *page = p->spare ? p->spare : page_alloc(0);

    if (!page)
        return -ENOMEM;
    p->spare = page;
    size_t n = iter_read(it, page_address(page), MIN(it->remaining, PAGE_SIZE));
    if (!n)
        return -EFAULT;
    p->spare = NULL;
    slot_push(p, &(struct slot){.page = page, .length = (uint32_t)n, .packet = packet});
    return (long)n;
}

/* As much as fits now: bytes, 0 when the ring is full, or -errno if nothing was written. */
static long fill(struct pipe *p, struct io_iter *it, bool packet, bool may_merge)
{
    long total = 0;

    if (may_merge && !packet) {
        total = merge(p, it);
        if (total < 0)
            return total;
    }
    while (it->remaining && !pipe_is_full(p)) {
        size_t want = MIN(it->remaining, PAGE_SIZE);
        long n = append_slot(p, it, packet);
        if (n < 0)
            return total ? total : n;
        total += n;
        if ((size_t)n < want)
            break; /* a fault in the middle */
    }
    return total;
}

static long pipe_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct pipe *p = f->data;
    size_t asked = it->remaining;
    long total = 0;

    while (it->remaining) {
        mutex_lock(&p->lock);
        bool broken = !p->readers;
        long n = broken ? -EPIPE : fill(p, it, f->flags & O_DIRECT, !total);
        bool full = pipe_is_full(p);
        mutex_unlock(&p->lock);
        if (broken)
            fs_signal_self(SIGPIPE);
        if (n > 0) {
            total += n;
            wake_all(&p->readable);
            pipe_tell_async(p, POLL_IN);
        }
        if (n < 0 || (it->remaining && !full))
            return total ? total : n; /* broken, out of memory, or a fault */
        if (!it->remaining)
            break;
        if (f->flags & O_NONBLOCK)
            return total ? total : -EAGAIN;
        long interrupted = wait_event(&p->writable, !pipe_is_full(p) || !load(&p->readers));
        if (interrupted)
            return total ? total : interrupted;
    }
    return asked ? total : 0;
}

static unsigned pipe_poll(struct file *f, struct poll_table *t)
{
    struct pipe *p = f->data;
    unsigned mode = f->flags & O_ACCMODE, events = 0;

    poll_wait_events(t, &p->readable, POLLIN | POLLRDNORM);
    poll_wait_events(t, &p->writable, POLLOUT | POLLWRNORM);
    if (mode != O_WRONLY) {
        if (load(&p->used))
            events |= POLLIN | POLLRDNORM;
        if (!load(&p->writers) && f->position != load(&p->writer_opens))
            events |= POLLHUP;
    }
    if (mode != O_RDONLY) {
        if (!pipe_is_full(p))
            events |= POLLOUT | POLLWRNORM;
        if (!load(&p->readers))
            events |= POLLERR;
    }
    return events;
}

static long pipe_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    struct pipe *p = f->data;
    int bytes = 0;

    if (request != FIONREAD)
        return -ENOTTY;
    mutex_lock(&p->lock);
    for (uint32_t n = 0; n < p->used; n++)
        bytes += (int)slot_at(p, n)->length;
    mutex_unlock(&p->lock);
    return put_user(user(argument), bytes);
}

/* Count an end in (step 1) or out (-1). */
static void count_ends(struct pipe *p, unsigned mode, int step)
{
    mutex_lock(&p->lock);
    if (mode != O_WRONLY) {
        __atomic_fetch_add(&p->readers, step, __ATOMIC_RELEASE);
        p->reader_opens += step > 0;
    }
    if (mode != O_RDONLY) {
        __atomic_fetch_add(&p->writers, step, __ATOMIC_RELEASE);
        p->writer_opens += step > 0;
    }
    mutex_unlock(&p->lock);
    wake_all(&p->readable);
    wake_all(&p->writable);
}

static void pipe_unref(struct inode *i, struct pipe *p)
{
    mutex_lock(&i->lock);
    bool last = --p->files == 0;
    if (last)
        i->u.pipe = NULL;
    mutex_unlock(&i->lock);
    if (last)
        pipe_free(p);
}

/* With one kind of ends all gone, the others hear of it. */
static void pipe_release(struct file *f)
{
    struct pipe *p = f->data;

    pipe_async(f, false);
    count_ends(p, f->flags & O_ACCMODE, -1);
    if (!load(&p->readers) != !load(&p->writers)) {
        pipe_tell_async(p, POLL_IN);
        pipe_tell_async(p, POLL_OUT);
    }
    pipe_unref(f->inode, f->data);
}

static const struct file_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .async = pipe_async,
    .release = pipe_release,
};

/* The inode's pipe, made if this is its first description, which is counted. */
static struct pipe *pipe_ref(struct inode *i)
{
    mutex_lock(&i->lock);
    if (!i->u.pipe)
        i->u.pipe = pipe_alloc();
    struct pipe *p = i->u.pipe;
    if (p)
        p->files++;
    mutex_unlock(&i->lock);
    return p;
}

int pipe_create(struct file **read_end, struct file **write_end, unsigned flags)
{
    struct inode *i = anon_inode(S_IFIFO | 0600);
    struct pipe *p = i ? pipe_ref(i) : NULL;

    if (!p) {
        inode_put(i);
        return -ENOMEM;
    }
    struct file *r = anon_file(i, "pipe", &pipe_ops, p, O_RDONLY | (flags & ~O_DIRECT));
    if (!r) {
        pipe_free(p); /* the inode went with the failure, it does not own the pipe */
        return -ENOMEM;
    }
    count_ends(p, O_RDONLY, 1);
    struct file *w = anon_file_beside(r, &pipe_ops, p, O_WRONLY | flags);
    if (!w) {
        file_put(r);
        return -ENOMEM;
    }
    p->files++;
    count_ends(p, O_WRONLY, 1);
    *read_end = r;
    *write_end = w;
    return 0;
}

/* How things stood before this end was counted: whoever is there then waits for us, whoever comes later is counted
 * anew. */
struct fifo_before {
    uint32_t writer_opens, reader_opens;
    bool writers, readers;
};

static struct fifo_before fifo_look(const struct pipe *p)
{
    struct fifo_before b = {.writer_opens = load(&p->writer_opens), .reader_opens = load(&p->reader_opens)};

    b.writers = load(&p->writers);
    b.readers = load(&p->readers);
    return b;
}

/* fifo(7): opening one end waits for the other, but O_RDWR and O_NONBLOCK do not. */
static long wait_for_peer(struct file *f, struct pipe *p, unsigned mode, const struct fifo_before *before)
{
    if (mode == O_RDONLY && !before->writers) {
        if (f->flags & O_NONBLOCK) {
            f->position = before->writer_opens; /* no POLLHUP before the first writer */
            return 0;
        }
        return wait_event(&p->readable, load(&p->writer_opens) != before->writer_opens);
    }
    if (mode == O_WRONLY && !before->readers)
        return wait_event(&p->writable, load(&p->reader_opens) != before->reader_opens);
    return 0;
}

int fifo_open(struct file *f)
{
    unsigned mode = f->flags & O_ACCMODE;
    struct pipe *p = pipe_ref(f->inode);
    bool waits = !anon_is(f->dentry); /* a pipe opened again by /proc/PID/fd/N has had both ends */

    if (!p)
        return -ENOMEM;
    if (waits && mode == O_WRONLY && (f->flags & O_NONBLOCK) && !load(&p->readers)) {
        pipe_unref(f->inode, p);
        return -ENXIO;
    }
    struct fifo_before before = fifo_look(p);

    count_ends(p, mode, 1);
    long interrupted = waits ? wait_for_peer(f, p, mode, &before) : 0;
    if (interrupted) {
        count_ends(p, mode, -1);
        pipe_unref(f->inode, p);
        return (int)interrupted;
    }
    f->data = p;
    f->ops = &pipe_ops;
    return 0;
}

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_ops;
}

long pipe_get_size(struct file *f)
{
    if (!file_is_pipe(f))
        return -EBADF;
    return (long)(((struct pipe *)f->data)->count * PAGE_SIZE);
}

/* Move what is there into a ring of another size. */
static long resize_ring(struct pipe *p, uint32_t count)
{
    if (count < p->used + p->held)
        return -EBUSY;
    struct slot *slots = mem_alloc_zero(count * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (uint32_t n = 0; n < p->used; n++)
        slots[n] = *slot_at(p, n);
    mem_free(p->slots);
    p->slots = slots;
    p->tail = 0;
    __atomic_store_n(&p->count, count, __ATOMIC_RELEASE);
    return (long)(count * PAGE_SIZE);
}

long pipe_set_size(struct file *f, unsigned long bytes)
{
    struct pipe *p = f->data;
    uint32_t count = 1;

    if (!file_is_pipe(f))
        return -EBADF;
    if (bytes > BIT(31))
        return -EINVAL;
    while (count * PAGE_SIZE < bytes)
        count *= 2;
    if (count > SLOTS_MAX)
        return -EPERM;
    mutex_lock(&p->lock);
    long result = resize_ring(p, count);
    mutex_unlock(&p->lock);
    if (result > 0)
        wake_all(&p->writable);
    return result;
}
