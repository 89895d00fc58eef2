/*
 * See tools/elf_image.h.
 */
#include "tools/elf_image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/message.h"

#define FILE_MAX (1ULL << 30)
#define SYMBOLS_MAX 4000000u

/* Bytes [offset, offset + n) of the file; NULL: it is shorter. */
static const void *part(const struct elf_image *e, uint64_t offset, uint64_t n)
{
    return offset <= e->file.size && n <= e->file.size - offset ? e->file.data + offset : NULL;
}

bool elf_image_address(const struct elf_image *e, uint64_t offset, uint64_t *address)
{
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];
        if (p->p_type == PT_LOAD && offset >= p->p_offset && offset - p->p_offset < p->p_filesz) {
            *address = p->p_vaddr + (offset - p->p_offset);
            return true;
        }
    }
    return false;
}

size_t elf_image_rest(const struct elf_image *e, uint64_t address)
{
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
            return part(e, p->p_offset, p->p_filesz) ? (size_t)(p->p_filesz - (address - p->p_vaddr)) : 0;
    }
    return 0;
}

const uint8_t *elf_image_at(const struct elf_image *e, uint64_t address, size_t n)
{
    if (elf_image_rest(e, address) < n)
        return NULL;
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        const Elf64_Phdr *p = &e->segments[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz)
            return e->file.data + p->p_offset + (address - p->p_vaddr);
    }
    return NULL;
}

const Elf64_Phdr *elf_image_segment(const struct elf_image *e, uint32_t type)
{
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        if (e->segments[i].p_type == type)
            return &e->segments[i];
    }
    return NULL;
}

static int symbol_compare(const void *a, const void *b)
{
    const struct elf_symbol *x = a, *y = b;

    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size;
}

static bool is_function(const Elf64_Sym *s)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);

    return s->st_shndx != SHN_UNDEF && s->st_value && (type == STT_FUNC || type == STT_GNU_IFUNC);
}

/* Functions of a table of symbols whose names are in another section. */
static void symbols_add(struct elf_image *e, const Elf64_Shdr *table, const Elf64_Shdr *names)
{
    const uint8_t *symbols = part(e, table->sh_offset, table->sh_size), *texts = part(e, names->sh_offset, names->sh_size);
    size_t count = symbols ? table->sh_size / sizeof(Elf64_Sym) : 0;
    Elf64_Sym s;

    if (!texts || names->sh_size == 0 || texts[names->sh_size - 1] != 0 || count > SYMBOLS_MAX)
        return;
    e->symbols = must_realloc(e->symbols, (e->symbol_count + count + 1) * sizeof *e->symbols);
    for (size_t i = 0; i < count; i++) {
        memcpy(&s, symbols + i * sizeof s, sizeof s);
        if (is_function(&s) && s.st_name < names->sh_size)
            e->symbols[e->symbol_count++] = (struct elf_symbol){s.st_value, s.st_size, (const char *)texts + s.st_name};
    }
}

static bool has_name(const struct elf_image *e, const uint8_t *table, const Elf64_Shdr *section, const char *name)
{
    Elf64_Shdr names;

    if (e->header.e_shstrndx >= e->header.e_shnum)
        return false;
    memcpy(&names, table + e->header.e_shstrndx * sizeof names, sizeof names);
    const uint8_t *texts = part(e, names.sh_offset, names.sh_size);
    size_t n = strlen(name) + 1;
    return texts && section->sh_name < names.sh_size && names.sh_size - section->sh_name >= n &&
           memcmp(texts + section->sh_name, name, n) == 0;
}

static void sections_read(struct elf_image *e)
{
    const Elf64_Ehdr *h = &e->header;
    const uint8_t *table = h->e_shentsize == sizeof(Elf64_Shdr) ? part(e, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)) : NULL;
    Elf64_Shdr s, other;

    for (unsigned i = 0; table && i < h->e_shnum; i++) {
        memcpy(&s, table + i * sizeof s, sizeof s);
        if ((s.sh_type == SHT_SYMTAB || s.sh_type == SHT_DYNSYM) && s.sh_link < h->e_shnum) {
            memcpy(&other, table + s.sh_link * sizeof other, sizeof other);
            symbols_add(e, &s, &other);
        } else if ((s.sh_flags & SHF_ALLOC) && has_name(e, table, &s, ".eh_frame")) {
            e->frames_section = s.sh_addr;
            e->frames_size = s.sh_size;
        }
    }
    if (e->symbol_count)
        qsort(e->symbols, e->symbol_count, sizeof *e->symbols, symbol_compare);
}

static bool header_read(struct elf_image *e)
{
    Elf64_Ehdr *h = &e->header;
    const void *start = part(e, 0, sizeof *h);

    if (!start)
        return false;
    memcpy(h, start, sizeof *h);
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64 ||
        h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff % 8)
        return false;
    e->segments = part(e, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr));
    return e->segments != NULL;
}

struct elf_image *elf_image_open(const char *path)
{
    struct elf_image *e;
    struct stat st;

    if (stat(path, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_MAX)
        return NULL;
    e = must_alloc(sizeof *e);
    *e = (struct elf_image){.symbols = NULL};
    if (bytes_read_file(&e->file, path) || !header_read(e)) {
        elf_image_free(e);
        return NULL;
    }
    const Elf64_Phdr *frames = elf_image_segment(e, PT_GNU_EH_FRAME);
    e->frames_header = frames ? frames->p_vaddr : 0;
    sections_read(e);
    return e;
}

void elf_image_free(struct elf_image *e)
{
    if (!e)
        return;
    bytes_free(&e->file);
    free(e->symbols);
    free(e->frames);
    free(e);
}

const struct elf_symbol *elf_image_symbol(const struct elf_image *e, uint64_t address)
{
    size_t low = 0, high = e->symbol_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (e->symbols[middle].value <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && i + 8 > low; i--) { /* aliases and functions within others */
        const struct elf_symbol *s = &e->symbols[i - 1];
        if (address - s->value < s->size)
            return s;
    }
    return low > 0 && e->symbols[low - 1].size == 0 ? &e->symbols[low - 1] : NULL;
}
