/*
 * Loading ELF64 files into a new address space: static programs (ET_EXEC, static-PIE) and programs with an interpreter
 * (PT_INTERP: the dynamic linker).  Addresses as Linux chooses them (exec_layout.h).
 */
#include "guest_kernel/exec_image.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "lib/elf.h"
#include "lib/string.h"

#define INTERPRETER_PATH_MAX 4096

int randomize_va_space = 2;

struct segments { /* of one ELF file */
    struct file *file;
    Elf64_Phdr *headers;
    uint16_t count;
    uint64_t low, high; /* page-aligned extent of all PT_LOAD, before the bias */
    uint64_t bias;      /* added to every address in the file */
};

static uint32_t segment_prot(const Elf64_Phdr *p)
{
    return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
           (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static int segments_measure(struct segments *s)
{
    s->low = UINT64_MAX;
    s->high = 0;
    for (unsigned i = 0; i < s->count; i++) {
        const Elf64_Phdr *p = &s->headers[i];
        if (p->p_type != PT_LOAD || !p->p_memsz)
            continue;
        int error = elf_check_load(p);
        if (error)
            return error;
        if (p->p_vaddr >= USER_END || p->p_memsz > USER_END - p->p_vaddr)
            return -ENOMEM;
        s->low = MIN(s->low, ALIGN_DOWN(p->p_vaddr, PAGE_SIZE));
        s->high = MAX(s->high, ALIGN_UP(p->p_vaddr + p->p_memsz, PAGE_SIZE));
    }
    return s->high ? 0 : -ENOEXEC;
}

/* Reads the program headers; segments_free() afterwards in any case. */
static int segments_read(struct segments *s, struct file *file, const Elf64_Ehdr *head)
{
    *s = (struct segments){.file = file, .count = head->e_phnum};
    size_t size = head->e_phnum * sizeof(Elf64_Phdr);
    s->headers = mem_alloc(size);
    if (!s->headers)
        return -ENOMEM;
    long n = vfs_read_at(file, s->headers, size, head->e_phoff);
    if (n != (long)size)
        return n < 0 ? (int)n : -ENOEXEC;
    return segments_measure(s);
}

static void segments_free(struct segments *s)
{
    mem_free(s->headers);
}

static int clear_range(struct space *space, uint64_t from, uint64_t to)
{
    void *zeros = mem_alloc_zero(PAGE_SIZE);

    if (!zeros)
        return -ENOMEM;
    size_t done = space_write(space, from, zeros, to - from);
    mem_free(zeros);
    return done == to - from ? 0 : -ENOMEM;
}

/*
 * One PT_LOAD: the file's pages, the rest of the last one cleared, whole anonymous pages for what lies past it.  A
 * read-only segment keeps the file's bytes in that rest, as on Linux.
 */
static int segment_map(struct space *space, const struct segments *s, const Elf64_Phdr *p)
{
    uint32_t prot = segment_prot(p), flags = MAP_PRIVATE | MAP_FIXED;
    uint64_t start = s->bias + p->p_vaddr, page = ALIGN_DOWN(start, PAGE_SIZE);
    uint64_t file_end = start + p->p_filesz, memory_end = ALIGN_UP(start + p->p_memsz, PAGE_SIZE);
    uint64_t mapped_end = page;

    if (p->p_filesz) {
        struct space_file *mapping = file_mapping(s->file);
        if (!mapping)
            return -EACCES;
        mapped_end = ALIGN_UP(file_end, PAGE_SIZE);
        long at = space_map(space, page, mapped_end - page, prot, flags, mapping, p->p_offset - (start - page));
        if (at < 0)
            return (int)at;
        if (p->p_memsz > p->p_filesz && (prot & PROT_WRITE) && mapped_end > file_end) {
            int error = clear_range(space, file_end, mapped_end);
            if (error)
                return error;
        }
    }
    if (memory_end <= mapped_end)
        return 0;
    long at = space_map(space, mapped_end, memory_end - mapped_end, prot, flags | MAP_ANONYMOUS, NULL, 0);
    return at < 0 ? (int)at : 0;
}

static int segments_map(struct space *space, const struct segments *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        const Elf64_Phdr *p = &s->headers[i];
        if (p->p_type != PT_LOAD || !p->p_memsz)
            continue;
        int error = segment_map(space, s, p);
        if (error)
            return error;
    }
    return 0;
}

static const struct layout_random *random_of(const struct exec_image *image)
{
    return image->place.randomize ? &image->place.random : NULL;
}

/*
 * What /proc and brk need to know of the program's own segments.  A program that lies among the mappings would have no
 * room for a break: it gets that of others.
 */
static void note_layout(struct exec_image *image, const struct segments *s, bool among_mappings)
{
    struct space_layout *l = space_layout(image->space);
    uint64_t brk = 0;

    l->code_start = UINT64_MAX;
    for (unsigned i = 0; i < s->count; i++) {
        const Elf64_Phdr *p = &s->headers[i];
        if (p->p_type != PT_LOAD)
            continue;
        uint64_t start = s->bias + p->p_vaddr, end = start + p->p_filesz;
        l->code_start = MIN(l->code_start, start);
        if (p->p_flags & PF_X)
            l->code_end = MAX(l->code_end, end);
        if (start > l->data_start)
            l->data_start = start;
        l->data_end = MAX(l->data_end, end);
        brk = MAX(brk, start + p->p_memsz);
    }
    brk = among_mappings ? LAYOUT_PROGRAM_BASE : ALIGN_UP(brk, PAGE_SIZE);
    l->brk_start = l->brk = layout_brk(brk, image->place.randomize_brk ? &image->place.random : NULL);
}

/* The largest alignment that a segment asks for, a power of two. */
static uint64_t alignment_of(const struct segments *s)
{
    uint64_t alignment = PAGE_SIZE;

    for (unsigned i = 0; i < s->count; i++) {
        uint64_t a = s->headers[i].p_align;
        if (s->headers[i].p_type == PT_LOAD && !(a & (a - 1)))
            alignment = MAX(alignment, a);
    }
    return alignment;
}

static const Elf64_Phdr *find_header(const struct segments *s, uint32_t type)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->headers[i].p_type == type)
            return &s->headers[i];
    }
    return NULL;
}

