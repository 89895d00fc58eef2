/*
 * Lists of names that concern memory, processes, signals, time and System V IPC.
 */
#include "abi/decode_internal.h"

#include <asm/mman.h>
#include <linux/membarrier.h>
#include <linux/pidfd.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/timerfd.h>
#include <linux/wait.h>

void print_prot(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(PROT_NONE), NAME(PROT_READ), NAME(PROT_WRITE), NAME(PROT_EXEC), NAME(PROT_SEM),
                                        NAME(PROT_GROWSDOWN), NAME(PROT_GROWSUP), NAME_END};

    out_flags(d, names, value, "PROT_???");
}

void print_mmap_flags(struct decoder *d, uint64_t value)
{
    static const struct name types[] = {NAME(MAP_SHARED), NAME(MAP_PRIVATE), NAME(MAP_SHARED_VALIDATE),
                                        {0, "MAP_FILE"}, NAME_END};
    static const struct name names[] = {
        NAME(MAP_FIXED),    NAME(MAP_ANONYMOUS),  NAME(MAP_32BIT), NAME(MAP_NORESERVE), NAME(MAP_POPULATE),
        NAME(MAP_NONBLOCK), NAME(MAP_GROWSDOWN),  NAME(MAP_DENYWRITE), NAME(MAP_EXECUTABLE), NAME(MAP_LOCKED),
        NAME(MAP_STACK),    NAME(MAP_HUGETLB),    NAME(MAP_SYNC),  NAME(MAP_FIXED_NOREPLACE), NAME_END};
    uint64_t huge = value & ((uint64_t)MAP_HUGE_MASK << MAP_HUGE_SHIFT);
    uint64_t rest = value & ~huge & ~(uint64_t)MAP_TYPE;
    struct parts p;

    if (!parts_begin(d, value, &p))
        return;
    out_name(d, types, value & MAP_TYPE, "MAP_???");
    if (rest) {
        out(d, "|");
        out_flags(d, names, rest, "MAP_???");
    }
    if (huge)
        out(d, "|%llu<<MAP_HUGE_SHIFT", (unsigned long long)(huge >> MAP_HUGE_SHIFT));
    parts_end(d, &p);
}

DECODE_FLAGS(mremap_flags, "MREMAP_???", NAME(MREMAP_MAYMOVE), NAME(MREMAP_FIXED), NAME(MREMAP_DONTUNMAP))

void print_mremap_address(struct decoder *d, uint64_t value)
{
    uint64_t both = MREMAP_MAYMOVE | MREMAP_FIXED;

    if ((d->call->args[d->index - 1] & both) == both)
        out_address(d, value);
    else
        d->skipped = true;
}

DECODE_FLAGS(msync_flags, "MS_???", NAME(MS_SYNC), NAME(MS_ASYNC), NAME(MS_INVALIDATE))

DECODE_VALUES(madvice, "MADV_???", NAME(MADV_NORMAL), NAME(MADV_RANDOM), NAME(MADV_SEQUENTIAL), NAME(MADV_WILLNEED),
       NAME(MADV_DONTNEED), NAME(MADV_FREE), NAME(MADV_REMOVE), NAME(MADV_DONTFORK), NAME(MADV_DOFORK),
       NAME(MADV_MERGEABLE), NAME(MADV_UNMERGEABLE), NAME(MADV_HUGEPAGE), NAME(MADV_NOHUGEPAGE), NAME(MADV_DONTDUMP),
       NAME(MADV_DODUMP), NAME(MADV_WIPEONFORK), NAME(MADV_KEEPONFORK), NAME(MADV_COLD), NAME(MADV_PAGEOUT),
       NAME(MADV_POPULATE_READ), NAME(MADV_POPULATE_WRITE), NAME(MADV_HWPOISON), NAME(MADV_SOFT_OFFLINE))

DECODE_FLAGS(mlock_flags, "MLOCK_???", NAME(MLOCK_ONFAULT))

DECODE_FLAGS(mlockall_flags, "MCL_???", NAME(MCL_CURRENT), NAME(MCL_FUTURE), NAME(MCL_ONFAULT))

DECODE_FLAGS(wait_options, "W???", NAME(WNOHANG), NAME(WEXITED), {WUNTRACED, "WSTOPPED"}, NAME(WCONTINUED), NAME(WNOWAIT),
      NAME(__WCLONE), NAME(__WALL), NAME(__WNOTHREAD))

DECODE_VALUES(waitid_type, "P_???", NAME(P_ALL), NAME(P_PID), NAME(P_PGID), NAME(P_PIDFD))

DECODE_VALUES(rusage_who, "RUSAGE_???", {0, "RUSAGE_SELF"}, {UINT32_MAX, "RUSAGE_CHILDREN"}, {UINT32_MAX - 1, "RUSAGE_BOTH"},
       {1, "RUSAGE_THREAD"})

