/*
 * See exec_strings.h.
 */
#include "guest_kernel/exec_strings.h"

#include <asm/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/exec_layout.h"
#include "guest_kernel/process.h"
#include "lib/string.h"

#define STRING_MAX (32 * PAGE_SIZE) /* of one string, as Linux */

/* They must fit into the stack, too. */
static uint64_t strings_limit(uint64_t stack_limit)
{
    return MIN(exec_strings_limit(stack_limit), MAX(ALIGN_DOWN(stack_limit, PAGE_SIZE), PAGE_SIZE));
}

struct exec_strings *exec_strings_create(void)
{
    struct exec_strings *s = mem_alloc_zero(sizeof(*s));

    if (s)
        s->limit = strings_limit(process_limit(RLIMIT_STACK));
    return s;
}

static struct page *page_at(const struct exec_strings *s, uint64_t index)
{
    return s->tables[index / EXEC_TABLE_PAGES][index % EXEC_TABLE_PAGES];
}

void exec_strings_free(struct exec_strings *s)
{
    if (!s)
        return;
    for (unsigned t = 0; t < EXEC_STRINGS_TABLES && s->tables[t]; t++) {
        for (unsigned i = 0; i < EXEC_TABLE_PAGES && s->tables[t][i]; i++)
            page_put(s->tables[t][i]);
        mem_free(s->tables[t]);
    }
    mem_free(s);
}

/* Where the next byte goes, and how many fit there; NULL: no memory. */
static char *room(struct exec_strings *s, size_t *available)
{
    uint64_t index = s->used / PAGE_SIZE, offset = s->used % PAGE_SIZE;
    struct page ***table = &s->tables[index / EXEC_TABLE_PAGES], **p;

    if (!*table)
        *table = mem_alloc_zero(EXEC_TABLE_PAGES * sizeof(**table));
    if (!*table)
        return NULL;
    p = &(*table)[index % EXEC_TABLE_PAGES];
    if (!*p)
        *p = page_alloc(0);
    if (!*p)
        return NULL;
    *available = PAGE_SIZE - offset;
    return (char *)page_address(*p) + offset;
}

static int charge(struct exec_strings *s, uint64_t bytes)
{
    if (bytes > s->limit - s->charged)
        return -E2BIG;
    s->charged += bytes;
    return 0;
}

int exec_strings_add(struct exec_strings *s, const char *text)
{
    size_t left = strlen(text) + 1, available;

    if (charge(s, left))
        return -E2BIG;
    while (left) {
        char *to = room(s, &available);
        if (!to)
            return -ENOMEM;
        size_t n = MIN(left, available);
        memcpy(to, text, n);
        text += n;
        left -= n;
        s->used += n;
    }
    return 0;
}

/* Copies straight into the pages, a piece at a time, until a piece holds the NUL. */
static int add_user(struct exec_strings *s, user_ptr from)
{
    uint64_t total = 0;
    size_t available;

    for (;;) {
        char *to = s->used < s->limit ? room(s, &available) : NULL;
        if (!to)
            return s->used < s->limit ? -ENOMEM : -E2BIG;
        long n = copy_word_from_user(to, from, available);
        if (n == -EFAULT)
            return -EFAULT;
        bool ended = n >= 0;
        size_t got = ended ? (size_t)n + 1 : available;
        total += got;
        if (total > STRING_MAX || charge(s, got))
            return -E2BIG;
        s->used += got;
        if (ended)
            return charge(s, sizeof(uint64_t));
        from = user_add(from, got);
    }
}

int exec_strings_add_vector(struct exec_strings *s, user_ptr vector, uint64_t *count)
{
    if (user_is_null(vector))
        return 0;
    for (uint64_t i = 0;; i++) {
        uint64_t string;
        if (get_user(string, user_add(vector, i * sizeof(string))))
            return -EFAULT;
        if (!string)
            return 0;
        int error = add_user(s, user(string));
        if (error)
            return error;
        ++*count;
    }
}

void exec_strings_remove_first(struct exec_strings *s)
{
    s->start = exec_strings_next(s, s->start);
    s->argc--;
}

uint64_t exec_strings_size(const struct exec_strings *s)
{
    return s ? s->used - s->start : 0;
}

int exec_strings_write(const struct exec_strings *s, struct space *space, uint64_t address)
{
    for (uint64_t at = s->start; at < s->used;) {
        size_t offset = at % PAGE_SIZE, n = MIN(s->used - at, PAGE_SIZE - offset);
        const char *from = (const char *)page_address(page_at(s, at / PAGE_SIZE)) + offset;
        if (space_write(space, address, from, n) != n)
            return -ENOMEM;
        at += n;
        address += n;
    }
    return 0;
}

uint64_t exec_strings_next(const struct exec_strings *s, uint64_t offset)
{
    for (;;) {
        const char *page = page_address(page_at(s, offset / PAGE_SIZE));
        const char *from = page + offset % PAGE_SIZE;
        const char *nul = memchr(from, '\0', PAGE_SIZE - offset % PAGE_SIZE);
        if (nul)
            return offset + (uint64_t)(nul - from) + 1;
        offset = ALIGN_DOWN(offset, PAGE_SIZE) + PAGE_SIZE;
    }
}
