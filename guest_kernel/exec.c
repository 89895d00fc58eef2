/*
 * execve, execveat.  First everything that can fail: open, copy the strings, follow `#!` lines, build the new image
 * aside.  Then the other threads end, and from the commit on nothing fails.
 */
#include "guest_kernel/exec.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/personality.h>
#include <linux/signal.h>

#include "abi/syscalls.h"
#include "fs/random.h"
#include "fs/inode.h"
#include "fs/vfs.h"
#include "guest_kernel/account.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/debug.h"
#include "guest_kernel/exec_image.h"
#include "guest_kernel/exec_layout.h"
#include "guest_kernel/futex.h"
#include "guest_kernel/posix_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/rseq.h"
#include "guest_kernel/signal_actions.h"
#include "lib/elf.h"
#include "lib/format.h"
#include "lib/mode.h"
#include "lib/string.h"

#define SCRIPT_DEPTH_MAX 5 /* `#!` lines that name a script again, as Linux */
#define STACK_LIMIT_SECURE MiB(8)

union exec_head {
    Elf64_Ehdr elf;
    char text[SCRIPT_LINE_MAX];
};

/* State of one execve; freed by exec_end(). */
struct exec {
    struct file *file;              /* what will be loaded */
    union exec_head head;
    struct script_line scripts[SCRIPT_DEPTH_MAX];
    unsigned script_count;
    char name[FS_PATH_MAX];         /* as the caller named it */
    struct exec_strings *strings;
    struct exec_strings *script_strings; /* NULL: not a script */
    struct exec_image image;
    struct signal_actions *actions; /* to begin with; after the commit those that were left */
    struct cred cred;               /* after set-id bits */
    bool set_id;                    /* it runs as somebody else than the real user */
    bool takes_id;                  /* a set-id bit counts */
    bool unreadable;                /* it may be run but not read: its memory is not shown either */
    bool hidden;                    /* the name in `name` will not lead there after the commit */
};

static int read_head(struct exec *e)
{
    memset(&e->head, 0, sizeof(e->head));
    long n = vfs_read_at(e->file, &e->head, sizeof(e->head), 0);
    return (int)n;
}

/* Follow `#!` lines until an ELF file is open: its head is in e->head. */
static int find_program(struct exec *e)
{
    for (;;) {
        int n = read_head(e);
        if (n < 0)
            return n;
        if (n >= (int)sizeof(e->head.elf) && !elf_check_header(&e->head.elf))
            return 0;
        struct script_line line;
        if (script_line_parse(e->head.text, (size_t)n, &line))
            return -ENOEXEC;
        if (e->hidden)
            return -ENOENT; /* the interpreter could not open the script */
        if (e->script_count == SCRIPT_DEPTH_MAX)
            return -ELOOP;
        e->scripts[e->script_count++] = line;
        file_put(e->file);
        e->file = NULL;
        int error = vfs_open_exec(AT_FDCWD, line.interpreter, 0, &e->file);
        if (error)
            return error;
    }
}

/*
 * What `#!` lines put before the arguments.  The last interpreter comes first: interpreter, its argument, ..., then the
 * script's name in place of argv[0].
 */
static int make_script_arguments(struct exec *e)
{
    int error = 0;

    if (!e->script_count)
        return 0;
    struct exec_strings *s = e->script_strings = exec_strings_create();
    if (!s)
        return -ENOMEM;
    for (unsigned i = e->script_count; i-- > 0 && !error;) {
        error = exec_strings_add(s, e->scripts[i].interpreter);
        s->argc++;
        if (!error && e->scripts[i].argument[0]) {
            error = exec_strings_add(s, e->scripts[i].argument);
            s->argc++;
        }
    }
    s->argc++;
    if (!error)
        error = exec_strings_add(s, e->name);
    exec_strings_remove_first(e->strings);
    if (!error && e->strings->charged - e->strings->start + exec_strings_size(s) > e->strings->limit)
        error = -E2BIG;
    return error;
}

