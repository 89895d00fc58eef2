/*
 * See coredump.h.  The process has begun to exit, so that all its threads come to coredump_wait(); the one that was
 * killed writes.  A SIGKILL meanwhile ends the writing.
 */
#include "guest_kernel/coredump.h"

#include <asm/errno.h>
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "fs/file.h"
#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/names.h"
#include "guest_kernel/process.h"
#include "lib/string.h"

#define PATTERN_MAX  128 /* as Linux's */
#define SEGMENTS_MAX (PN_XNUM - 2)

static char pattern[PATTERN_MAX] = "core"; /* pattern_lock, as all uses are short */
static struct spinlock pattern_lock = SPINLOCK_INIT;
static int uses_pid; /* atomic: /proc/sys/kernel/core_uses_pid */

struct core_file {
    struct thread *thread;
    struct file *file;
    uint64_t position, limit;
    struct coredump_area *areas;
    size_t area_count, area_room;
    uint32_t filter;
    char *page;
};

void coredump_wait(struct thread *t)
{
    struct process *p = t->process;
    struct signal_state *s = &p->signals;
    uint64_t flags = spin_lock_irqsave(&s->lock);
    bool wait = s->dumper && s->dumper != t;

    if (wait)
        s->dump_parked++;
    else
        t->leaving = true;
    if (!wait)
        s->leaving++;
    spin_unlock_irqrestore(&s->lock, flags);
    if (!wait)
        return;
    wake_all(&p->child_changed);
    wait_event_uninterruptible(&s->resumed, !__atomic_load_n(&s->dumper, __ATOMIC_ACQUIRE));
}

static bool others_wait(struct process *p)
{
    struct signal_state *s = &p->signals;
    uint64_t flags = spin_lock_irqsave(&s->lock);
    bool all = s->dump_killed || s->dump_parked + s->leaving + 1 == p->thread_count;

    spin_unlock_irqrestore(&s->lock, flags);
    return all;
}

static bool is_killed(const struct core_file *c)
{
    return __atomic_load_n(&c->thread->process->signals.dump_killed, __ATOMIC_RELAXED);
}

/* What the process may not write, or its limit is not enough for, is left out: the file ends there. */
static bool put(struct core_file *c, const void *data, size_t n)
{
    struct io_iter it;

    if (is_killed(c) || n > c->limit || c->position > c->limit - n)
        return false;
    iter_init_kernel(&it, (void *)(uintptr_t)data, n);
    if (file_write_at(c->file, &it, c->position) != (long)n)
        return false;
    c->position += n;
    return true;
}

static bool plan_area(const struct area *a, void *context)
{
    struct core_file *c = context;

    if (c->area_count == c->area_room)
        return false;
    c->areas[c->area_count++] =
        (struct coredump_area){a->start, a->end, space_dump_size(c->thread->task->space, a, c->filter), a->prot};
    return true;
}

static bool count_area(const struct area *a, void *context)
{
    struct core_file *c = context;

    return ++c->area_room < SEGMENTS_MAX;
}

/* Nobody changes the space: all its threads wait, unless another process shares it; then what is new may be missing. */
static bool plan(struct core_file *c)
{
    struct space *s = c->thread->task->space;

    space_for_each(s, count_area, c);
    c->areas = mem_alloc(c->area_room * sizeof(*c->areas));
    if (!c->areas)
        return false;
    space_for_each(s, plan_area, c);
    for (size_t i = 0; i < c->area_count; i++) {
        char magic[SELFMAG];
        if (c->areas[i].size == SPACE_DUMP_HEADER) /* of a program or library, if it is one */
            c->areas[i].size =
                space_read(s, c->areas[i].start, magic, SELFMAG) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG)
                    ? PAGE_SIZE
                    : 0;
    }
    return true;
}

static bool put_headers(struct core_file *c, const struct text *notes)
{
    Elf64_Ehdr head = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(head),
        .e_ehsize = sizeof(head),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)(c->area_count + 1),
    };
    uint64_t at = sizeof(head) + (c->area_count + 1) * sizeof(Elf64_Phdr);
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = at, .p_filesz = notes->used, .p_align = 4};

    if (!put(c, &head, sizeof(head)) || !put(c, &note, sizeof(note)))
        return false;
    at = ALIGN_UP(at + notes->used, PAGE_SIZE);
    for (size_t i = 0; i < c->area_count; i++) {
        const struct coredump_area *a = &c->areas[i];
        Elf64_Phdr load = {
            .p_type = PT_LOAD,
            .p_offset = at,
            .p_vaddr = a->start,
            .p_filesz = a->size,
            .p_memsz = a->end - a->start,
            .p_flags =
                (a->prot & PROT_READ ? PF_R : 0) | (a->prot & PROT_WRITE ? PF_W : 0) | (a->prot & PROT_EXEC ? PF_X : 0),
            .p_align = PAGE_SIZE,
        };
        if (!put(c, &load, sizeof(load)))
            return false;
        at += a->size;
    }
    return put(c, notes->data, notes->used);
}

