/*
 * The files of /proc that tell of the whole system (man 5 proc).
 */
#include <asm/errno.h>

#include "fs/lease.h"
#include "fs/random.h"
#include "guest_kernel/core/boot.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/exec_image.h"
#include "guest_kernel/names.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

/* Of all CPUs together, as in /proc/uptime and in loads. */
static uint64_t idle_ns(void)
{
    uint64_t ns = 0;

    for (uint32_t i = 0; i < cpu_count; i++)
        ns += task_run_ns(cpu_at(i)->idle);
    return ns;
}

static int show_uptime(struct text *t)
{
    uint64_t up = clock_monotonic_ns() / CLOCK_TICK_NS, idle = idle_ns() / CLOCK_TICK_NS;

    text_printf(t, "%llu.%02u %llu.%02u\n", (unsigned long long)up / 100, (unsigned)(up % 100),
                (unsigned long long)idle / 100, (unsigned)(idle % 100));
    return 0;
}

static int show_version(struct text *t)
{
    text_printf(t, "%s version %s %s\n", SYSTEM_NAME, SYSTEM_RELEASE, SYSTEM_VERSION);
    return 0;
}

struct process_totals {
    unsigned running, threads, newest;
    uint64_t user_ns;
};

/* Reaped children are counted with the parents that waited for them. */
static void count_processes(struct process_totals *out)
{
    struct process_info info;

    *out = (struct process_totals){0};
    for (int pid = 0; (pid = process_next_pid(pid));) {
        if (process_info(pid, &info))
            continue;
        out->running += info.state == 'R';
        out->threads += info.thread_count;
        out->newest = (unsigned)pid;
        out->user_ns += info.user_ns + info.children_user_ns;
    }
}

/*
 * Linux samples the run queue every five seconds; here nothing ticks, so the averages are of the share of time in which
 * the CPU was busy, moved on at each reading.  In thousandths.
 */
static int show_loadavg(struct text *t)
{
    static const uint64_t spans_ns[] = {60 * NS_PER_S, 300 * NS_PER_S, 900 * NS_PER_S};
    static struct spinlock lock = SPINLOCK_INIT; /* guards the rest */
    static uint64_t load[3], last_ns, last_idle_ns;
    struct process_totals p;

    count_processes(&p);
    spin_lock(&lock);
    uint64_t now = clock_monotonic_ns(), idle = idle_ns();
    uint64_t passed = MAX(now - last_ns, 1), all = passed * cpu_count, busy = all - MIN(idle - last_idle_ns, all);
    for (int n = 0; n < 3; n++) {
        uint64_t weight = MIN(passed, spans_ns[n]) * 1000 / spans_ns[n];
        load[n] = (load[n] * (1000 - weight) + busy * 1000 / passed * weight) / 1000;
        text_printf(t, "%llu.%02u ", (unsigned long long)load[n] / 1000, (unsigned)(load[n] % 1000 / 10));
    }
    last_ns = now;
    last_idle_ns = idle;
    spin_unlock(&lock);
    text_printf(t, "%u/%u %u\n", MAX(p.running, 1u), p.threads, p.newest);
    return 0;
}

/* One line's columns; `user` is a part of all - idle. */
static void show_times(struct text *t, uint64_t user, uint64_t all, uint64_t idle)
{
    uint64_t busy = all - idle;
    unsigned long long user_ticks = MIN(user, busy) / CLOCK_TICK_NS;

    text_printf(t, " %llu 0 %llu %llu 0 0 0 0 0 0\n", user_ticks, (unsigned long long)busy / CLOCK_TICK_NS - user_ticks,
                (unsigned long long)idle / CLOCK_TICK_NS);
}

static int show_stat(struct text *t)
{
    struct process_totals p;

    count_processes(&p);
    uint64_t up = clock_monotonic_ns(), all = up * cpu_count, idle = MIN(idle_ns(), all);
    uint64_t user = MIN(p.user_ns, all - idle);

    text_printf(t, "cpu ");
    show_times(t, user, all, idle);
    for (uint32_t i = 0; i < cpu_count; i++) {
        uint64_t own_idle = MIN(task_run_ns(cpu_at(i)->idle), up);

        /* User time is counted by task, not by CPU: it is shared out by what each did. */
        text_printf(t, "cpu%u", i);
        show_times(t, all > idle ? mul_div(user, up - own_idle, all - idle) : 0, up, own_idle);
    }
    text_printf(t, "intr 0\nctxt 0\nbtime %llu\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
                (unsigned long long)((clock_realtime_ns() - up) / NS_PER_S), p.newest, MAX(p.running, 1u));
    return 0;
}

