/*
 * See rseq.h; the rules are those of Linux (<linux/rseq.h>, and the man page of librseq).  Everything in the area and
 * in the descriptor it points to is the program's: read once, checked, used.  What is wrong ends in SIGSEGV, as there.
 */
#include "guest_kernel/rseq.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/rseq.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal.h"

#define AREA_SIZE 32u

static user_ptr area_field(const struct thread *t, size_t offset)
{
    return user(t->rseq + offset);
}

static int area_set_cpu(const struct thread *t, uint32_t start, uint32_t cpu)
{
    if (put_user(area_field(t, offsetof(struct rseq, cpu_id_start)), start))
        return -EFAULT;
    return put_user(area_field(t, offsetof(struct rseq, cpu_id)), cpu);
}

static int area_clear_sequence(const struct thread *t)
{
    uint64_t none = 0;

    return put_user(area_field(t, offsetof(struct rseq, rseq_cs)), none);
}

/* The descriptor and the signature in front of its abort handler: 0, -EFAULT or -EINVAL. */
static int sequence_read(const struct thread *t, uint64_t at, struct rseq_cs *cs)
{
    uint32_t signature;

    if (get_user(*cs, user(at)))
        return -EFAULT;
    if (cs->start_ip >= USER_END || cs->start_ip + cs->post_commit_offset >= USER_END ||
        cs->post_commit_offset >= USER_END || cs->abort_ip >= USER_END || cs->version > 0)
        return -EINVAL;
    if (cs->abort_ip - cs->start_ip < cs->post_commit_offset || cs->abort_ip < sizeof signature)
        return -EINVAL;
    if (get_user(signature, user(cs->abort_ip - sizeof signature)))
        return -EFAULT;
    return signature == t->rseq_signature ? 0 : -EINVAL;
}

/* Leave a sequence that regs->rip is in. */
static int sequence_abort(const struct thread *t, struct pt_regs *regs)
{
    struct rseq_cs cs;
    uint64_t at;

    if (get_user(at, area_field(t, offsetof(struct rseq, rseq_cs))))
        return -EFAULT;
    if (!at)
        return 0;
    int error = sequence_read(t, at, &cs);
    if (error)
        return error;
    if (area_clear_sequence(t))
        return -EFAULT;
    if (regs->rip - cs.start_ip < cs.post_commit_offset)
        regs->rip = cs.abort_ip;
    return 0;
}

static void rseq_update(struct pt_regs *regs)
{
    struct thread *t = thread_current();

    if (!t || !t->rseq)
        return;
    if (!sequence_abort(t, regs) && !area_set_cpu(t, cpu_index(), cpu_index()))
        return;
    siginfo_t fault = signal_info_kernel(SIGSEGV);
    signal_force(&fault);
}

void rseq_switched(struct pt_regs *regs)
{
    rseq_update(regs);
}

void rseq_interrupted(struct pt_regs *regs)
{
    rseq_update(regs);
}

void rseq_inherit(struct thread *child, const struct thread *parent)
{
    child->rseq = parent->rseq;
    child->rseq_signature = parent->rseq_signature;
    child->task->tell_switch = parent->rseq ? TELL_RSEQ : 0;
}

void rseq_forget(struct thread *t)
{
    t->rseq = 0;
    t->task->tell_switch &= ~TELL_RSEQ;
}

static long rseq_unregister(struct thread *t, uint64_t area, uint32_t length, uint32_t signature)
{
    if (!t->rseq || t->rseq != area || length != AREA_SIZE)
        return -EINVAL;
    if (t->rseq_signature != signature)
        return -EPERM;
    if (area_set_cpu(t, 0, (uint32_t)RSEQ_CPU_ID_UNINITIALIZED))
        return -EFAULT;
    rseq_forget(t);
    return 0;
}

long sys_rseq(const struct syscall_args *args)
{
    struct thread *t = thread_current();
    uint64_t area = args->a[0];
    uint32_t length = (uint32_t)args->a[1], signature = (uint32_t)args->a[3];
    int flags = (int)args->a[2];

    if (flags == RSEQ_FLAG_UNREGISTER)
        return rseq_unregister(t, area, length, signature);
    if (flags)
        return -EINVAL;
    if (t->rseq) {
        if (t->rseq != area || length != AREA_SIZE)
            return -EINVAL;
        return t->rseq_signature == signature ? -EBUSY : -EPERM;
    }
    if (!area || area % AREA_SIZE || length != AREA_SIZE)
        return -EINVAL;
    if (area >= USER_END)
        return -EFAULT;
    t->rseq = area;
    t->rseq_signature = signature;
    t->task->tell_switch |= TELL_RSEQ;
    task_set_work(t->task, TASK_SWITCHED); /* the CPU number is there when the call returns */
    return 0;
}
