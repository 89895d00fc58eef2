/*
 * See tools/program.h.
 */
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/elf.h"
#include "tools/bytes.h"
#include "tools/elf_needs.h"
#include "tools/message.h"

#define SCRIPT_LINE_MAX 256 /* Linux, BINPRM_BUF_SIZE */

static struct program_kind wrong(const char *why)
{
    return (struct program_kind){.wrong = why};
}

static struct program_kind examine_script(const char *content, size_t size)
{
    const char *start = content + 2;
    const char *limit = content + MIN(size, (size_t)SCRIPT_LINE_MAX);
    const char *newline = memchr(start, '\n', (size_t)(limit - start));

    if (newline)
        limit = newline;
    while (start < limit && (*start == ' ' || *start == '\t'))
        start++;
    const char *end = start;
    while (end < limit && *end && *end != ' ' && *end != '\t')
        end++;
    if (end == start || *start != '/')
        return wrong("its #! line names no interpreter by an absolute path");
    const char *rest = end;
    while (rest < limit && (*rest == ' ' || *rest == '\t'))
        rest++;
    return (struct program_kind){.interpreter = must_format("%.*s", (int)(end - start), start),
                                 .argument = must_format("%.*s", (int)(limit - rest), rest)};
}

struct program_kind program_examine_bytes(const void *content, size_t size)
{
    const unsigned char *bytes = content;
    struct elf_needs needs;
    Elf64_Ehdr header;

    if (size >= 2 && memcmp(bytes, "#!", 2) == 0)
        return examine_script(content, size);
    if (size < sizeof header || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return wrong("neither an ELF file nor a #! script");
    memcpy(&header, content, sizeof header);
    if (bytes[EI_CLASS] != ELFCLASS64)
        return wrong("a 32-bit ELF file; only x86-64 programs run");
    if (header.e_machine != EM_X86_64)
        return wrong("an ELF file for another CPU; only x86-64 programs run");
    if (elf_needs_read(&needs, content, size) != 0)
        return wrong("a broken ELF file");
    struct program_kind kind = {.loader = needs.interpreter};
    needs.interpreter = NULL;
    elf_needs_free(&needs);
    return kind;
}

struct program_kind program_examine(const char *path)
{
    struct bytes content = {0};
    int error = bytes_read_file(&content, path);
    struct program_kind kind = error ? wrong(must_format("%s", strerror(-error)))
                                     : program_examine_bytes(content.data, content.size);

    bytes_free(&content);
    return kind;
}

void program_kind_free(struct program_kind *kind)
{
    free(kind->interpreter);
    free(kind->argument);
    free(kind->loader);
    *kind = (struct program_kind){0};
}

bool program_is_script(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char start[2];

    if (fd < 0)
        return false;
    bool script = fstat(fd, &st) == 0 && (st.st_mode & 0111) && read(fd, start, 2) == 2 && memcmp(start, "#!", 2) == 0;
    close(fd);
    return script;
}

char *program_find_in_path(const char *name)
{
    const char *list = getenv("PATH") ? getenv("PATH") : DEFAULT_PATH;

    while (*list) {
        size_t n = strcspn(list, ":");
        char *path = must_format("%.*s/%s", (int)n, list, name);
        if (n > 0 && *list == '/' && access(path, X_OK) == 0)
            return path;
        free(path);
        list += n + (list[n] == ':');
    }
    return NULL;
}