/* Pages that were never touched are holes. */
static void put_memory(struct core_file *c)
{
    struct space *s = c->thread->task->space;
    bool hole = false;

    c->position = ALIGN_UP(c->position, PAGE_SIZE);
    for (size_t i = 0; i < c->area_count; i++) {
        for (uint64_t at = 0; at < c->areas[i].size; at += PAGE_SIZE) {
            hole = !space_dump_page(s, c->areas[i].start + at, c->page);
            if (hole)
                c->position += PAGE_SIZE;
            else if (!put(c, c->page, PAGE_SIZE))
                return;
            task_relax();
        }
    }
    if (hole) { /* the file is as long as its headers say */
        c->position--;
        (void)put(c, "", 1);
    }
}

/* False: nothing was written; what comes after may be cut short. */
static bool put_all(struct core_file *c, const siginfo_t *info)
{
    struct text notes = {0};

    wait_event_uninterruptible(&c->thread->process->child_changed, others_wait(c->thread->process));
    if (is_killed(c))
        return false;
    coredump_notes(&notes, c->thread, info);
    bool ready = !notes.failed && plan(c);
    if (ready && put_headers(c, &notes))
        put_memory(c);
    mem_free(notes.data);
    mem_free(c->areas);
    return ready;
}

static int make_name(const struct core_file *c, const siginfo_t *info, char *name)
{
    struct coredump_facts f = {
        .pid = c->thread->process->pid,
        .tid = c->thread->task->tid,
        .uid = c->thread->task->cred.uid,
        .gid = c->thread->task->cred.gid,
        .signal = info->si_signo,
        .limit = c->limit,
        .seconds = clock_realtime_ns() / NS_PER_S,
        .comm = c->thread->task->comm,
        .add_pid = __atomic_load_n(&uses_pid, __ATOMIC_RELAXED),
    };
    struct new_utsname names;
    char copy[PATTERN_MAX];
    struct file *exe = process_exe(f.pid);
    char *path = mem_alloc(FS_PATH_MAX);
    int n = -ENOMEM;

    names_get(&names);
    spin_lock(&pattern_lock);
    memcpy(copy, pattern, sizeof(copy));
    spin_unlock(&pattern_lock);
    if (path) {
        f.host = names.nodename;
        f.exe = exe && file_path(exe, path, FS_PATH_MAX) > 0 ? path : f.comm;
        n = coredump_name(copy, &f, name, FS_PATH_MAX);
    }
    mem_free(path);
    if (exe)
        file_put(exe);
    return n;
}

/* A new file that is the process's own; an older one of that name is removed, not written to. */
static int open_file(struct core_file *c, const char *name)
{
    struct stat st;
    int error = tree_remove(AT_FDCWD, name, false);

    if (error && error != -ENOENT)
        return error;
    error = vfs_open(name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_LARGEFILE | O_EXCL, 0600, &c->file);
    if (error)
        return error;
    error = file_stat(c->file, &st);
    if (!error && (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != c->thread->task->cred.fsuid))
        error = -EPERM;
    return error;
}

static bool write_file(struct core_file *c, const siginfo_t *info)
{
    char *name = mem_alloc(FS_PATH_MAX);
    bool written = false;

    c->page = mem_alloc(PAGE_SIZE);
    if (name && c->page && make_name(c, info, name) >= 0 && !open_file(c, name))
        written = put_all(c, info);
    if (c->file)
        file_put(c->file);
    mem_free(c->page);
    mem_free(name);
    return written;
}

bool coredump(struct thread *t, uint64_t *flags, const siginfo_t *info)
{
    struct process *p = t->process;
    struct signal_state *s = &p->signals;
    struct core_file c = {.thread = t, .limit = p->limits[RLIMIT_CORE].soft, .filter = p->coredump_filter};

    assert_held(&s->lock);
    if (p->not_dumpable || c.limit < PAGE_SIZE)
        return false;
    s->dumper = t;
    s->dump_parked = 0;
    spin_unlock_irqrestore(&s->lock, *flags);
    bool written = write_file(&c, info);
    *flags = spin_lock_irqsave(&s->lock);
    __atomic_store_n(&s->dumper, NULL, __ATOMIC_RELEASE);
    wake_all(&s->resumed);
    return written;
}

static int show_pattern(struct text *t)
{
    char copy[PATTERN_MAX];

    spin_lock(&pattern_lock);
    memcpy(copy, pattern, sizeof(copy));
    spin_unlock(&pattern_lock);
    text_printf(t, "%s\n", copy);
    return 0;
}

/* Up to a line's end; no pipes, which would be programs of the kernel's. */
static int store_pattern(char *value, size_t n)
{
    char *end = strchr(value, '\n');

    if (end)
        *end = '\0';
    if (strlen(value) >= PATTERN_MAX || *value == '|')
        return -EINVAL;
    spin_lock(&pattern_lock);
    string_copy(pattern, value, sizeof(pattern));
    spin_unlock(&pattern_lock);
    return 0;
}

int coredump_register(void)
{
    int error = procfs_register_number("sys/kernel/core_uses_pid", &uses_pid, 0, 1);

    return error ? error : procfs_register_writable("sys/kernel/core_pattern", 0644, show_pattern, store_pattern);
}
