/*
 * The mechanism of /proc: the root and what is registered below it (with slashes: below directories made for it), the
 * inodes of all kinds.  The static tree is written at boot only.
 */
#include "fs/procfs.h"

#include <asm/errno.h>
#include <asm/statfs.h>
#include <linux/magic.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "lib/format.h"
#include "lib/string.h"

#define BLOCK_SIZE 1024u /* st_blksize, as on Linux: programs size their reads by it */
#define NODES_MAX 128u
#define ROOT_NODE 0u
#define NO_NODE UINT32_MAX
#define PID_OFFSET 0x10000u /* readdir positions of the root: nodes first, then PID_OFFSET + pid */

struct node {
    const char *name;
    size_t length;
    unsigned mode;
    uint32_t parent;
    int (*show)(struct text *t);
    int *number, min, max; /* of a setting; show is NULL then */
    int (*store)(char *value, size_t n); /* NULL: cannot be written otherwise */
    const char *target; /* of a symbolic link; "self" and "thread-self" are made at each reading */
};

static uint32_t thread_self_node;
static struct node nodes[NODES_MAX] = {{.name = "", .mode = S_IFDIR | 0555, .parent = ROOT_NODE}};
static uint32_t node_count = 1;
static struct superblock *proc_super;
static const struct procfs_source no_source;
static const struct procfs_source *source = &no_source;
static const struct inode_ops directory_ops, text_inode_ops, static_link_ops;
static const struct file_ops directory_file_ops;

void procfs_set_source(const struct procfs_source *s)
{
    source = s;
}

const struct procfs_source *procfs_source(void)
{
    return source;
}

struct superblock *procfs_superblock(void)
{
    return proc_super;
}

static uint32_t node_find(uint32_t parent, const char *name, size_t length)
{
    for (uint32_t n = 1; n < node_count; n++)
        if (nodes[n].parent == parent && nodes[n].length == length && !memcmp(nodes[n].name, name, length))
            return n;
    return NO_NODE;
}

static uint32_t node_add(uint32_t parent, const char *name, size_t length, unsigned mode)
{
    if (node_count == NODES_MAX)
        return NO_NODE;
    nodes[node_count] = (struct node){.name = name, .length = length, .mode = mode, .parent = parent};
    return node_count++;
}

/* A new node, its directories made; NULL: no room. */
static struct node *make_node(const char *name, unsigned mode)
{
    uint32_t parent = ROOT_NODE;
    const char *slash;

    while ((slash = strchr(name, '/'))) {
        uint32_t n = node_find(parent, name, (size_t)(slash - name));
        if (n == NO_NODE)
            n = node_add(parent, name, (size_t)(slash - name), S_IFDIR | 0555);
        if (n == NO_NODE)
            return NULL;
        parent = n;
        name = slash + 1;
    }
    uint32_t n = node_add(parent, name, strlen(name), S_IFREG | (mode & S_PERMISSIONS));
    return n == NO_NODE ? NULL : &nodes[n];
}

int procfs_register(const char *name, unsigned mode, int (*show)(struct text *t))
{
    struct node *n = make_node(name, mode);

    if (!n)
        return -ENOSPC;
    n->show = show;
    return 0;
}

int procfs_register_writable(const char *name, unsigned mode, int (*show)(struct text *t),
                             int (*store)(char *value, size_t n))
{
    struct node *n = make_node(name, mode);

    if (!n)
        return -ENOSPC;
    n->show = show;
    n->store = store;
    return 0;
}

int procfs_register_number(const char *name, int *value, int min, int max)
{
    struct node *n = make_node(name, 0644);

    if (!n)
        return -ENOSPC;
    n->number = value;
    n->min = min;
    n->max = max;
    return 0;
}

int procfs_static_show(unsigned index, struct text *t)
{
    if (nodes[index].show)
        return nodes[index].show(t);
    text_printf(t, "%d\n", __atomic_load_n(nodes[index].number, __ATOMIC_RELAXED));
    return 0;
}

