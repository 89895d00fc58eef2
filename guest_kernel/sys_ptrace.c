/*
 * ptrace(2): which request it is, whether the caller may make it, and those that only look or store.
 */
#include <asm/errno.h>
#include <asm/ptrace-abi.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <linux/uio.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/ptrace.h"
#include "guest_kernel/ptrace_attach.h"

#define REQUEST_ARCH_PRCTL 30 /* <asm/ptrace-abi.h> names it for the kernel alone */

struct ptrace_call {
    struct thread *t;
    long request;
    uint64_t address, data;
};

static bool works_while_running(long request)
{
    return request == PTRACE_KILL || request == PTRACE_INTERRUPT;
}

/* The caller's tracee, frozen in its stop unless the request does without; -ESRCH.  Tree lock held. */
static long freeze(struct thread *t, long request)
{
    struct ptrace_state *s = &t->ptrace;
    long result = 0;

    if (s->exited || s->tracer != thread_current())
        return -ESRCH;
    if (works_while_running(request))
        return 0;
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    if (!s->stopped || s->listening || (signal_fatal_pending(t) && !s->dying))
        result = -ESRCH;
    else
        s->frozen = true;
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return result;
}

static void unfreeze(struct thread *t)
{
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);

    t->ptrace.frozen = false;
    if (signal_fatal_pending(t) && !t->ptrace.dying)
        ptrace_wake(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
}

static long peek(const struct ptrace_call *c)
{
    uint64_t word;

    if (space_access(c->t->task->space, c->address, &word, sizeof(word), SPACE_FORCE) != sizeof(word))
        return -EIO;
    return put_user(user(c->data), word);
}

static long poke(const struct ptrace_call *c)
{
    uint64_t word = c->data;
    size_t done = space_access(c->t->task->space, c->address, &word, sizeof(word), SPACE_FORCE | SPACE_WRITE);

    return done == sizeof(word) ? 0 : -EIO;
}

static long peek_user(const struct ptrace_call *c)
{
    uint64_t word;
    long error = ptrace_peek_user(c->t, c->address, &word);

    return error ? error : put_user(user(c->data), word);
}

static long whole_set(const struct ptrace_call *c, unsigned type, bool write, uint64_t size)
{
    return ptrace_register_set(c->t, type, write, c->data, &size);
}

static long register_set(const struct ptrace_call *c, bool write)
{
    struct iovec range;

    if (get_user(range, user(c->data)))
        return -EFAULT;
    uint64_t size = range.iov_len;
    long error = ptrace_register_set(c->t, (unsigned)c->address, write, (uint64_t)range.iov_base, &size);
    return error ? error : put_user(user(c->data + offsetof(struct iovec, iov_len)), size);
}

static long set_options(const struct ptrace_call *c)
{
    if (c->data & ~(uint64_t)PTRACE_O_MASK || c->data & PTRACE_O_SUSPEND_SECCOMP) /* there is no seccomp */
        return -EINVAL;
    uint64_t flags = spin_lock_irqsave(&c->t->process->signals.lock);
    c->t->ptrace.options = (uint32_t)c->data;
    spin_unlock_irqrestore(&c->t->process->signals.lock, flags);
    return 0;
}

static long get_siginfo(const struct ptrace_call *c)
{
    const siginfo_t *info = c->t->ptrace.info;

    return info ? copy_to_user(user(c->data), info, sizeof(*info)) : -EINVAL;
}

static long set_siginfo(const struct ptrace_call *c)
{
    siginfo_t info;

    if (get_user(info, user(c->data)))
        return -EFAULT;
    if (!c->t->ptrace.info)
        return -EINVAL;
    *c->t->ptrace.info = info;
    return 0;
}

/* The n-th queued signal of the thread, or of its process. */
static bool queued_info(struct thread *t, bool shared, uint64_t n, siginfo_t *info)
{
    struct signal_state *s = &t->process->signals;
    const struct signal_item *item;
    uint64_t flags = spin_lock_irqsave(&s->lock);

    TAILQ_FOREACH(item, shared ? &s->pending.items : &t->pending.items, link)
    {
        if (n--)
            continue;
        *info = item->info;
        break;
    }
    spin_unlock_irqrestore(&s->lock, flags);
    return item;
}

