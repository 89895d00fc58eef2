/*
 * See tools/program.h.
 */
#include "tools/program.h"

#include <string.h>

#include "lib/elf.h"
#include "tools/message.h"

#define SCRIPT_LINE_MAX 256 /* Linux, BINPRM_BUF_SIZE */

static char *script_interpreter(const char *path, const char *content, size_t size)
{
    const char *start = content + 2;
    const char *limit = content + MIN(size, (size_t)SCRIPT_LINE_MAX);

    while (start < limit && (*start == ' ' || *start == '\t'))
        start++;
    const char *end = start;
    while (end < limit && !strchr(" \t\n", *end))
        end++;
    if (end == start || *start != '/')
        fail(EXIT_NOT_EXECUTABLE, "%s: its #! line names no interpreter by an absolute path", path);
    return must_format("%.*s", (int)(end - start), start);
}

static char *elf_loader(const char *path, const void *content, size_t size)
{
    Elf64_Ehdr header;
    Elf64_Phdr p;

    memcpy(&header, content, sizeof header);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        elf_phdr(content, i, &p);
        if (p.p_type != PT_INTERP)
            continue;
        if (p.p_offset >= size || p.p_filesz > size - p.p_offset)
            fail(EXIT_NOT_EXECUTABLE, "%s: a broken ELF file (PT_INTERP outside of it)", path);
        return must_format("%.*s", (int)strnlen((const char *)content + p.p_offset, p.p_filesz),
                           (const char *)content + p.p_offset);
    }
    return NULL;
}

struct program_kind program_examine(const char *path, const void *content, size_t size)
{
    struct program_kind kind = {0};
    const unsigned char *bytes = content;

    if (size >= 2 && memcmp(bytes, "#!", 2) == 0) {
        kind.interpreter = script_interpreter(path, content, size);
        return kind;
    }
    if (size < sizeof(Elf64_Ehdr) || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        fail(EXIT_NOT_EXECUTABLE, "%s: neither an ELF file nor a #! script", path);
    if (bytes[EI_CLASS] != ELFCLASS64)
        fail(EXIT_NOT_EXECUTABLE, "%s: a 32-bit ELF file; only x86-64 programs run", path);
    if (((const Elf64_Ehdr *)content)->e_machine != EM_X86_64)
        fail(EXIT_NOT_EXECUTABLE, "%s: an ELF file for another CPU; only x86-64 programs run", path);
    if (elf_check_image(content, size) != 0)
        fail(EXIT_NOT_EXECUTABLE, "%s: a broken ELF file", path);
    kind.loader = elf_loader(path, content, size);
    return kind;
}

void program_refuse_dynamic(const char *path, const char *loader)
{
    if (loader)
        fail(EXIT_NOT_EXECUTABLE,
             "%s: dynamically linked: its loader %s and libraries are not in the minimal tree; give them by --root, or a "
             "statically linked program", path, loader);
}