int procfs_static_set(unsigned index, char *text)
{
    const struct node *n = &nodes[index];
    unsigned long long value;

    if (n->store)
        return n->store(text, strlen(text));
    if (!n->number)
        return -EIO; /* Linux says so in this way */
    while (*text == ' ' || *text == '\t' || *text == '\n')
        text++;
    for (size_t end = strlen(text); end && (text[end - 1] == '\n' || text[end - 1] == ' '); end--)
        text[end - 1] = '\0';
    bool negative = *text == '-';
    if (string_to_u64(text + negative, &value) || value > INT32_MAX)
        return -EINVAL;
    int number = negative ? -(int)value : (int)value;
    if (number < n->min || number > n->max)
        return -EINVAL;
    __atomic_store_n(n->number, number, __ATOMIC_RELAXED);
    return 0;
}

/* PROC_ENTRYs may have operations of their own. */
static const struct file_ops *ops_of(enum proc_kind kind, unsigned index)
{
    const struct file_ops *own = kind == PROC_ENTRY ? source->entries[index].ops : NULL;

    return own ? own : &procfs_text_ops;
}

/* Owners follow the process; a process that is gone leaves what was read last. */
void procfs_refresh(struct inode *i)
{
    int pid = proc_pid(i);

    if (pid && source->owner)
        (void)source->owner(pid, i->mode == (S_IFDIR | 0555), &i->uid, &i->gid);
}

/* A process may use its own descriptors by their names, whoever its files belong to (proc(5), /proc/PID/fd). */
static bool permits(const struct inode *i)
{
    return proc_kind(i) == PROC_ENTRY && !strcmp(source->entries[proc_index(i)].name, "fd") && source->is_own &&
           source->is_own(proc_pid(i));
}

struct inode *procfs_inode(unsigned mode, int pid, enum proc_kind kind, unsigned index)
{
    struct inode *i = inode_create(proc_super, mode);

    if (!i)
        return NULL;
    i->uid = i->gid = 0;
    i->u.key = proc_key(pid, kind, index);
    i->number = i->u.key + 1; /* the same whenever it is looked up; the root is 1 */
    if (S_ISDIR(mode)) {
        i->links = 2;
        i->ops = &directory_ops;
        i->file_ops = &directory_file_ops;
    } else if (S_ISLNK(mode)) {
        i->ops = kind == PROC_STATIC ? &static_link_ops : &procfs_link_ops;
        i->size = kind == PROC_FD ? 64 : 0;
    } else {
        i->ops = &text_inode_ops;
        i->file_ops = ops_of(kind, index);
    }
    procfs_refresh(i);
    return i;
}

int procfs_parse_number(const char *name, size_t length)
{
    int value = 0;

    if (!length || length > 9 || (name[0] == '0' && length > 1))
        return -1;
    for (size_t n = 0; n < length; n++) {
        if (name[n] < '0' || name[n] > '9')
            return -1;
        value = value * 10 + name[n] - '0';
    }
    return value;
}

static int lookup_in_root(struct dentry *child)
{
    int pid = procfs_parse_number(child->name, child->name_length);

    if (pid <= 0 || !procfs_pid_exists(pid))
        return -ENOENT;
    child->inode = procfs_inode(S_IFDIR | 0555, pid, PROC_PID, 0);
    return child->inode ? 0 : -ENOMEM;
}

static int lookup(struct inode *dir, struct dentry *child)
{
    if (proc_kind(dir) != PROC_STATIC)
        return procfs_pid_lookup(dir, child);
    uint32_t n = node_find(proc_index(dir), child->name, child->name_length);
    if (n == NO_NODE)
        return proc_index(dir) == ROOT_NODE ? lookup_in_root(child) : -ENOENT;
    child->inode = procfs_inode(nodes[n].mode, 0, PROC_STATIC, n);
    return child->inode ? 0 : -ENOMEM;
}

static int read_static_link(struct inode *i, char *buf, size_t size)
{
    if (nodes[proc_index(i)].target)
        return (int)string_copy(buf, nodes[proc_index(i)].target, size);
    int pid = source->self ? source->self() : 0;
    if (!pid)
        return -ENOENT;
    if (proc_index(i) == thread_self_node)
        return format(buf, size, "%d/task/%d", pid, source->thread_self());
    return format(buf, size, "%d", pid);
}