static int show_filesystems(struct text *t)
{
    text_printf(t, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tramfs\n");
    return 0;
}

static int show_cmdline(struct text *t)
{
    text_printf(t, "%s\n", boot_command_line());
    return 0;
}

static int show_swaps(struct text *t)
{
    text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}

static int show_hostname(struct text *t)
{
    struct new_utsname names;

    names_get(&names);
    text_printf(t, "%s\n", names.nodename);
    return 0;
}

static int show_domainname(struct text *t)
{
    struct new_utsname names;

    names_get(&names);
    text_printf(t, "%s\n", names.domainname);
    return 0;
}

static int show_ostype(struct text *t)
{
    text_printf(t, SYSTEM_NAME "\n");
    return 0;
}

static int show_osrelease(struct text *t)
{
    text_printf(t, SYSTEM_RELEASE "\n");
    return 0;
}

static int show_osversion(struct text *t)
{
    text_printf(t, SYSTEM_VERSION "\n");
    return 0;
}

static int show_pid_max(struct text *t)
{
    text_printf(t, "32768\n");
    return 0;
}

static void write_uuid(struct text *t, uint8_t bytes[16])
{
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* RFC 4122 4.4: random */
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (int n = 0; n < 16; n++)
        text_printf(t, "%s%02x", n == 4 || n == 6 || n == 8 || n == 10 ? "-" : "", bytes[n]);
    text_printf(t, "\n");
}

static int show_uuid(struct text *t)
{
    uint8_t bytes[16];

    random_bytes(bytes, sizeof bytes);
    write_uuid(t, bytes);
    return 0;
}

static uint8_t boot_id[16]; /* fixed at start */

static int show_boot_id(struct text *t)
{
    uint8_t bytes[16];

    memcpy(bytes, boot_id, sizeof bytes);
    write_uuid(t, bytes);
    return 0;
}

static int show_nr_open(struct text *t)
{
    text_printf(t, "1048576\n");
    return 0;
}

static int show_pipe_max_size(struct text *t)
{
    text_printf(t, "1048576\n");
    return 0;
}

int procfs_system_register(void)
{
    static const struct {
        const char *name;
        int (*show)(struct text *t);
    } files[] = {
        {"cmdline", show_cmdline}, {"cpuinfo", procfs_show_cpuinfo}, {"filesystems", show_filesystems},
        {"loadavg", show_loadavg}, {"stat", show_stat}, {"swaps", show_swaps},
        {"uptime", show_uptime}, {"version", show_version},
        {"sys/fs/nr_open", show_nr_open}, {"sys/fs/pipe-max-size", show_pipe_max_size},
        {"sys/kernel/domainname", show_domainname}, {"sys/kernel/hostname", show_hostname},
        {"sys/kernel/osrelease", show_osrelease}, {"sys/kernel/ostype", show_ostype},
        {"sys/kernel/pid_max", show_pid_max}, {"sys/kernel/random/boot_id", show_boot_id},
        {"sys/kernel/random/uuid", show_uuid}, {"sys/kernel/version", show_osversion},
    };
    int error = 0;

    random_bytes(boot_id, sizeof boot_id);
    for (size_t n = 0; n < ARRAY_SIZE(files) && !error; n++)
        error = procfs_register(files[n].name, 0444, files[n].show);
    if (!error)
        error = procfs_register_number("sys/fs/lease-break-time", &lease_break_time_s, INT32_MIN, INT32_MAX);
    if (!error)
        error = procfs_register_number("sys/fs/leases-enable", &leases_enabled, INT32_MIN, INT32_MAX);
    if (!error)
        error = procfs_register_number("sys/kernel/randomize_va_space", &randomize_va_space, 0, 2);
    if (!error)
        error = procfs_register_number("sys/kernel/threads-max", &threads_max, 1, INT32_MAX);
    return error;
}