DECODE_VALUES(rlimit_resource, "RLIMIT_???", NAME(RLIMIT_CPU), NAME(RLIMIT_FSIZE), NAME(RLIMIT_DATA), NAME(RLIMIT_STACK),
       NAME(RLIMIT_CORE), NAME(RLIMIT_RSS), NAME(RLIMIT_NPROC), NAME(RLIMIT_NOFILE), NAME(RLIMIT_MEMLOCK),
       NAME(RLIMIT_AS), NAME(RLIMIT_LOCKS), NAME(RLIMIT_SIGPENDING), NAME(RLIMIT_MSGQUEUE), NAME(RLIMIT_NICE),
       NAME(RLIMIT_RTPRIO), NAME(RLIMIT_RTTIME))

DECODE_VALUES(prio_which, "PRIO_???", NAME(PRIO_PROCESS), NAME(PRIO_PGRP), NAME(PRIO_USER))

DECODE_VALUES(sched_policy, "SCHED_???", {SCHED_NORMAL, "SCHED_OTHER"}, NAME(SCHED_FIFO), NAME(SCHED_RR), NAME(SCHED_BATCH),
       NAME(SCHED_IDLE), NAME(SCHED_DEADLINE))

DECODE_VALUES(itimer, "ITIMER_???", NAME(ITIMER_REAL), NAME(ITIMER_VIRTUAL), NAME(ITIMER_PROF))

DECODE_VALUES(clockid, "CLOCK_???", NAME(CLOCK_REALTIME), NAME(CLOCK_MONOTONIC), NAME(CLOCK_PROCESS_CPUTIME_ID),
       NAME(CLOCK_THREAD_CPUTIME_ID), NAME(CLOCK_MONOTONIC_RAW), NAME(CLOCK_REALTIME_COARSE),
       NAME(CLOCK_MONOTONIC_COARSE), NAME(CLOCK_BOOTTIME), NAME(CLOCK_REALTIME_ALARM), NAME(CLOCK_BOOTTIME_ALARM),
       NAME(CLOCK_SGI_CYCLE), NAME(CLOCK_TAI))

DECODE_FLAGS(tfd_flags, "TFD_???", {O_CLOEXEC, "TFD_CLOEXEC"}, {O_NONBLOCK, "TFD_NONBLOCK"})

DECODE_FLAGS(timer_flags, "TIMER_???", NAME(TIMER_ABSTIME))

DECODE_FLAGS(timerfd_flags, "TFD_???", NAME(TFD_TIMER_ABSTIME), NAME(TFD_TIMER_CANCEL_ON_SET))

static const struct name barriers[] = {
    NAME(MEMBARRIER_CMD_QUERY), NAME(MEMBARRIER_CMD_GLOBAL), NAME(MEMBARRIER_CMD_GLOBAL_EXPEDITED),
    NAME(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED), NAME(MEMBARRIER_CMD_PRIVATE_EXPEDITED),
    NAME(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), NAME(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE),
    NAME(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE), NAME(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ),
    NAME(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ), NAME_END};

void print_membarrier_op(struct decoder *d, uint64_t value)
{
    out_name(d, barriers, (uint32_t)value, "MEMBARRIER_CMD_???");
}

DECODE_FLAGS(membarrier_flags, "MEMBARRIER_CMD_FLAG_???", NAME(MEMBARRIER_CMD_FLAG_CPU))

void print_membarrier_cpu(struct decoder *d, uint64_t value)
{
    if (d->call->args[d->index - 1] & MEMBARRIER_CMD_FLAG_CPU)
        print_int(d, value);
    else
        d->skipped = true;
}

void print_result_membarrier(struct decoder *d)
{
    if (d->call->args[0] != MEMBARRIER_CMD_QUERY || d->call->result == 0) {
        out(d, "%lld", (long long)d->call->result);
        return;
    }
    out(d, "%#llx (", (unsigned long long)d->call->result);
    out_flags(d, barriers + 1, (uint64_t)d->call->result, "MEMBARRIER_CMD_???");
    out(d, ")");
}

void print_pkey_rights(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {{1, "PKEY_DISABLE_ACCESS"}, {2, "PKEY_DISABLE_WRITE"}, {4, "PKEY_DISABLE_EXECUTE"},
                                        NAME_END};

    out_flags(d, names, value, "PKEY_???");
}

DECODE_FLAGS(pidfd_flags, "PIDFD_???", NAME(PIDFD_NONBLOCK))

