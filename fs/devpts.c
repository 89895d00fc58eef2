/*
 * See devpts.h.  The tree is tmpfs's, with a root in which nobody makes or removes anything.
 *
 * instances_lock (mutex) guards the numbers and the objects of all instances; the root's lock, its names.
 */
#include "fs/devpts.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>

#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/format.h"
#include "lib/string.h"

#define PTMX_MINOR       2
#define FIRST_NODE_INODE 3 /* the root is 1, ptmx 2, the slaves follow by number */
#define BLOCK_SIZE       1024u

struct instance { /* superblock.data */
    uint32_t uid, gid;
    bool sets_uid, sets_gid;
    unsigned mode, ptmx_mode;
    uint32_t max;
    uint64_t taken[DEVPTS_MAX / 64];
};

static struct mutex instances_lock;
int devpts_max = DEVPTS_MAX;
static uint32_t pty_count; /* of all instances */

static const struct superblock_ops super_ops;

static struct instance *instance_of(const struct superblock *sb)
{
    return sb->data;
}

/* --- the tree --- */

/* Linux's answers where a directory has no such operation. */
static int refuse_create(struct inode *dir, struct dentry *child, unsigned mode, uint64_t rdev)
{
    return S_ISREG(mode) ? -EACCES : -EPERM;
}

static void evict_root(struct inode *dir)
{
    tmpfs_directory_ops.evict(dir);
}

/* Names count for nothing here. */
static void refresh_root(struct inode *dir)
{
    dir->size = 0;
}

static const struct inode_ops root_ops = {.create = refuse_create, .evict = evict_root, .refresh = refresh_root};

static struct inode *node_inode(struct superblock *sb, unsigned mode, uint64_t rdev)
{
    struct inode *i = tmpfs_inode(sb, NULL, S_IFCHR | mode, rdev);

    if (!i)
        return NULL;
    i->links = 0; /* until it has a name */
    return i;
}

/* Takes over the reference on i, NULL: there was no memory for it.  The name's dentry, counted; NULL: no memory. */
static struct dentry *enter_node(struct superblock *sb, const char *name, struct inode *i)
{
    struct dentry *d = i ? dentry_alloc(sb->root, name, strlen(name)) : NULL;
    struct inode *root = sb->root->inode;

    if (d) {
        mutex_lock(&root->lock);
        (void)tmpfs_directory_ops.link(root, d, i); /* cannot fail */
        mutex_unlock(&root->lock);
    }
    inode_put(i);
    return d;
}

static void detach(struct superblock *sb)
{
    struct inode *root = sb->root->inode;

    mutex_lock(&root->lock);
    tmpfs_drop_tree(sb->root);
    mutex_unlock(&root->lock);
    dentry_put(sb->root);
    sb->root = NULL;
}

void devpts_abandon(struct superblock *sb)
{
    detach(sb);
}

static void show_options(struct superblock *sb, struct text *t)
{
    const struct instance *p = instance_of(sb);

    if (p->sets_uid)
        text_printf(t, ",uid=%u", p->uid);
    if (p->sets_gid)
        text_printf(t, ",gid=%u", p->gid);
    text_printf(t, ",mode=%03o,ptmxmode=%03o", p->mode, p->ptmx_mode);
    if (p->max < BIT(20))
        text_printf(t, ",max=%u", p->max);
}

static void free_instance(struct superblock *sb)
{
    mem_free(sb->data);
}

static const struct superblock_ops super_ops = {.detach = detach, .show_options = show_options, .free = free_instance};

/* --- mounting --- */

static int parse_number(const char *text, unsigned base, uint32_t *out)
{
    uint64_t value = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        unsigned digit = (unsigned char)*text - '0';
        if (digit >= base || value > UINT32_MAX)
            return -EINVAL;
        value = value * base + digit;
    }
    *out = (uint32_t)value;
    return value > INT32_MAX ? -EINVAL : 0;
}

static int parse_option(struct instance *p, const char *option)
{
    const struct {
        const char *key;
        unsigned base;
        uint32_t *value;
    } numbers[] = {
        {"uid=", 10, &p->uid},           {"gid=", 10, &p->gid}, {"mode=", 8, &p->mode},
        {"ptmxmode=", 8, &p->ptmx_mode}, {"max=", 10, &p->max},
    };

    if (!strcmp(option, "newinstance")) /* all are */
        return 0;
    for (size_t n = 0; n < ARRAY_SIZE(numbers); n++) {
        size_t length = strlen(numbers[n].key);
        if (strncmp(option, numbers[n].key, length))
            continue;
        p->sets_uid = p->sets_uid || n == 0;
        p->sets_gid = p->sets_gid || n == 1;
        return parse_number(option + length, numbers[n].base, numbers[n].value);
    }
    return -EINVAL;
}

static int parse_options(struct instance *p, char *text)
{
    int error = 0;

    *p = (struct instance){.mode = 0600, .max = BIT(20)};
    while (text && *text && !error) {
        char *next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        if (*text)
            error = parse_option(p, text);
        text = next;
    }
    p->mode &= S_PERMISSIONS;
    p->ptmx_mode &= S_PERMISSIONS;
    return p->max > BIT(20) ? -EINVAL : error;
}

