/*
 * The notes of a core file, in Linux's order: registers of the thread that died, the process, the signal, the auxiliary
 * vector, mapped files, that thread's vector registers; then the registers of every other thread.  All threads but the
 * current one are off their CPUs and stay so.
 */
#include <linux/elf.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/coredump.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"
#include "lib/string.h"

#define NOTE_CORE   "CORE"
#define NOTE_LINUX  "LINUX"
#define STRINGS_MAX 80
#define FILES_MAX   MiB(4) /* of the note of mapped files, as Linux */
#define AUXV_MAX    KiB(4)

struct note_status { /* struct elf_prstatus, which linux-libc-dev does not have */
    int32_t signo, code, error;
    int16_t current_signal;
    uint64_t pending, held;
    int32_t pid, ppid, group, session;
    struct __kernel_old_timeval user, system, children_user, children_system;
    uint64_t registers[PTRACE_REGISTERS];
    int32_t fp_valid;
};
_Static_assert(sizeof(struct note_status) == 336 && offsetof(struct note_status, registers) == 112, "elf_prstatus");

struct note_process { /* struct elf_prpsinfo */
    char state, state_name, zombie, nice;
    uint64_t flags;
    uint32_t uid, gid;
    int32_t pid, ppid, group, session;
    char name[16], arguments[STRINGS_MAX];
};
_Static_assert(sizeof(struct note_process) == 136, "elf_prpsinfo");

static void pad(struct text *t)
{
    static const char zeros[4];

    text_write(t, zeros, (4 - t->used % 4) % 4);
}

static void add_note(struct text *t, const char *owner, uint32_t type, const void *data, size_t size)
{
    Elf64_Nhdr head = {(uint32_t)strlen(owner) + 1, (uint32_t)size, type};

    text_write(t, &head, sizeof(head));
    text_write(t, owner, head.n_namesz);
    pad(t);
    text_write(t, data, size);
    pad(t);
}

static struct __kernel_old_timeval time_of(uint64_t ns)
{
    return (struct __kernel_old_timeval){(long)(ns / NS_PER_S), (long)(ns % NS_PER_S / 1000)};
}

static void add_status(struct text *t, struct thread *thread, const siginfo_t *info)
{
    struct process *p = thread->process;
    const struct task *task = thread->task;
    uint64_t run_ns = task_run_ns(task);
    struct note_status s;

    memset(&s, 0, sizeof(s));
    s.signo = s.current_signal = (int16_t)info->si_signo;
    s.pending = thread->pending.set;
    s.held = thread->blocked;
    s.pid = task->tid;
    s.ppid = p->parent ? p->parent->pid : 0;
    s.group = p->group;
    s.session = p->session;
    s.user = time_of(MIN(task->user_ns, run_ns));
    s.system = time_of(run_ns - MIN(task->user_ns, run_ns));
    s.children_user = time_of(p->children_user_ns);
    s.children_system = time_of(p->children_run_ns - MIN(p->children_user_ns, p->children_run_ns));
    ptrace_registers_get(thread, s.registers);
    s.fp_valid = 1;
    add_note(t, NOTE_CORE, NT_PRSTATUS, &s, sizeof(s));
}

/* Arguments with blanks between, as ps shows them. */
static void read_arguments(struct space *s, char out[STRINGS_MAX])
{
    const struct space_layout *l = space_layout(s);
    size_t n = space_read(s, l->arg_start, out, MIN(l->arg_end - l->arg_start, STRINGS_MAX - 1u));

    for (size_t i = 0; i < n; i++)
        if (!out[i])
            out[i] = ' ';
    out[n] = '\0';
}

static void add_process(struct text *t, struct thread *thread)
{
    struct process *p = thread->process;
    const struct cred *cred = &thread->task->cred;
    struct note_process n;

    memset(&n, 0, sizeof(n));
    n.state_name = 'R';
    n.nice = (char)thread->task->setting.nice;
    n.flags = 0x400600; /* PF_RANDOMIZE, PF_SIGNALED, PF_DUMPCORE: all that is known */
    n.uid = cred->uid;
    n.gid = cred->gid;
    n.pid = p->pid;
    n.ppid = p->parent ? p->parent->pid : 0;
    n.group = p->group;
    n.session = p->session;
    string_copy(n.name, thread->task->comm, sizeof(n.name));
    read_arguments(thread->task->space, n.arguments);
    add_note(t, NOTE_CORE, NT_PRPSINFO, &n, sizeof(n));
}

static void add_auxv(struct text *t, struct space *s)
{
    const struct space_layout *l = space_layout(s);
    size_t size = MIN(l->auxv_end - l->auxv_start, AUXV_MAX);
    char *copy = mem_alloc(AUXV_MAX);

    if (copy)
        add_note(t, NOTE_CORE, NT_AUXV, copy, space_read(s, l->auxv_start, copy, size));
    else
        t->failed = true;
    mem_free(copy);
}

struct file_list {
    struct text places, names;
    uint64_t count;
    char *path; /* FS_PATH_MAX */
};

static bool add_file(const struct area *a, void *context)
{
    struct file_list *f = context;
    const uint64_t place[] = {a->start, a->end, a->file_offset / PAGE_SIZE};

    if (!a->file || a->name || !a->file->ops->path || a->file->ops->path(a->file, f->path, FS_PATH_MAX) <= 0)
        return true;
    text_write(&f->places, place, sizeof(place));
    text_write(&f->names, f->path, strlen(f->path) + 1);
    f->count++;
    return !f->places.failed && !f->names.failed && f->places.used + f->names.used < FILES_MAX;
}

static void add_files(struct text *t, struct space *s)
{
    struct file_list f = {.path = mem_alloc(FS_PATH_MAX)};
    struct text whole = {0};

    if (f.path)
        space_for_each(s, add_file, &f);
    const uint64_t head[] = {f.count, PAGE_SIZE};
    text_write(&whole, head, sizeof(head));
    text_write(&whole, f.places.data, f.places.used);
    text_write(&whole, f.names.data, f.names.used);
    if (!f.path || f.places.failed || f.names.failed || whole.failed)
        t->failed = true;
    else
        add_note(t, NOTE_CORE, NT_FILE, whole.data, whole.used);
    mem_free(f.places.data);
    mem_free(f.names.data);
    mem_free(whole.data);
    mem_free(f.path);
}

static void add_vectors(struct text *t, struct thread *thread)
{
    size_t extended = fpu_set_size(true), plain = fpu_set_size(false);
    void *copy = mem_alloc(MAX(extended, plain));

    if (!copy) {
        t->failed = true;
        return;
    }
    fpu_set_read(thread->task, copy, false);
    add_note(t, NOTE_CORE, NT_PRFPREG, copy, plain);
    if (extended) {
        fpu_set_read(thread->task, copy, true);
        add_note(t, NOTE_LINUX, NT_X86_XSTATE, copy, extended);
    }
    mem_free(copy);
}

void coredump_notes(struct text *out, struct thread *first, const siginfo_t *info)
{
    struct space *s = first->task->space;
    struct thread *t;

    add_status(out, first, info);
    add_process(out, first);
    add_note(out, NOTE_CORE, NT_SIGINFO, info, sizeof(*info));
    add_auxv(out, s);
    add_files(out, s);
    fpu_save_current();
    add_vectors(out, first);
    TAILQ_FOREACH(t, &first->process->threads, link)
    {
        if (t == first || t->leaving)
            continue;
        while (!task_is_parked(t->task)) /* on its way to sleep in coredump_wait() */
            task_yield();
        add_status(out, t, info);
        add_vectors(out, t);
    }
}
