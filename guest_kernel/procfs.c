/*
 * The entries of /proc/PID, and where their facts come from.
 */
#include "guest_kernel/procfs.h"

#include <asm/errno.h>

#include "fs/file.h"
#include "guest_kernel/coredump.h"
#include "guest_kernel/oom.h"
#include "guest_kernel/process.h"
#include "lib/mode.h"
#include "lib/string.h"

static int show_comm(int pid, struct text *t)
{
    struct process_info info;
    int error = process_info(pid, &info);

    if (!error)
        text_printf(t, "%s\n", info.comm);
    return error;
}

/* A thread of the current process; as it is written, an end of line included, and no more of it than there is room for. */
static int store_comm(int tid, char *value, size_t n)
{
    char name[sizeof(task_current()->comm)] = "";
    int error = -EINVAL;

    memcpy(name, value, MIN(n, sizeof(name) - 1));
    spin_lock(&process_tree_lock);
    struct thread *t = thread_lookup(tid);
    if (t && t->process == process_current()) {
        memcpy(t->task->comm, name, sizeof(name));
        error = 0;
    }
    spin_unlock(&process_tree_lock);
    return error;
}

/* There are no control groups: one hierarchy, and everything in its root. */
static int show_cgroup(int pid, struct text *t)
{
    text_printf(t, "0::/\n");
    return 0;
}

/* The filter belongs to the process here, to the address space on Linux: threads share both. */
static int show_coredump_filter(int pid, struct text *t)
{
    struct process *p = process_find(pid);

    if (!p)
        return -ESRCH;
    if (!p->zombie)
        text_printf(t, "%08x\n", p->coredump_filter);
    process_put(p);
    return 0;
}

static int store_coredump_filter(int pid, char *value, size_t n)
{
    struct process *p = process_find(pid);
    unsigned long long filter = 0;

    if (!p)
        return -ESRCH;
    if (n && value[n - 1] == '\n')
        value[n - 1] = '\0';
    int error = string_to_u64(value, &filter) || filter > UINT32_MAX ? -EINVAL : 0;
    if (!error)
        p->coredump_filter = (uint32_t)filter & COREDUMP_FILTER_ALL;
    process_put(p);
    return error;
}

static int show_clear_refs(int pid, struct text *t)
{
    return -EINVAL;
}

/* What of its memory was used and written is forgotten (proc(5)). */
static int store_clear_refs(int pid, char *value, size_t n)
{
    unsigned long long what;

    if (n && value[n - 1] == '\n')
        value[n - 1] = '\0';
    if (string_to_u64(value, &what) || what < SPACE_FORGET_ALL || what > SPACE_FORGET_PEAK)
        return -EINVAL;
    struct process *p = process_find(pid);
    if (!p)
        return -ESRCH;
    process_put(p);
    struct space *s = process_space(pid);
    if (!s) /* a zombie's is gone */
        return 0;
    space_forget(s, (enum space_forget)what);
    space_put(s);
    return 0;
}

/* Where a task sleeps in the kernel: as on a Linux that tells no names of its functions. */
static int show_wchan(int pid, struct text *t)
{
    text_printf(t, "0");
    return 0;
}

