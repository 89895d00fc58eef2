/*
 * sigaltstack(2).
 */
#include "guest_kernel/alt_stack.h"

#include <asm/errno.h>

#include "abi/syscalls.h"
#include "lib/string.h"

#define FRAME_SIZE_BOUND 440 /* struct signal_frame */
#define SS_FLAG_BITS SS_AUTODISARM

bool alt_stack_contains(const struct thread *t, uint64_t sp)
{
    if (t->alt_stack_flags & SS_AUTODISARM)
        return false;
    return sp > t->alt_stack && sp - t->alt_stack <= t->alt_stack_size;
}

bool alt_stack_is_free(const struct thread *t, uint64_t sp)
{
    return t->alt_stack_size && !alt_stack_contains(t, sp);
}

void alt_stack_get(const struct thread *t, stack_t *out)
{
    memset(out, 0, sizeof *out); /* the hole between its members, too: it goes to the program */
    out->ss_sp = (void *)t->alt_stack;
    out->ss_flags = (int)t->alt_stack_flags;
    out->ss_size = t->alt_stack_size;
}

void alt_stack_forget(struct thread *t)
{
    t->alt_stack = t->alt_stack_size = 0;
    t->alt_stack_flags = SS_DISABLE;
}

void alt_stack_disarm(struct thread *t)
{
    if (t->alt_stack_flags & SS_AUTODISARM)
        alt_stack_forget(t);
}

long alt_stack_set(struct thread *t, const stack_t *s, uint64_t sp)
{
    int mode = s->ss_flags & ~SS_FLAG_BITS;

    if (alt_stack_contains(t, sp))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (t->alt_stack == (uint64_t)s->ss_sp && t->alt_stack_size == s->ss_size && (int)t->alt_stack_flags == s->ss_flags)
        return 0; /* as it is: also where a process that never had one says so (Linux since 5.16) */
    if (mode == SS_DISABLE) {
        t->alt_stack = t->alt_stack_size = 0;
    } else {
        if (s->ss_size < MINSIGSTKSZ)
            return -ENOMEM;
        t->alt_stack = (uint64_t)s->ss_sp;
        t->alt_stack_size = s->ss_size;
    }
    t->alt_stack_flags = s->ss_flags;
    return 0;
}

void alt_stack_set_from_frame(struct thread *t, const stack_t *s, uint64_t sp)
{
    (void)alt_stack_set(t, s, sp); /* Linux ignores the refusal here too */
}

uint64_t alt_stack_minimum(void)
{
    /* The frame, the XSAVE area, and what both may lose to alignment. */
    return FRAME_SIZE_BOUND + fpu_frame_size() + 64 + 16;
}

long sys_sigaltstack(const struct syscall_args *args)
{
    struct thread *t = thread_current();
    uint64_t sp = task_current()->regs->rsp;
    stack_t new_stack, old;
    long result = 0;

    alt_stack_get(t, &old);
    if (args->a[0] && get_user(new_stack, user(args->a[0])))
        return -EFAULT;
    old.ss_flags = t->alt_stack_size ? (int)(t->alt_stack_flags & SS_FLAG_BITS) : SS_DISABLE;
    if (alt_stack_contains(t, sp))
        old.ss_flags |= SS_ONSTACK;
    if (args->a[0])
        result = alt_stack_set(t, &new_stack, sp);
    if (!result && args->a[1] && put_user(user(args->a[1]), old))
        result = -EFAULT;
    return result;
}
