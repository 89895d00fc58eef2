/*
 * Boot of the file systems, in the order of fs/vfs.h.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>

#include "fs/anon.h"
#include "fs/devfs.h"
#include "fs/devpts.h"
#include "fs/epoll.h"
#include "fs/procfs.h"
#include "fs/shmem.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/log.h"

static struct superblock *root_super;

static int root_init(void)
{
    root_super = tmpfs_create("tmpfs", 0755);
    if (root_super)
        root_super->shmem = false;
    return root_super ? mount_attach(root_super, root_super->root, NULL, 0, "tmpfs") : -ENOMEM;
}

int fs_init(void)
{
    static int (*const steps[])(void) = {
        dentry_init, tree_init,  epoll_init,          shmem_init,  root_init,
        anon_init,   devfs_init, memory_devices_init, procfs_init, devpts_init,
    };

    for (size_t n = 0; n < ARRAY_SIZE(steps); n++) {
        int error = steps[n]();
        if (error)
            return error;
    }
    return 0;
}

/* As in Linux, half of what is left may become file data written at run time. */
static void limit_root(void)
{
    struct memory_stats memory;

    memory_stats(&memory);
    tmpfs_limit(root_super, root_super->page_count + memory.free_pages / 2);
}

static int mount_tree(const char *where, struct superblock *sb, unsigned flags, const char *source)
{
    struct path at;
    int error = tree_make(AT_FDCWD, where, S_IFDIR | 0755, 0);

    if (error && error != -EEXIST)
        return error;
    error = path_walk(AT_FDCWD, where, WALK_FOLLOW | WALK_DIRECTORY, &at);
    if (error)
        return error;
    error = mount_attach(sb, sb->root, &at, flags, source);
    path_put(&at);
    return error;
}

/* What shm_open(3) and sem_open(3) use: half of the memory, as Linux mounts it. */
static int mount_shared_memory(void)
{
    struct superblock *sb = tmpfs_create("tmpfs", S_ISVTX | 0777);
    struct memory_stats memory;

    if (!sb)
        return -ENOMEM;
    memory_stats(&memory);
    tmpfs_limit(sb, memory.total_pages / 2);
    int error = mount_tree("/dev/shm", sb, MS_NOSUID | MS_NODEV, "tmpfs");
    superblock_put(sb);
    return error;
}

static int dev_links(void)
{
    static const char *const links[][2] = {
        {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
        {"stderr", "/proc/self/fd/2"},
    };
    int error = devfs_directory("shm", S_ISVTX | 0777);

    if (!error)
        error = devfs_directory("pts", 0755);
    for (size_t n = 0; n < ARRAY_SIZE(links) && !error; n++)
        error = devfs_link(links[n][0], links[n][1]);
    return error;
}

/* As distributions mount it: group 5 is tty. */
static int mount_devpts(void)
{
    char options[] = "gid=5,mode=620,ptmxmode=666";
    struct superblock *sb;
    int error = devpts_create(options, &sb);

    if (error)
        return error;
    error = mount_tree("/dev/pts", sb, MS_NOSUID | MS_NOEXEC, "devpts");
    if (error)
        devpts_abandon(sb);
    superblock_put(sb);
    return error;
}

int fs_mount_kernel_trees(void)
{
    int error = dev_links();

    limit_root();
    if (!error)
        error = mount_tree("/dev", devfs_superblock(), MS_NOSUID, "devtmpfs");
    if (!error)
        error = mount_devpts();
    if (!error)
        error = mount_shared_memory();
    if (!error)
        error = mount_tree("/proc", procfs_superblock(), MS_NOSUID | MS_NODEV | MS_NOEXEC, "proc");
    return error;
}
