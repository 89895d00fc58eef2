/*
 * See socket_file.h.  The hooks below are all that net/ sees of the floors beside and above it.
 */
#include "guest_kernel/socket_file.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/anon.h"
#include "fs/random.h"
#include "fs/vfs.h"
#include "guest_kernel/file_owner.h"
#include "guest_kernel/process.h"
#include "net/rights.h"
#include "net/socket.h"

#define SOCKET_MODE (S_IFSOCK | 0777)

static unsigned wait_flag(const struct file *f)
{
    return f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static long socket_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct socket *s = f->data;
    struct socket_message m = {.data = it, .flags = wait_flag(f)};

    if (!it->remaining)
        return 0;
    long n = s->ops->receive(s, &m);
    if (unlikely(m.rights != NULL))
        rights_drop(m.rights); /* nobody asked for them */
    return n;
}

static long socket_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct socket *s = f->data;
    struct socket_message m = {.data = it, .flags = wait_flag(f) | (s->type == SOCK_SEQPACKET ? MSG_EOR : 0)};

    return s->ops->send(s, &m);
}

static unsigned socket_poll(struct file *f, struct poll_table *t)
{
    struct socket *s = f->data;

    return s->ops->poll(s, t);
}

static long socket_ioctl(struct file *f, unsigned request, uint64_t argument)
{
    struct socket *s = f->data;
    int32_t owner;

    switch (request) {
    case FIOSETOWN:
    case SIOCSPGRP:
        return get_user(owner, user(argument)) ? -EFAULT : file_owner_set(f, owner);
    case FIOGETOWN:
    case SIOCGPGRP:
        owner = file_owner_get(f);
        return put_user(user(argument), owner);
    default:
        return s->ops->ioctl(s, request, argument);
    }
}

static void socket_async(struct file *f, bool on)
{
    if (f->data)
        socket_set_async(f->data, on);
}

static void socket_file_release(struct file *f)
{
    if (f->data)
        socket_release(f->data);
}

static const struct file_ops socket_file_ops = {
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .async = socket_async,
    .release = socket_file_release,
};

struct file *socket_file_create(unsigned flags)
{
    struct inode *i = anon_inode(SOCKET_MODE);

    return i ? anon_file(i, "socket", &socket_file_ops, NULL, O_RDWR | (flags & O_NONBLOCK)) : NULL;
}

void socket_file_attach(struct file *f, struct socket *s)
{
    f->data = s;
    socket_attach(s, f, f->inode->number);
}

struct socket *socket_of_file(struct file *f)
{
    return f->ops == &socket_file_ops ? f->data : NULL;
}

int socket_from_fd(int fd, struct file **out, struct socket **s)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    *s = socket_of_file(f);
    if (!*s) {
        file_put(f);
        return -ENOTSOCK;
    }
    *out = f;
    return 0;
}

/* --- what net/ asks for --- */

static uint32_t file_refs(const struct file *f)
{
    return __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE);
}

static int file_install(struct file *f, bool close_on_exec, user_ptr where)
{
    int fd = fd_reserve(0, close_on_exec);

    if (fd < 0)
        return fd;
    if (!user_is_null(where) && put_user(where, fd)) {
        fd_unreserve(fd);
        return -EFAULT;
    }
    fd_publish(fd, file_get(f));
    return fd;
}

static void node_remove(const char *path)
{
    if (tree_remove(AT_FDCWD, path, false))
        return; /* somebody was faster */
}

/* unix(7): the node has the socket's mode, which fchmod(2) may have changed, less the umask. */
static int node_make(struct file *of, const char *path, struct file **out)
{
    unsigned mode = S_IFSOCK | (of->inode->mode & S_PERMISSIONS & ~context_umask());
    struct path made;
    int error = tree_make_path(AT_FDCWD, path, mode, 0, &made);

    if (error)
        return error;
    error = vfs_open_path(&made, out);
    path_put(&made);
    if (error)
        node_remove(path);
    return error;
}

static int node_find(const char *path, struct file **out)
{
    struct path found;
    int error = path_walk(AT_FDCWD, path, WALK_FOLLOW, &found);

    if (error)
        return error;
    error = inode_permission(found.dentry->inode, MAY_WRITE);
    if (!error && !S_ISSOCK(found.dentry->inode->mode))
        error = -ECONNREFUSED;
    if (!error)
        error = vfs_open_path(&found, out);
    path_put(&found);
    return error;
}

static uintptr_t node_key(const struct file *node)
{
    return (uintptr_t)node->inode;
}

static void node_used(struct file *node)
{
    inode_accessed(node);
}

static bool capable(int capability)
{
    return cred_may(capability);
}

static uint64_t limit(int resource)
{
    return process_limit((unsigned)resource);
}

static bool process_exists(int32_t pid)
{
    spin_lock(&process_tree_lock);
    bool found = process_lookup(pid) || thread_lookup(pid);
    spin_unlock(&process_tree_lock);
    return found;
}

static uint32_t random_word(void)
{
    uint32_t word;

    random_bytes(&word, sizeof word);
    return word;
}

static const struct net_hooks hooks = {
    .file_of_fd = fd_get_any,
    .file_get = file_get,
    .file_put = file_put,
    .file_refs = file_refs,
    .file_socket = socket_of_file,
    .file_install = file_install,
    .file_urgent = file_owner_urgent,
    .file_async = file_owner_async,
    .node_make = node_make,
    .node_find = node_find,
    .node_remove = node_remove,
    .node_key = node_key,
    .node_used = node_used,
    .capable = capable,
    .limit = limit,
    .signal_self = signal_send_self,
    .process_exists = process_exists,
    .random = random_word,
};

void sockets_start(void)
{
    net_start(&hooks);
}