static int collect_strings(struct exec *e, const struct exec_source *source)
{
    struct exec_strings *s = exec_strings_create();

    e->strings = s;
    if (!s)
        return -ENOMEM;
    int error = source->add_args(s, source->context);
    if (!error && !s->argc) { /* a program always gets a name (Linux since 5.18) */
        error = exec_strings_add(s, "");
        s->argc = 1;
        s->charged += sizeof(uint64_t);
    }
    s->args_end = s->used;
    if (!error)
        error = source->add_envs(s, source->context);
    s->envs_end = s->used;
    if (!error)
        error = exec_strings_add(s, e->name);
    return error;
}

/* Somebody without privileges could make a privileged program do what he wants: it gains none (execve(2)). */
static bool is_watched(void)
{
    const struct ptrace_state *s = &thread_current()->ptrace;
    const struct fs_context *fs = task_current()->fs;
    uint32_t own = 0;
    struct thread *t;

    spin_lock(&process_tree_lock);
    TAILQ_FOREACH(t, &process_current()->threads, link)
        own += t->task->fs == fs;
    bool watched = (s->tracer && !s->tracer_privileged) || __atomic_load_n(&fs->users, __ATOMIC_RELAXED) > own;
    spin_unlock(&process_tree_lock);
    return watched;
}

/* Set-user-id and set-group-id bits (execve(2)); no_new_privs makes them ordinary. */
static int prepare_cred(struct exec *e)
{
    const struct cred *old = &task_current()->cred;
    bool no_new_privs = thread_current()->no_new_privs;
    struct stat st;
    int error = file_stat(e->file, &st);

    if (error)
        return error;
    e->cred = cred_copy(old);
    e->unreadable = file_permission(e->file, S_IROTH) != 0;
    bool user = st.st_mode & S_ISUID, group = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    e->takes_id = (user || group) && !no_new_privs && !(e->file->mount->flags & MS_NOSUID);
    if (e->takes_id && user)
        e->cred.euid = st.st_uid;
    if (e->takes_id && group)
        e->cred.egid = st.st_gid;
    e->set_id = cred_exec(old, &e->cred, no_new_privs ? EXEC_NO_NEW_PRIVS : is_watched() ? EXEC_WATCHED : EXEC_SAFE);
    return 0;
}

static uint32_t new_personality(const struct exec *e)
{
    uint32_t kept = e->takes_id ? ~(uint32_t)PER_CLEAR_ON_SETID : UINT32_MAX;

    return process_current()->personality & kept & ~(uint32_t)READ_IMPLIES_EXEC; /* as every 64-bit program on Linux */
}

static void choose_places(struct exec *e)
{
    struct exec_placement *place = &e->image.place;
    int randomize = __atomic_load_n(&randomize_va_space, __ATOMIC_RELAXED);

    random_bytes(&place->random, sizeof(place->random));
    place->randomize = randomize && !(new_personality(e) & ADDR_NO_RANDOMIZE);
    place->randomize_brk = place->randomize && randomize > 1;
    place->stack_limit = process_limit(RLIMIT_STACK);
    if (e->set_id)
        place->stack_limit = MIN(place->stack_limit, STACK_LIMIT_SECURE);
}

static int build_image(struct exec *e)
{
    struct exec_ids ids = {e->cred.uid, e->cred.euid, e->cred.gid, e->cred.egid, e->set_id};

    choose_places(e);
    int error = exec_image_load(&e->image, e->file, &e->head.elf);

    if (error)
        return error;
    return exec_image_stack(&e->image, e->script_strings, e->strings, &ids);
}

