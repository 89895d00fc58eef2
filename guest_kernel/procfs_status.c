/*
 * /proc/PID/stat, statm, status and limits (man 5 proc).  Lines of status whose facts are not kept are left out.
 */
#include <asm/errno.h>
#include <linux/sched.h>

#include "fs/file.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024)

struct memory { /* of a process; zeros for a zombie */
    struct space_counts counts;
    struct space_layout layout;
    bool no_large;
};

static void memory_of(int pid, struct memory *out)
{
    struct space *s = process_space(pid);

    *out = (struct memory){0};
    if (!s)
        return;
    space_counts(s, &out->counts);
    out->layout = *space_layout(s);
    out->no_large = space_large_is_off(s);
    space_put(s);
}

static unsigned long long ticks(uint64_t ns)
{
    return ns / CLOCK_TICK_NS;
}

static void stat_identity(const struct process_info *i, struct text *t)
{
    text_printf(t, "%d (%s) %c %d %d %d %d %d %u 0 0 0 0 ", i->pid, i->comm, i->state, i->parent, i->group, i->session,
                i->terminal, i->foreground_group, i->state == 'Z' ? 4u : 0x400000u);
}

/* As Linux counts it: 20 for a nice value of 0, below 0 for the real-time classes. */
static int priority_of(const struct process_info *i)
{
    return i->rank ? -1 - i->rank : 20 + i->scheduling.nice;
}

static void stat_times(const struct process_info *i, struct text *t)
{
    text_printf(t, "%llu %llu %llu %llu %d %d %u 0 %llu ", ticks(i->user_ns), ticks(i->run_ns - i->user_ns),
                ticks(i->children_user_ns), ticks(i->children_run_ns - i->children_user_ns), priority_of(i),
                i->scheduling.nice, i->thread_count, ticks(i->start_ns));
}

static void stat_memory(const struct memory *m, uint64_t limit, struct text *t)
{
    text_printf(t, "%llu %llu %llu %llu %llu %llu 0 0 ", (unsigned long long)m->counts.total * PAGE_SIZE,
                (unsigned long long)space_resident(&m->counts), (unsigned long long)limit,
                (unsigned long long)m->layout.code_start, (unsigned long long)m->layout.code_end,
                (unsigned long long)m->layout.stack_top);
}

static void stat_rest(const struct process_info *i, const struct memory *m, struct text *t)
{
    const struct space_layout *l = &m->layout;

    text_printf(t, "%llu %llu %llu %llu 0 0 0 %d %u %u %u 0 0 0 ", (unsigned long long)i->thread_pending & INT32_MAX,
                (unsigned long long)i->blocked & INT32_MAX, (unsigned long long)i->ignored & INT32_MAX,
                (unsigned long long)i->caught & INT32_MAX, i->exit_signal, i->cpu,
                i->scheduling.priority, i->scheduling.policy);
    text_printf(t, "%llu %llu %llu %llu %llu %llu %llu %u\n", (unsigned long long)l->data_start,
                (unsigned long long)l->data_end, (unsigned long long)l->brk_start, (unsigned long long)l->arg_start,
                (unsigned long long)l->arg_end, (unsigned long long)l->env_start, (unsigned long long)l->env_end,
                i->exit_status);
}

int procfs_show_stat(int pid, struct text *t)
{
    struct process_info info;
    struct memory memory;
    int error = process_info(pid, &info);

    if (error)
        return error;
    memory_of(pid, &memory);
    stat_identity(&info, t);
    stat_times(&info, t);
    stat_memory(&memory, info.limits[RLIMIT_RSS].soft, t);
    stat_rest(&info, &memory, t);
    return 0;
}

/* Of the program itself, not of its libraries. */
static uint64_t code_pages(const struct memory *m)
{
    return (ALIGN_UP(m->layout.code_end, PAGE_SIZE) - ALIGN_DOWN(m->layout.code_start, PAGE_SIZE)) >> PAGE_SHIFT;
}

int procfs_show_statm(int pid, struct text *t)
{
    struct memory m;

    memory_of(pid, &m);
    text_printf(t, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)m.counts.total,
                (unsigned long long)space_resident(&m.counts),
                (unsigned long long)(m.counts.resident[0] + m.counts.resident[2]), (unsigned long long)code_pages(&m),
                (unsigned long long)(m.counts.data + m.counts.stack));
    return 0;
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R': return "R (running)";
    case 'S': return "S (sleeping)";
    case 'D': return "D (disk sleep)";
    case 'T': return "T (stopped)";
    case 't': return "t (tracing stop)";
    case 'Z': return "Z (zombie)";
    default: return "X (dead)";
    }
}

static unsigned umask_of(int pid)
{
    struct fs_context *c = process_fs_context(pid);
    unsigned mask = c ? c->umask : 0;

    fs_context_put(c);
    return mask;
}

