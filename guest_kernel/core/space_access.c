/*
 * Looking at an address space from outside.
 */
#include <asm-generic/errno.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

static bool is_accessible(const struct area *a, unsigned how)
{
    bool write = how & SPACE_WRITE;

    if (a->prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC))
        return true;
    return (how & SPACE_FORCE) && !(write && (a->flags & MAP_SHARED));
}

/* The page of va, present for the access, in the direct map; NULL: not accessible.  Lock held. */
static char *page_access(struct space *s, uint64_t va, unsigned how)
{
    struct area *a = area_at(&s->areas, va);

    if (!a || !is_accessible(a, how) || space_resolve(s, a, va, how & SPACE_WRITE))
        return NULL;
    uint64_t *entry = page_table_find(&s->pages, va);

    if (how & SPACE_WRITE) /* what is written here no CPU notes */
        __atomic_fetch_or(entry, PTE_DIRTY, __ATOMIC_RELAXED);
    return page_table_address(entry, ALIGN_DOWN(va, PAGE_SIZE));
}

size_t space_access(struct space *s, uint64_t address, void *buffer, size_t n, unsigned how)
{
    size_t done = 0;

    if (address >= USER_END)
        return 0;
    n = MIN(n, (size_t)(USER_END - address));
    mutex_lock(&s->lock);
    while (done < n) {
        uint64_t va = address + done;
        size_t offset = va & (PAGE_SIZE - 1);
        size_t piece = MIN(n - done, PAGE_SIZE - offset);
        char *page = page_access(s, va, how);

        if (!page)
            break;
        if (how & SPACE_WRITE)
            memcpy(page + offset, (char *)buffer + done, piece);
        else
            memcpy((char *)buffer + done, page + offset, piece);
        done += piece;
    }
    space_unlock(s);
    return done;
}

size_t space_read(struct space *s, uint64_t address, void *dst, size_t n)
{
    return space_access(s, address, dst, n, 0);
}

size_t space_write(struct space *s, uint64_t address, const void *src, size_t n)
{
    return space_access(s, address, (char *)(uintptr_t)src, n, SPACE_WRITE);
}

struct copies_walk {
    struct page_walk walk;
    bool found;
};

static void note_copy(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    if (*entry & PTE_OWN)
        container_of(w, struct copies_walk, walk)->found = true;
}

static bool has_copies(struct space *s, const struct area *a)
{
    struct copies_walk w = {.walk = {.leaf = note_copy}};

    page_table_walk(&s->pages, a->start, a->end, &w.walk);
    return w.found;
}

/* A file that nobody can open any more, as shared memory without a name is. */
static bool has_name(struct space_file *f)
{
    static const char mark[] = " (deleted)";
    char path[64]; /* a longer one is a name, or was one */
    int n = f && f->ops->path ? f->ops->path(f, path, sizeof path) : 0;

    return n < (int)sizeof mark || strcmp(path + n - sizeof mark, mark);
}

enum { DUMP_PRIVATE = 1, DUMP_SHARED = 2, DUMP_FILE_PRIVATE = 4, DUMP_FILE_SHARED = 8, DUMP_HEADERS = 16 };

/* As Linux's vma_dump_size(). */
uint64_t space_dump_size(struct space *s, const struct area *a, uint32_t filter)
{
    uint64_t whole = a->end - a->start;

    if (a->name && (!strcmp(a->name, "[vdso]") || !strcmp(a->name, "[vvar]")))
        return whole;
    if (a->flags & SPACE_MAP_NO_DUMP)
        return 0;
    if (a->flags & MAP_SHARED)
        return filter & (has_name(a->file) ? DUMP_FILE_SHARED : DUMP_SHARED) ? whole : 0;
    if ((filter & DUMP_PRIVATE) && has_copies(s, a))
        return whole;
    if (!a->file)
        return 0;
    if (filter & DUMP_FILE_PRIVATE)
        return whole;
    return (filter & DUMP_HEADERS) && !a->file_offset && (a->prot & PROT_READ) ? SPACE_DUMP_HEADER : 0;
}

bool space_dump_page(struct space *s, uint64_t va, void *page)
{
    mutex_lock(&s->lock);
    struct area *a = area_at(&s->areas, va);
    uint64_t *entry = page_table_find(&s->pages, va);
    bool touched =
        a && (a->file || (entry && *entry && pte_page(*entry) != zero_page)) && !space_resolve(s, a, va, false);

    if (touched)
        memcpy(page, page_table_address(page_table_find(&s->pages, va), va), PAGE_SIZE);
    space_unlock(s);
    return touched;
}

int space_shared_place(struct space *s, uint64_t address, bool write, uint64_t *device, uint64_t *inode,
                       uint64_t *offset)
{
    mutex_lock(&s->lock);
    struct area *a = area_at(&s->areas, address);
    bool shared = a && (a->flags & MAP_SHARED) && a->file;
    int result = shared;

    if (!a || !is_accessible(a, 0) || (!(a->prot & PROT_WRITE) && (write || !a->file)))
        result = -EFAULT; /* a word that nobody can change is nothing to wait for, unless a file has it */
    if (result > 0) {
        *offset = a->file_offset + (address - a->start);
        a->file->ops->identity(a->file, device, inode);
    }
    space_unlock(s);
    return result;
}

void space_for_each(struct space *s, bool (*fn)(const struct area *a, void *context), void *context)
{
    struct area *a;

    mutex_lock(&s->lock);
    for (a = area_from(&s->areas, 0); a; a = area_next(a))
        if (!fn(a, context))
            break;
    space_unlock(s);
}
