/* See fs/lease.h. */
#include "fs/lease.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/siginfo.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"

int lease_break_time_s = 45;
int leases_enabled = 1;

struct lease {
    LIST_ENTRY(lease) link;
    struct file *file; /* not counted: it goes first */
    short type;
    bool to_unlock, to_share;             /* asked to give it up; to make it a read lease */
    uint64_t unlock_at_ns, share_at_ns;   /* then it is done for the holder; WAIT_FOREVER: never */
};

struct lease_list { /* inode.lock */
    LIST_HEAD(, lease) leases;
    struct wait_queue changed;
    uint64_t changes; /* atomic */
};

/* Made with the first lease of an inode, freed with the inode. */
static struct lease_list *list_of(struct inode *i)
{
    if (!i->leases) {
        struct lease_list *list = mem_alloc_zero(sizeof *list);
        if (list)
            wait_queue_init(&list->changed);
        __atomic_store_n(&i->leases, list, __ATOMIC_SEQ_CST); /* see lease_break() */
    }
    return i->leases;
}

static void list_changed(struct lease_list *list)
{
    __atomic_fetch_add(&list->changes, 1, __ATOMIC_RELEASE);
    wake_all(&list->changed);
}

static void lease_remove(struct lease_list *list, struct lease *l)
{
    LIST_REMOVE(l, link);
    mem_free(l);
    list_changed(list);
}

static void change_type(struct lease_list *list, struct lease *l, short type)
{
    l->type = type;
    if (type == F_RDLCK)
        l->to_share = false;
    list_changed(list);
}

/* Holders had their time. */
static void expire(struct lease_list *list)
{
    uint64_t now = clock_monotonic_ns();
    struct lease *l, *next;

    LIST_FOREACH_SAFE(l, &list->leases, link, next) {
        if (l->to_unlock && now >= l->unlock_at_ns)
            lease_remove(list, l);
        else if (l->to_share && now >= l->share_at_ns)
            change_type(list, l, F_RDLCK);
    }
}

static struct lease *find(struct lease_list *list, const struct file *f)
{
    struct lease *l;

    LIST_FOREACH(l, &list->leases, link)
        if (l->file == f)
            return l;
    return NULL;
}

static bool is_open_otherwise(const struct file *f, int type)
{
    int32_t writers = __atomic_load_n(&f->inode->writers, __ATOMIC_SEQ_CST);
    int32_t readers = __atomic_load_n(&f->inode->readers, __ATOMIC_SEQ_CST);
    bool reads_only = (f->flags & O_ACCMODE) == O_RDONLY;

    return type == F_RDLCK ? writers > 0 : writers != !reads_only || readers != reads_only;
}

static bool others_forbid(const struct lease_list *list, const struct file *f, int type)
{
    const struct lease *l;

    LIST_FOREACH(l, &list->leases, link)
        if (l->file != f && (type == F_WRLCK || l->to_unlock))
            return true;
    return false;
}

/* Inode locked; *spare is used for a new one. */
static int set(struct file *f, struct lease_list *list, short type, struct lease **spare)
{
    expire(list);
    struct lease *mine = find(list, f);

    if (type == F_UNLCK && !mine)
        return -EAGAIN;
    if (type == F_UNLCK) {
        lease_remove(list, mine);
        return 0;
    }
    /* Who opens it from now on sees the list. */
    if (is_open_otherwise(f, type) || others_forbid(list, f, type))
        return -EAGAIN;
    if (mine) {
        change_type(list, mine, type);
        return 0;
    }
    if (!__atomic_load_n(&leases_enabled, __ATOMIC_RELAXED))
        return -EINVAL;
    **spare = (struct lease){.file = f, .type = type};
    LIST_INSERT_HEAD(&list->leases, *spare, link);
    *spare = NULL;
    return 1;
}

int lease_set(struct file *f, int fd, int type)
{
    struct lease *spare = type == F_UNLCK ? NULL : mem_alloc(sizeof *spare);
    struct inode *i = f->inode;

    if (type != F_UNLCK && !spare)
        return -ENOMEM;
    mutex_lock(&i->lock);
    struct lease_list *list = list_of(i);
    int result = list ? set(f, list, (short)type, &spare) : -ENOMEM;
    if (result == 1) {
        f->async_fd = fd;
        f->leased = true;
    }
    mutex_unlock(&i->lock);
    mem_free(spare);
    return result;
}

int lease_get(struct file *f)
{
    struct inode *i = f->inode;
    int type = F_UNLCK;

    if (!i)
        return type;
    mutex_lock(&i->lock);
    if (i->leases) {
        expire(i->leases);
        struct lease *l = find(i->leases, f);
        if (l)
            type = l->to_unlock ? F_UNLCK : l->to_share ? F_RDLCK : l->type;
    }
    mutex_unlock(&i->lock);
    return type;
}

void leases_release_file(struct file *f)
{
    struct inode *i = f->inode;

    if (!f->leased)
        return;
    mutex_lock(&i->lock);
    struct lease *l = find(i->leases, f);
    if (l)
        lease_remove(i->leases, l);
    mutex_unlock(&i->lock);
}

static uint64_t break_deadline(void)
{
    int seconds = __atomic_load_n(&lease_break_time_s, __ATOMIC_RELAXED);

    return seconds > 0 ? clock_monotonic_ns() + (uint64_t)seconds * NS_PER_S : WAIT_FOREVER;
}

/* Inode locked.  Each holder in the way is asked once; until when the first may take, 0: nobody is in the way. */
static uint64_t ask(struct lease_list *list, bool writes)
{
    uint64_t deadline = break_deadline(), first = 0;
    struct lease *l;

    LIST_FOREACH(l, &list->leases, link) {
        if (!writes && l->type != F_WRLCK)
            continue;
        bool asked = l->to_unlock || (!writes && l->to_share);
        if (!asked && writes) {
            l->to_unlock = true;
            l->unlock_at_ns = deadline;
        } else if (!asked) {
            l->to_share = true;
            l->share_at_ns = deadline;
        }
        if (!asked)
            fs_async_tell(l->file, POLL_MSG);
        uint64_t until = l->to_unlock ? l->unlock_at_ns : l->share_at_ns;
        first = first ? MIN(first, until) : until;
    }
    return first;
}

int lease_break_slow(struct inode *i, unsigned flags)
{
    for (;;) {
        mutex_lock(&i->lock);
        struct lease_list *list = i->leases; /* lives as long as the inode */
        expire(list);
        uint64_t until = ask(list, (flags & O_ACCMODE) != O_RDONLY), seen = list->changes;
        mutex_unlock(&i->lock);
        if (!until)
            return 0;
        if (flags & O_NONBLOCK)
            return -EWOULDBLOCK;
        long result = wait_event_deadline(&list->changed, __atomic_load_n(&list->changes, __ATOMIC_ACQUIRE) != seen, true, until);
        if (result && result != -ETIME)
            return (int)result;
    }
}
