/*
 * See tools/trace_stack.h.
 */
#include "tools/trace_stack.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "tools/bytes.h"
#include "tools/message.h"
#include "tools/unwind.h"

#define FRAMES_MAX 256u /* as strace */
#define SPACES_MAX 65536u
#define MAPPINGS_MAX 4096u /* of one process */
#define PAGE 4096u

struct file {
    RB_ENTRY(file) node;
    char *path;
    struct elf_image *image; /* NULL: it is none, or not here */
};

struct mapping {
    uint64_t start, end, offset;
    struct file *file;
};

struct space {
    RB_ENTRY(space) node;
    uint32_t pid;
    struct mapping *mappings; /* by address */
    size_t count;
    bool begun; /* its program is known, or was its parent's */
    struct file *program; /* its auxiliary vector was not seen yet; NULL: nothing is awaited */
};

RB_HEAD(file_tree, file);
RB_HEAD(space_tree, space);

struct trace_stacks {
    char *root;
    struct file_tree files;
    struct space_tree spaces;
    size_t space_count;
    struct trace_tasks *tasks; /* to resolve an interpreter's path */
};

static int file_compare(const struct file *a, const struct file *b)
{
    return strcmp(a->path, b->path);
}

static int space_compare(const struct space *a, const struct space *b)
{
    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_PROTOTYPE(file_tree, file, node, file_compare)
RB_GENERATE(file_tree, file, node, file_compare)
RB_PROTOTYPE(space_tree, space, node, space_compare)
RB_GENERATE(space_tree, space, node, space_compare)

struct trace_stacks *trace_stacks_new(const char *root)
{
    struct trace_stacks *s = must_alloc(sizeof *s);

    *s = (struct trace_stacks){.root = must_format("%s", root)};
    return s;
}

static void space_free(struct trace_stacks *s, struct space *p)
{
    RB_REMOVE(space_tree, &s->spaces, p);
    s->space_count--;
    free(p->mappings);
    free(p);
}

void trace_stacks_free(struct trace_stacks *s)
{
    struct file *f;
    struct space *p;

    if (!s)
        return;
    while ((p = RB_MIN(space_tree, &s->spaces)))
        space_free(s, p);
    while ((f = RB_MIN(file_tree, &s->files))) {
        RB_REMOVE(file_tree, &s->files, f);
        elf_image_free(f->image);
        free(f->path);
        free(f);
    }
    free(s->root);
    free(s);
}

void trace_stacks_calls(struct call_set *set)
{
    static const unsigned numbers[] = {SYS_mmap, SYS_munmap, SYS_brk, SYS_execve, SYS_execveat};

    trace_tracked_calls(set);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        call_set_add(set, numbers[i]);
}

static struct file *file_get(struct trace_stacks *s, const char *path)
{
    struct file key = {.path = (char *)(uintptr_t)path}, *f = RB_FIND(file_tree, &s->files, &key);

    if (f)
        return f;
    char *here = must_format("%s%s", s->root, path);
    f = must_alloc(sizeof *f);
    *f = (struct file){.path = must_format("%s", path), .image = elf_image_open(here)};
    if (f->image)
        unwind_index(f->image);
    RB_INSERT(file_tree, &s->files, f);
    free(here);
    return f;
}

static struct space *space_find(struct trace_stacks *s, uint32_t pid)
{
    struct space key = {.pid = pid};

    return RB_FIND(space_tree, &s->spaces, &key);
}

static struct space *space_get(struct trace_stacks *s, uint32_t pid)
{
    struct space *p = space_find(s, pid);

    if (p || s->space_count >= SPACES_MAX)
        return p;
    p = must_alloc(sizeof *p);
    *p = (struct space){.pid = pid};
    RB_INSERT(space_tree, &s->spaces, p);
    s->space_count++;
    return p;
}

void trace_stacks_fork(struct trace_stacks *s, uint32_t parent, uint32_t child)
{
    const struct space *from = space_find(s, parent);
    struct space *to = from && parent != child ? space_get(s, child) : NULL;

    if (!to)
        return;
    free(to->mappings);
    to->mappings = must_alloc((from->count + 1) * sizeof *to->mappings);
    to->count = from->count;
    if (from->count)
        memcpy(to->mappings, from->mappings, from->count * sizeof *to->mappings);
    to->program = from->program;
    to->begun = from->begun;
}

void trace_stacks_exit(struct trace_stacks *s, uint32_t pid)
{
    struct space *p = space_find(s, pid);

    if (p)
        space_free(s, p);
}

/* What lies in [start, end) goes; a mapping may leave two pieces. */
static void space_unmap(struct space *p, uint64_t start, uint64_t end)
{
    struct mapping *left = must_alloc((p->count + 2) * sizeof *left);
    size_t n = 0;

    for (size_t i = 0; i < p->count; i++) {
        struct mapping m = p->mappings[i], tail = m;
        if (m.end <= start || m.start >= end) {
            left[n++] = m;
            continue;
        }
        if (m.start < start) {
            m.end = start;
            left[n++] = m;
        }
        if (tail.end > end) {
            tail.offset += end - tail.start;
            tail.start = end;
            left[n++] = tail;
        }
    }
    free(p->mappings);
    p->mappings = left;
    p->count = n;
}

static void space_map(struct space *p, uint64_t start, uint64_t size, uint64_t offset, struct file *f)
{
    uint64_t end = start + ALIGN_UP(size, (uint64_t)PAGE);
    size_t at = 0;

    if (end <= start)
        return;
    space_unmap(p, start, end);
    if (!f || p->count >= MAPPINGS_MAX)
        return;
    while (at < p->count && p->mappings[at].start < start)
        at++;
    p->mappings = must_realloc(p->mappings, (p->count + 1) * sizeof *p->mappings);
    memmove(&p->mappings[at + 1], &p->mappings[at], (p->count - at) * sizeof *p->mappings);
    p->mappings[at] = (struct mapping){start, end, offset, f};
    p->count++;
}

/* As execve maps it. */
static void image_map(struct space *p, struct file *f, uint64_t bias)
{
    const struct elf_image *e = f->image;

    for (unsigned i = 0; e && i < e->header.e_phnum; i++) {
        const Elf64_Phdr *h = &e->segments[i];
        uint64_t before = h->p_vaddr % PAGE;
        if (h->p_type == PT_LOAD && before == h->p_offset % PAGE)
            space_map(p, bias + h->p_vaddr - before, h->p_filesz + before, h->p_offset - before, f);
    }
}

static void program_begin(struct trace_stacks *s, struct space *p, const struct trace_task *task)
{
    free(p->mappings);
    p->mappings = NULL;
    p->count = 0;
    p->program = task->program ? file_get(s, task->program) : NULL;
    p->begun = true;
}

static uint64_t word_at(const uint8_t *stack, size_t at)
{
    uint64_t word;

    memcpy(&word, stack + at, sizeof word);
    return word;
}

/* The value of a key of the auxiliary vector that has `at` as one of its pairs; 0: it is not there. */
static uint64_t vector_value(const uint8_t *stack, size_t size, size_t at, uint64_t key)
{
    size_t first = at > 320 ? at - 320 : at % 16;

    for (size_t i = first; i + 16 <= size && i < at + 320; i += 16) {
        if (word_at(stack, i) == key)
            return word_at(stack, i + 8);
    }
    return 0;
}

static void interpreter_map(struct trace_stacks *s, struct space *p, const struct elf_image *e, uint64_t base)
{
    const Elf64_Phdr *h = elf_image_segment(e, PT_INTERP);
    const uint8_t *path = h && h->p_filesz > 1 ? elf_image_at(e, h->p_vaddr, h->p_filesz) : NULL;
    struct trace_task *task = trace_task_get(s->tasks, p->pid, p->pid);

    if (!base || !path || path[h->p_filesz - 1] || *path != '/' || !task)
        return;
    char *resolved = trace_path_resolve(s->tasks, task, AT_FDCWD, (const char *)path, true);
    if (resolved)
        image_map(p, file_get(s, resolved), base);
    free(resolved);
}

/* AT_PHENT is 56, as no other pair is likely to be. */
static void program_place(struct trace_stacks *s, struct space *p, const uint8_t *stack, size_t size)
{
    const struct elf_image *e = p->program->image;
    uint64_t headers = 0, address;

    if (e && elf_image_address(e, e->header.e_phoff, &address)) {
        for (size_t at = 0; at + 16 <= size; at += 8) {
            if (word_at(stack, at) != AT_PHENT || word_at(stack, at + 8) != sizeof(Elf64_Phdr))
                continue;
            headers = vector_value(stack, size, at, AT_PHDR);
            if (headers) {
                image_map(p, p->program, headers - address);
                interpreter_map(s, p, e, vector_value(stack, size, at, AT_BASE));
                break;
            }
        }
    }
    if (!headers && e && e->header.e_type == ET_EXEC)
        image_map(p, p->program, 0);
    if (headers || !e || e->header.e_type == ET_EXEC)
        p->program = NULL;
}

void trace_stacks_apply(struct trace_stacks *s, struct trace_tasks *tasks, const struct trace_task *task, const struct trace_call *call)
{
    struct space *p = space_get(s, task->pid);
    const struct trace_object *object = NULL;

    s->tasks = tasks;
    if (p && !p->begun)
        program_begin(s, p, task);
    if (p && p->program && call->stack)
        program_place(s, p, (const uint8_t *)(call->stack + 1), call->stack->size);
    if (!p || !call->returned || (call->result < 0 && call->result >= -4095))
        return;
    if (call->nr == SYS_execve || call->nr == SYS_execveat) {
        program_begin(s, p, task);
    } else if (call->nr == SYS_munmap) {
        space_unmap(p, call->args[0], call->args[0] + ALIGN_UP(call->args[1], (uint64_t)PAGE));
    } else if (call->nr == SYS_mmap) {
        if (!(call->args[3] & MAP_ANONYMOUS))
            object = trace_files_find(task->files, (int)call->args[4]);
        space_map(p, (uint64_t)call->result, call->args[1], call->args[5],
                  object && object->is_path ? file_get(s, object->name) : NULL);
    }
}

static const struct mapping *mapping_find(const struct space *p, uint64_t address)
{
    size_t low = 0, high = p ? p->count : 0;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->mappings[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return p && low < p->count && p->mappings[low].start <= address ? &p->mappings[low] : NULL;
}

static enum unwind_result frame_show(const struct space *p, struct unwind_frame *f, trace_stack_take *take, void *context)
{
    uint64_t pc = f->reg[UNWIND_PC], looked = pc - !f->exact, address;
    const struct mapping *m = mapping_find(p, looked);
    struct trace_stack_frame frame = {.address = pc};

    if (m) {
        frame.path = m->file->path;
        frame.address = pc - m->start + m->offset;
    }
    if (!m || !m->file->image || !elf_image_address(m->file->image, looked - m->start + m->offset, &address)) {
        take(context, &frame);
        return unwind_by_frame_pointer(f);
    }
    const struct elf_symbol *symbol = elf_image_symbol(m->file->image, address);
    if (symbol) {
        frame.function = symbol->name;
        frame.offset = address + (pc - looked) - symbol->value;
    }
    take(context, &frame);
    enum unwind_result result = unwind_step(f, m->file->image, address, looked - address);
    return result == UNWIND_UNKNOWN ? unwind_by_frame_pointer(f) : result;
}

size_t trace_stack_frame_text(const struct trace_stack_frame *f, char *to, size_t size)
{
    const char *path = f->path ? f->path : "unknown";
    int n;

    if (f->function)
        n = snprintf(to, size, "%.400s(%.400s+%#llx) [%#llx]", path, f->function, (unsigned long long)f->offset,
                     (unsigned long long)f->address);
    else
        n = snprintf(to, size, "%.400s() [%#llx]", path, (unsigned long long)f->address);
    return MIN((size_t)n, size - 1);
}

void trace_stack_walk(struct trace_stacks *s, const struct trace_call *call, trace_stack_take *take, void *context)
{
    const struct trace_stack_body *b = call->stack;
    struct space *p = space_find(s, call->pid);
    uint64_t above = 0;

    if (!b)
        return;
    struct unwind_frame f = {.reg = {[UNWIND_RBX] = b->rbx, [UNWIND_RBP] = b->rbp, [UNWIND_RSP] = b->rsp, [UNWIND_R12] = b->r12,
                                     [UNWIND_R12 + 1] = b->r13, [UNWIND_R12 + 2] = b->r14, [UNWIND_R12 + 3] = b->r15,
                                     [UNWIND_PC] = b->rip},
                             .stack = (const uint8_t *)(b + 1), .base = b->rsp, .size = b->size};
    if (p && p->program)
        program_place(s, p, f.stack, f.size);
    for (unsigned i = 0; i < FRAMES_MAX && frame_show(p, &f, take, context) == UNWIND_FOUND; i++) {
        if (f.reg[UNWIND_RSP] <= above) /* a stack only shrinks */
            break;
        above = f.reg[UNWIND_RSP];
    }
}
