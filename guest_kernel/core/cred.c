/*
 * See cred.h.  File capabilities are not there: no file system here keeps them.
 */
#include "guest_kernel/core/cred.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"

#define CAPABILITIES_FILES                                                                                             \
    (BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |            \
     BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MAC_OVERRIDE))

static bool has_secure_bit(const struct cred *c, unsigned bit)
{
    return c->securebits & issecure_mask(bit);
}

struct group_list *groups_create(uint32_t count)
{
    struct group_list *g = mem_alloc(sizeof(*g) + count * sizeof(g->ids[0]));

    if (g) {
        g->refs = 1;
        g->count = count;
    }
    return g;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t value = *a;

    *a = *b;
    *b = value;
}

static void sift_down(uint32_t *ids, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && ids[child + 1] > ids[child])
            child++;
        if (ids[at] >= ids[child])
            return;
        swap(&ids[at], &ids[child]);
    }
}

/* By a heap: in place, and quick whatever a program passes. */
void groups_sort(struct group_list *g)
{
    for (uint32_t at = g->count / 2; at-- > 0;)
        sift_down(g->ids, at, g->count);
    for (uint32_t end = g->count; end-- > 1;) {
        swap(&g->ids[0], &g->ids[end]);
        sift_down(g->ids, 0, end);
    }
}

struct group_list *groups_get(struct group_list *g)
{
    if (g)
        __atomic_fetch_add(&g->refs, 1, __ATOMIC_RELAXED);
    return g;
}

void groups_put(struct group_list *g)
{
    if (g && !__atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL))
        mem_free(g);
}

bool groups_contain(const struct group_list *g, uint32_t gid)
{
    uint32_t low = 0, high = g ? g->count : 0;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (g->ids[middle] == gid)
            return true;
        if (g->ids[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct cred cred_copy(const struct cred *c)
{
    groups_get(c->groups);
    return *c;
}

void cred_drop(struct cred *c)
{
    groups_put(c->groups);
    c->groups = NULL;
}

bool cred_may(int capability)
{
    return cred_has(&task_current()->cred, capability);
}

static bool has_root(const struct cred *c)
{
    return !c->uid || !c->euid || !c->suid;
}

void cred_fix_uids(const struct cred *old, struct cred *c)
{
    if (has_secure_bit(old, SECURE_NO_SETUID_FIXUP))
        return;
    if (has_root(old) && !has_root(c)) {
        if (!has_secure_bit(old, SECURE_KEEP_CAPS))
            c->permitted = c->effective = 0;
        c->ambient = 0;
    }
    if (!old->euid && c->euid)
        c->effective = 0;
    if (old->euid && !c->euid)
        c->effective = c->permitted;
}

void cred_fix_fsuid(const struct cred *old, struct cred *c)
{
    if (has_secure_bit(old, SECURE_NO_SETUID_FIXUP))
        return;
    if (!old->fsuid && c->fsuid)
        c->effective &= ~CAPABILITIES_FILES;
    if (old->fsuid && !c->fsuid)
        c->effective |= CAPABILITIES_FILES & c->permitted;
}

bool cred_exec(const struct cred *old, struct cred *c, enum exec_safety safety)
{
    bool as_root = false;

    c->permitted = 0;
    if (!has_secure_bit(old, SECURE_NOROOT)) {
        if (!c->euid || !c->uid)
            c->permitted = old->bounding | old->inheritable;
        as_root = !c->euid;
    }
    bool set_id = c->euid != old->uid || c->egid != old->gid;
    if (safety != EXEC_SAFE && (set_id || (c->permitted & ~old->permitted))) {
        if (!cred_has(old, CAP_SETUID) || safety == EXEC_NO_NEW_PRIVS) {
            c->euid = c->uid;
            c->egid = c->gid;
        }
        c->permitted &= old->permitted;
    }
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    if (set_id)
        c->ambient = 0;
    c->permitted |= c->ambient;
    c->effective = as_root ? c->permitted : c->ambient;
    c->securebits &= ~(uint32_t)issecure_mask(SECURE_KEEP_CAPS);
    return set_id || (c->uid && (as_root || (c->permitted & ~c->ambient)));
}