static int make_root(struct superblock *sb)
{
    struct inode *root = tmpfs_inode(sb, NULL, S_IFDIR | 0755, 0);

    if (root)
        root->ops = &root_ops;
    sb->root = dentry_alloc_root(root); /* takes NULL as no memory */
    if (!sb->root)
        return -ENOMEM;
    struct inode *i = node_inode(sb, instance_of(sb)->ptmx_mode, device_encode(TTYAUX_MAJOR, PTMX_MINOR));
    if (i)
        i->uid = i->gid = 0;
    struct dentry *ptmx = enter_node(sb, "ptmx", i);
    if (ptmx)
        dentry_put(ptmx);
    else
        detach(sb);
    return ptmx ? 0 : -ENOMEM;
}

int devpts_create(char *options, struct superblock **out)
{
    struct instance *p = mem_alloc_zero(sizeof *p);
    int error = p ? parse_options(p, options) : -ENOMEM;
    struct superblock *sb = error ? NULL : superblock_create(&super_ops, "devpts", DEVPTS_SUPER_MAGIC);

    if (!sb) {
        mem_free(p);
        return error ? error : -ENOMEM;
    }
    sb->data = p;
    sb->block_size = BLOCK_SIZE;
    error = make_root(sb);
    if (error)
        superblock_put(sb);
    else
        *out = sb;
    return error;
}

/* --- finding the instance of a ptmx --- */

/* The root of the instance, as it is mounted; counted. */
static int find_root(const struct file *ptmx, struct path *out)
{
    struct path at = {ptmx->mount, ptmx->dentry};
    int error = 0;

    path_get(&at);
    while (at.dentry == at.mount->root && mount_cross_up(&at)) /* a ptmx that is bound elsewhere */
        ;
    bool inside = at.dentry->inode->sb->ops == &super_ops;
    spin_lock(&tree_lock);
    struct path directory = {mount_get(at.mount), dentry_get(at.dentry->parent)};
    spin_unlock(&tree_lock);
    path_put(&at);
    if (inside) {
        *out = directory;
    } else {
        error = path_walk_from(&directory, "pts", WALK_DIRECTORY, out);
        path_put(&directory);
    }
    if (error)
        return error;
    if (out->dentry->inode->sb->ops == &super_ops && out->dentry == out->dentry->inode->sb->root)
        return 0;
    path_put(out);
    return -ENODEV;
}

/* --- numbers and nodes --- */

/* instances_lock is held. */
static int take_number(struct instance *p, uint32_t *index)
{
    uint32_t n = 0;

    while (n < DEVPTS_MAX && (p->taken[n / 64] & BIT(n % 64)))
        n++;
    if (n >= MIN(p->max, DEVPTS_MAX) || (int)pty_count + 1 >= __atomic_load_n(&devpts_max, __ATOMIC_RELAXED))
        return -ENOSPC;
    p->taken[n / 64] |= BIT(n % 64);
    pty_count++;
    *index = n;
    return 0;
}

static int add_node(struct devpts_node *n, const struct file_ops *ops, void *object)
{
    const struct instance *p = instance_of(n->sb);
    char name[12];

    (void)format(name, sizeof name, "%u", n->index);
    n->device = device_encode(UNIX98_PTY_SLAVE_MAJOR, n->index);
    struct inode *i = node_inode(n->sb, p->mode, n->device);
    if (i) {
        i->uid = p->sets_uid ? p->uid : i->uid;
        i->gid = p->sets_gid ? p->gid : i->gid;
        i->number = n->index + FIRST_NODE_INODE;
        i->u.object = object;
        i->file_ops = ops;
    }
    n->dentry = enter_node(n->sb, name, i);
    return n->dentry ? 0 : -ENOMEM;
}

int devpts_add(const struct file *ptmx, struct devpts_node *n, const struct file_ops *ops, void *object)
{
    struct path root;
    int error = find_root(ptmx, &root);

    if (error)
        return error;
    struct superblock *sb = root.dentry->inode->sb;
    mutex_lock(&instances_lock);
    error = take_number(instance_of(sb), &n->index);
    if (!error) {
        n->sb = superblock_get(sb);
        error = add_node(n, ops, object);
    }
    mutex_unlock(&instances_lock);
    path_put(&root);
    return error;
}

void *devpts_object(struct inode *i, void (*get)(void *object))
{
    mutex_lock(&instances_lock);
    void *object = i->u.object;
    if (object)
        get(object);
    mutex_unlock(&instances_lock);
    return object;
}

int devpts_open(const struct file *ptmx, const struct devpts_node *n, int flags, struct file **out)
{
    struct path root;
    int error = find_root(ptmx, &root);

    if (error)
        return error;
    if (root.dentry->inode->sb == n->sb)
        error = vfs_open_found(&(struct path){root.mount, n->dentry}, flags, out);
    else
        error = -ENODEV;
    path_put(&root);
    return error;
}

void devpts_remove(struct devpts_node *n)
{
    struct inode *root = n->dentry->parent->inode;

    mutex_lock(&instances_lock);
    n->dentry->inode->u.object = NULL;
    mutex_unlock(&instances_lock);
    mutex_lock(&root->lock);
    if (n->dentry->hashed) /* else the instance was unmounted */
        (void)tmpfs_directory_ops.remove(root, n->dentry);
    mutex_unlock(&root->lock);
}

void devpts_free(struct devpts_node *n)
{
    if (!n->sb)
        return;
    mutex_lock(&instances_lock);
    instance_of(n->sb)->taken[n->index / 64] &= ~BIT(n->index % 64);
    pty_count--;
    mutex_unlock(&instances_lock);
    if (n->dentry)
        dentry_put(n->dentry);
    superblock_put(n->sb);
}

uint32_t devpts_count(void)
{
    return __atomic_load_n(&pty_count, __ATOMIC_RELAXED);
}

int devpts_init(void)
{
    mutex_init(&instances_lock);
    return 0;
}
