/*
 * See poll.h.  A table belongs to one task; wake-ups from other contexts touch only `triggered`.
 */
#include "guest_kernel/core/poll.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"

#define CHUNK_ENTRIES ((PAGE_SIZE - sizeof(struct poll_chunk)) / sizeof(struct poll_entry))

void poll_table_init(struct poll_table *t)
{
    t->task = task_current();
    t->queue = NULL;
    t->triggered = 0;
    t->asking = NULL;
    t->error = 0;
    t->used = 0;
    t->more = NULL;
}

static struct poll_entry *entry_new(struct poll_table *t)
{
    if (t->used < POLL_INLINE_ENTRIES)
        return &t->entries[t->used++];
    if (!t->more || t->more->used == CHUNK_ENTRIES) {
        struct poll_chunk *chunk = mem_alloc(PAGE_SIZE);

        if (!chunk)
            return NULL;
        chunk->next = t->more;
        chunk->used = 0;
        t->more = chunk;
    }
    return &t->more->entries[t->more->used++];
}

static void poll_wake(struct waiter *w)
{
    struct poll_entry *e = container_of(w, struct poll_entry, waiter);

    /* Release: pairs with the exchange in poll_table_wait(); what changed before the wake-up is seen after it. */
    __atomic_store_n(&e->table->triggered, 1, __ATOMIC_RELEASE);
    task_wake(w->task);
}

void poll_wait_events(struct poll_table *t, struct wait_queue *q, unsigned events)
{
    if (!t || t->error)
        return;
    if (t->queue) {
        t->queue(t, q, events);
        return;
    }
    struct poll_entry *e = entry_new(t);

    if (!e) {
        t->error = -ENOMEM;
        return;
    }
    e->table = t;
    e->file = t->asking;
    t->asking = NULL;
    wait_enqueue_with(q, &e->waiter, poll_wake);
}

int poll_table_wait(struct poll_table *t, uint64_t deadline_ns)
{
    int result = 0;

    for (;;) {
        task_sleep_prepare(true);
        if (__atomic_exchange_n(&t->triggered, 0, __ATOMIC_ACQUIRE))
            break;
        if (task_signal_pending()) {
            result = -ERESTARTSYS;
            break;
        }
        if (!task_sleep_until(deadline_ns)) {
            if (!__atomic_exchange_n(&t->triggered, 0, __ATOMIC_ACQUIRE))
                result = -ETIME;
            break;
        }
    }
    task_sleep_cancel();
    return result;
}

static void entries_leave(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        wait_dequeue(&entries[i].waiter);
}

static void entries_put(struct poll_entry *entries, unsigned count, void (*put)(struct file *))
{
    for (unsigned i = 0; i < count; i++)
        if (entries[i].file)
            put(entries[i].file);
}

/* All queues are left before the first file is given back: several entries live by one reference. */
void poll_table_free(struct poll_table *t, void (*put)(struct file *))
{
    struct poll_chunk *chunk;

    entries_leave(t->entries, t->used);
    for (chunk = t->more; chunk; chunk = chunk->next)
        entries_leave(chunk->entries, chunk->used);
    entries_put(t->entries, t->used, put);
    while ((chunk = t->more)) {
        entries_put(chunk->entries, chunk->used, put);
        t->more = chunk->next;
        mem_free(chunk);
    }
}
