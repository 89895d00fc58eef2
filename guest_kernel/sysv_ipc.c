/*
 * See sysv_ipc.h.
 */
#include "guest_kernel/sysv_ipc.h"

#include <asm/errno.h>

#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "lib/string.h"

#define SLOT_BITS    15 /* of an identifier; the sequence is above them */
#define SEQUENCE_MAX (INT32_MAX >> SLOT_BITS)
#define TURN_MIN     64u

static int key_compare(const struct ipc_object *a, const struct ipc_object *b)
{
    return a->key < b->key ? -1 : a->key > b->key;
}

RB_GENERATE_INTERNAL(ipc_key_tree, ipc_object, by_key, key_compare, static __attribute__((unused)))

struct ipc_object *ipc_find_slot(struct ipc_table *t, int32_t slot)
{
    assert_held(&t->lock);
    unsigned n = (unsigned)slot & (BIT(SLOT_BITS) - 1);

    return slot >= 0 && n < t->size ? t->slots[n] : NULL;
}

struct ipc_object *ipc_find(struct ipc_table *t, int32_t id)
{
    struct ipc_object *o = ipc_find_slot(t, id);

    return o && o->id == id ? o : NULL;
}

struct ipc_object *ipc_next(struct ipc_table *t, unsigned *slot)
{
    assert_held(&t->lock);
    while (*slot < t->size && !t->slots[*slot])
        ++*slot;
    return *slot < t->size ? t->slots[*slot] : NULL;
}

long ipc_highest_slot(const struct ipc_table *t)
{
    unsigned n = t->size;

    while (n && !t->slots[n - 1])
        n--;
    return n ? n - 1 : 0;
}

static struct ipc_object *find_key(struct ipc_table *t, int32_t key)
{
    struct ipc_object wanted = {.key = key};

    return key == IPC_PRIVATE ? NULL : RB_FIND(ipc_key_tree, &t->keys, &wanted);
}

/* Slots are taken in turn out of so many, so that none is soon taken again. */
static unsigned slots_wanted(const struct ipc_table *t)
{
    return MIN(MAX(t->used * 3 / 2, TURN_MIN), t->limit);
}

/* The lock is given up meanwhile. */
static bool table_grow(struct ipc_table *t, unsigned size)
{
    spin_unlock(&t->lock);
    struct ipc_object **slots = mem_alloc_zero(size * sizeof *slots);
    spin_lock(&t->lock);
    if (!slots)
        return false;
    struct ipc_object **old = slots;
    if (t->size < size) {
        if (t->size)
            memcpy(slots, t->slots, t->size * sizeof *slots);
        old = t->slots;
        t->slots = slots;
        t->size = size;
    }
    mem_free(old); /* or the new ones, if another was faster */
    return true;
}

/* There is a free slot among those wanted. */
static void insert(struct ipc_table *t, struct ipc_object *o, int32_t key, unsigned mode)
{
    const struct cred *c = &task_current()->cred;
    unsigned slot = t->next, turn = slots_wanted(t);

    if (slot >= turn)
        slot = 0;
    while (t->slots[slot])
        slot = slot + 1 < turn ? slot + 1 : 0;
    if (slot < t->next && ++t->sequence > SEQUENCE_MAX)
        t->sequence = 0;
    t->slots[slot] = o;
    t->next = slot + 1;
    t->used++;
    o->id = (int32_t)(t->sequence << SLOT_BITS | slot);
    o->sequence = (uint16_t)t->sequence;
    o->key = key;
    o->uid = o->creator_uid = c->euid;
    o->gid = o->creator_gid = c->egid;
    o->mode = mode;
    if (key != IPC_PRIVATE)
        RB_INSERT(ipc_key_tree, &t->keys, o);
}

void ipc_forget_key(struct ipc_table *t, struct ipc_object *o)
{
    assert_held(&t->lock);
    if (o->key != IPC_PRIVATE)
        RB_REMOVE(ipc_key_tree, &t->keys, o);
    o->key = IPC_PRIVATE;
}

void ipc_remove(struct ipc_table *t, struct ipc_object *o)
{
    unsigned slot = (unsigned)o->id & (BIT(SLOT_BITS) - 1);

    ipc_forget_key(t, o);
    t->slots[slot] = NULL;
    t->used--;
}

/* Lock held; -EAGAIN: `made` is wanted. */
static long get_locked(const struct ipc_type *type, int32_t key, int flags, const void *request, int unfit,
                       struct ipc_object *made)
{
    struct ipc_table *t = type->table;
    struct ipc_object *o = find_key(t, key);
    int error;

    if (o) {
        if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
            return -EEXIST;
        error = type->check(o, request);
        if (!error)
            error = ipc_permission(o, (unsigned)flags & 0777);
        return error ? error : o->id;
    }
    if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    if (unfit || !made)
        return unfit ? unfit : -EAGAIN;
    if (t->used >= t->limit)
        return -ENOSPC;
    while (slots_wanted(t) > t->size)
        if (!table_grow(t, slots_wanted(t)))
            return -ENOMEM;
    if (t->used >= t->limit || find_key(t, key)) /* while the table grew */
        return get_locked(type, key, flags, request, unfit, NULL);
    insert(t, made, key, (unsigned)flags & 0777);
    error = type->admit(made);
    if (error)
        ipc_remove(t, made);
    return error ? error : made->id;
}

long ipc_get(const struct ipc_type *type, int32_t key, int flags, const void *request, int unfit)
{
    spin_lock(&type->table->lock);
    long result = get_locked(type, key, flags, request, unfit, NULL);
    spin_unlock(&type->table->lock);
    if (result != -EAGAIN)
        return result;
    struct ipc_object *made = type->make(request);
    if (!made)
        return -ENOMEM;
    spin_lock(&type->table->lock);
    result = get_locked(type, key, flags, request, unfit, made);
    bool used = result >= 0 && type->table->slots[result & (BIT(SLOT_BITS) - 1)] == made;
    spin_unlock(&type->table->lock);
    if (!used)
        type->discard(made);
    return result;
}

static bool is_owner(const struct ipc_object *o)
{
    uint32_t uid = task_current()->cred.euid;

    return uid == o->uid || uid == o->creator_uid;
}

int ipc_permission(const struct ipc_object *o, unsigned access)
{
    unsigned wanted = (access >> 6 | access >> 3 | access) & 7, granted = o->mode;

    if (is_owner(o))
        granted >>= 6;
    else if (identity_in_group(o->creator_gid) || identity_in_group(o->gid))
        granted >>= 3;
    return (wanted & ~granted) && !cred_may(CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_ownership(const struct ipc_object *o)
{
    return is_owner(o) || cred_may(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

struct ipc64_perm ipc_perm_of(const struct ipc_object *o)
{
    return (struct ipc64_perm){
        .key = o->key,
        .uid = o->uid,
        .gid = o->gid,
        .cuid = o->creator_uid,
        .cgid = o->creator_gid,
        .mode = o->mode,
        .seq = o->sequence,
    };
}

int ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p)
{
    if (p->uid == UINT32_MAX || p->gid == UINT32_MAX)
        return -EINVAL;
    o->uid = p->uid;
    o->gid = p->gid;
    o->mode = (o->mode & ~0777u) | (p->mode & 0777);
    return 0;
}

void ipc_show_head(const struct ipc_object *o, struct text *t)
{
    text_printf(t, "%10d %10d  %4o ", o->key, o->id, o->mode);
}

void ipc_show_owners(const struct ipc_object *o, struct text *t)
{
    text_printf(t, "%5u %5u %5u %5u ", o->uid, o->gid, o->creator_uid, o->creator_gid);
}
