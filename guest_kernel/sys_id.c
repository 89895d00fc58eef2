/*
 * User and group ids (credentials(7)).  Credentials belong to the task and are changed by it alone.
 */
#include <asm/errno.h>

#include "abi/syscalls.h"
#include "guest_kernel/account.h"
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

void thread_set_cred_locked(const struct cred *c)
{
    struct cred *now = mine();
    struct cred old = *now;
    bool changes = old.euid != c->euid || old.egid != c->egid || old.fsuid != c->fsuid || old.fsgid != c->fsgid ||
                   (c->permitted & ~old.permitted);

    assert_held(&process_tree_lock);
    *now = *c;
    if (old.groups != c->groups)
        groups_put(old.groups);
    if (!changes)
        return;
    process_current()->not_dumpable = true;
    thread_current()->parent_death_signal = 0;
}

void thread_set_cred(const struct cred *c)
{
    spin_lock(&process_tree_lock);
    thread_set_cred_locked(c);
    spin_unlock(&process_tree_lock);
}

/* Another real user is charged for this thread from now on; his limit is looked at in the next execve (setuid(2)). */
static void change_account(struct account *a)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    struct account *old = t->account;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    t->account = a;
    spin_unlock_irqrestore(&p->signals.lock, flags);
    account_uncharge(old);
    t->over_limit = account_charge(a) - 1 > process_limit(RLIMIT_NPROC) && a->uid;
    account_put(old);
}

/* The ids are set: what they mean for the capabilities.  0 or -EAGAIN. */
static long commit_uids(struct cred *c)
{
    const struct cred *old = mine();
    struct account *a = c->uid == old->uid ? NULL : account_get(c->uid);

    if (!a && c->uid != old->uid)
        return -EAGAIN;
    cred_fix_uids(old, c);
    if (a)
        change_account(a);
    thread_set_cred(c);
    return 0;
}

/* May the current task take user id `id`? */
static bool may_take_uid(uint32_t id)
{
    const struct cred *c = mine();

    return id == NO_CHANGE || cred_may(CAP_SETUID) || id == c->uid || id == c->euid || id == c->suid;
}

static bool may_take_gid(uint32_t id)
{
    const struct cred *c = mine();

    return id == NO_CHANGE || cred_may(CAP_SETGID) || id == c->gid || id == c->egid || id == c->sgid;
}

long sys_setuid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (id == NO_CHANGE)
        return -EINVAL;
    if (cred_may(CAP_SETUID))
        c->uid = c->suid = id;
    else if (id != c->uid && id != c->suid)
        return -EPERM;
    c->euid = c->fsuid = id;
    return commit_uids(c);
}

long sys_setgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (id == NO_CHANGE)
        return -EINVAL;
    if (cred_may(CAP_SETGID))
        c->gid = c->sgid = id;
    else if (id != c->gid && id != c->sgid)
        return -EPERM;
    c->egid = c->fsgid = id;
    thread_set_cred(c);
    return 0;
}

long sys_setreuid(const struct syscall_args *args)
{
    uint32_t ruid = (uint32_t)args->a[0], euid = (uint32_t)args->a[1];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (ruid != NO_CHANGE && !cred_may(CAP_SETUID) && ruid != old.uid && ruid != old.euid)
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
    return commit_uids(c);
}

long sys_setregid(const struct syscall_args *args)
{
    uint32_t rgid = (uint32_t)args->a[0], egid = (uint32_t)args->a[1];
    struct cred old = *mine(), changed = old, *c = &changed;

    if (rgid != NO_CHANGE && !cred_may(CAP_SETGID) && rgid != old.gid && rgid != old.egid)
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
    thread_set_cred(c);
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
    return commit_uids(c);
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
    thread_set_cred(c);
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
        cred_fix_fsuid(&old, &changed);
        thread_set_cred(&changed);
    }
    return old.fsuid;
}

long sys_setfsgid(const struct syscall_args *args)
{
    uint32_t id = (uint32_t)args->a[0];
    struct cred old = *mine(), changed = old;

    if (id != NO_CHANGE && (may_take_gid(id) || id == old.fsgid)) {
        changed.fsgid = id;
        thread_set_cred(&changed);
    }
    return old.fsgid;
}

long sys_getgroups(const struct syscall_args *args)
{
    const struct group_list *g = mine()->groups;
    int32_t size = (int32_t)args->a[0];
    uint32_t count = g ? g->count : 0;

    if (size < 0)
        return -EINVAL;
    if (!size || !count)
        return count;
    if ((uint32_t)size < count)
        return -EINVAL;
    return copy_to_user(user(args->a[1]), g->ids, count * sizeof(g->ids[0])) ? -EFAULT : (long)count;
}

long sys_setgroups(const struct syscall_args *args)
{
    uint32_t count = (uint32_t)args->a[0];
    struct cred changed = *mine();

    if (!cred_may(CAP_SETGID))
        return -EPERM;
    if (count > GROUPS_MAX)
        return -EINVAL;
    struct group_list *g = groups_create(count);
    if (!g)
        return -ENOMEM;
    if (copy_from_user(g->ids, user(args->a[1]), count * sizeof(g->ids[0]))) {
        groups_put(g);
        return -EFAULT;
    }
    groups_sort(g);
    changed.groups = g;
    thread_set_cred(&changed);
    return 0;
}
