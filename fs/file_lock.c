/*
 * See fs/file_lock.h.  A lock is a range with an owner; setting one cuts or removes what the same owner had there
 * (POSIX fcntl: the last call wins byte by byte).  Waiters sleep on the list's queue and look again at every change.
 * A process that waits for another's record lock is looked for in circles (fs/lock_cycle.h).
 */
#include "fs/file_lock.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <bsd/sys/queue.h>

#include "fs/inode.h"
#include "fs/lock_cycle.h"
#include "guest_kernel/core/alloc.h"

struct file_lock {
    LIST_ENTRY(file_lock) link;
    struct file_lock_request range; /* type F_RDLCK or F_WRLCK */
};

struct file_lock_list { /* inode.lock */
    LIST_HEAD(, file_lock) locks;
    struct wait_queue changed;
    uint64_t changes;
    struct lock_waits waits;
};

const void *file_lock_process_owner(void)
{
    return (const void *)(uintptr_t)fs_process_id();
}

/* Made with the first lock of an inode, freed with the inode. */
static struct file_lock_list *list_of(struct inode *i)
{
    if (!i->locks) {
        i->locks = mem_alloc_zero(sizeof *i->locks);
        if (i->locks)
            wait_queue_init(&i->locks->changed);
    }
    return i->locks;
}

static bool overlaps(const struct file_lock_request *a, const struct file_lock_request *b)
{
    return a->whole_file == b->whole_file && a->start <= b->end && b->start <= a->end;
}

/* The one that starts lowest: what F_GETLK tells. */
static struct file_lock *find_conflict(struct file_lock_list *list, const struct file_lock_request *want)
{
    struct file_lock *l, *first = NULL;

    LIST_FOREACH(l, &list->locks, link)
        if (overlaps(&l->range, want) && l->range.owner != want->owner &&
            (l->range.type == F_WRLCK || want->type == F_WRLCK) && (!first || l->range.start < first->range.start))
            first = l;
    return first;
}

static void lock_remove(struct file_lock *l)
{
    LIST_REMOVE(l, link);
    mem_free(l);
}

/* Take [want] out of the owner's locks.  `spare` becomes the right half when one is cut in two. */
static void cut_own(struct file_lock_list *list, const struct file_lock_request *want, struct file_lock **spare)
{
    struct file_lock *l, *next;

    LIST_FOREACH_SAFE(l, &list->locks, link, next) {
        if (l->range.owner != want->owner || !overlaps(&l->range, want))
            continue;
        bool left = l->range.start < want->start, right = l->range.end > want->end;
        if (left && right) {
            (*spare)->range = l->range;
            (*spare)->range.start = want->end + 1;
            LIST_INSERT_AFTER(l, *spare, link);
            *spare = NULL;
        }
        if (left)
            l->range.end = want->start - 1;
        else if (right)
            l->range.start = want->end + 1;
        else
            lock_remove(l);
    }
}

static bool holds_same(const struct file_lock_list *list, const struct file_lock_request *want)
{
    const struct file_lock *l;

    LIST_FOREACH(l, &list->locks, link)
        if (l->range.owner == want->owner && l->range.whole_file == want->whole_file)
            return l->range.type == want->type;
    return false;
}

static void list_changed(struct file_lock_list *list)
{
    __atomic_fetch_add(&list->changes, 1, __ATOMIC_RELEASE);
    lock_waits_forget(&list->waits);
    wake_all(&list->changed);
}

/* Inode locked; 0 or -EAGAIN. Both spares are given so that nothing fails half way; what is used becomes NULL. */
static int try_set(struct file_lock_list *list, const struct file_lock_request *want, struct file_lock *spare[2])
{
    /* flock(2): a conversion first gives up what was held, so that a refused one loses it. */
    if (want->whole_file && want->type != F_UNLCK && !holds_same(list, want))
        cut_own(list, want, &spare[0]);
    if (want->type != F_UNLCK && find_conflict(list, want))
        return -EAGAIN;
    cut_own(list, want, &spare[0]);
    if (want->type != F_UNLCK) {
        spare[1]->range = *want;
        LIST_INSERT_HEAD(&list->locks, spare[1], link);
        spare[1] = NULL;
    }
    list_changed(list);
    return 0;
}

/* A record lock of a process, not of a file description. */
static bool is_process_owned(const struct file_lock_request *r)
{
    return !r->whole_file && r->pid != -1;
}

/* Inode locked: `want` is about to wait for what stands in its way.  0 or -EDEADLK. */
static int wait_prepare(struct file_lock_list *list, const struct file_lock_request *want, struct lock_wait *w)
{
    const struct file_lock *conflict = is_process_owned(want) ? find_conflict(list, want) : NULL;

    if (!conflict || !is_process_owned(&conflict->range))
        return 0;
    return lock_wait_begin(w, &list->waits, want->owner, conflict->range.owner);
}

static int set_or_wait(struct inode *i, const struct file_lock_request *want, struct file_lock *spare[2], bool wait)
{
    for (;;) {
        struct lock_wait w = {.listed = false};
        mutex_lock(&i->lock);
        struct file_lock_list *list = list_of(i);
        int error = list ? try_set(list, want, spare) : -ENOLCK;
        uint64_t seen = list ? list->changes : 0;
        if (error == -EAGAIN && wait && wait_prepare(list, want, &w))
            error = -EDEADLK;
        mutex_unlock(&i->lock);
        if (error != -EAGAIN || !wait)
            return error;
        long interrupted =
            wait_event(&list->changed, __atomic_load_n(&list->changes, __ATOMIC_ACQUIRE) != seen);
        lock_wait_end(&w);
        if (interrupted)
            return (int)interrupted;
    }
}

int file_lock_set(struct file *f, const struct file_lock_request *request, bool wait)
{
    struct file_lock *spare[2] = {NULL, NULL};
    int error = -ENOLCK;

    if (!f->inode)
        return -EBADF;
    spare[0] = mem_alloc(sizeof *spare[0]);
    spare[1] = mem_alloc(sizeof *spare[1]);
    if (spare[0] && spare[1])
        error = set_or_wait(f->inode, request, spare, wait);
    if (!error)
        __atomic_store_n(&f->locked, true, __ATOMIC_RELAXED);
    mem_free(spare[0]);
    mem_free(spare[1]);
    return error;
}

void file_lock_test(struct file *f, struct file_lock_request *request)
{
    struct file_lock *conflict = NULL;

    if (f->inode) {
        mutex_lock(&f->inode->lock);
        if (f->inode->locks)
            conflict = find_conflict(f->inode->locks, request);
        if (conflict)
            *request = conflict->range;
        mutex_unlock(&f->inode->lock);
    }
    if (!conflict)
        request->type = F_UNLCK;
}

static void release_owner(struct inode *i, const void *owner)
{
    struct file_lock *l, *next;
    bool any = false;

    mutex_lock(&i->lock);
    if (i->locks) {
        LIST_FOREACH_SAFE(l, &i->locks->locks, link, next) {
            if (l->range.owner == owner) {
                lock_remove(l);
                any = true;
            }
        }
        if (any)
            list_changed(i->locks);
    }
    mutex_unlock(&i->lock);
}

void file_locks_release_file(struct file *f)
{
    if (f->inode && f->locked)
        release_owner(f->inode, f);
}

void file_locks_release_process(struct file *f)
{
    if (f->inode && __atomic_load_n(&f->inode->locks, __ATOMIC_RELAXED) && !(f->flags & O_PATH))
        release_owner(f->inode, file_lock_process_owner());
}
