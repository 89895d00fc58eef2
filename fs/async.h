/*
 * Open files that want SIGIO (FASYNC) of one thing, for those of which there may be several.
 */
#ifndef FS_ASYNC_H
#define FS_ASYNC_H

#include "fs/file.h"

struct async_list {
    struct mutex lock; /* below those of what is told of; files' async_link and async_listed belong to it */
    LIST_HEAD(, file) files;
};

void async_list_init(struct async_list *l);
void async_list_set(struct async_list *l, struct file *f, bool on); /* off also when the file is released */
void async_list_clear(struct async_list *l);
void async_list_tell(struct async_list *l, int reason); /* POLL_*, to each file's owner; may sleep */

/* Perhaps not any more when it is looked at. */
static inline bool async_list_is_empty(const struct async_list *l)
{
    return !__atomic_load_n(&l->files.lh_first, __ATOMIC_RELAXED);
}

#endif
