/*
 * Making and freeing tasks, and what a task says about itself.  The scheduler proper is sched.c.
 */
#include "guest_kernel/core/task.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/sched.h"
#include "guest_kernel/core/space_init.h"
#include "guest_kernel/core/stacks.h"
#include "guest_kernel/core/task_init.h"
#include "guest_kernel/core/task_reaper.h"
#include "lib/log.h"
#include "lib/string.h"

/* switch.S: where a new task begins; it pops what switch_stacks() pushes. */
void task_entry_kernel(void);
void task_entry_user(void);
noreturn void task_kernel_returned(void);

struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t entry;
};

static struct slab_cache *task_cache;
static const struct task_ops *task_ops; /* set once, before the first user task */

void task_init(void)
{
    task_cache = slab_cache_create("task", sizeof(struct task));
    reaper_start();
}

static struct task *task_create(uint64_t top_reserved)
{
    struct task *t = slab_alloc_zero(task_cache);

    if (!t)
        return NULL;
    t->kernel_stack = stack_alloc();
    if (!t->kernel_stack) {
        slab_free(task_cache, t);
        return NULL;
    }
    t->kernel_stack_top = (uintptr_t)t->kernel_stack + KERNEL_STACK_SIZE;
    t->kernel_rsp = t->kernel_stack_top - top_reserved - sizeof(struct switch_frame);
    t->state = TASK_NEW;
    t->call_nr = ~0UL;
    sched_inherit(t, task_current());
    t->cpu = cpu_index();
    t->vector_cpu = UINT32_MAX;
    t->allowed = task_current()->allowed;
    return t;
}

struct task *task_create_kernel(const char *name, void (*run)(void *), void *argument)
{
    struct task *t = task_create(16); /* a zero frame ends backtraces, and keeps the ABI's alignment */

    if (!t)
        return NULL;
    memset((void *)(t->kernel_stack_top - 16), 0, 16);
    *(struct switch_frame *)t->kernel_rsp =
        (struct switch_frame){.r12 = (uintptr_t)run, .r13 = (uintptr_t)argument, .entry = (uintptr_t)task_entry_kernel};
    string_copy(t->comm, name, sizeof t->comm);
    return t;
}

struct task *task_create_user(const struct pt_regs *regs)
{
    struct task *t = task_create(sizeof *regs);

    if (!t)
        return NULL;
    t->xsave = fpu_create();
    if (!t->xsave) {
        task_free(t);
        return NULL;
    }
    if (capture_page()) {
        struct page *p = page_alloc_zero();

        t->capture = p ? page_address(p) : NULL; /* without it, its calls are traced without their bytes */
    }
    t->regs = (struct pt_regs *)t->kernel_stack_top - 1;
    *t->regs = *regs;
    t->fs_base = task_fs_base();
    t->gs_base = task_gs_base();
    t->selectors = task_selectors();
    t->work = TASK_IRET;
    *(struct switch_frame *)t->kernel_rsp = (struct switch_frame){.entry = (uintptr_t)task_entry_user};
    return t;
}

void task_free(struct task *t)
{
    stack_free(t->kernel_stack);
    deadline_free(t->deadline);
    cred_drop(&t->cred);
    if (t->xsave)
        fpu_destroy(t);
    mem_free(t->debug);
    mem_free(t->requested);
    if (t->capture)
        page_put(page_of_address(t->capture));
    slab_free(task_cache, t);
}

void task_kernel_returned(void)
{
    task_exit(task_free);
}

void task_set_work(struct task *t, uint64_t bits)
{
    __atomic_fetch_or(&t->work, bits, __ATOMIC_SEQ_CST);
    if (cpu_count > 1)
        sched_notice_work(t);
}

struct space *task_switch_space(struct space *new_space)
{
    struct task *t = task_current();
    uint64_t flags = rflags_read();

    irq_disable();
    struct space *old = t->space;

    t->space = new_space;
    space_load(new_space);
    if (flags & RFLAGS_IF)
        irq_enable();
    return old;
}

void task_set_ops(const struct task_ops *ops)
{
    task_ops = ops;
}

void task_user_fault(int signal, int si_code, uint64_t address, int trap, uint64_t error_code)
{
    if (!task_ops || !task_ops->user_fault)
        panic("task: user fault at 0x%lx (signal %d, trap %d), and nobody handles it", address, signal, trap);
    task_ops->user_fault(signal, si_code, address, trap, error_code);
}

void task_signal_work(struct pt_regs *regs)
{
    if (task_ops && task_ops->signal_work)
        task_ops->signal_work(regs);
}

void task_raise(int signal)
{
    if (task_ops && task_ops->raise)
        task_ops->raise(signal);
}

bool task_is_dying(void)
{
    return task_ops && task_ops->is_dying && task_ops->is_dying();
}

void task_switched(struct pt_regs *regs)
{
    if (task_ops && task_ops->switched)
        task_ops->switched(regs);
}

void task_times(void)
{
    if (task_ops && task_ops->times)
        task_ops->times();
}

bool task_call_entered(struct pt_regs *regs)
{
    return !task_ops || !task_ops->call_entered || task_ops->call_entered(regs);
}

void task_call_left(struct pt_regs *regs)
{
    if (task_ops && task_ops->call_left)
        task_ops->call_left(regs);
}

bool task_out_of_memory(unsigned attempt)
{
    return task_ops && task_ops->out_of_memory && task_ops->out_of_memory(attempt);
}

uint64_t task_limit(unsigned resource)
{
    return task_ops && task_ops->limit ? task_ops->limit(resource) : UINT64_MAX;
}
