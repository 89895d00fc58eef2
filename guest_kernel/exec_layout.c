/*
 * Pure arithmetic of execve; see exec_layout.h.
 */
#include "guest_kernel/exec_layout.h"

#include <asm/errno.h>

#include "lib/string.h"

#define RANDOM_SIZE 16
#define STRINGS_LIMIT_MIN KiB(128)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *s, size_t from, size_t end)
{
    while (from < end && is_blank(s[from]))
        from++;
    return from;
}

int script_line_parse(const char *head, size_t n, struct script_line *out)
{
    if (n > SCRIPT_LINE_MAX)
        n = SCRIPT_LINE_MAX;
    if (n < 2 || head[0] != '#' || head[1] != '!')
        return -ENOEXEC;
    const char *newline = memchr(head, '\n', n);
    size_t end = newline ? (size_t)(newline - head) : n;
    const char *nul = memchr(head, '\0', end);
    if (nul)
        end = (size_t)(nul - head);
    bool cut = !newline && !nul && n == SCRIPT_LINE_MAX;

    size_t start = skip_blanks(head, 2, end);
    size_t stop = start;
    while (stop < end && !is_blank(head[stop]))
        stop++;
    if (start == stop || (cut && stop == end) || stop - start >= sizeof(out->interpreter))
        return -ENOEXEC;
    memcpy(out->interpreter, head + start, stop - start);
    out->interpreter[stop - start] = '\0';

    start = skip_blanks(head, stop, end);
    while (end > start && is_blank(head[end - 1]))
        end--;
    size_t length = MIN(end - start, sizeof(out->argument) - 1);
    memcpy(out->argument, head + start, length);
    out->argument[length] = '\0';
    return 0;
}

void stack_layout_compute(struct stack_layout *l)
{
    uint64_t words = 1 + l->argc + 1 + l->envc + 1 + 2 * l->aux_count;

    l->pointers_size = words * sizeof(uint64_t);
    l->strings = l->top - sizeof(uint64_t) - l->strings_size;
    l->platform = ALIGN_DOWN(l->strings, 16) - ALIGN_UP(l->platform_size, 16);
    l->random = l->platform - RANDOM_SIZE;
    l->pointers = ALIGN_DOWN(l->random - l->pointers_size, 16);
}

uint64_t exec_strings_limit(uint64_t stack_limit, uint64_t cap)
{
    uint64_t limit = stack_limit / 4;

    return MIN(MAX(limit, STRINGS_LIMIT_MIN), cap);
}
