/*
 * User and group ids (credentials(7)).  Credentials belong to the task and are changed by it alone; euid 0 stands for
 * the capabilities CAP_SETUID and CAP_SETGID.
 */
#include <asm/errno.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"

#define NO_CHANGE UINT32_MAX

static struct cred *mine(void)
{
    return &task_current()->cred;
}

long sys_getuid(const struct syscall_args *args)
{
    return mine()->uid;
}

long sys_geteuid(const struct syscall_args *args)
{
    return mine()->euid;
}

long sys_getgid(const struct syscall_args *args)
{
    return mine()->gid;
}

long sys_getegid(const struct syscall_args *args)
{
    return mine()->egid;
}

/*
 * The new credentials, under the lock with which others look at them.  Whoever takes other effective ids is no longer to
 * be looked into, nor to be killed by its parent's end (prctl(2)).
 */
static void cred_commit(const struct cred *old, const struct cred *new_cred)
{
    struct process *p = process_current();

    spin_lock(&process_tree_lock);
    *mine() = *new_cred;
    spin_unlock(&process_tree_lock);
    if (old->euid == new_cred->euid && old->egid == new_cred->egid && old->fsuid == new_cred->fsuid &&
        old->fsgid == new_cred->fsgid)
        return;
    p->not_dumpable = true;
    p->parent_death_signal = 0;
}

/* May the current task take user id `id`? */
static bool may_take_uid(uint32_t id)
{
    const struct cred *c = mine();

    return id == NO_CHANGE || cred_is_privileged() || id == c->uid || id == c->euid || id == c->suid;
}

static bool may_take_gid(uint32_t id)
{
    const struct cred *c = mine();

    return id == NO_CHANGE || cred_is_privileged() || id == c->gid || id == c->egid || id == c->sgid;
}

long sys_setuid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (id == NO_CHANGE)
        return -EINVAL;
    if (cred_is_privileged())
        c->uid = c->suid = id;
    else if (id != c->uid && id != c->suid)
        return -EPERM;
    c->euid = c->fsuid = id;
    cred_commit(&old, c);
    return 0;
}

long sys_setgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (id == NO_CHANGE)
        return -EINVAL;
    if (cred_is_privileged())
        c->gid = c->sgid = id;
    else if (id != c->gid && id != c->sgid)
        return -EPERM;
    c->egid = c->fsgid = id;
    cred_commit(&old, c);
    return 0;
}

long sys_setreuid(const struct syscall_args *args)
{
    uint32_t ruid = (uint32_t)args->a[0], euid = (uint32_t)args->a[1];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (ruid != NO_CHANGE && !cred_is_privileged() && ruid != old.uid && ruid != old.euid)
        return -EPERM;
    if (!may_take_uid(euid))
        return -EPERM;
    if (ruid != NO_CHANGE)
        c->uid = ruid;
    if (euid != NO_CHANGE)
        c->euid = euid;
    if (ruid != NO_CHANGE || (euid != NO_CHANGE && euid != old.uid))
        c->suid = c->euid;
    c->fsuid = c->euid;
    cred_commit(&old, c);
    return 0;
}

long sys_setregid(const struct syscall_args *args)
{
    uint32_t rgid = (uint32_t)args->a[0], egid = (uint32_t)args->a[1];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (rgid != NO_CHANGE && !cred_is_privileged() && rgid != old.gid && rgid != old.egid)
        return -EPERM;
    if (!may_take_gid(egid))
        return -EPERM;
    if (rgid != NO_CHANGE)
        c->gid = rgid;
    if (egid != NO_CHANGE)
        c->egid = egid;
    if (rgid != NO_CHANGE || (egid != NO_CHANGE && egid != old.gid))
        c->sgid = c->egid;
    c->fsgid = c->egid;
    cred_commit(&old, c);
    return 0;
}

long sys_setresuid(const struct syscall_args *args)
{
    uint32_t ruid = (uint32_t)args->a[0], euid = (uint32_t)args->a[1], suid = (uint32_t)args->a[2];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (!may_take_uid(ruid) || !may_take_uid(euid) || !may_take_uid(suid))
        return -EPERM;
    if (ruid != NO_CHANGE)
        c->uid = ruid;
    if (euid != NO_CHANGE)
        c->euid = euid;
    if (suid != NO_CHANGE)
        c->suid = suid;
    c->fsuid = c->euid;
    cred_commit(&old, c);
    return 0;
}

long sys_setresgid(const struct syscall_args *args)
{
    uint32_t rgid = (uint32_t)args->a[0], egid = (uint32_t)args->a[1], sgid = (uint32_t)args->a[2];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (!may_take_gid(rgid) || !may_take_gid(egid) || !may_take_gid(sgid))
        return -EPERM;
    if (rgid != NO_CHANGE)
        c->gid = rgid;
    if (egid != NO_CHANGE)
        c->egid = egid;
    if (sgid != NO_CHANGE)
        c->sgid = sgid;
    c->fsgid = c->egid;
    cred_commit(&old, c);
    return 0;
}

static long put_three(const struct syscall_args *args, uint32_t real, uint32_t effective, uint32_t saved)
{
    if (put_user(user(args->a[0]), real) || put_user(user(args->a[1]), effective) || put_user(user(args->a[2]), saved))
        return -EFAULT;
    return 0;
}

long sys_getresuid(const struct syscall_args *args)
{
    return put_three(args, mine()->uid, mine()->euid, mine()->suid);
}

long sys_getresgid(const struct syscall_args *args)
{
    return put_three(args, mine()->gid, mine()->egid, mine()->sgid);
}

/* Both return the old id, whether or not they changed it: the only way to tell is to ask again (setfsuid(2)). */
long sys_setfsuid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old;

    if (id != NO_CHANGE && (may_take_uid(id) || id == old.fsuid)) {
        changed.fsuid = id;
        cred_commit(&old, &changed);
    }
    return old.fsuid;
}

long sys_setfsgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old;

    if (id != NO_CHANGE && (may_take_gid(id) || id == old.fsgid)) {
        changed.fsgid = id;
        cred_commit(&old, &changed);
    }
    return old.fsgid;
}

long sys_getgroups(const struct syscall_args *args)
{
    int32_t size = (int32_t)args->a[0];
    const struct cred *c = mine();

    if (size < 0)
        return -EINVAL;
    if (!size)
        return c->group_count;
    if ((uint32_t)size < c->group_count)
        return -EINVAL;
    if (copy_to_user(user(args->a[1]), c->groups, c->group_count * sizeof(c->groups[0])))
        return -EFAULT;
    return c->group_count;
}

long sys_setgroups(const struct syscall_args *args)
{
    uint32_t count = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old;

    if (!cred_is_privileged())
        return -EPERM;
    if (count > ARRAY_SIZE(changed.groups))
        return -EINVAL;
    if (copy_from_user(changed.groups, user(args->a[1]), count * sizeof(changed.groups[0])))
        return -EFAULT;
    changed.group_count = count;
    cred_commit(&old, &changed);
    return 0;
}