static long peek_siginfo(const struct ptrace_call *c)
{
    struct ptrace_peeksiginfo_args a;
    siginfo_t info;
    int32_t i;

    if (get_user(a, user(c->address)))
        return -EFAULT;
    if ((a.flags & ~(uint32_t)PTRACE_PEEKSIGINFO_SHARED) || a.nr < 0)
        return -EINVAL;
    for (i = 0; i < a.nr && a.off + i >= a.off; i++) {
        if (!queued_info(c->t, a.flags & PTRACE_PEEKSIGINFO_SHARED, a.off + (uint64_t)i, &info))
            break;
        if (put_user(user(c->data + (uint64_t)i * sizeof(info)), info))
            return i ? i : -EFAULT;
        if (task_signal_pending())
            return i + 1;
        task_relax();
    }
    return i;
}

static long signal_mask(const struct ptrace_call *c, bool write)
{
    struct thread *t = c->t;
    signal_set mask = t->restore_mask ? t->saved_mask : t->blocked;

    if (c->address != sizeof(mask))
        return -EINVAL;
    if (!write)
        return put_user(user(c->data), mask);
    if (get_user(mask, user(c->data)))
        return -EFAULT;
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    t->blocked = mask & ~SIGNALS_UNBLOCKABLE;
    t->restore_mask = false;
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return 0;
}

/* As much of `from` as the caller has room for; the result says how much there is. */
static long give(const struct ptrace_call *c, const void *from, uint64_t size)
{
    return copy_to_user(user(c->data), from, MIN(c->address, size)) ? -EFAULT : (long)size;
}

static long syscall_info(const struct ptrace_call *c)
{
    const struct pt_regs *regs = c->t->task->regs;
    const siginfo_t *info = c->t->ptrace.info;
    struct ptrace_syscall_info out = {
        .arch = AUDIT_ARCH_X86_64, .instruction_pointer = regs->rip, .stack_pointer = regs->rsp};
    uint64_t size = offsetof(struct ptrace_syscall_info, entry);

    if (info && info->si_code == (SIGTRAP | 0x80)) {
        if (c->t->ptrace.message == PTRACE_EVENTMSG_SYSCALL_ENTRY) {
            const uint64_t args[] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
            out.op = PTRACE_SYSCALL_INFO_ENTRY;
            out.entry.nr = (uint64_t)(int32_t)regs->orig_rax;
            for (unsigned i = 0; i < ARRAY_SIZE(args); i++)
                out.entry.args[i] = args[i];
            size = offsetof(struct ptrace_syscall_info, entry) + sizeof(out.entry);
        } else if (c->t->ptrace.message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
            out.op = PTRACE_SYSCALL_INFO_EXIT;
            out.exit.rval = (int64_t)regs->rax;
            out.exit.is_error = regs->rax >= (uint64_t)-4095;
            size = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
        }
    }
    return give(c, &out, size);
}

static long rseq_configuration(const struct ptrace_call *c)
{
    struct ptrace_rseq_configuration out = {.rseq_abi_pointer = c->t->rseq, .signature = c->t->rseq_signature};

    if (c->t->rseq)
        out.rseq_abi_size = 32; /* the only size that rseq(2) takes here */
    return give(c, &out, sizeof(out));
}

/* One trap more at least, whatever it does now; of what it may be in already, only PTRACE_LISTEN's wait ends. */
static long interrupt(struct thread *t)
{
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    long result = t->ptrace.seized ? 0 : -EIO;

    if (!result) {
        t->ptrace.trap_stop = true;
        if (t->ptrace.listening)
            ptrace_wake(t);
        signal_kick(t, false);
    }
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return result;
}

/* Stay in the group stop, and report what becomes of it. */
static long listen(struct thread *t)
{
    struct ptrace_state *s = &t->ptrace;
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    long result = s->seized && s->info && s->info->si_code >> 8 == PTRACE_EVENT_STOP ? 0 : -EIO;

    if (!result) {
        s->listening = true;
        s->frozen = false;
        if (s->trap_notify)
            ptrace_wake(t);
    }
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    return result;
}