/* All other threads end; this one becomes the only one, with the process's pid.  -EAGAIN: someone else ends us all. */
static int become_only_thread(void)
{
    struct thread *me = thread_current(), *t;
    struct process *p = me->process;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    if (p->signals.exiting || p->signals.execing) {
        spin_unlock_irqrestore(&p->signals.lock, flags);
        return -EAGAIN;
    }
    p->signals.execing = me;
    TAILQ_FOREACH(t, &p->threads, link) {
        if (t != me)
            signal_kick(t, true);
    }
    spin_unlock_irqrestore(&p->signals.lock, flags);

    wait_event_uninterruptible(&p->child_changed,
                               __atomic_load_n(&p->thread_count, __ATOMIC_ACQUIRE) == 1 || p->signals.exiting);
    spin_lock(&process_tree_lock);
    flags = spin_lock_irqsave(&p->signals.lock);
    p->signals.execing = NULL;
    bool ending = p->signals.exiting;
    spin_unlock_irqrestore(&p->signals.lock, flags);
    if (!ending)
        thread_become_leader(me);
    spin_unlock(&process_tree_lock);
    return ending ? -EAGAIN : 0;
}

static void set_comm(struct task *t, const char *name)
{
    const char *slash = strrchr(name, '/');

    memset(t->comm, 0, sizeof(t->comm));
    (void)string_copy(t->comm, slash ? slash + 1 : name, sizeof(t->comm));
}

static void set_registers(struct pt_regs *regs, const struct exec_image *image)
{
    *regs = (struct pt_regs){
        .rip = image->entry,
        .rsp = image->stack,
        .cs = regs->cs,
        .ss = regs->ss,
        .eflags = RFLAGS_IF | RFLAGS_FIXED,
        .orig_rax = regs->orig_rax, /* tracers look at it after the call */
    };
}

/* What a set-id program may be given is what it would get by itself. */
static void limit_stack(struct process *p)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    p->limits[RLIMIT_STACK].soft = MIN(p->limits[RLIMIT_STACK].soft, STACK_LIMIT_SECURE);
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

/* execve(2): signal actions are shared with nobody any more; what was ignored stays ignored, the rest is default. */
static void replace_actions(struct exec *e, struct process *p)
{
    struct signal_actions *old = p->signals.actions;

    signal_actions_copy(e->actions, old);
    signal_actions_reset(e->actions);
    spin_lock(&process_tree_lock);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    p->signals.actions = e->actions;
    spin_unlock_irqrestore(&p->signals.lock, flags);
    spin_unlock(&process_tree_lock);
    e->actions = old;
}

/* The point of no return is behind us: nothing here fails. */
static void commit(struct exec *e)
{
    struct thread *me = thread_current();
    struct task *task = me->task;
    struct process *p = me->process;

    futex_thread_leaves(me, false);
    spin_lock(&process_tree_lock);
    struct file *old_exe = p->exe;
    p->exe = file_get(e->file);
    p->has_execed = true;
    p->shares_space = false;
    p->exit_signal = SIGCHLD;
    p->not_dumpable = e->unreadable || e->cred.euid != e->cred.uid || e->cred.egid != e->cred.gid;
    p->personality = new_personality(e);
    if (e->set_id)
        me->parent_death_signal = 0;
    thread_set_cred_locked(&e->cred); /* of the same groups */
    set_comm(task, e->name);
    struct space *old = task_switch_space(e->image.space);
    spin_unlock(&process_tree_lock);
    e->image.space = NULL;

    if (e->set_id)
        limit_stack(p);
    vfork_release(p);
    if (old)
        space_put(old);
    if (old_exe)
        file_put(old_exe);
    file_table_close_on_exec(task->files);
    posix_timers_delete(p);
    replace_actions(e, p);
    me->alt_stack = me->alt_stack_size = 0; /* the flags stay, as Linux has it */
    rseq_forget(me);
    debug_registers_forget(task);
    me->restart = NULL;
    task_reset_fpu();
    task_reset_selectors(); /* which may change the bases */
    task_set_fs_base(0);
    task_set_gs_base(0);
    set_registers(task->regs, &e->image);
}