static const struct procfs_pid_entry entries[] = {
    {"auxv", S_IFREG | 0400, .ops = &procfs_auxv_ops},
    {"cgroup", S_IFREG | 0444, show_cgroup},
    {"clear_refs", S_IFREG | 0200, show_clear_refs, .store = store_clear_refs},
    {"cmdline", S_IFREG | 0444, procfs_show_cmdline},
    {"comm", S_IFREG | 0644, show_comm, .store = store_comm},
    {"coredump_filter", S_IFREG | 0644, show_coredump_filter, .store = store_coredump_filter},
    {"cwd", S_IFLNK | 0777, NULL},
    {"environ", S_IFREG | 0400, .ops = &procfs_environ_ops},
    {"exe", S_IFLNK | 0777, NULL},
    {"fd", S_IFDIR | 0500, NULL},
    {"fdinfo", S_IFDIR | 0555, NULL},
    {"limits", S_IFREG | 0444, procfs_show_limits},
    {"maps", S_IFREG | 0444, .ops = &procfs_maps_ops},
    {"mem", S_IFREG | 0600, .ops = &procfs_mem_ops},
    {"mountinfo", S_IFREG | 0444, procfs_show_mountinfo},
    {"mounts", S_IFREG | 0444, procfs_show_mounts},
    {"oom_adj", S_IFREG | 0644, procfs_show_oom_adj, .store = procfs_store_oom_adj},
    {"oom_score", S_IFREG | 0444, procfs_show_oom_score},
    {"oom_score_adj", S_IFREG | 0644, procfs_show_oom_score_adj, .store = procfs_store_oom_score_adj},
    {"pagemap", S_IFREG | 0400, .ops = &procfs_pagemap_ops},
    {"root", S_IFLNK | 0777, NULL},
    {"smaps", S_IFREG | 0444, .ops = &procfs_smaps_ops},
    {"smaps_rollup", S_IFREG | 0444, .ops = &procfs_smaps_rollup_ops},
    {"stat", S_IFREG | 0444, procfs_show_stat},
    {"statm", S_IFREG | 0444, procfs_show_statm},
    {"status", S_IFREG | 0444, procfs_show_status},
    {"syscall", S_IFREG | 0400, procfs_show_syscall},
    {"task", S_IFDIR | 0555, NULL},
    {"wchan", S_IFREG | 0444, show_wchan},
};

static int next_pid(int after)
{
    return process_next_pid(after);
}

static int next_tid(int pid, int after)
{
    return process_next_tid(pid, after);
}

/* What shows the inside of a process that is not to be looked into is root's, as all that is left of one without memory. */
static int owner(int pid, bool listing, uint32_t *uid, uint32_t *gid)
{
    struct process_info info;
    int error = process_info(pid, &info);

    if (!error) {
        *uid = listing || info.dumpable ? info.cred.euid : 0;
        *gid = listing || info.dumpable ? info.cred.egid : 0;
    }
    return error;
}

static bool is_own(int pid)
{
    struct process_info info;

    return !process_info(pid, &info) && info.process == process_current()->pid;
}

static int exe(int pid, struct file **out)
{
    *out = process_exe(pid);
    return *out ? 0 : -ENOENT;
}

static int context_path(int pid, bool want_root, struct path *out)
{
    struct fs_context *c = process_fs_context(pid);

    if (!c)
        return -ENOENT;
    spin_lock(&c->lock);
    *out = want_root ? c->root : c->cwd;
    path_get(out);
    spin_unlock(&c->lock);
    fs_context_put(c);
    return 0;
}

static int cwd(int pid, struct path *out)
{
    return context_path(pid, false, out);
}

static int root(int pid, struct path *out)
{
    return context_path(pid, true, out);
}

static struct file_table *files(int pid)
{
    return process_files(pid);
}

static int self(void)
{
    return process_current() ? process_current()->pid : 0;
}

static int thread_self(void)
{
    return task_current()->tid;
}

static const struct procfs_source source = {
    .entries = entries,
    .count = ARRAY_SIZE(entries),
    .next_pid = next_pid,
    .next_tid = next_tid,
    .owner = owner,
    .is_own = is_own,
    .exe = exe,
    .cwd = cwd,
    .root = root,
    .files = files,
    .self = self,
    .thread_self = thread_self,
};

int procfs_start(void)
{
    procfs_set_source(&source);
    int error = procfs_net_register();
    if (!error)
        error = procfs_tty_register();
    if (!error)
        error = coredump_register();
    if (!error)
        error = procfs_vm_register();
    if (!error)
        error = procfs_fail_nth_register();
    return error ? error : procfs_system_register();
}
