/*
 * Credentials of a task: ids, supplementary groups, capabilities (credentials(7), capabilities(7)).  A task changes its
 * own only, under the lock with which others look at them (guest_kernel/process.h).  Lists of groups are shared and
 * never changed: a copy of struct cred made by cred_copy() holds the list, and cred_drop() lets it go.
 */
#ifndef GUEST_KERNEL_CORE_CRED_H
#define GUEST_KERNEL_CORE_CRED_H

#include <linux/capability.h>
#include <linux/securebits.h>

#include "lib/compiler.h"

#define CAPABILITIES_ALL (BIT(CAP_LAST_CAP + 1) - 1)
#define GROUPS_MAX       65536

struct group_list {
    uint32_t refs; /* atomic */
    uint32_t count;
    uint32_t ids[]; /* ascending */
};

struct cred {
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint32_t securebits;
    struct group_list *groups;                                     /* NULL: none */
    uint64_t permitted, effective, inheritable, bounding, ambient; /* BIT(CAP_*) */
};

struct cred cred_copy(const struct cred *c) must_check;
void cred_drop(struct cred *c);

/* Room for count ids, not filled in; one reference.  NULL: no memory. */
struct group_list *groups_create(uint32_t count) must_check;
void groups_sort(struct group_list *g); /* once, before it is shared */
struct group_list *groups_get(struct group_list *g);
void groups_put(struct group_list *g);
bool groups_contain(const struct group_list *g, uint32_t gid);

static inline bool cred_has(const struct cred *c, int capability)
{
    return c->effective & BIT(capability);
}

bool cred_may(int capability); /* has the current task CAP_* in effect? */

/* What changed user ids do to the capabilities (capabilities(7), "Effect of user ID changes on capabilities"). */
void cred_fix_uids(const struct cred *old, struct cred *c);
void cred_fix_fsuid(const struct cred *old, struct cred *c);

/* What execve may give: anything; nothing, since somebody else has a hand in it; nothing, and no set-id bits either. */
enum exec_safety { EXEC_SAFE, EXEC_WATCHED, EXEC_NO_NEW_PRIVS };

/*
 * execve of a file whose set-id bits are already in c->euid and c->egid: saved and file-system ids and capabilities
 * (capabilities(7), "Transformation of capabilities during execve()").  True: the new program is to be
 * careful (AT_SECURE).
 */
bool cred_exec(const struct cred *old, struct cred *c, enum exec_safety safety);

#endif
