/*
 * See fs/splice.h.  While a slot's bytes are on their way to a file the slot is out of the ring and its place is kept
 * (pipe.held): no lock is held over the write, and what the file does not take goes back to the front.
 */
#include "fs/splice.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "abi/splice_flags.h"
#include "fs/inode.h"
#include "fs/vfs.h"
#include "fs/pipe_ring.h"
#include "guest_kernel/core/task.h"

#define NULL_DEVICE 0x103 /* as st_rdev has 1:3 */

static struct pipe *pipe_of(const struct file *f)
{
    return f->data;
}

bool splice_is_same_pipe(const struct file *a, const struct file *b)
{
    return pipe_of(a) == pipe_of(b);
}

/* Until there is something: 1; 0: nothing will come; else -errno. */
static long wait_for_data(struct pipe *p, bool nonblocking)
{
    while (!load(&p->used)) {
        if (!load(&p->writers))
            return 0;
        if (nonblocking)
            return -EAGAIN;
        long interrupted = wait_event(&p->readable, load(&p->used) || !load(&p->writers));
        if (interrupted)
            return interrupted;
    }
    return 1;
}

static long broken(void)
{
    fs_signal_self(SIGPIPE);
    return -EPIPE;
}

static long wait_for_room(struct pipe *p, bool nonblocking)
{
    for (;;) {
        if (!load(&p->readers))
            return broken();
        if (!pipe_is_full(p))
            return 0;
        if (nonblocking)
            return -EAGAIN;
        long interrupted = wait_event(&p->writable, !pipe_is_full(p) || !load(&p->readers));
        if (interrupted)
            return interrupted;
    }
}

static void lock_both(struct pipe *a, struct pipe *b)
{
    mutex_lock(a < b ? &a->lock : &b->lock);
    mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b)
{
    mutex_unlock(&a->lock);
    mutex_unlock(&b->lock);
}

/* The first `length` bytes of s as a slot of their own, with a reference on the page. */
static struct slot share(const struct slot *s, size_t length)
{
    struct slot copy = *s;

    page_get(copy.page);
    copy.length = (uint32_t)length;
    copy.fixed = true;
    return copy;
}

/* Both locked. */
static size_t move_slots(struct pipe *in, struct pipe *out, size_t length)
{
    size_t done = 0;

    while (done < length && in->used && !pipe_is_full(out)) {
        struct slot *s = slot_at(in, 0);
        size_t n = MIN(s->length, length - done);
        struct slot moved = n < s->length ? share(s, n) : *s;

        moved.fixed = true;
        slot_push(out, &moved);
        if (n < s->length) {
            s->start += (uint32_t)n;
            s->length -= (uint32_t)n;
        } else {
            slot_forget_first(in);
        }
        done += n;
    }
    return done;
}

static size_t share_slots(struct pipe *in, struct pipe *out, size_t length)
{
    size_t done = 0;

    for (uint32_t i = 0; done < length && i < in->used && !pipe_is_full(out); i++) {
        struct slot *s = slot_at(in, i);
        struct slot shared = share(s, MIN(s->length, length - done));

        slot_push(out, &shared);
        done += shared.length;
    }
    return done;
}

typedef size_t (*transfer)(struct pipe *in, struct pipe *out, size_t length);

/* Another reader or writer may come between the wait and the move: then once more. */
static long between_pipes(struct file *from, struct file *to, size_t length, unsigned flags, transfer move)
{
    struct pipe *in = pipe_of(from), *out = pipe_of(to);
    bool nonblocking = flags & SPLICE_F_NONBLOCK || (from->flags | to->flags) & O_NONBLOCK;
    size_t done = 0;

    while (!done) {
        long some = wait_for_data(in, nonblocking);
        long error = some > 0 ? wait_for_room(out, nonblocking) : some;
        if (some <= 0 || error)
            return error;
        lock_both(in, out);
        done = move(in, out, length);
        unlock_both(in, out);
    }
    wake_all(&out->readable);
    pipe_tell_async(out, POLL_IN);
    if (move == move_slots) {
        wake_all(&in->writable);
        pipe_tell_async(in, POLL_OUT);
    }
    return (long)done;
}

