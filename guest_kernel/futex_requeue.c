/*
 * Operations on two futexes: FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/syscalls.h"
#include "guest_kernel/futex_inner.h"

#define OPERAND_BITS 12

struct pair {
    struct futex_key key, key2;
    struct futex_bucket *b, *b2;
};

static long pair_make(struct pair *p, const struct syscall_args *args, bool write)
{
    bool shared = !(args->a[1] & FUTEX_PRIVATE_FLAG);
    long error = futex_key_make(&p->key, args->a[0], shared, false);

    if (!error)
        error = futex_key_make(&p->key2, args->a[4], shared, write);
    if (error)
        return error;
    p->b = futex_bucket_of(&p->key);
    p->b2 = futex_bucket_of(&p->key2);
    return 0;
}

static long requeue_locked(struct pair *p, uint32_t wake, uint32_t move)
{
    struct futex_waiter *w, *next;
    uint32_t woken = 0, moved = 0;

    TAILQ_FOREACH_SAFE(w, &p->b->waiters, link, next)
    {
        if (!futex_key_equal(&w->key, &p->key))
            continue;
        if (w->goes)
            return -EINVAL;
        if (woken < wake) {
            futex_wake_one(p->b, w);
            woken++;
            continue;
        }
        if (moved >= move)
            break;
        moved++;
        if (futex_key_equal(&p->key, &p->key2))
            continue; /* where it is already: it is only counted */
        w->key = p->key2;
        TAILQ_REMOVE(&p->b->waiters, w, link);
        futex_insert(p->b2, w);
    }
    return (long)woken + moved;
}

long futex_requeue(const struct syscall_args *args)
{
    bool compare = (args->a[1] & (uint32_t)FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE;
    uint32_t value = 0;
    struct pair p;

    if ((int32_t)args->a[2] < 0 || (int32_t)args->a[3] < 0)
        return -EINVAL;
    long result = pair_make(&p, args, false);
    while (!result) {
        futex_lock_both(p.b, p.b2);
        int fault = compare ? user_load32_now(&value, user(args->a[0])) : 0;
        if (!fault && compare && value != (uint32_t)args->a[5])
            result = -EAGAIN;
        else if (!fault)
            result = requeue_locked(&p, (uint32_t)args->a[2], (uint32_t)args->a[3]);
        futex_unlock_both(p.b, p.b2);
        if (!fault)
            break;
        result = user_touch32(user(args->a[0]), false);
    }
    return result;
}

/* FUTEX_WAKE_OP's third value: what is done to the second word, and how its old value is judged. */
struct operation {
    uint32_t operation, comparison;
    int32_t operand, against;
};

static int32_t sign_extended(uint32_t value)
{
    return (int32_t)(value << (32 - OPERAND_BITS)) >> (32 - OPERAND_BITS);
}

static long operation_read(struct operation *o, uint32_t encoded)
{
    *o =
        (struct operation){encoded >> 28 & 7, encoded >> 24 & 15, sign_extended(encoded >> 12), sign_extended(encoded)};
    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        o->operand = (int32_t)(1U << (o->operand & 31));
    return o->operation > FUTEX_OP_XOR ? -ENOSYS : 0;
}

static uint32_t operate(const struct operation *o, uint32_t value)
{
    switch (o->operation) {
    case FUTEX_OP_SET:
        return (uint32_t)o->operand;
    case FUTEX_OP_ADD:
        return value + (uint32_t)o->operand;
    case FUTEX_OP_OR:
        return value | (uint32_t)o->operand;
    case FUTEX_OP_ANDN:
        return value & ~(uint32_t)o->operand;
    default:
        return value ^ (uint32_t)o->operand;
    }
}

/* 1, 0, -ENOSYS. */
static long judge(const struct operation *o, int32_t old)
{
    switch (o->comparison) {
    case FUTEX_OP_CMP_EQ:
        return old == o->against;
    case FUTEX_OP_CMP_NE:
        return old != o->against;
    case FUTEX_OP_CMP_LT:
        return old < o->against;
    case FUTEX_OP_CMP_GE:
        return old >= o->against;
    case FUTEX_OP_CMP_LE:
        return old <= o->against;
    case FUTEX_OP_CMP_GT:
        return old > o->against;
    default:
        return -ENOSYS;
    }
}

/* Changes the word, in one step: its old value. */
static int word_operate(const struct operation *o, uint64_t address, uint32_t *old)
{
    uint32_t expected, seen;

    if (user_load32_now(&seen, user(address)))
        return -EFAULT;
    do {
        expected = seen;
        if (user_compare_exchange32_now(user(address), &seen, operate(o, expected)))
            return -EFAULT;
    } while (seen != expected);
    *old = seen;
    return 0;
}

static long wake_both(struct pair *p, const struct syscall_args *args, long also)
{
    if (also < 0)
        return also;
    long woken = futex_wake_locked(p->b, &p->key, (uint32_t)args->a[2], FUTEX_BITSET_MATCH_ANY);
    if (woken < 0 || !also)
        return woken;
    long more = futex_wake_locked(p->b2, &p->key2, (uint32_t)args->a[3], FUTEX_BITSET_MATCH_ANY);
    return more < 0 ? more : woken + more;
}

long futex_wake_op(const struct syscall_args *args)
{
    struct operation o;
    struct pair p;
    uint32_t old;
    long result = pair_make(&p, args, true);

    if (!result)
        result = operation_read(&o, (uint32_t)args->a[5]);
    while (!result) {
        futex_lock_both(p.b, p.b2);
        int fault = word_operate(&o, args->a[4], &old);
        if (!fault)
            result = wake_both(&p, args, judge(&o, (int32_t)old));
        futex_unlock_both(p.b, p.b2);
        if (!fault)
            break;
        result = user_touch32(user(args->a[4]), true);
    }
    return result;
}
