/*
 * The dentry cache: names in directories, found by a hash of (parent, name).  A dentry lives while it is referenced;
 * tmpfs and its kin hold one reference for as long as the name exists, so for them the cache is the directory itself
 * and a name that is not in the hash does not exist.  Removed names leave the hash and live on for who still uses them.
 *
 * tree_lock guards the hash, parents and names.  The table doubles when it holds more dentries than buckets.
 */
#include "fs/inode.h"

#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

LIST_HEAD(bucket, dentry);

#define FIRST_BUCKETS 256u

struct spinlock tree_lock = SPINLOCK_INIT;
static struct bucket *buckets;  /* tree_lock */
static uint32_t bucket_count;   /* a power of two */
static uint32_t hashed_count;
static struct slab_cache *dentry_cache;

int dentry_init(void)
{
    dentry_cache = slab_cache_create("dentry", sizeof(struct dentry));
    buckets = mem_alloc_zero(FIRST_BUCKETS * sizeof *buckets);
    if (!dentry_cache || !buckets)
        return -ENOMEM;
    bucket_count = FIRST_BUCKETS;
    return 0;
}

/* FNV-1a over the name, started from the parent's address. */
static uint32_t name_hash(const struct dentry *parent, const char *name, size_t length)
{
    uint64_t h = 0xcbf29ce484222325ULL ^ (uintptr_t)parent >> 4;

    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
    return (uint32_t)(h ^ h >> 32);
}

static struct bucket *bucket_of(uint32_t hash)
{
    return &buckets[hash & (bucket_count - 1)];
}

/* More buckets; without memory for them the chains just get longer. */
static void table_grow(void)
{
    uint32_t count = bucket_count * 2;
    struct bucket *table = mem_alloc_zero(count * sizeof *table);

    if (!table)
        return;
    for (uint32_t b = 0; b < bucket_count; b++) {
        struct dentry *d;
        while ((d = LIST_FIRST(&buckets[b]))) {
            LIST_REMOVE(d, hash_link);
            LIST_INSERT_HEAD(&table[d->hash & (count - 1)], d, hash_link);
        }
    }
    mem_free(buckets);
    buckets = table;
    bucket_count = count;
}

static void hash_insert(struct dentry *d)
{
    assert_held(&tree_lock);
    if (hashed_count >= bucket_count)
        table_grow();
    d->hash = name_hash(d->parent, d->name, d->name_length);
    LIST_INSERT_HEAD(bucket_of(d->hash), d, hash_link);
    d->hashed = true;
    hashed_count++;
}

static void hash_remove(struct dentry *d)
{
    assert_held(&tree_lock);
    if (!d->hashed)
        return;
    LIST_REMOVE(d, hash_link);
    d->hashed = false;
    hashed_count--;
}

static void name_free(struct dentry *d)
{
    if (d->name != d->short_name)
        mem_free((void *)(uintptr_t)d->name);
}

/* A NUL-terminated copy in short_name or in memory of its own; NULL: no memory. */
static const char *name_copy(char short_name[DENTRY_INLINE_NAME], const char *name, size_t length)
{
    char *copy = length < DENTRY_INLINE_NAME ? short_name : mem_alloc(length + 1);

    if (copy) {
        memcpy(copy, name, length);
        copy[length] = '\0';
    }
    return copy;
}

struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t length)
{
    struct dentry *d = slab_alloc_zero(dentry_cache);

    if (!d)
        return NULL;
    d->name = name_copy(d->short_name, name, length);
    if (!d->name) {
        slab_free(dentry_cache, d);
        return NULL;
    }
    d->refs = 1;
    d->name_length = (uint16_t)length;
    d->parent = dentry_get(parent);
    return d;
}

struct dentry *dentry_alloc_root(struct inode *root)
{
    struct dentry *d = root ? slab_alloc_zero(dentry_cache) : NULL;

    if (!d) {
        inode_put(root);
        return NULL;
    }
    d->refs = 1;
    d->name = d->short_name;
    d->parent = d;
    d->inode = root;
    return d;
}

struct dentry *dentry_get(struct dentry *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    return d;
}

/* Drops one reference unless it is the last. */
static bool refs_drop_shared(struct dentry *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    while (refs > 1)
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return true;
    return false;
}

void dentry_put(struct dentry *d)
{
    while (d && !refs_drop_shared(d)) {
        /* The last one: only under the lock, since dentry_find() takes references under it. */
        spin_lock(&tree_lock);
        bool gone = __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0;
        if (gone)
            hash_remove(d);
        spin_unlock(&tree_lock);
        if (!gone)
            return;
        struct dentry *parent = d->parent == d ? NULL : d->parent;
        inode_put(d->inode);
        name_free(d);
        slab_free(dentry_cache, d);
        d = parent;
    }
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length)
{
    uint32_t hash = name_hash(parent, name, length);
    struct dentry *d;

    spin_lock(&tree_lock);
    LIST_FOREACH(d, bucket_of(hash), hash_link) {
        if (d->hash == hash && d->parent == parent && d->name_length == length && !memcmp(d->name, name, length)) {
            dentry_get(d);
            break;
        }
    }
    spin_unlock(&tree_lock);
    return d;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
    d->inode = inode;
    spin_lock(&tree_lock);
    hash_insert(d);
    spin_unlock(&tree_lock);
}

void dentry_unhash(struct dentry *d)
{
    spin_lock(&tree_lock);
    hash_remove(d);
    spin_unlock(&tree_lock);
}

int dentry_set_name(struct dentry *d, struct dentry *parent, const char *name, size_t length)
{
    char short_name[DENTRY_INLINE_NAME];
    const char *copy = name_copy(short_name, name, length);

    if (!copy)
        return -ENOMEM;
    dentry_get(parent);
    spin_lock(&tree_lock);
    struct dentry *old_parent = d->parent;
    const char *old_name = d->name == d->short_name ? NULL : d->name;
    hash_remove(d);
    if (copy == short_name) {
        memcpy(d->short_name, short_name, length + 1);
        copy = d->short_name;
    }
    d->name = copy;
    d->name_length = (uint16_t)length;
    d->parent = parent;
    hash_insert(d);
    spin_unlock(&tree_lock);
    mem_free((void *)(uintptr_t)old_name);
    dentry_put(old_parent);
    return 0;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    char short_name[DENTRY_INLINE_NAME];

    spin_lock(&tree_lock);
    hash_remove(a);
    hash_remove(b);
    const char *a_long = a->name == a->short_name ? NULL : a->name;
    const char *b_long = b->name == b->short_name ? NULL : b->name;
    memcpy(short_name, a->short_name, sizeof short_name);
    memcpy(a->short_name, b->short_name, sizeof short_name);
    memcpy(b->short_name, short_name, sizeof short_name);
    a->name = b_long ? b_long : a->short_name;
    b->name = a_long ? a_long : b->short_name;
    uint16_t length = a->name_length;
    a->name_length = b->name_length;
    b->name_length = length;
    struct dentry *parent = a->parent;
    a->parent = b->parent;
    b->parent = parent;
    hash_insert(a);
    hash_insert(b);
    spin_unlock(&tree_lock);
}

bool dentry_is_below(struct dentry *d, struct dentry *ancestor)
{
    spin_lock(&tree_lock);
    while (d != ancestor && d->parent != d)
        d = d->parent;
    spin_unlock(&tree_lock);
    return d == ancestor;
}
