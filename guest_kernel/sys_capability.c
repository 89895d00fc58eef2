/*
 * capget(2), capset(2), and prctl(2)'s operations on capabilities and secure bits.
 */
#include "guest_kernel/prctl.h"

#include <asm/errno.h>
#include <linux/prctl.h>

#include "abi/syscalls.h"

/* Which version the caller speaks decides how many 32-bit halves it passes; an unknown one is told ours (capget(2)). */
static long cap_header(uint64_t address, struct __user_cap_header_struct *h, unsigned *halves)
{
    uint32_t ours = _LINUX_CAPABILITY_VERSION_3;

    if (get_user(*h, user(address)))
        return -EFAULT;
    switch (h->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *halves = _LINUX_CAPABILITY_U32S_1;
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *halves = _LINUX_CAPABILITY_U32S_3;
        return 0;
    default:
        return put_user(user(address), ours) ? -EFAULT : -EINVAL;
    }
}

long sys_capget(const struct syscall_args *args)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct data[2];
    struct cred cred;
    unsigned halves;
    long error = cap_header(args->a[0], &h, &halves);

    if (error)
        return error == -EINVAL && !args->a[1] ? 0 : error;
    if (h.pid < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = h.pid ? thread_lookup(h.pid) : thread_current();
    if (t)
        cred = t->task->cred; /* numbers only: its groups are not held */
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ESRCH;
    for (unsigned i = 0; i < halves; i++)
        data[i] =
            (struct __user_cap_data_struct){(uint32_t)(cred.effective >> 32 * i), (uint32_t)(cred.permitted >> 32 * i),
                                            (uint32_t)(cred.inheritable >> 32 * i)};
    return args->a[1] ? copy_to_user(user(args->a[1]), data, halves * sizeof(data[0])) : 0;
}

static bool is_subset(uint64_t set, uint64_t of)
{
    return !(set & ~of);
}

/* capabilities(7), "Programmatically adjusting capability sets". */
static bool sets_are_allowed(const struct cred *old, const struct cred *c)
{
    if (!cred_has(old, CAP_SETPCAP) && !is_subset(c->inheritable, old->inheritable | old->permitted))
        return false;
    return is_subset(c->inheritable, old->inheritable | old->bounding) && is_subset(c->permitted, old->permitted) &&
           is_subset(c->effective, c->permitted);
}

long sys_capset(const struct syscall_args *args)
{
    const struct cred *old = &task_current()->cred;
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct data[2] = {{0}};
    struct cred c = *old;
    unsigned halves;
    long error = cap_header(args->a[0], &h, &halves);

    if (error)
        return error;
    if (h.pid && h.pid != task_current()->tid)
        return -EPERM;
    if (copy_from_user(data, user(args->a[1]), halves * sizeof(data[0])))
        return -EFAULT;
    c.effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAPABILITIES_ALL;
    c.permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAPABILITIES_ALL;
    c.inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAPABILITIES_ALL;
    c.ambient &= c.permitted & c.inheritable;
    if (!sets_are_allowed(old, &c))
        return -EPERM;
    thread_set_cred(&c);
    return 0;
}

static bool is_capability(uint64_t n)
{
    return n <= CAP_LAST_CAP;
}

static long drop_bound(uint64_t capability)
{
    struct cred c = task_current()->cred;

    if (!cred_may(CAP_SETPCAP))
        return -EPERM;
    if (!is_capability(capability))
        return -EINVAL;
    c.bounding &= ~BIT(capability);
    thread_set_cred(&c);
    return 0;
}

/* A locked bit stays as it is, and locked. */
static long set_secure_bits(uint64_t bits)
{
    struct cred c = task_current()->cred;
    uint64_t old = c.securebits, locked = (old & SECURE_ALL_LOCKS) >> 1;

    if ((locked & (old ^ bits)) || (old & SECURE_ALL_LOCKS & ~bits) ||
        (bits & ~(uint64_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) || !cred_may(CAP_SETPCAP))
        return -EPERM;
    c.securebits = (uint32_t)bits;
    thread_set_cred(&c);
    return 0;
}

static long set_keep(uint64_t value)
{
    struct cred c = task_current()->cred;

    if (value > 1)
        return -EINVAL;
    if (c.securebits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    c.securebits = value ? c.securebits | SECBIT_KEEP_CAPS : c.securebits & ~(uint32_t)SECBIT_KEEP_CAPS;
    thread_set_cred(&c);
    return 0;
}

static long ambient(const struct syscall_args *args)
{
    struct cred c = task_current()->cred;
    uint64_t operation = args->a[1], capability = args->a[2];

    if (operation == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (capability || args->a[3] || args->a[4])
            return -EINVAL;
        c.ambient = 0;
        thread_set_cred(&c);
        return 0;
    }
    if (!is_capability(capability) || args->a[3] || args->a[4])
        return -EINVAL;
    if (operation == PR_CAP_AMBIENT_IS_SET)
        return c.ambient >> capability & 1;
    if (operation != PR_CAP_AMBIENT_RAISE && operation != PR_CAP_AMBIENT_LOWER)
        return -EINVAL;
    if (operation == PR_CAP_AMBIENT_RAISE &&
        (!(c.permitted & c.inheritable & BIT(capability)) || (c.securebits & SECBIT_NO_CAP_AMBIENT_RAISE)))
        return -EPERM;
    c.ambient = operation == PR_CAP_AMBIENT_RAISE ? c.ambient | BIT(capability) : c.ambient & ~BIT(capability);
    thread_set_cred(&c);
    return 0;
}

long prctl_capability(const struct syscall_args *args)
{
    const struct cred *c = &task_current()->cred;

    switch ((int)args->a[0]) {
    case PR_CAPBSET_READ:
        return is_capability(args->a[1]) ? (long)(c->bounding >> args->a[1] & 1) : -EINVAL;
    case PR_CAPBSET_DROP:
        return drop_bound(args->a[1]);
    case PR_SET_SECUREBITS:
        return set_secure_bits(args->a[1]);
    case PR_GET_SECUREBITS:
        return c->securebits;
    case PR_SET_KEEPCAPS:
        return set_keep(args->a[1]);
    case PR_GET_KEEPCAPS:
        return !!(c->securebits & SECBIT_KEEP_CAPS);
    default:
        return ambient(args);
    }
}