/* Address of the program headers in memory: AT_PHDR. */
static uint64_t phdr_address(const struct segments *s, const Elf64_Ehdr *head)
{
    for (unsigned i = 0; i < s->count; i++) {
        const Elf64_Phdr *p = &s->headers[i];
        if (p->p_type == PT_LOAD && head->e_phoff >= p->p_offset && head->e_phoff - p->p_offset < p->p_filesz)
            return s->bias + p->p_vaddr + (head->e_phoff - p->p_offset);
    }
    return 0;
}

/* Room for all of an ET_DYN file at once, so that its segments keep their distances. */
static int place_anywhere(struct space *space, struct segments *s)
{
    long at = space_map(space, 0, s->high - s->low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);

    if (at < 0)
        return (int)at;
    s->bias = (uint64_t)at - s->low;
    return 0;
}

/* The path in PT_INTERP: a NUL-terminated string of the file. */
static int open_interpreter(const struct segments *s, const Elf64_Phdr *p, struct file **out)
{
    if (p->p_filesz < 2 || p->p_filesz > INTERPRETER_PATH_MAX)
        return -ENOEXEC;
    char *path = mem_alloc(p->p_filesz);
    if (!path)
        return -ENOMEM;
    long n = vfs_read_at(s->file, path, p->p_filesz, p->p_offset);
    int error = n != (long)p->p_filesz ? (n < 0 ? (int)n : -EIO) : path[n - 1] ? -ENOEXEC : 0;
    if (!error)
        error = vfs_open_exec(AT_FDCWD, path, 0, out);
    mem_free(path);
    return error;
}

static int load_interpreter(struct exec_image *image, struct file *file)
{
    struct segments s;
    Elf64_Ehdr head;

    long n = vfs_read_at(file, &head, sizeof(head), 0);
    if (n < 0)
        return (int)n;
    if (n != sizeof(head) || elf_check_header(&head))
        return -ELIBBAD;
    int error = segments_read(&s, file, &head);
    if (!error && head.e_type == ET_DYN)
        error = place_anywhere(image->space, &s);
    if (!error)
        error = segments_map(image->space, &s);
    image->base = s.bias;
    image->entry = s.bias + head.e_entry;
    segments_free(&s);
    return error == -ENOEXEC ? -ELIBBAD : error;
}

/* A program that is its own interpreter goes where interpreters go. */
static int place_program(struct exec_image *image, struct segments *s, bool movable, bool interpreted)
{
    if (movable && !interpreted)
        return place_anywhere(image->space, s);
    if (movable)
        s->bias = layout_program_base(alignment_of(s), random_of(image)) - s->low;
    return s->high > USER_END - s->bias ? -ENOMEM : 0;
}

static int load_all(struct exec_image *image, struct segments *s, const Elf64_Ehdr *head, struct file *interpreter)
{
    const Elf64_Phdr *stack = find_header(s, PT_GNU_STACK);
    bool movable = head->e_type == ET_DYN;

    space_layout(image->space)->mmap_top = layout_mmap_top(image->place.stack_limit, random_of(image));
    int error = place_program(image, s, movable, interpreter);
    if (!error)
        error = segments_map(image->space, s);
    if (error)
        return error;
    note_layout(image, s, movable && !interpreter);
    image->program_entry = image->entry = s->bias + head->e_entry;
    image->phdr = phdr_address(s, head);
    image->phnum = head->e_phnum;
    image->executable_stack = stack && (stack->p_flags & PF_X);
    return interpreter ? load_interpreter(image, interpreter) : 0;
}

int exec_image_load(struct exec_image *image, struct file *file, const Elf64_Ehdr *head)
{
    struct file *interpreter = NULL;
    struct segments s;

    *image = (struct exec_image){.place = image->place};
    int error = segments_read(&s, file, head);
    const Elf64_Phdr *p = error ? NULL : find_header(&s, PT_INTERP);
    if (p)
        error = open_interpreter(&s, p, &interpreter);
    if (error)
        goto out;
    image->space = space_create();
    if (!image->space) {
        error = -ENOMEM;
        goto out;
    }
    space_large_off(image->space, process_current()->no_huge_pages);
    error = load_all(image, &s, head, interpreter);
    if (error) {
        space_put(image->space);
        image->space = NULL;
    }
out:
    if (interpreter)
        file_put(interpreter);
    segments_free(&s);
    return error;
}