/* "." and ".." of any directory here; true when there is room for more. */
static bool add_dots(struct file *f, struct dir_sink *sink)
{
    if (f->position == 0 && sink->add(sink, ".", 1, f->inode->number, 1, MODE_TO_DT(S_IFDIR)))
        f->position = 1;
    if (f->position == 1 && sink->add(sink, "..", 2, f->dentry->parent->inode->number, 2, MODE_TO_DT(S_IFDIR)))
        f->position = 2;
    return f->position >= 2;
}

static bool add_pids(struct file *f, struct dir_sink *sink)
{
    int pid = (int)(f->position - PID_OFFSET);

    while (source->next_pid && (pid = source->next_pid(pid))) {
        char name[12];
        int n = format(name, sizeof name, "%d", pid);
        if (!sink->add(sink, name, (size_t)n, proc_key(pid, PROC_PID, 0) + 1, PID_OFFSET + (uint64_t)pid,
                       MODE_TO_DT(S_IFDIR)))
            return false;
        f->position = PID_OFFSET + (uint64_t)pid;
    }
    return true;
}

static long readdir(struct file *f, struct dir_sink *sink)
{
    if (!add_dots(f, sink))
        return 0;
    if (proc_kind(f->inode) != PROC_STATIC)
        return procfs_pid_readdir(f, sink);
    for (uint64_t at = f->position - 1; f->position < PID_OFFSET && at < node_count; at++) {
        if (nodes[at].parent == proc_index(f->inode) &&
            !sink->add(sink, nodes[at].name, nodes[at].length, proc_key(0, PROC_STATIC, (unsigned)at) + 1, at + 2,
                       MODE_TO_DT(nodes[at].mode)))
            return 0;
        f->position = at + 2;
    }
    if (proc_index(f->inode) != ROOT_NODE)
        return 0;
    f->position = MAX(f->position, PID_OFFSET);
    (void)add_pids(f, sink);
    return 0;
}

static long seek_directory(struct file *f, int64_t offset, int whence)
{
    return file_generic_seek(f, offset, whence, 0, INT64_MAX);
}

static int proc_statfs(struct superblock *sb, struct statfs *out)
{
    out->f_type = PROC_SUPER_MAGIC;
    out->f_bsize = out->f_frsize = PAGE_SIZE;
    out->f_namelen = FS_NAME_MAX;
    return 0;
}

static bool is_valid(struct dentry *d)
{
    return proc_kind(d->inode) == PROC_STATIC || procfs_pid_is_valid(d->inode);
}

static const struct superblock_ops super_ops = {.statfs = proc_statfs, .is_valid = is_valid};
static const struct inode_ops directory_ops = {.lookup = lookup, .refresh = procfs_refresh, .permits = permits};
static const struct inode_ops text_inode_ops = {.refresh = procfs_refresh};
static const struct inode_ops static_link_ops = {.read_link = read_static_link};
static const struct file_ops directory_file_ops = {.readdir = readdir, .seek = seek_directory};

int procfs_init(void)
{
    uint32_t self = node_add(ROOT_NODE, "self", 4, S_IFLNK | 0777);
    uint32_t mounts = node_add(ROOT_NODE, "mounts", 6, S_IFLNK | 0777);

    thread_self_node = node_add(ROOT_NODE, "thread-self", 11, S_IFLNK | 0777);
    assert(self != NO_NODE && mounts != NO_NODE && thread_self_node != NO_NODE);
    nodes[mounts].target = "self/mounts";
    proc_super = superblock_create(&super_ops, "proc", PROC_SUPER_MAGIC);
    if (!proc_super)
        return -ENOMEM;
    proc_super->block_size = BLOCK_SIZE;
    proc_super->root = dentry_alloc_root(procfs_inode(S_IFDIR | 0555, 0, PROC_STATIC, ROOT_NODE));
    return proc_super->root ? 0 : -ENOMEM;
}
