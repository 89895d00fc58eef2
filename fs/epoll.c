/*
 * See fs/epoll.h.  Each watched file is an item: in the set's tree by (file, descriptor), in the file's list, with a
 * waiter on each queue that the file's poll operation named.  A wake-up of such a queue, possibly in an interrupt, puts
 * the item on the ready list; epoll_wait then asks the file what is really true.
 *
 * Locks: epoll_lock (a mutex; every change of any set, and the files' lists) > a set's lock (a mutex; its tree, and the
 * asking) > the locks of wait queues > a set's ready_lock (a spinlock, interrupts off; its ready list).
 * Items hold no reference on their file: epoll_forget_file() takes them away when it goes.
 */
#include "fs/epoll.h"

#include <asm/errno.h>
#include <bsd/sys/tree.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/poll.h"

#define NESTING_MAX 3 /* sets below a set that is added: a chain of five in all, as in Linux */
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define QUEUES_INLINE 2

struct epoll_watch { /* one queue of one file */
    struct waiter waiter;
    struct epoll_item *item;
    unsigned events; /* what the queue announces */
    LIST_ENTRY(epoll_watch) link; /* those beyond the inline ones */
};

struct epoll_item {
    RB_ENTRY(epoll_item) node;     /* set's lock */
    LIST_ENTRY(epoll_item) of_file; /* epoll_lock */
    TAILQ_ENTRY(epoll_item) ready_link; /* ready_lock, as the next */
    bool ready;
    TAILQ_ENTRY(epoll_item) of_call; /* set's lock: told by the call under way */
    struct epoll *set;
    struct file *file;
    int fd;
    struct epoll_event event; /* set's lock */
    unsigned watch_count;
    struct epoll_watch watches[QUEUES_INLINE];
    LIST_HEAD(, epoll_watch) more;
};

RB_HEAD(item_tree, epoll_item);
TAILQ_HEAD(item_list, epoll_item);

struct epoll {
    struct mutex lock;
    struct item_tree items;
    struct spinlock ready_lock;
    struct item_list ready;
    struct wait_queue changed; /* something became ready: epoll_wait, and those who poll the set itself */
};

/* While a file is asked for the first time, its queues go to this item. */
struct hook {
    struct poll_table table;
    struct epoll_item *item;
};

static struct mutex epoll_lock;
static const struct file_ops epoll_ops;

static int item_compare(struct epoll_item *a, struct epoll_item *b)
{
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return a->fd < b->fd ? -1 : a->fd > b->fd;
}

RB_GENERATE_INTERNAL(item_tree, epoll_item, node, item_compare, static __attribute__((unused)))

struct file *epoll_create(void)
{
    struct epoll *e = mem_alloc_zero(sizeof *e);
    struct inode *i = e ? anon_inode(0600) : NULL;

    if (!i) {
        mem_free(e);
        return NULL;
    }
    mutex_init(&e->lock);
    RB_INIT(&e->items);
    TAILQ_INIT(&e->ready);
    wait_queue_init(&e->changed);
    struct file *f = anon_file(i, "anon_inode:[eventpoll]", &epoll_ops, e, O_RDWR);
    if (!f)
        mem_free(e);
    return f;
}

int epoll_init(void)
{
    mutex_init(&epoll_lock);
    return 0;
}

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_ops;
}

/* Onto the ready list, without telling anyone. */
static void item_list_ready(struct epoll_item *item)
{
    struct epoll *e = item->set;
    uint64_t flags = spin_lock_irqsave(&e->ready_lock);

    if (!item->ready) {
        item->ready = true;
        TAILQ_INSERT_TAIL(&e->ready, item, ready_link);
    }
    spin_unlock_irqrestore(&e->ready_lock, flags);
}

/* Any context. */
static void item_make_ready(struct epoll_item *item)
{
    item_list_ready(item);
    wake_all(&item->set->changed);
}

static void item_drop_ready(struct epoll_item *item)
{
    uint64_t flags = spin_lock_irqsave(&item->set->ready_lock);

    if (item->ready)
        TAILQ_REMOVE(&item->set->ready, item, ready_link);
    item->ready = false;
    spin_unlock_irqrestore(&item->set->ready_lock, flags);
}

/* What is not asked for makes no edge (EPOLLET); ends and errors alone may come by any queue. */
static void watch_wake(struct waiter *w)
{
    struct epoll_watch *watch = container_of(w, struct epoll_watch, waiter);
    unsigned wanted = __atomic_load_n(&watch->item->event.events, __ATOMIC_RELAXED) & ~PRIVATE_BITS;
    unsigned asked = wanted & ~(EPOLLERR | EPOLLHUP);

    if (wanted && (!asked || (asked & watch->events)))
        item_make_ready(watch->item);
}

