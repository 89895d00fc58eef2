/*
 * Sending signals: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2).  Signal 0 only checks.
 */
#include <asm/errno.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal.h"

static long send_checked(struct process *p, const siginfo_t *info, int signal)
{
    if (!process_may_signal(p, signal))
        return -EPERM;
    return signal ? signal_send_process(p, info) : 0;
}

static long kill_one(int32_t pid, const siginfo_t *info, int signal)
{
    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    long result = p ? send_checked(p, info, signal) : -ESRCH;
    spin_unlock(&process_tree_lock);
    return result;
}

/* group 0: all but the sender and the first process.  Success if one of them got it (kill(2)). */
static long kill_many(int32_t group, const siginfo_t *info, int signal)
{
    bool found = false, sent = false;
    long result = 0;

    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        bool chosen = group ? p->group == group : p->pid != 1 && p != process_current();
        if (!chosen)
            continue;
        found = true;
        result = send_checked(p, info, signal);
        if (!result)
            sent = true;
    }
    spin_unlock(&process_tree_lock);
    if (!found)
        return -ESRCH;
    return sent ? 0 : result;
}

long sys_kill(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0];
    int signal = (int)args->a[1];
    siginfo_t info = signal_info_user(signal, SI_USER);

    if (signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    if (pid > 0)
        return kill_one(pid, &info, signal);
    if (pid == 0)
        return kill_many(process_current()->group, &info, signal);
    if (pid == -1)
        return kill_many(0, &info, signal);
    return pid == INT32_MIN ? -ESRCH : kill_many(-pid, &info, signal);
}

/* tgid 0: any. */
static long send_to_thread(int32_t tgid, int32_t tid, const siginfo_t *info, int signal)
{
    long result = -ESRCH;

    spin_lock(&process_tree_lock);
    struct thread *t = thread_lookup(tid);
    if (t && (!tgid || t->process->pid == tgid)) {
        if (!process_may_signal(t->process, signal))
            result = -EPERM;
        else
            result = signal ? signal_send_thread(t, info) : 0;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_tkill(const struct syscall_args *args)
{
    int32_t tid = (int32_t)args->a[0];
    int signal = (int)args->a[1];
    siginfo_t info = signal_info_user(signal, SI_TKILL);

    if (tid <= 0 || signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    return send_to_thread(0, tid, &info, signal);
}

long sys_tgkill(const struct syscall_args *args)
{
    int32_t tgid = (int32_t)args->a[0], tid = (int32_t)args->a[1];
    int signal = (int)args->a[2];
    siginfo_t info = signal_info_user(signal, SI_TKILL);

    if (tgid <= 0 || tid <= 0 || signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    return send_to_thread(tgid, tid, &info, signal);
}

/* Only a process itself may claim that its signal came from the kernel, from kill(2) or from tkill(2). */
static long read_info(siginfo_t *info, uint64_t address, int32_t target, int signal)
{
    if (get_user(*info, user(address)))
        return -EFAULT;
    info->si_signo = signal;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && target != process_current()->pid)
        return -EPERM;
    return 0;
}

long sys_rt_sigqueueinfo(const struct syscall_args *args)
{
    int32_t pid = (int32_t)args->a[0];
    int signal = (int)args->a[1];
    siginfo_t info;
    long error = read_info(&info, args->a[2], pid, signal);

    if (error)
        return error;
    if (signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    return pid > 0 ? kill_one(pid, &info, signal) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(const struct syscall_args *args)
{
    int32_t tgid = (int32_t)args->a[0], tid = (int32_t)args->a[1];
    int signal = (int)args->a[2];
    siginfo_t info;
    long error = read_info(&info, args->a[3], tgid, signal);

    if (error)
        return error;
    if (tgid <= 0 || tid <= 0 || signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    return send_to_thread(tgid, tid, &info, signal);
}
