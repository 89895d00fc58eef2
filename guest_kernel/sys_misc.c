/*
 * Odds and ends of a process: prctl(2), arch_prctl(2), personality(2), capabilities, membarrier(2).
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/personality.h>
#include <linux/prctl.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "lib/string.h"
#include "lib/x86.h"

#define CAPABILITIES_ALL (BIT(CAP_LAST_CAP + 1) - 1)
#define TIMER_SLACK_NS 50000

static long set_name(uint64_t address)
{
    struct task *t = task_current();
    char name[sizeof(t->comm)];
    long n = copy_string_from_user(name, user(address), sizeof(name));

    if (n == -EFAULT)
        return n;
    name[sizeof(name) - 1] = '\0';
    memset(t->comm, 0, sizeof(t->comm));
    (void)string_copy(t->comm, name, sizeof(t->comm));
    return 0;
}

static long set_flag(bool *flag, uint64_t value)
{
    if (value > 1)
        return -EINVAL;
    *flag = value;
    return 0;
}

static long set_dumpable(struct process *p, uint64_t value)
{
    if (value > 1)
        return -EINVAL;
    p->not_dumpable = !value;
    return 0;
}

static long set_no_new_privs(struct process *p, const struct syscall_args *args)
{
    if (args->a[1] != 1 || args->a[2] || args->a[3] || args->a[4])
        return -EINVAL;
    p->no_new_privs = true;
    return 0;
}

long sys_prctl(const struct syscall_args *args)
{
    struct process *p = process_current();
    uint64_t value = args->a[1];
    int word;

    switch ((int)args->a[0]) {
    case PR_SET_NAME:
        return set_name(value);
    case PR_GET_NAME:
        return copy_to_user(user(value), task_current()->comm, sizeof(task_current()->comm));
    case PR_SET_PDEATHSIG:
        if (value && !signal_is_valid((int64_t)value))
            return -EINVAL;
        p->parent_death_signal = (int)value;
        return 0;
    case PR_GET_PDEATHSIG:
        return put_user(user(value), p->parent_death_signal);
    case PR_SET_DUMPABLE:
        return set_dumpable(p, value);
    case PR_GET_DUMPABLE:
        return !p->not_dumpable;
    case PR_SET_KEEPCAPS:
        return set_flag(&p->keep_caps, value);
    case PR_GET_KEEPCAPS:
        return p->keep_caps;
    case PR_SET_NO_NEW_PRIVS:
        return set_no_new_privs(p, args);
    case PR_GET_NO_NEW_PRIVS:
        return args->a[1] || args->a[2] || args->a[3] || args->a[4] ? -EINVAL : p->no_new_privs;
    case PR_SET_CHILD_SUBREAPER:
        p->child_subreaper = value;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        word = p->child_subreaper;
        return put_user(user(value), word);
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_GET_TIMERSLACK:
        return TIMER_SLACK_NS;
    case PR_CAPBSET_READ:
        return value > CAP_LAST_CAP ? -EINVAL : 1;
    case PR_GET_SECCOMP:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_arch_prctl(const struct syscall_args *args)
{
    uint64_t address = args->a[1], base;

    switch ((int)args->a[0]) {
    case ARCH_SET_FS:
        if (address >= USER_END)
            return -EPERM;
        task_set_fs_base(address);
        return 0;
    case ARCH_SET_GS:
        if (address >= USER_END)
            return -EPERM;
        task_set_gs_base(address);
        return 0;
    case ARCH_GET_FS:
        base = task_fs_base();
        return put_user(user(address), base);
    case ARCH_GET_GS:
        base = task_gs_base();
        return put_user(user(address), base);
    default:
        return -EINVAL;
    }
}

/* Any word is accepted, as on Linux; those bits that mean something are looked at where they do. */
long sys_personality(const struct syscall_args *args)
{
    struct process *p = process_current();
    uint32_t wanted = (uint32_t)args->a[0], old = p->personality;

    if (wanted != UINT32_MAX)
        p->personality = wanted;
    return (long)old;
}

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

/* euid 0 stands for all capabilities, any other for none. */
long sys_capget(const struct syscall_args *args)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct data[2] = {{0}};
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
        cred = t->task->cred;
    spin_unlock(&process_tree_lock);
    if (!t)
        return -ESRCH;
    for (unsigned i = 0; i < halves; i++) {
        uint32_t all = (uint32_t)(CAPABILITIES_ALL >> (32 * i));
        data[i].effective = cred.euid ? 0 : all;
        data[i].permitted = cred.euid && cred.uid && cred.suid ? 0 : all;
    }
    return args->a[1] ? copy_to_user(user(args->a[1]), data, halves * sizeof(data[0])) : 0;
}

/* Capabilities cannot be dropped one by one here: only what changes nothing is accepted. */
long sys_capset(const struct syscall_args *args)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct data[2] = {{0}};
    unsigned halves;
    long error = cap_header(args->a[0], &h, &halves);

    if (error)
        return error;
    if (h.pid && h.pid != task_current()->tid)
        return -EPERM;
    if (copy_from_user(data, user(args->a[1]), halves * sizeof(data[0])))
        return -EFAULT;
    uint64_t effective = data[0].effective | (uint64_t)data[1].effective << 32;
    uint64_t now = cred_is_privileged() ? CAPABILITIES_ALL : 0;
    return (effective & CAPABILITIES_ALL) == now ? 0 : -EPERM;
}

long sys_membarrier(const struct syscall_args *args)
{
    int command = (int)args->a[0];

    if ((uint32_t)args->a[1])
        return -EINVAL;
    if (command == MEMBARRIER_CMD_QUERY)
        return MEMBARRIER_CMD_GLOBAL;
    if (command != MEMBARRIER_CMD_GLOBAL)
        return -EINVAL;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* one CPU: with the switches of tasks this orders all threads */
    return 0;
}
