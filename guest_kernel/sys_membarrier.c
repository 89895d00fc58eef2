/*
 * membarrier(2): memory barriers on the CPUs that run other threads, made by interrupts to them, which order and, as they end with
 * IRET, also serialise what those CPUs execute.  As Linux 6.1 has it.
 */
#include <asm/errno.h>
#include <linux/membarrier.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/task.h"
#include "lib/x86.h"

#define COMMANDS \
    (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | \
     MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

static void barrier_here(void *unused)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Whoever is in a restartable sequence there starts it again. */
static void restart_here(void *unused)
{
    struct task *t = task_current();

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (t->tell_switch & TELL_RSEQ)
        task_set_work(t, TASK_SWITCHED);
}

/* Before and after: the caller's own accesses are ordered against what the others do in between. */
static void barrier_on(uint64_t cpus, void (*fn)(void *))
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (cpu_count > 1)
        ipi_call(cpus, fn, NULL);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static long barrier_private(struct space *s, int command, uint32_t flags, int cpu)
{
    uint64_t cpus = space_cpus(s);

    /* The bit of a registration is the next one after its command's. */
    if (!(__atomic_load_n(space_barriers(s), __ATOMIC_RELAXED) & (uint32_t)command << 1))
        return -EPERM;
    if (flags & MEMBARRIER_CMD_FLAG_CPU) {
        if (cpu < 0 || cpu >= 64 || !cpu_is_online((uint32_t)cpu))
            return 0;
        cpus &= BIT(cpu);
    }
    barrier_on(cpus, command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? restart_here : barrier_here);
    if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
        (void)cpuid_count(0, 0); /* the caller itself may go back by SYSRET, which does not serialise */
    return 0;
}

long sys_membarrier(const struct syscall_args *args)
{
    int command = (int)args->a[0], cpu = (int)args->a[2];
    uint32_t flags = (uint32_t)args->a[1];
    struct space *s = task_current()->space;

    if (flags && (command != MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ || flags != MEMBARRIER_CMD_FLAG_CPU))
        return -EINVAL;
    switch (command) {
    case MEMBARRIER_CMD_QUERY:
        return COMMANDS;
    case MEMBARRIER_CMD_GLOBAL:
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
        barrier_on(~0ULL, barrier_here);
        return 0;
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
        __atomic_fetch_or(space_barriers(s), (uint32_t)command, __ATOMIC_RELAXED);
        return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
        return barrier_private(s, command, flags, cpu);
    default:
        return -EINVAL;
    }
}