long splice_pipes(struct file *in, struct file *out, size_t length, unsigned flags)
{
    return between_pipes(in, out, length, flags, move_slots);
}

long splice_tee(struct file *in, struct file *out, size_t length, unsigned flags)
{
    return between_pipes(in, out, length, flags, share_slots);
}

/* Takes the first slot; its place is kept.  False: the pipe is empty. */
static bool slot_take(struct pipe *p, struct slot *out)
{
    mutex_lock(&p->lock);
    bool some = p->used;

    if (some) {
        *out = *slot_at(p, 0);
        slot_forget_first(p);
        __atomic_store_n(&p->held, p->held + 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&p->lock);
    return some;
}

/* `done` bytes of it were used; the rest goes back to the front. */
static void slot_return(struct pipe *p, struct slot *s, size_t done)
{
    s->start += (uint32_t)done;
    s->length -= (uint32_t)done;
    mutex_lock(&p->lock);
    __atomic_store_n(&p->held, p->held - 1, __ATOMIC_RELEASE);
    if (s->length) {
        p->tail = (p->tail + p->count - 1) % p->count;
        *slot_at(p, 0) = *s;
        __atomic_store_n(&p->used, p->used + 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&p->lock);
    if (!s->length)
        page_put(s->page);
    wake_all(s->length ? &p->readable : &p->writable);
    pipe_tell_async(p, s->length ? POLL_IN : POLL_OUT);
}

static long write_slot(struct file *out, uint64_t *position, const struct slot *s, size_t n)
{
    struct io_iter it;

    iter_init_kernel(&it, (char *)page_address(s->page) + s->start, n);
    long done = position ? file_write_at(out, &it, *position) : file_write(out, &it);
    if (done > 0 && position)
        *position += (uint64_t)done;
    return done;
}

/* Regular files, devices and sockets; not what only looks like a file (eventfds and their kin). */
static bool may_splice(const struct file *f)
{
    return f->inode && (S_ISREG(f->inode->mode) || S_ISSOCK(f->inode->mode) || S_ISCHR(f->inode->mode));
}

/* /dev/null has nothing to read, which a pipe would take for the end of a stream. */
static bool may_splice_from(const struct file *f)
{
    return may_splice(f) && !(S_ISCHR(f->inode->mode) && f->inode->rdev == NULL_DEVICE);
}

long splice_to_file(struct file *pipe, struct file *out, uint64_t *position, size_t length, unsigned flags)
{
    struct pipe *p = pipe_of(pipe);
    bool nonblocking = flags & SPLICE_F_NONBLOCK || pipe->flags & O_NONBLOCK;
    size_t total = 0;
    struct slot s;

    if (!may_splice(out) || !out->ops->write)
        return -EINVAL;
    while (total < length && !(total && task_signal_pending())) {
        long some = total ? load(&p->used) > 0 : wait_for_data(p, nonblocking);
        if (some <= 0)
            return total ? (long)total : some;
        if (!slot_take(p, &s))
            continue; /* another reader was first */
        size_t want = MIN(s.length, length - total);
        long n = write_slot(out, position, &s, want);
        slot_return(p, &s, n > 0 ? (size_t)n : 0);
        if (n < 0)
            return total ? (long)total : n;
        total += (size_t)n;
        if ((size_t)n < want)
            break;
    }
    return (long)total;
}

/* One page's worth, up to the end of a page of the file: the slot, or -errno; length 0: the end. */
static long read_slot(struct file *in, uint64_t *position, size_t n, struct slot *s)
{
    uint64_t at = position ? *position : in->position;
    struct page *page = page_alloc(0);
    struct io_iter it;

    if (!page)
        return -ENOMEM;
    n = MIN(n, PAGE_SIZE - (in->ops->seek ? at % PAGE_SIZE : 0));
    iter_init_kernel(&it, page_address(page), n);
    long got = position ? file_read_at(in, &it, at) : file_read(in, &it);
    if (got <= 0) {
        page_put(page);
        return got;
    }
    if (position)
        *position += (uint64_t)got;
    *s = (struct slot){.page = page, .length = (uint32_t)got, .fixed = true};
    return got;
}

/* Into a place that was kept. */
static void slot_give(struct pipe *p, const struct slot *s)
{
    mutex_lock(&p->lock);
    __atomic_store_n(&p->held, p->held - 1, __ATOMIC_RELEASE);
    if (s->length)
        slot_push(p, s);
    mutex_unlock(&p->lock);
    wake_all(s->length ? &p->readable : &p->writable);
    pipe_tell_async(p, s->length ? POLL_IN : POLL_OUT);
}

static bool slot_keep(struct pipe *p)
{
    mutex_lock(&p->lock);
    bool room = !pipe_is_full(p);

    if (room)
        __atomic_store_n(&p->held, p->held + 1, __ATOMIC_RELEASE);
    mutex_unlock(&p->lock);
    return room;
}

/* A stream is waited for once only, and not if that is not wanted. */
static long check_stream(struct file *in, size_t total, bool nonblocking)
{
    if (in->ops->seek || (!total && !nonblocking) || file_poll(in, NULL) & (POLLIN | POLLHUP | POLLERR))
        return 0;
    return -EAGAIN;
}

long splice_from_file(struct file *in, uint64_t *position, struct file *pipe, size_t length, unsigned flags)
{
    struct pipe *p = pipe_of(pipe);
    bool nonblocking = flags & SPLICE_F_NONBLOCK || pipe->flags & O_NONBLOCK;
    size_t total = 0;

    if (!may_splice_from(in) || !in->ops->read)
        return -EINVAL;
    long n = wait_for_room(p, nonblocking);
    while (!n && total < length && slot_keep(p)) {
        struct slot s = {.length = 0};
        n = check_stream(in, total, flags & SPLICE_F_NONBLOCK);
        if (!n)
            n = read_slot(in, position, length - total, &s);
        slot_give(p, &s);
        if (n <= 0)
            break;
        total += (size_t)n;
        n = 0;
    }
    return total ? (long)total : n;
}

/* How much of the program's memory at the iterator lies in one page. */
static size_t page_part(const struct io_iter *it)
{
    size_t in_page = PAGE_SIZE - (it->segments->base + it->offset) % PAGE_SIZE;
    size_t left = it->segments->length - it->offset;

    return MIN(MIN(in_page, it->remaining), left ? left : PAGE_SIZE); /* an empty segment is passed over */
}

/* A slot for each part of a page, as Linux, which takes the program's pages themselves. */
long splice_from_user(struct file *pipe, struct io_iter *it, unsigned flags)
{
    struct pipe *p = pipe_of(pipe);
    size_t total = 0;
    long error = wait_for_room(p, flags & SPLICE_F_NONBLOCK);

    while (!error && it->remaining && slot_keep(p)) {
        struct slot s = {.page = page_alloc(0), .fixed = true};
        size_t want = page_part(it);
        if (s.page)
            s.length = (uint32_t)iter_read(it, page_address(s.page), want);
        if (!s.length)
            error = s.page ? -EFAULT : -ENOMEM;
        if (!s.length && s.page)
            page_put(s.page);
        slot_give(p, &s);
        total += s.length;
        if (s.length < want)
            break;
    }
    return total ? (long)total : error;
}

long splice_to_user(struct file *pipe, struct io_iter *it, unsigned flags)
{
    struct pipe *p = pipe_of(pipe);
    long n = 0;

    while (!n) {
        long some = wait_for_data(p, flags & SPLICE_F_NONBLOCK);
        if (some <= 0)
            return some;
        mutex_lock(&p->lock);
        n = p->used ? pipe_drain(p, it) : 0;
        mutex_unlock(&p->lock);
    }
    if (n > 0) {
        wake_all(&p->writable);
        pipe_tell_async(p, POLL_OUT);
    }
    return n;
}