static long detach(const struct ptrace_call *c)
{
    if (c->data > SIGNAL_COUNT)
        return -EIO;
    ptrace_step_disable(c->t);
    spin_lock(&process_tree_lock);
    c->t->ptrace.code = (uint32_t)c->data;
    ptrace_unlink(c->t);
    spin_unlock(&process_tree_lock);
    return 0;
}

static long run_request(const struct ptrace_call *c)
{
    struct thread *t = c->t;

    switch (c->request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(c);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke(c);
    case PTRACE_PEEKUSR:
        return peek_user(c);
    case PTRACE_POKEUSR:
        return ptrace_poke_user(t, c->address, c->data);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
    case PTRACE_SINGLESTEP:
    case PTRACE_SINGLEBLOCK:
        return ptrace_resume(t, c->request, c->data);
    case PTRACE_DETACH:
        return detach(c);
    case PTRACE_GETREGS:
        return whole_set(c, NT_PRSTATUS, false, UINT64_MAX - 7);
    case PTRACE_SETREGS:
        return whole_set(c, NT_PRSTATUS, true, UINT64_MAX - 7);
    case PTRACE_GETFPREGS:
        return whole_set(c, NT_PRFPREG, false, UINT64_MAX - 7);
    case PTRACE_SETFPREGS:
        return whole_set(c, NT_PRFPREG, true, UINT64_MAX - 7);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return register_set(c, c->request == PTRACE_SETREGSET);
    case PTRACE_OLDSETOPTIONS:
    case PTRACE_SETOPTIONS:
        return set_options(c);
    case PTRACE_GETEVENTMSG:
        return put_user(user(c->data), t->ptrace.message);
    case PTRACE_GETSIGINFO:
        return get_siginfo(c);
    case PTRACE_SETSIGINFO:
        return set_siginfo(c);
    case PTRACE_PEEKSIGINFO:
        return peek_siginfo(c);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return signal_mask(c, c->request == PTRACE_SETSIGMASK);
    case PTRACE_LISTEN:
        return listen(t);
    case PTRACE_GET_SYSCALL_INFO:
        return syscall_info(c);
    case PTRACE_GET_RSEQ_CONFIGURATION:
        return rseq_configuration(c);
    case REQUEST_ARCH_PRCTL:
        return ptrace_arch_prctl(t, (int)c->data, c->address);
    case PTRACE_SECCOMP_GET_FILTER: /* as a Linux without seccomp */
    case PTRACE_SECCOMP_GET_METADATA:
        return -EINVAL;
    default:
        return -EIO;
    }
}

/* Tree lock held. */
static long run_at_once(struct thread *t, long request)
{
    siginfo_t kill = signal_info_user(SIGKILL, SI_USER);

    return request == PTRACE_KILL ? signal_send_process(t->process, &kill) : interrupt(t);
}

/* A request that lets the tracee go has done so; it may be gone. */
static bool lets_go(const struct ptrace_call *c)
{
    switch (c->request) {
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
    case PTRACE_SINGLESTEP:
    case PTRACE_DETACH:
    case PTRACE_LISTEN:
        return true;
    default:
        return false;
    }
}

long sys_ptrace(const struct syscall_args *args)
{
    struct ptrace_call c = {.request = (long)args->a[0], .address = args->a[2], .data = args->a[3]};
    int32_t tid = (int32_t)args->a[1];
    long result = -ESRCH;

    if (c.request == PTRACE_TRACEME)
        return ptrace_traceme();
    if (c.request == PTRACE_ATTACH || c.request == PTRACE_SEIZE)
        return ptrace_attach(tid, c.request == PTRACE_SEIZE, c.address, c.data);
    spin_lock(&process_tree_lock);
    c.t = thread_lookup(tid);
    if (c.t)
        result = freeze(c.t, c.request);
    if (!result && works_while_running(c.request)) {
        result = run_at_once(c.t, c.request);
        spin_unlock(&process_tree_lock);
        return result;
    }
    spin_unlock(&process_tree_lock);
    if (result)
        return result;
    while (!task_is_parked(c.t->task)) /* it is on its way into its stop */
        task_yield();
    result = run_request(&c);
    if (result || !lets_go(&c))
        unfreeze(c.t);
    return result;
}
