/*
 * Superblocks and inodes: references, numbers, attributes and who may do what.  Attributes are written with the
 * inode's lock held and read without: each is one aligned word.
 */
#include "fs/inode.h"

#include <asm/errno.h>
#include <asm/statfs.h>
#include <linux/resource.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/time.h"
#include "lib/string.h"

#define FIRST_DEVICE_MINOR 20 /* unnamed devices 0:20 and up, as Linux gives them to file systems without one */

static uint64_t device_count; /* atomic */

static const struct fs_hooks no_hooks;
static const struct fs_hooks *hooks = &no_hooks; /* set once at boot */

void fs_set_hooks(const struct fs_hooks *h)
{
    hooks = h;
}

uint64_t fs_limit(int resource)
{
    if (hooks->limit)
        return hooks->limit(resource);
    return resource == RLIMIT_NOFILE ? 1024 : UINT64_MAX;
}

void fs_signal_self(int signal)
{
    if (hooks->signal_self)
        hooks->signal_self(signal);
}

void fs_async_tell(struct file *f, int reason)
{
    if (hooks->async_tell)
        hooks->async_tell(f, reason);
}

struct file_table *fs_swap_files(struct file_table *new_table)
{
    struct file_table *old = task_current()->files;

    if (hooks->swap_files)
        return hooks->swap_files(new_table);
    task_current()->files = new_table;
    return old;
}

int fs_process_id(void)
{
    return hooks->process_id ? hooks->process_id() : 0;
}

void fs_zap(struct space_file *f, uint64_t first, uint64_t last, bool with_copies)
{
    if (hooks->zap)
        hooks->zap(f, first, last, with_copies);
}

/* new_encode_dev: 12 bits of major, 20 of minor, the layout of st_rdev. */
uint64_t device_encode(uint32_t major, uint32_t minor)
{
    return (minor & 0xff) | (major & 0xfff) << 8 | ((uint64_t)minor & 0xfff00) << 12;
}

uint32_t device_major(uint64_t device)
{
    return (uint32_t)(device >> 8) & 0xfff;
}

uint32_t device_minor(uint64_t device)
{
    return (uint32_t)(device & 0xff) | ((uint32_t)(device >> 12) & 0xfff00);
}

struct superblock *superblock_create(const struct superblock_ops *ops, const char *type, uint64_t magic)
{
    struct superblock *sb = mem_alloc_zero(sizeof *sb);

    if (!sb)
        return NULL;
    sb->refs = 1;
    sb->ops = ops;
    sb->type = type;
    sb->magic = magic;
    sb->block_size = PAGE_SIZE;
    uint64_t nth = __atomic_fetch_add(&device_count, 1, __ATOMIC_RELAXED);
    sb->device = device_encode(0, FIRST_DEVICE_MINOR + (uint32_t)nth);
    return sb;
}

struct superblock *superblock_get(struct superblock *sb)
{
    __atomic_fetch_add(&sb->refs, 1, __ATOMIC_RELAXED);
    return sb;
}

