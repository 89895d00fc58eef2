/*
 * Looking at a process from outside: snapshots for procfs, counted references to what it uses.  The tree lock keeps a
 * process's threads, and their pointers to space, files and directories, in place meanwhile (exit.c, exec.c).
 */
#include <asm/errno.h>

#include "fs/vfs.h"
#include "guest_kernel/account.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/tty.h"
#include "lib/string.h"

/* A process and its first thread, or a thread by its own number; tree lock held.  False: neither. */
static bool find(int32_t id, struct process **p, struct thread **t)
{
    *p = process_lookup(id);
    *t = *p ? TAILQ_FIRST(&(*p)->threads) : thread_lookup(id);
    if (!*p && *t)
        *p = (*t)->process;
    return *p != NULL;
}

static char process_state(const struct process *p, const struct thread *t)
{
    if (!t || p->zombie)
        return 'Z';
    if (t->ptrace.stopped)
        return 't';
    if (p->signals.stopped)
        return 'T';
    switch (t->task->state) {
    case TASK_RUNNING:
    case TASK_NEW:
        return 'R';
    case TASK_INTERRUPTIBLE:
        return 'S';
    case TASK_STOPPED:
        return 'T';
    default:
        return 'D';
    }
}

static void info_signals(struct process *p, const struct thread *t, struct process_info *out)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    out->pending = p->signals.pending.set;
    out->signals_queued = t ? __atomic_load_n(&t->account->signals, __ATOMIC_RELAXED) : 0;
    out->signals_queued_limit = p->limits[RLIMIT_SIGPENDING].soft;
    for (int n = 1; n <= SIGNAL_COUNT; n++) {
        __sighandler_t handler = signal_handler(p->signals.actions, n);
        if (handler == SIG_IGN)
            out->ignored |= SIGNAL_BIT(n);
        else if (handler != SIG_DFL)
            out->caught |= SIGNAL_BIT(n);
    }
    if (t) {
        out->thread_pending = t->pending.set;
        out->blocked = t->blocked;
    }
    memcpy(out->limits, p->limits, sizeof(out->limits));
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

int process_info(int32_t pid, struct process_info *out)
{
    memset(out, 0, sizeof(*out));
    spin_lock(&process_tree_lock);
    struct process *p;
    struct thread *t;
    if (!find(pid, &p, &t)) {
        spin_unlock(&process_tree_lock);
        return -ESRCH;
    }
    out->pid = pid;
    out->process = p->pid;
    out->parent = p->parent ? p->parent->pid : 0;
    out->tracer = t && t->ptrace.tracer ? t->ptrace.tracer->process->pid : 0;
    out->group = p->group;
    out->session = p->session;
    out->terminal = p->terminal ? tty_device_number(p->terminal) : 0;
    out->foreground_group = p->terminal ? tty_foreground_group(p->terminal) : -1;
    out->state = process_state(p, t);
    memcpy(out->comm, t ? t->task->comm : p->last_comm, sizeof(out->comm));
    (void)process_cred(p, &out->cred);
    out->thread_count = p->thread_count;
    out->start_ns = p->start_ns;
    process_run_times(p, &out->run_ns, &out->user_ns);
    if (pid != p->pid) {
        out->run_ns = task_run_ns(t->task);
        out->user_ns = t->task->user_ns;
    }
    out->children_run_ns = p->children_run_ns;
    out->children_user_ns = p->children_user_ns;
    out->exit_status = p->exit_status;
    out->exit_signal = p->exit_signal;
    if (t) {
        out->scheduling = t->task->setting;
        out->rank = t->task->rank;
    }
    out->cpu = t ? t->task->cpu : 0;
    out->cpus_allowed = t ? task_allowed(t->task) & __atomic_load_n(&cpus_online, __ATOMIC_RELAXED) : 0;
    out->no_new_privs = t && t->no_new_privs;
    out->dumpable = t && t->task->space && !p->not_dumpable;
    info_signals(p, t, out);
    spin_unlock(&process_tree_lock);
    return 0;
}

int32_t process_next_tid(int32_t pid, int32_t after)
{
    struct thread *t;
    int32_t next = 0;

    spin_lock(&process_tree_lock);
    struct process *p = process_lookup(pid);
    if (p) {
        TAILQ_FOREACH(t, &p->threads, link)
            if (t->task->tid > after && (!next || t->task->tid < next))
                next = t->task->tid;
    }
    spin_unlock(&process_tree_lock);
    return next;
}

/* A living thread: the first of a process, or the one of that number; tree lock held. */
static struct task *living_task(int32_t pid)
{
    struct process *p;
    struct thread *t;

    return find(pid, &p, &t) && t ? t->task : NULL;
}

bool process_registers(int32_t pid, struct pt_regs *out)
{
    spin_lock(&process_tree_lock);
    struct task *t = living_task(pid);
    bool known = t && t->regs && (t == task_current() || task_is_parked(t));
    if (known)
        *out = *t->regs;
    spin_unlock(&process_tree_lock);
    return known;
}

struct space *process_space(int32_t pid)
{
    struct space *s = NULL;

    spin_lock(&process_tree_lock);
    struct task *t = living_task(pid);
    if (t && t->space) {
        s = t->space;
        space_get(s);
    }
    spin_unlock(&process_tree_lock);
    return s;
}

struct file_table *process_files(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct task *t = living_task(pid);
    struct file_table *files = t && t->files ? file_table_get(t->files) : NULL;
    spin_unlock(&process_tree_lock);
    return files;
}

struct fs_context *process_fs_context(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct task *t = living_task(pid);
    struct fs_context *fs = t && t->fs ? fs_context_get(t->fs) : NULL;
    spin_unlock(&process_tree_lock);
    return fs;
}

struct file *process_exe(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct process *p;
    struct thread *t;
    struct file *exe = find(pid, &p, &t) && p->thread_count && p->exe ? file_get(p->exe) : NULL;
    spin_unlock(&process_tree_lock);
    return exe;
}
