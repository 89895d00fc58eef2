/*
 * A task's view of the tree: root, working directory, umask.  Shared by CLONE_FS, else copied.
 */
#include "fs/inode.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"

struct fs_context *fs_context_create(void)
{
    struct fs_context *c = mem_alloc_zero(sizeof *c);

    if (!c)
        return NULL;
    c->refs = c->users = 1;
    c->umask = 022;
    mount_root_path(&c->root);
    c->cwd = c->root;
    path_get(&c->cwd);
    return c;
}

struct fs_context *fs_context_clone(struct fs_context *c)
{
    struct fs_context *copy = mem_alloc_zero(sizeof *copy);

    if (!copy)
        return NULL;
    copy->refs = copy->users = 1;
    spin_lock(&c->lock);
    copy->umask = c->umask;
    copy->root = c->root;
    copy->cwd = c->cwd;
    path_get(&copy->root);
    path_get(&copy->cwd);
    spin_unlock(&c->lock);
    return copy;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void fs_context_put(struct fs_context *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    path_put(&c->root);
    path_put(&c->cwd);
    mem_free(c);
}

struct fs_context *fs_context_share(struct fs_context *c)
{
    __atomic_fetch_add(&c->users, 1, __ATOMIC_RELAXED);
    return fs_context_get(c);
}

void fs_context_leave(struct fs_context *c)
{
    __atomic_fetch_sub(&c->users, 1, __ATOMIC_RELAXED);
    fs_context_put(c);
}

void fs_context_set_cwd(const struct path *p)
{
    struct fs_context *c = task_current()->fs;

    path_get(p);
    spin_lock(&c->lock);
    struct path old = c->cwd;
    c->cwd = *p;
    spin_unlock(&c->lock);
    path_put(&old);
}

void fs_context_set_root(const struct path *p)
{
    struct fs_context *c = task_current()->fs;

    path_get(p);
    spin_lock(&c->lock);
    struct path old = c->root;
    c->root = *p;
    spin_unlock(&c->lock);
    path_put(&old);
}

unsigned context_umask(void)
{
    struct fs_context *c = task_current()->fs;

    return c ? __atomic_load_n(&c->umask, __ATOMIC_RELAXED) : 022;
}
