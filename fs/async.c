/* See fs/async.h. */
#include "fs/async.h"

#include "fs/vfs.h"

void async_list_init(struct async_list *l)
{
    mutex_init(&l->lock);
    LIST_INIT(&l->files);
}

static void take_out(struct file *f)
{
    if (f->async_listed)
        LIST_REMOVE(f, async_link);
    f->async_listed = false;
}

void async_list_set(struct async_list *l, struct file *f, bool on)
{
    mutex_lock(&l->lock);
    take_out(f);
    if (on)
        LIST_INSERT_HEAD(&l->files, f, async_link);
    f->async_listed = on;
    mutex_unlock(&l->lock);
}

void async_list_clear(struct async_list *l)
{
    mutex_lock(&l->lock);
    while (!LIST_EMPTY(&l->files))
        take_out(LIST_FIRST(&l->files));
    mutex_unlock(&l->lock);
}

void async_list_tell(struct async_list *l, int reason)
{
    struct file *f;

    if (async_list_is_empty(l))
        return;
    mutex_lock(&l->lock);
    LIST_FOREACH(f, &l->files, async_link)
        fs_async_tell(f, reason);
    mutex_unlock(&l->lock);
}
