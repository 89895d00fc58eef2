/*
 * Printers of scheduling attributes, of futex_waitv's array and of FUTEX_WAKE_OP's operation.
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "abi/decode_internal.h"

static const struct name attr_flags[] = {NAME(SCHED_FLAG_RESET_ON_FORK),  NAME(SCHED_FLAG_RECLAIM),
                                         NAME(SCHED_FLAG_DL_OVERRUN),     NAME(SCHED_FLAG_KEEP_POLICY),
                                         NAME(SCHED_FLAG_KEEP_PARAMS),    NAME(SCHED_FLAG_UTIL_CLAMP_MIN),
                                         NAME(SCHED_FLAG_UTIL_CLAMP_MAX), NAME_END};

static void print_attr(struct decoder *d, enum memory which, uint64_t address)
{
    struct sched_attr a = {0};
    size_t known = memory_read_some(d, which, address, &a, sizeof a);

    if (!address || known < sizeof a.size) {
        out_address(d, address);
        return;
    }
    uint32_t size = a.size ? a.size : SCHED_ATTR_SIZE_VER0;

    if (size >= SCHED_ATTR_SIZE_VER0 && known < MIN(size, (uint32_t)sizeof a)) {
        out_address(d, address);
        return;
    }
    out(d, "{size=%u", a.size);
    if (size < SCHED_ATTR_SIZE_VER0) {
        out_text(d, "}");
        return;
    }
    if (!(a.sched_flags & SCHED_FLAG_KEEP_ALL) || (int32_t)a.sched_policy < 0) {
        out(d, ", sched_policy=");
        print_sched_policy(d, a.sched_policy);
    }
    out(d, ", sched_flags=");
    out_flags(d, attr_flags, a.sched_flags, "SCHED_FLAG_???");
    if (!(a.sched_flags & SCHED_FLAG_KEEP_PARAMS))
        out(d, ", sched_nice=%d, sched_priority=%u, sched_runtime=%llu, sched_deadline=%llu, sched_period=%llu",
            a.sched_nice, a.sched_priority, (unsigned long long)a.sched_runtime, (unsigned long long)a.sched_deadline,
            (unsigned long long)a.sched_period);
    if (size >= SCHED_ATTR_SIZE_VER1)
        out(d, ", sched_util_min=%u, sched_util_max=%u", a.sched_util_min, a.sched_util_max);
    out(d, size > sizeof a ? ", ...}" : "}");
}

/* A size that the kernel does not know is answered with the one that it does. */
void print_sched_attr_in(struct decoder *d, uint64_t value)
{
    uint32_t size;

    print_attr(d, MEMORY_IN, value);
    if (call_returned(d) && d->call->result == -E2BIG && memory_read(d, MEMORY_OUT, value, &size, sizeof size))
        out(d, " => {size=%u}", size);
}

void print_sched_attr_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_attr(d, MEMORY_OUT, value);
    else
        out_address(d, value);
}

static void print_waiter(struct decoder *d, const struct futex_waitv *w)
{
    static const struct name flags[] = {NAME(FUTEX_32), NAME(FUTEX_PRIVATE_FLAG), NAME_END};

    out(d, "{val=%#llx, uaddr=", (unsigned long long)w->val);
    out_address(d, w->uaddr);
    out(d, ", flags=");
    out_flags(d, flags, w->flags, "FUTEX_???");
    if (w->__reserved)
        out(d, ", __reserved=%#x", w->__reserved);
    out(d, "}");
}

void print_futex_waitv(struct decoder *d, uint64_t value)
{
    uint32_t count = (uint32_t)d->call->args[d->index + 1];
    struct futex_waitv w;

    if (!value || (count && !memory_read(d, MEMORY_IN, value, &w, sizeof w))) {
        out_address(d, value);
        return;
    }
    out(d, "[");
    for (uint32_t i = 0; i < count; i++) {
        out(d, i ? ", " : "");
        bool known = memory_read(d, MEMORY_IN, value + i * sizeof w, &w, sizeof w);
        if (!known || i >= elements_max(d)) {
            out(d, known ? "..." : "... /* %#llx */", (unsigned long long)(value + i * sizeof w));
            break;
        }
        print_waiter(d, &w);
    }
    out(d, "]");
}

/* NAME<<N; a remark on what has no name stands behind it. */
static void out_shifted(struct decoder *d, const struct name *names, uint32_t value, unsigned shift, const char *unknown)
{
    if (name_find(names, value) || d->style->names == DECODE_NUMBERS) {
        out_name(d, names, value, NULL);
        out(d, "<<%u", shift);
    } else {
        out(d, "%#x<<%u /* %s */", value, shift, unknown);
    }
}

void out_futex_wake_op(struct decoder *d, uint32_t value)
{
    static const struct name operations[] = {NAME(FUTEX_OP_SET),  NAME(FUTEX_OP_ADD), NAME(FUTEX_OP_OR),
                                             NAME(FUTEX_OP_ANDN), NAME(FUTEX_OP_XOR), NAME_END};
    static const struct name comparisons[] = {NAME(FUTEX_OP_CMP_EQ),
                                              NAME(FUTEX_OP_CMP_NE),
                                              NAME(FUTEX_OP_CMP_LT),
                                              NAME(FUTEX_OP_CMP_LE),
                                              NAME(FUTEX_OP_CMP_GT),
                                              NAME(FUTEX_OP_CMP_GE),
                                              NAME_END};
    uint32_t operation = value >> 28;

    if (operation & FUTEX_OP_OPARG_SHIFT)
        out(d, "FUTEX_OP_OPARG_SHIFT<<28|");
    out_shifted(d, operations, operation & 7, 28, "FUTEX_OP_???");
    out(d, "|%#x<<12|", value >> 12 & 0xfff);
    out_shifted(d, comparisons, value >> 24 & 15, 24, "FUTEX_OP_CMP_???");
    out(d, "|%#x", value & 0xfff);
}