/* One list for clone and clone3. */
static const struct name clone_names[] = {
    NAME(CLONE_VM), NAME(CLONE_FS), NAME(CLONE_FILES), NAME(CLONE_SIGHAND), NAME(CLONE_PIDFD), NAME(CLONE_PTRACE),
    NAME(CLONE_VFORK), NAME(CLONE_PARENT), NAME(CLONE_THREAD), NAME(CLONE_NEWNS), NAME(CLONE_SYSVSEM),
    NAME(CLONE_SETTLS), NAME(CLONE_PARENT_SETTID), NAME(CLONE_CHILD_CLEARTID), NAME(CLONE_UNTRACED),
    NAME(CLONE_CHILD_SETTID), NAME(CLONE_NEWCGROUP), NAME(CLONE_NEWUTS), NAME(CLONE_NEWIPC), NAME(CLONE_NEWUSER),
    NAME(CLONE_NEWPID), NAME(CLONE_NEWNET), NAME(CLONE_IO), {CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"},
    {CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"}, NAME_END};

void print_unshare_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        {0x80, "CLONE_NEWTIME"}, NAME(CLONE_VM), NAME(CLONE_FS), NAME(CLONE_FILES), NAME(CLONE_SIGHAND), NAME(CLONE_THREAD),
        NAME(CLONE_NEWNS), NAME(CLONE_SYSVSEM), NAME(CLONE_NEWCGROUP), NAME(CLONE_NEWUTS), NAME(CLONE_NEWIPC),
        NAME(CLONE_NEWUSER), NAME(CLONE_NEWPID), NAME(CLONE_NEWNET), NAME_END};

    out_flags(d, names, value, "CLONE_???");
}

/* clone(2), x86-64: flags, stack, parent_tid, child_tid, tls; printed in strace's order, with names. */
void print_clone(struct decoder *d, uint64_t value)
{
    const uint64_t *args = d->call->args;
    uint64_t flags = value & ~(uint64_t)CSIGNAL;
    int32_t tid;

    out(d, "child_stack=");
    out_address(d, args[1]);
    out(d, ", flags=");
    if (flags)
        out_flags(d, clone_names, flags, "CLONE_???");
    if (flags && (value & CSIGNAL))
        out(d, "|");
    if (!flags || (value & CSIGNAL))
        out_signal(d, value & CSIGNAL);
    if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
        out(d, ", parent_tid=");
        if (fetch_out(d, args[2], &tid, sizeof tid))
            out(d, "[%d]", tid);
    }
    if (flags & CLONE_SETTLS)
        out(d, ", tls=%#llx", (unsigned long long)args[4]);
    if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
        out(d, ", child_tidptr=");
        out_address(d, args[3]);
    }
}

/* What the call has stored goes behind "=>". */
static void print_clone_stored(struct decoder *d, const struct clone_args *a)
{
    const char *separator = " => {";
    int32_t number;

    if ((a->flags & CLONE_PIDFD) && memory_read(d, MEMORY_OUT, a->pidfd, &number, sizeof number)) {
        out(d, "%spidfd=[%d]", separator, number);
        separator = ", ";
    }
    if ((a->flags & CLONE_PARENT_SETTID) && memory_read(d, MEMORY_OUT, a->parent_tid, &number, sizeof number)) {
        out(d, "%sparent_tid=[%d]", separator, number);
        separator = ", ";
    }
    if (separator[0] == ',')
        out(d, "}");
}

/* Thread ids for nested namespaces, as many as there can be. */
static void out_set_tid(struct decoder *d, const struct clone_args *a)
{
    int32_t tid;

    out(d, ", set_tid=");
    if (!a->set_tid || a->set_tid_size > 32 || !memory_read(d, MEMORY_IN, a->set_tid, &tid, sizeof tid)) {
        out_address(d, a->set_tid);
    } else {
        out(d, "[");
        for (uint64_t i = 0; i < a->set_tid_size; i++) {
            out(d, i ? ", " : "");
            if (i >= shown_max(d) || !memory_read(d, MEMORY_IN, a->set_tid + i * sizeof tid, &tid, sizeof tid)) {
                out(d, "...");
                break;
            }
            out(d, "%d", tid);
        }
        out(d, "]");
    }
    out(d, ", set_tid_size=%llu", a->set_tid_size);
}

void print_clone_args(struct decoder *d, uint64_t value)
{
    struct clone_args a = {0};
    uint64_t size = MIN(d->call->args[d->index + 1], (uint64_t)sizeof a);

    if (size < CLONE_ARGS_SIZE_VER0) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &a, (size_t)size))
        return;
    out(d, "{flags=");
    out_flags(d, clone_names, a.flags, "CLONE_???");
    if (a.flags & CLONE_PIDFD)
        out(d, ", pidfd=%#llx", a.pidfd);
    if (a.flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
        out(d, ", child_tid=%#llx", a.child_tid);
    if (a.flags & CLONE_PARENT_SETTID)
        out(d, ", parent_tid=%#llx", a.parent_tid);
    out(d, ", exit_signal=");
    if (a.exit_signal > 64)
        out(d, "%llu", a.exit_signal);
    else
        out_signal(d, a.exit_signal);
    out(d, ", stack=");
    out_address(d, a.stack);
    out(d, ", stack_size=%#llx", a.stack_size);
    if (a.flags & CLONE_SETTLS)
        out(d, ", tls=%#llx", a.tls);
    if (a.set_tid || a.set_tid_size)
        out_set_tid(d, &a);
    if (size >= CLONE_ARGS_SIZE_VER2 && ((a.flags & CLONE_INTO_CGROUP) || a.cgroup))
        out(d, ", cgroup=%llu", a.cgroup);
    out_struct_rest(d, value, sizeof a, d->call->args[d->index + 1]);
    out(d, "}");
    if (call_succeeded(d))
        print_clone_stored(d, &a);
}
