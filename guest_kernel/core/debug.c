/*
 * See debug.h.
 */
#include "guest_kernel/core/debug.h"

#include <asm-generic/errno.h>
#include <asm/siginfo.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/user.h"
#include "lib/x86.h"

#define DR6_RESERVED    0xffff0ff0ULL
#define DR6_HITS        0xfULL
#define DR6_SINGLE_STEP BIT(14)
#define DR7_FIXED       BIT(10)
#define DR7_EXACT       (BIT(8) | BIT(9))
#define DR7_RESERVED    0xffffffff0000fc00ULL /* with GD, which is the kernel's alone */

enum { STATUS = 6, CONTROL = 7 };
enum { KIND_EXECUTE, KIND_WRITE, KIND_IO, KIND_ACCESS };

static bool is_enabled(uint64_t control, unsigned n)
{
    return control >> (2 * n) & 3;
}

static unsigned kind_of(uint64_t control, unsigned n)
{
    return control >> (16 + 4 * n) & 3;
}

static unsigned length_of(uint64_t control, unsigned n)
{
    static const uint8_t lengths[] = {1, 2, 8, 4};

    return lengths[control >> (18 + 4 * n) & 3];
}

/* What is enabled must be of user memory, aligned to its length; one byte for instructions; no ports. */
static bool is_allowed(const struct debug_registers *d, uint64_t control, unsigned n)
{
    unsigned kind = kind_of(control, n), length = length_of(control, n);

    if (!is_enabled(control, n))
        return true;
    return kind != KIND_IO && (kind != KIND_EXECUTE || length == 1) && IS_ALIGNED(d->address[n], (uint64_t)length);
}

static long control_set(struct debug_registers *d, uint64_t value)
{
    for (unsigned n = 0; n < DEBUG_ADDRESSES; n++)
        if (!is_allowed(d, value, n))
            return -EINVAL;
    d->control = value;
    return 0;
}

static long address_set(struct debug_registers *d, unsigned n, uint64_t value)
{
    uint64_t old = d->address[n];

    if (value >= USER_END)
        return -EINVAL;
    d->address[n] = value;
    if (is_allowed(d, d->control, n))
        return 0;
    d->address[n] = old;
    return -EINVAL;
}

long debug_register_set(struct task *t, unsigned number, uint64_t value)
{
    if (number == STATUS) {
        t->debug_status = value ^ DR6_RESERVED;
        return 0;
    }
    if (number >= DEBUG_ADDRESSES && number != CONTROL)
        return -EIO;
    if (!t->debug)
        t->debug = mem_alloc_zero(sizeof *t->debug);
    if (!t->debug)
        return -ENOMEM;
    long error = number == CONTROL ? control_set(t->debug, value) : address_set(t->debug, number, value);

    if (!error) {
        t->tell_switch |= TELL_DEBUG;
        task_set_work(t, TASK_SWITCHED);
    }
    return error;
}

uint64_t debug_register_get(const struct task *t, unsigned number)
{
    if (number == STATUS)
        return t->debug_status ^ DR6_RESERVED;
    if (!t->debug || (number >= DEBUG_ADDRESSES && number != CONTROL))
        return 0;
    return number == CONTROL ? t->debug->control : t->debug->address[number];
}

static void control_write(uint64_t control)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(control));
}

static uint64_t enabled_mask(const struct debug_registers *d)
{
    uint64_t mask = 0;

    for (unsigned n = 0; d && n < DEBUG_ADDRESSES; n++)
        if (is_enabled(d->control, n))
            mask |= BIT(n);
    return mask;
}

void debug_registers_load(void)
{
    const struct debug_registers *d = task_current()->debug;
    bool any = enabled_mask(d);

    control_write(DR7_FIXED);
    if (!any)
        return;
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3"
                     :
                     : "r"(d->address[0]), "r"(d->address[1]), "r"(d->address[2]), "r"(d->address[3]));
    control_write((d->control & ~DR7_RESERVED) | DR7_FIXED | DR7_EXACT);
}

void debug_registers_forget(struct task *t)
{
    struct debug_registers *old = t->debug;

    t->debug_status = 0;
    if (!old)
        return;
    t->debug = NULL;
    t->tell_switch &= ~TELL_DEBUG;
    mem_free(old);
    debug_registers_load();
}

/* An instruction breakpoint comes before its instruction: RF lets that run once (SDM vol. 3 section 18.3.1.1). */
static void step_over_breakpoint(const struct debug_registers *d, uint64_t hits, struct pt_regs *regs)
{
    for (unsigned n = 0; n < DEBUG_ADDRESSES; n++)
        if ((hits & BIT(n)) && kind_of(d->control, n) == KIND_EXECUTE)
            regs->eflags |= RFLAGS_RF;
}

int debug_exception(struct pt_regs *regs)
{
    struct task *t = task_current();
    uint64_t status, own;

    /* It collects, so it is cleared (SDM vol. 3 section 18.2.3). */
    __asm__ volatile("mov %%dr6, %0" : "=r"(status));
    __asm__ volatile("mov %0, %%dr6" : : "r"(DR6_RESERVED));
    status = (status ^ DR6_RESERVED) & (DR6_HITS | DR6_SINGLE_STEP);
    own = status & DR6_HITS & enabled_mask(t->debug);
    t->debug_status = own | (status & DR6_SINGLE_STEP);
    if (own)
        step_over_breakpoint(t->debug, own, regs);
    if (status & DR6_SINGLE_STEP)
        return TRAP_TRACE;
    if (own)
        return TRAP_HWBKPT;
    if (!status) /* ICEBP says nothing */
        return TRAP_BRKPT;
    debug_registers_load(); /* another task's, left in this CPU */
    return 0;
}