static void exec_end(struct exec *e)
{
    if (e->image.space)
        space_put(e->image.space);
    exec_strings_free(e->strings);
    exec_strings_free(e->script_strings);
    if (e->file)
        file_put(e->file);
    signal_actions_put(e->actions);
    cred_drop(&e->cred);
    mem_free(e);
}

/* How the program is named to itself where the call gave a descriptor (execveat(2)). */
static int set_name(struct exec *e, int dirfd, const char *path)
{
    int n;

    if (dirfd != AT_FDCWD && path[0] != '/')
        e->hidden = fd_flags(dirfd, -1) > 0; /* FD_CLOEXEC */
    if (dirfd == AT_FDCWD || path[0] == '/')
        n = format(e->name, sizeof(e->name), "%s", path);
    else if (!path[0])
        n = format(e->name, sizeof(e->name), "/dev/fd/%d", dirfd);
    else
        n = format(e->name, sizeof(e->name), "/dev/fd/%d/%s", dirfd, path);
    return (size_t)n < sizeof(e->name) ? 0 : -ENAMETOOLONG;
}

long exec_current(int dirfd, const char *path, int flags, const struct exec_source *source)
{
    struct thread *me = thread_current();

    if (me->over_limit &&
        __atomic_load_n(&me->account->threads, __ATOMIC_RELAXED) > process_limit(RLIMIT_NPROC)) /* execve(2), EAGAIN */
        return -EAGAIN;
    me->over_limit = false;
    struct exec *e = mem_alloc_zero(sizeof(*e));
    int32_t old_tid = task_current()->tid;

    if (!e)
        return -ENOMEM;
    e->actions = signal_actions_create();
    int error = e->actions ? set_name(e, dirfd, path) : -ENOMEM;
    if (error)
        goto out;
    /* The strings are copied even if there is no such file: a trace shows what was asked for. */
    int open_error = vfs_open_exec(dirfd, path, flags, &e->file);
    error = collect_strings(e, source);
    if (open_error)
        error = open_error;
    if (!error)
        error = find_program(e);
    if (!error)
        error = make_script_arguments(e);
    if (!error)
        error = prepare_cred(e);
    if (!error)
        error = build_image(e);
    if (!error)
        error = file_table_unshare();
    if (!error)
        error = become_only_thread();
    if (!error)
        commit(e);
out:
    exec_end(e);
    if (!error)
        ptrace_execed(old_tid);
    return error;
}

struct user_vectors {
    user_ptr argv, envp;
};

static int add_user_args(struct exec_strings *s, void *context)
{
    const struct user_vectors *v = context;

    return exec_strings_add_vector(s, v->argv, &s->argc);
}

static int add_user_envs(struct exec_strings *s, void *context)
{
    const struct user_vectors *v = context;

    return exec_strings_add_vector(s, v->envp, &s->envc);
}

static long exec_user(int dirfd, user_ptr path, user_ptr argv, user_ptr envp, int flags)
{
    struct user_vectors vectors = {argv, envp};
    struct exec_source source = {add_user_args, add_user_envs, &vectors};

    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    char *name = mem_alloc(FS_PATH_MAX);
    if (!name)
        return -ENOMEM;
    long result = copy_string_from_user(name, path, FS_PATH_MAX);
    if (result == 0 && !(flags & AT_EMPTY_PATH))
        result = -ENOENT;
    if (result >= 0)
        result = exec_current(dirfd, name, flags, &source);
    mem_free(name);
    return result;
}

long sys_execve(const struct syscall_args *args)
{
    return exec_user(AT_FDCWD, user(args->a[0]), user(args->a[1]), user(args->a[2]), 0);
}

long sys_execveat(const struct syscall_args *args)
{
    return exec_user((int)args->a[0], user(args->a[1]), user(args->a[2]), user(args->a[3]), (int)args->a[4]);
}