static void watch_queue(struct poll_table *t, struct wait_queue *q, unsigned events)
{
    struct epoll_item *item = container_of(t, struct hook, table)->item;
    struct epoll_watch *watch;

    if (item->watch_count < QUEUES_INLINE) {
        watch = &item->watches[item->watch_count++];
    } else {
        watch = mem_alloc_zero(sizeof *watch);
        if (!watch) {
            t->error = -ENOMEM;
            return;
        }
        LIST_INSERT_HEAD(&item->more, watch, link);
    }
    watch->item = item;
    watch->events = events;
    wait_enqueue_with(q, &watch->waiter, watch_wake);
}

/* What of the wanted events is true now. */
static unsigned item_events(const struct epoll_item *item, struct poll_table *t)
{
    unsigned wanted = item->event.events & ~PRIVATE_BITS;

    if (!wanted)
        return 0; /* one-shot, and shot */
    return file_poll(item->file, t) & wanted;
}

/* Both locks held. */
static void item_remove(struct epoll_item *item)
{
    struct epoll_watch *watch;

    for (unsigned n = 0; n < item->watch_count; n++)
        wait_dequeue(&item->watches[n].waiter);
    while ((watch = LIST_FIRST(&item->more))) {
        wait_dequeue(&watch->waiter);
        LIST_REMOVE(watch, link);
        mem_free(watch);
    }
    item_drop_ready(item);
    RB_REMOVE(item_tree, &item->set->items, item);
    LIST_REMOVE(item, of_file);
    mem_free(item);
}

static int item_add(struct epoll *e, int fd, struct file *f, const struct epoll_event *event)
{
    struct epoll_item *item = mem_alloc_zero(sizeof *item);
    struct hook hook = {.item = item};

    if (!item)
        return -ENOMEM;
    item->set = e;
    item->file = f;
    item->fd = fd;
    item->event = *event;
    item->event.events |= EPOLLERR | EPOLLHUP; /* told whether wanted or not */
    LIST_INIT(&item->more);
    RB_INSERT(item_tree, &e->items, item);
    LIST_INSERT_HEAD(&f->epoll_items, item, of_file);
    poll_table_init(&hook.table);
    hook.table.queue = watch_queue;
    unsigned events = item_events(item, &hook.table);
    if (hook.table.error) {
        item_remove(item);
        return -ENOMEM;
    }
    if (events)
        item_make_ready(item);
    return 0;
}

static int item_modify(struct epoll_item *item, const struct epoll_event *event)
{
    if ((event->events & EPOLLEXCLUSIVE) || (item->event.events & EPOLLEXCLUSIVE))
        return -EINVAL;
    item->event = *event;
    item->event.events |= EPOLLERR | EPOLLHUP; /* told whether wanted or not */
    if (item_events(item, NULL))
        item_make_ready(item);
    return 0;
}

/* Can `from` be reached from `e` by sets in sets, or are they nested too deep?  epoll_lock held. */
static bool nests(struct epoll *e, const struct epoll *from, int depth)
{
    struct epoll_item *item;

    if (e == from || depth > NESTING_MAX)
        return true;
    RB_FOREACH(item, item_tree, &e->items)
        if (file_is_epoll(item->file) && nests(item->file->data, from, depth + 1))
            return true;
    return false;
}

static int control_check(struct file *set, int operation, struct file *f, const struct epoll_event *event)
{
    if (!f->ops->poll)
        return -EPERM;
    if (f == set || !file_is_epoll(set))
        return -EINVAL;
    if (operation == EPOLL_CTL_DEL || !(event->events & EPOLLEXCLUSIVE))
        return 0;
    if (operation == EPOLL_CTL_MOD || file_is_epoll(f) || (event->events & ~EXCLUSIVE_OK))
        return -EINVAL;
    return 0;
}

