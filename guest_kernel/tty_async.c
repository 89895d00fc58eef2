/*
 * SIGIO of terminals: of input that can be read, once for each line or piece, and of room for output to who found none.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/fcntl.h>

#include "guest_kernel/file_owner.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty_device.h"

/* Unless somebody was named: the foreground group, or without one who asks. */
void tty_async_owner(const struct tty *t, struct file *f)
{
    int32_t group = tty_foreground_group(t);

    if (f->owner.id)
        return;
    long error = file_owner_set(f, group > 0 ? -group : process_current()->pid);
    assert(!error || error == -ESRCH); /* a group that is gone owns nothing */
}

void tty_async(struct file *f, bool on)
{
    struct tty *t = f->data;

    if (on && tty_is_hung_up(f))
        return;
    if (on)
        tty_async_owner(t, f);
    async_list_set(&t->async, f, on);
}

/* tty.lock held, input just received: how many times it is told of, from where reading stood before. */
void tty_async_count(struct tty *t, uint32_t lines, uint32_t head)
{
    const struct tty_discipline *d = &t->discipline;

    assert_held(&t->lock);
    if (async_list_is_empty(&t->async))
        return;
    if (!tty_discipline_by_lines(d)) {
        t->arrivals = MAX(t->arrivals, head != d->head);
        return;
    }
    for (uint32_t i = lines; i != d->lines; i++)
        t->arrivals += d->ends[i % TTY_INPUT_SIZE / 64] >> i % 64 & 1;
}

void tty_async_arrived(struct tty *t)
{
    tty_lock(t);
    uint32_t arrivals = t->arrivals;
    t->arrivals = 0;
    tty_unlock(t);
    for (; arrivals; arrivals--)
        async_list_tell(&t->async, POLL_IN);
}

void tty_want_room(struct tty *t)
{
    if (!async_list_is_empty(&t->async))
        __atomic_store_n(&t->wants_room, true, __ATOMIC_SEQ_CST);
}

void tty_tell_room(struct tty *t)
{
    wake_all(&t->writable);
    if (unlikely(__atomic_load_n(&t->wants_room, __ATOMIC_RELAXED)) && tty_can_write(t) &&
        __atomic_exchange_n(&t->wants_room, false, __ATOMIC_RELAXED))
        async_list_tell(&t->async, POLL_OUT);
}