void superblock_put(struct superblock *sb)
{
    if (__atomic_sub_fetch(&sb->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (sb->ops->free)
        sb->ops->free(sb);
    mem_free(sb);
}

struct inode *inode_create(struct superblock *sb, unsigned mode)
{
    struct inode *i = mem_alloc_zero(sizeof *i);

    if (!i)
        return NULL;
    const struct cred *cred = &task_current()->cred;
    i->refs = 1;
    i->mode = mode;
    i->uid = cred->fsuid;
    i->gid = cred->fsgid;
    i->links = 1;
    i->access_ns = i->modify_ns = i->change_ns = i->birth_ns = clock_realtime_ns();
    i->sb = superblock_get(sb);
    i->number = __atomic_add_fetch(&sb->next_inode, 1, __ATOMIC_RELAXED);
    TAILQ_INIT(&i->mapped_files);
    mutex_init(&i->lock);
    __atomic_fetch_add(&sb->inode_count, 1, __ATOMIC_RELAXED);
    return i;
}

struct inode *inode_get(struct inode *i)
{
    __atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED);
    return i;
}

void inode_put(struct inode *i)
{
    if (!i || __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (i->ops->evict)
        i->ops->evict(i);
    mem_free(i->locks);
    mem_free(i->leases);
    __atomic_fetch_sub(&i->sb->inode_count, 1, __ATOMIC_RELAXED);
    superblock_put(i->sb);
    mem_free(i);
}

void inode_touch(struct inode *i, bool modified)
{
    i->change_ns = clock_realtime_ns();
    if (modified)
        i->modify_ns = i->change_ns;
}

/* Blocks of 512 bytes that hold it: pages of regular files, none for the rest of what lives in memory. */
static int64_t inode_blocks(const struct inode *i)
{
    return (int64_t)(i->pages.count * (PAGE_SIZE / 512));
}

void inode_stat(struct inode *i, struct stat *out)
{
    if (i->ops->refresh)
        i->ops->refresh(i);
    *out = (struct stat){
        .st_dev = i->sb->device, .st_ino = i->number, .st_nlink = i->links,
        .st_mode = i->mode, .st_uid = i->uid, .st_gid = i->gid, .st_rdev = i->rdev,
        .st_size = (int64_t)i->size, .st_blksize = i->sb->block_size, .st_blocks = inode_blocks(i),
        .st_atime = i->access_ns / NS_PER_S, .st_atime_nsec = i->access_ns % NS_PER_S,
        .st_mtime = i->modify_ns / NS_PER_S, .st_mtime_nsec = i->modify_ns % NS_PER_S,
        .st_ctime = i->change_ns / NS_PER_S, .st_ctime_nsec = i->change_ns % NS_PER_S,
    };
}

void identity_current(struct identity *id)
{
    const struct cred *cred = &task_current()->cred;

    *id = (struct identity){.uid = cred->fsuid, .gid = cred->fsgid, .capabilities = cred->effective, .cred = cred};
}

void identity_real(struct identity *id)
{
    const struct cred *cred = &task_current()->cred;

    *id = (struct identity){.uid = cred->uid, .gid = cred->gid, .capabilities = cred->effective, .cred = cred};
    if (!(cred->securebits & SECBIT_NO_SETUID_FIXUP)) /* what a program of the real user would have */
        id->capabilities = cred->uid ? 0 : cred->permitted;
}

static bool in_groups(const struct identity *id, uint32_t gid)
{
    return id->gid == gid || groups_contain(id->cred->groups, gid);
}

/* Capabilities allow all but executing a file that nobody may execute. */
static bool may_override(const struct inode *i, unsigned may, const struct identity *id)
{
    bool reads = S_ISDIR(i->mode) ? !(may & MAY_WRITE) : may == MAY_READ;

    if (reads && (id->capabilities & BIT(CAP_DAC_READ_SEARCH)))
        return true;
    if ((may & MAY_EXEC) && !S_ISDIR(i->mode) && !(i->mode & 0111))
        return false;
    return id->capabilities & BIT(CAP_DAC_OVERRIDE);
}

int inode_permission_as(struct inode *i, unsigned may, const struct identity *id)
{
    if (i->ops->refresh)
        i->ops->refresh(i);
    uint32_t bits = i->mode & 7;
    if (i->uid == id->uid)
        bits = i->mode >> 6 & 7;
    else if (in_groups(id, i->gid))
        bits = i->mode >> 3 & 7;
    if (!(may & ~bits) || may_override(i, may, id) || (i->ops->permits && i->ops->permits(i)))
        return 0;
    return -EACCES;
}

int inode_permission(struct inode *i, unsigned may)
{
    struct identity id;

    identity_current(&id);
    return inode_permission_as(i, may, &id);
}

bool identity_owns(const struct inode *i)
{
    return task_current()->cred.fsuid == i->uid || cred_may(CAP_FOWNER);
}

bool identity_in_group(uint32_t gid)
{
    struct identity id;

    identity_current(&id);
    return in_groups(&id, gid);
}