static int table_size_of(int pid)
{
    struct file_table *files = process_files(pid);
    int size = files ? file_table_size(files) : 0;

    file_table_put(files);
    return size;
}

static void status_identity(const struct process_info *i, struct text *t)
{
    const struct cred *c = &i->cred;

    text_printf(t, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
                i->comm, umask_of(i->pid), state_name(i->state), i->process, i->pid, i->parent, i->tracer);
    text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%d\nGroups:\t", c->uid, c->euid, c->suid,
                c->fsuid, c->gid, c->egid, c->sgid, c->fsgid, table_size_of(i->pid));
    struct group_list *groups = process_groups(i->pid);
    uint32_t count = groups ? groups->count : 0;
    for (uint32_t n = 0; n < count; n++)
        text_printf(t, "%u ", groups->ids[n]);
    groups_put(groups);
    text_printf(t, "%s\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", count ? "" : " ", i->process, i->pid,
                i->group, i->session);
}

static void status_memory(int pid, struct text *t)
{
    struct memory m;

    memory_of(pid, &m);
    if (!m.counts.total)
        return; /* a zombie */
    const struct space_counts *c = &m.counts;
    uint64_t code = code_pages(&m);
    const struct {
        const char *name;
        uint64_t pages;
    } rows[] = {
        {"VmPeak", c->peak_total}, {"VmSize", c->total}, {"VmLck", c->locked}, {"VmPin", 0},
        {"VmHWM", c->peak_resident}, {"VmRSS", space_resident(c)}, {"RssAnon", c->resident[1]},
        {"RssFile", c->resident[0]}, {"RssShmem", c->resident[2]}, {"VmData", c->data}, {"VmStk", c->stack},
        {"VmExe", code}, {"VmLib", c->exec - MIN(c->exec, code)}, {"VmPTE", c->tables}, {"VmSwap", 0}, {"HugetlbPages", 0},
    };

    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        text_printf(t, "%s:\t%8llu kB\n", rows[n].name, (unsigned long long)rows[n].pages * KIB_PER_PAGE);
    text_printf(t, "CoreDumping:\t0\nTHP_enabled:\t%d\n", !m.no_large);
}

static void status_signals(const struct process_info *i, struct text *t)
{
    text_printf(t, "Threads:\t%u\nSigQ:\t%u/%llu\n", i->thread_count, i->signals_queued,
                (unsigned long long)i->signals_queued_limit);
    text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
                (unsigned long long)i->thread_pending, (unsigned long long)i->pending, (unsigned long long)i->blocked,
                (unsigned long long)i->ignored, (unsigned long long)i->caught);
}

static void status_capabilities(const struct process_info *i, struct text *t)
{
    const struct cred *c = &i->cred;

    text_printf(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
                (unsigned long long)c->inheritable, (unsigned long long)c->permitted,
                (unsigned long long)c->effective, (unsigned long long)c->bounding, (unsigned long long)c->ambient);
    text_printf(t, "NoNewPrivs:\t%d\n", i->no_new_privs);
}

/* "0-3,6" */
static void show_cpu_list(struct text *t, uint64_t cpus)
{
    const char *separator = "";

    for (unsigned first = 0; first < 64; first++) {
        unsigned last = first;

        if (!(cpus & BIT(first)))
            continue;
        while (last < 63 && (cpus & BIT(last + 1)))
            last++;
        text_printf(t, last > first ? "%s%u-%u" : "%s%u", separator, first, last);
        separator = ",";
        first = last;
    }
}

int procfs_show_status(int pid, struct text *t)
{
    struct process_info info;
    int error = process_info(pid, &info);

    if (error)
        return error;
    status_identity(&info, t);
    status_memory(pid, t);
    status_signals(&info, t);
    status_capabilities(&info, t);
    text_printf(t, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (unsigned long long)info.cpus_allowed);
    show_cpu_list(t, info.cpus_allowed);
    text_printf(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    return 0;
}

static void show_limit(struct text *t, uint64_t value)
{
    if (value == RLIM64_INFINITY)
        text_printf(t, "%-20s ", "unlimited");
    else
        text_printf(t, "%-20llu ", (unsigned long long)value);
}

int procfs_show_limits(int pid, struct text *t)
{
    static const struct {
        const char *name, *unit;
    } rows[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"}, [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"}, [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"}, [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"}, [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"}, [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"}, [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"}, [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""}, [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    struct process_info info;
    int error = process_info(pid, &info);

    if (error)
        return error;
    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int n = 0; n < RLIM_NLIMITS; n++) {
        text_printf(t, "%-25s ", rows[n].name);
        show_limit(t, info.limits[n].soft);
        show_limit(t, info.limits[n].hard);
        text_printf(t, "%-10s\n", rows[n].unit);
    }
    return 0;
}
