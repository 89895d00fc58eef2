/*
 * See tools/symbols.h.  The file is one we built, but it is checked as any other: it may be damaged.
 */
#include "tools/symbols.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The section's bytes, NULL if they do not lie inside the file. */
static const uint8_t *section_bytes(const struct bytes *elf, const Elf64_Shdr *s)
{
    if (s->sh_offset > elf->size || s->sh_size > elf->size - s->sh_offset)
        return NULL;
    return elf->data + s->sh_offset;
}

static bool read_section(const struct bytes *elf, const Elf64_Ehdr *e, unsigned index, Elf64_Shdr *out)
{
    uint64_t at;

    if (index >= e->e_shnum || e->e_shentsize != sizeof *out ||
        __builtin_add_overflow(e->e_shoff, (uint64_t)index * sizeof *out, &at) || at > elf->size ||
        elf->size - at < sizeof *out)
        return false;
    memcpy(out, elf->data + at, sizeof *out);
    return true;
}

static bool find_in_table(const struct bytes *elf, const Elf64_Shdr *table, const Elf64_Shdr *strings,
                          uint64_t address, char *name, size_t size)
{
    const uint8_t *symbols = section_bytes(elf, table);
    const char *names = (const char *)section_bytes(elf, strings);
    Elf64_Sym best = {0}, s;

    if (!symbols || !names)
        return false;
    for (uint64_t i = 0; i + sizeof s <= table->sh_size; i += sizeof s) {
        memcpy(&s, symbols + i, sizeof s);
        bool code = ELF64_ST_TYPE(s.st_info) == STT_FUNC || ELF64_ST_TYPE(s.st_info) == STT_NOTYPE;
        if (code && s.st_shndx != SHN_UNDEF && s.st_shndx < SHN_LORESERVE && s.st_value <= address &&
            s.st_value >= best.st_value && s.st_name < strings->sh_size)
            best = s;
    }
    if (best.st_value == 0 || address - best.st_value > 0x100000)
        return false;
    int n = (int)strnlen(names + best.st_name, strings->sh_size - best.st_name);
    snprintf(name, size, "%.*s+0x%llx", n, names + best.st_name, (unsigned long long)(address - best.st_value));
    return true;
}

bool symbol_find(const struct bytes *elf, uint64_t address, char *name, size_t size)
{
    Elf64_Ehdr e;
    Elf64_Shdr table, strings;

    if (elf->size < sizeof e)
        return false;
    memcpy(&e, elf->data, sizeof e);
    if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    for (unsigned i = 0; i < e.e_shnum; i++) {
        if (read_section(elf, &e, i, &table) && table.sh_type == SHT_SYMTAB &&
            read_section(elf, &e, table.sh_link, &strings))
            return find_in_table(elf, &table, &strings, address, name, size);
    }
    return false;
}

void symbolise_line(const struct bytes *elf, const char *line, size_t n, struct bytes *out)
{
    static const char *const marks[] = {"backtrace: 0x", "rip=0x", "RIP=0x", "rip 0x", "RIP 0x"};
    char *text = strndup(line, n), name[256];
    uint64_t address = 0;

    for (size_t i = 0; text && i < ARRAY_SIZE(marks) && !address; i++) {
        const char *mark = strstr(text, marks[i]);
        if (mark)
            address = strtoull(mark + strlen(marks[i]), NULL, 16);
    }
    free(text);
    bool ends = n > 0 && line[n - 1] == '\n';
    bytes_append(out, line, n - ends);
    if (address && symbol_find(elf, address, name, sizeof name))
        bytes_append_text(out, " %s", name);
    bytes_append(out, "\n", 1);
}
