/*
 * Pure arithmetic of execve; see exec_layout.h.
 */
#include "guest_kernel/exec_layout.h"

#include <asm/errno.h>

#include "lib/string.h"

#define RANDOM_SIZE 16
#define STRINGS_LIMIT_MIN KiB(128)
#define USER_TOP 0x7ffffffff000ULL /* = USER_END */
#define STACK_RANDOM_PAGES 0x3fffffULL
#define MMAP_RANDOM_PAGES 0xfffffffULL
#define BRK_RANDOM MiB(32)
#define STACK_GAP_MIN MiB(128)
#define STACK_GUARD MiB(1)
#define TABLE_SPAN MiB(2) /* the vDSO shares a page table with the stack's end */

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
    l->platform = ALIGN_DOWN(l->strings - l->skew, 16) - ALIGN_UP(l->platform_size, 16);
    l->random = l->platform - RANDOM_SIZE;
    l->pointers = ALIGN_DOWN(l->random - l->pointers_size, 16);
}

uint64_t exec_strings_limit(uint64_t stack_limit)
{
    return MAX(MIN(stack_limit / 4, EXEC_STRINGS_MAX), STRINGS_LIMIT_MIN);
}

uint64_t layout_stack_top(const struct layout_random *r)
{
    if (!r)
        return USER_TOP;
    uint64_t top = USER_TOP - ((r->stack & STACK_RANDOM_PAGES) << PAGE_SHIFT);
    return ALIGN_UP(top - (r->stack >> 32 & 0x1fff), PAGE_SIZE);
}

uint64_t layout_stack_skew(const struct layout_random *r)
{
    return r ? r->stack >> 48 & 0x1ff0 : 0;
}

uint64_t layout_mmap_top(uint64_t stack_limit, const struct layout_random *r)
{
    uint64_t pad = STACK_GUARD + (r ? (STACK_RANDOM_PAGES << PAGE_SHIFT) : 0), gap = stack_limit + pad;

    if (gap < pad) /* no limit */
        gap = stack_limit;
    gap = MIN(MAX(gap, STACK_GAP_MIN), USER_TOP / 6 * 5);
    return ALIGN_UP(USER_TOP - gap - (r ? (r->mmap & MMAP_RANDOM_PAGES) << PAGE_SHIFT : 0), PAGE_SIZE);
}

uint64_t layout_program_base(uint64_t alignment, const struct layout_random *r)
{
    return ALIGN_DOWN(LAYOUT_PROGRAM_BASE + (r ? (r->program & MMAP_RANDOM_PAGES) << PAGE_SHIFT : 0), alignment);
}

uint64_t layout_brk(uint64_t end, const struct layout_random *r)
{
    return r ? end + ALIGN_DOWN(r->brk % BRK_RANDOM, PAGE_SIZE) : end;
}

uint64_t layout_vdso(uint64_t stack, uint64_t size, const struct layout_random *r)
{
    uint64_t start = ALIGN_UP(stack, PAGE_SIZE), end = MIN(ALIGN_UP(start, TABLE_SPAN), USER_TOP);

    if (!r)
        return 0;
    if (end < start + size)
        return start;
    return start + (r->vdso % ((end - size - start) / PAGE_SIZE + 1)) * PAGE_SIZE;
}
