/*
 * See tools/elf_needs.h.  The dynamic section: System V ABI, chapter 5, "Dynamic Linking".
 */
#include "tools/elf_needs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/elf.h"
#include "tools/message.h"

#define DT_RUNPATH 29      /* not in <linux/elf.h> */
#define NEEDED_MAX 4096u   /* more than any real file has */

struct image {
    const char *file;
    size_t size;
    unsigned headers;
};

struct strings { /* the dynamic string table, inside of the file */
    const char *data;
    uint64_t size;
};

static bool inside(const struct image *im, uint64_t offset, uint64_t size)
{
    return offset <= im->size && size <= im->size - offset;
}

/* The bytes from a virtual address on, as far as the segment reaches in the file; false: no segment has it. */
static bool bytes_at(const struct image *im, uint64_t address, struct strings *out)
{
    Elf64_Phdr p;

    for (unsigned i = 0; i < im->headers; i++) {
        elf_phdr(im->file, i, &p);
        if (p.p_type != PT_LOAD || address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
            continue;
        *out = (struct strings){im->file + p.p_offset + (address - p.p_vaddr), p.p_filesz - (address - p.p_vaddr)};
        return true;
    }
    return false;
}

static char *copy_string(const struct strings *s, uint64_t offset)
{
    size_t n = offset < s->size ? strnlen(s->data + offset, s->size - offset) : 0;

    return n && n < s->size - offset ? must_format("%s", s->data + offset) : NULL;
}

struct dynamic_section {
    const char *entries;
    uint64_t count;
};

static void entry_at(const struct dynamic_section *d, uint64_t i, Elf64_Dyn *out)
{
    memcpy(out, d->entries + i * sizeof *out, sizeof *out);
}

static bool find_strings(const struct image *im, const struct dynamic_section *d, struct strings *out)
{
    uint64_t address = 0, size = 0;
    Elf64_Dyn e;

    for (uint64_t i = 0; i < d->count; i++) {
        entry_at(d, i, &e);
        if (e.d_tag == DT_STRTAB)
            address = e.d_un.d_ptr;
        if (e.d_tag == DT_STRSZ)
            size = e.d_un.d_val;
    }
    if (!bytes_at(im, address, out) || size > out->size)
        return false;
    out->size = size;
    return true;
}

static int take_entry(struct elf_needs *needs, const struct strings *s, const Elf64_Dyn *e)
{
    char **one = e->d_tag == DT_SONAME ? &needs->name : e->d_tag == DT_RPATH ? &needs->rpath
                 : e->d_tag == DT_RUNPATH ? &needs->runpath : NULL;

    if (e->d_tag != DT_NEEDED && !one)
        return 0;
    char *text = copy_string(s, e->d_un.d_val);
    if (!text || needs->needed.count == NEEDED_MAX) {
        free(text);
        return one && !text ? 0 : -EINVAL; /* an empty path is one that was edited away */
    }
    if (!one) {
        string_list_add(&needs->needed, text);
        return 0;
    }
    free(*one);
    *one = text;
    return 0;
}

static int read_dynamic(struct elf_needs *needs, const struct image *im, const Elf64_Phdr *p)
{
    struct strings s;
    Elf64_Dyn e;

    if (!inside(im, p->p_offset, p->p_filesz))
        return -EINVAL;
    struct dynamic_section d = {im->file + p->p_offset, 0};
    for (uint64_t most = p->p_filesz / sizeof e; d.count < most; d.count++) {
        entry_at(&d, d.count, &e);
        if (e.d_tag == DT_NULL)
            break;
    }
    if (!d.count)
        return 0;
    if (!find_strings(im, &d, &s))
        return -EINVAL;
    for (uint64_t i = 0; i < d.count; i++) {
        entry_at(&d, i, &e);
        if (take_entry(needs, &s, &e))
            return -EINVAL;
    }
    return 0;
}

static int read_header(struct elf_needs *needs, const struct image *im, const Elf64_Phdr *p)
{
    if (p->p_type == PT_DYNAMIC)
        return read_dynamic(needs, im, p);
    if (p->p_type != PT_INTERP || needs->interpreter)
        return 0;
    if (!inside(im, p->p_offset, p->p_filesz))
        return -EINVAL;
    struct strings path = {im->file + p->p_offset, p->p_filesz};
    needs->interpreter = copy_string(&path, 0);
    return needs->interpreter && needs->interpreter[0] == '/' ? 0 : -EINVAL;
}

int elf_needs_read(struct elf_needs *needs, const void *file, size_t size)
{
    struct image im = {.file = file, .size = size};
    Elf64_Ehdr header;
    Elf64_Phdr p;
    int error = 0;

    *needs = (struct elf_needs){0};
    if (size < sizeof header)
        return -ENOEXEC;
    memcpy(&header, file, sizeof header);
    if (elf_check_header(&header) != 0)
        return -ENOEXEC;
    if (elf_check_image(file, size) != 0)
        return -EINVAL;
    im.headers = header.e_phnum;
    for (unsigned i = 0; i < im.headers && !error; i++) {
        elf_phdr(file, i, &p);
        error = read_header(needs, &im, &p);
    }
    if (error)
        elf_needs_free(needs);
    return error;
}

void elf_needs_free(struct elf_needs *needs)
{
    for (size_t i = 0; i < needs->needed.count; i++)
        free((char *)needs->needed.items[i]);
    free(needs->needed.items);
    free(needs->interpreter);
    free(needs->name);
    free(needs->rpath);
    free(needs->runpath);
    *needs = (struct elf_needs){0};
}