static int control_locked(struct epoll *e, int operation, int fd, struct file *f, const struct epoll_event *event)
{
    struct epoll_item key = {.file = f, .fd = fd};
    struct epoll_item *item = RB_FIND(item_tree, &e->items, &key);

    switch (operation) {
    case EPOLL_CTL_ADD:
        return item ? -EEXIST : item_add(e, fd, f, event);
    case EPOLL_CTL_MOD:
        return item ? item_modify(item, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (item)
            item_remove(item);
        return item ? 0 : -ENOENT;
    default:
        return -EINVAL;
    }
}

int epoll_control(struct file *set, int operation, int fd, struct file *f, const struct epoll_event *event)
{
    struct epoll *e = set->data;
    int error = control_check(set, operation, f, event);

    if (error)
        return error;
    mutex_lock(&epoll_lock);
    if (operation == EPOLL_CTL_ADD && file_is_epoll(f) && nests(f->data, e, 0)) {
        mutex_unlock(&epoll_lock);
        return -ELOOP;
    }
    mutex_lock(&e->lock);
    error = control_locked(e, operation, fd, f, event);
    mutex_unlock(&e->lock);
    mutex_unlock(&epoll_lock);
    return error;
}

static bool has_ready(struct epoll *e)
{
    return __atomic_load_n(&e->ready.tqh_first, __ATOMIC_ACQUIRE) != NULL;
}

static struct epoll_item *next_ready(struct epoll *e)
{
    uint64_t flags = spin_lock_irqsave(&e->ready_lock);
    struct epoll_item *item = TAILQ_FIRST(&e->ready);

    if (item) {
        TAILQ_REMOVE(&e->ready, item, ready_link);
        item->ready = false;
    }
    spin_unlock_irqrestore(&e->ready_lock, flags);
    return item;
}

/*
 * Set locked.  Level-triggered items go back to the end of the list, where a later call asks them again, so that none
 * starves; `again` keeps this call from meeting them twice.
 */
static int collect(struct epoll *e, struct epoll_event *events, int max)
{
    struct item_list again = TAILQ_HEAD_INITIALIZER(again);
    struct epoll_item *item;
    int count = 0;

    while (count < max && (item = next_ready(e))) {
        unsigned now = item_events(item, NULL);
        if (!now)
            continue;
        events[count++] = (struct epoll_event){.events = now, .data = item->event.data};
        if (item->event.events & EPOLLONESHOT)
            item->event.events &= PRIVATE_BITS;
        else if (!(item->event.events & EPOLLET))
            TAILQ_INSERT_TAIL(&again, item, of_call);
    }
    while ((item = TAILQ_FIRST(&again))) {
        TAILQ_REMOVE(&again, item, of_call);
        item_make_ready(item); /* other tasks may wait for the same set */
    }
    return count;
}

long epoll_wait_events(struct file *set, struct epoll_event *events, int max, uint64_t deadline_ns)
{
    struct epoll *e = set->data;

    for (;;) {
        mutex_lock(&e->lock);
        int count = collect(e, events, max);
        mutex_unlock(&e->lock);
        if (count || !deadline_ns)
            return count;
        long result = wait_event_deadline(&e->changed, has_ready(e), true, deadline_ns);
        if (result)
            return result == -ETIME ? 0 : result == -ERESTARTSYS ? -EINTR : result;
    }
}

/* A set is itself readable when something in it is.  What turns out not to be ready leaves the list. */
static unsigned epoll_poll(struct file *f, struct poll_table *t)
{
    struct epoll *e = f->data;
    struct epoll_item *item;
    unsigned events = 0;

    poll_wait(t, &e->changed);
    mutex_lock(&e->lock);
    while (!events && (item = next_ready(e))) {
        if (item_events(item, NULL)) {
            item_list_ready(item); /* a question is no news: whoever asks may be a set that watches this one */
            events = POLLIN | POLLRDNORM;
        }
    }
    mutex_unlock(&e->lock);
    return events;
}

static void epoll_release(struct file *f)
{
    struct epoll *e = f->data;
    struct epoll_item *item;

    mutex_lock(&epoll_lock);
    mutex_lock(&e->lock);
    while ((item = RB_MIN(item_tree, &e->items)))
        item_remove(item);
    mutex_unlock(&e->lock);
    mutex_unlock(&epoll_lock);
    mem_free(e);
}

void epoll_forget_file(struct file *f)
{
    struct epoll_item *item;

    if (LIST_EMPTY(&f->epoll_items))
        return;
    mutex_lock(&epoll_lock);
    while ((item = LIST_FIRST(&f->epoll_items))) {
        struct epoll *e = item->set;
        mutex_lock(&e->lock);
        item_remove(item);
        mutex_unlock(&e->lock);
    }
    mutex_unlock(&epoll_lock);
}

static const struct file_ops epoll_ops = {
    .seeks_nowhere = true,
    .poll = epoll_poll,
    .release = epoll_release,
};
