/*
 * See lib/elf.h.
 */
#include "lib/elf.h"

#include <asm/errno.h>
#include <linux/elf-em.h>

#include "lib/pvh.h"
#include "lib/string.h"

int elf_check_header(const Elf64_Ehdr *e)
{
    if (memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB)
        return -ENOEXEC;
    if (e->e_machine != EM_X86_64 || (e->e_type != ET_EXEC && e->e_type != ET_DYN))
        return -ENOEXEC;
    if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum || e->e_phnum > ELF_PHDR_MAX)
        return -ENOEXEC;
    return 0;
}

int elf_check_load(const Elf64_Phdr *p)
{
    uint64_t end;

    if (p->p_filesz > p->p_memsz)
        return -ENOEXEC;
    if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) || __builtin_add_overflow(p->p_paddr, p->p_memsz, &end) ||
        __builtin_add_overflow(p->p_offset, p->p_filesz, &end))
        return -ENOEXEC;
    if ((p->p_vaddr ^ p->p_offset) & (PAGE_SIZE - 1))
        return -ENOEXEC;
    return 0;
}

static bool range_inside(uint64_t offset, uint64_t length, size_t size)
{
    return offset <= size && length <= size - offset;
}

void elf_phdr(const void *file, unsigned index, Elf64_Phdr *out)
{
    Elf64_Ehdr e;

    memcpy(&e, file, sizeof e);
    memcpy(out, (const char *)file + e.e_phoff + index * sizeof *out, sizeof *out);
}

int elf_check_image(const void *file, size_t size)
{
    Elf64_Ehdr e;

    if (size < sizeof e)
        return -ENOEXEC;
    memcpy(&e, file, sizeof e);
    if (elf_check_header(&e))
        return -ENOEXEC;
    if (!range_inside(e.e_phoff, e.e_phnum * sizeof(Elf64_Phdr), size))
        return -ENOEXEC;
    for (unsigned i = 0; i < e.e_phnum; i++) {
        Elf64_Phdr p;
        elf_phdr(file, i, &p);
        if (p.p_type != PT_LOAD && p.p_type != PT_NOTE)
            continue;
        if (p.p_type == PT_LOAD && elf_check_load(&p))
            return -ENOEXEC;
        if (!range_inside(p.p_offset, p.p_filesz, size))
            return -ENOEXEC;
    }
    return 0;
}

/* Look through one PT_NOTE segment, already known to lie inside the file. */
static int note_find_pvh(const char *notes, uint64_t size, uint64_t *entry)
{
    Elf64_Nhdr n;

    while (size >= sizeof n) {
        memcpy(&n, notes, sizeof n);
        uint64_t name_size = ALIGN_UP((uint64_t)n.n_namesz, 4), desc_size = ALIGN_UP((uint64_t)n.n_descsz, 4);
        uint64_t total = sizeof n + name_size + desc_size;
        if (total > size)
            return -ENOENT;
        if (n.n_type == PVH_ELF_NOTE_TYPE && n.n_namesz == 4 && !memcmp(notes + sizeof n, "Xen", 4) &&
            (n.n_descsz == 4 || n.n_descsz == 8)) {
            *entry = 0;
            memcpy(entry, notes + sizeof n + name_size, n.n_descsz);
            return 0;
        }
        notes += total;
        size -= total;
    }
    return -ENOENT;
}

int elf_pvh_entry(const void *file, size_t size, uint64_t *entry)
{
    Elf64_Ehdr e;

    if (elf_check_image(file, size))
        return -ENOENT;
    memcpy(&e, file, sizeof e);
    for (unsigned i = 0; i < e.e_phnum; i++) {
        Elf64_Phdr p;
        elf_phdr(file, i, &p);
        if (p.p_type == PT_NOTE && !note_find_pvh((const char *)file + p.p_offset, p.p_filesz, entry))
            return 0;
    }
    return -ENOENT;
}
