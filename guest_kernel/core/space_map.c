/*
 * mmap, munmap, mprotect, brk on an address space.  Each first decides all that can be refused, then acts.
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

/* [address, address + length) made of whole pages; false: not a range of user space. */
static bool range_of(uint64_t address, uint64_t length, uint64_t *end)
{
    uint64_t size = ALIGN_UP(length, PAGE_SIZE);

    if (size < length || size > USER_END || address > USER_END - size)
        return false;
    *end = address + size;
    return true;
}

static bool within_limit(const struct space *s, uint64_t size)
{
    return s->total_pages + (size >> PAGE_SHIFT) <= task_limit(RLIMIT_AS) >> PAGE_SHIFT;
}

/* Where a mapping goes: its address or -errno. */
static long map_place(struct space *s, uint64_t address, uint64_t size, uint32_t flags)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (!IS_ALIGNED(address, PAGE_SIZE))
            return -EINVAL;
        if (address > USER_END - size)
            return -ENOMEM;
        if (address < SPACE_MIN_ADDRESS)
            return -EPERM;
        if ((flags & MAP_FIXED_NOREPLACE) && area_overlaps(&s->areas, address, address + size))
            return -EEXIST;
        return (long)address;
    }
    address = ALIGN_DOWN(address, PAGE_SIZE);
    if (address)
        address = MAX(address, SPACE_MIN_ADDRESS);
    if (address && address <= USER_END - size &&
        !area_overlaps_with_gaps(&s->areas, address, address + size))
        return (long)address;
    if (flags & MAP_32BIT) {
        address = area_find_gap(&s->areas, size, GiB(1), GiB(2)); /* where Linux puts them */
        return address ? (long)address : -ENOMEM;
    }
    address = area_find_gap(&s->areas, size, SPACE_MIN_ADDRESS, s->layout.mmap_top);
    if (!address)
        address = area_find_gap(&s->areas, size, s->layout.mmap_top, USER_END);
    return address ? (long)address : -ENOMEM;
}

static long map_locked(struct space *s, struct area *model, uint64_t size, uint32_t flags)
{
    long at = map_place(s, model->start, size, flags);

    if (at < 0)
        return at;
    if (!within_limit(s, size))
        return -ENOMEM;
    model->start = (uint64_t)at;
    model->end = model->start + size;
    if ((flags & MAP_FIXED) && space_clear(s, model->start, model->end))
        return -ENOMEM;
    int error = space_insert(s, model);

    return error ? error : at;
}

long space_map(struct space *s, uint64_t address, uint64_t length, uint32_t prot, uint32_t flags,
               struct space_file *file, uint64_t offset)
{
    uint32_t type = flags & MAP_TYPE;
    uint64_t size = ALIGN_UP(length, PAGE_SIZE);

    if (!length || (type != MAP_PRIVATE && (!file || (type != MAP_SHARED && type != MAP_SHARED_VALIDATE))))
        return -EINVAL;
    if (size < length || size > USER_END)
        return -ENOMEM;
    if (file && offset + size < offset)
        return -EOVERFLOW;
    struct area model = {
        .start = address,
        .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
        .flags = (type == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED) | (flags & (MAP_GROWSDOWN | SPACE_MAP_NO_WRITE | SPACE_MAP_NO_EXEC)),
        .file = file,
        .file_offset = file ? offset : 0,
    };

    mutex_lock(&s->lock);
    long result = map_locked(s, &model, size, flags);
    bool populate = s->populate_new || (flags & (MAP_POPULATE | MAP_LOCKED));

    space_unlock(s);
    if (result >= 0 && populate)
        (void)space_populate(s, (uint64_t)result, size); /* as far as it goes: Linux ignores failures here too */
    return result;
}

long space_unmap(struct space *s, uint64_t address, uint64_t length)
{
    uint64_t end;

    if (!IS_ALIGNED(address, PAGE_SIZE) || !length || !range_of(address, length, &end))
        return -EINVAL;
    mutex_lock(&s->lock);
    long result = space_clear(s, address, end);

    space_unlock(s);
    return result;
}

/* Does the area lie where the file's start at `address` puts it? */
static bool begins_at(const struct area *a, uint64_t address)
{
    return a->file && a->start - address == a->file_offset;
}

static void unmap_file_locked(struct space *s, uint64_t address, const struct space_file *file, uint64_t size)
{
    struct area *a = area_from(&s->areas, address), *next;

    for (; a && a->end - address <= size; a = next) {
        next = area_next(a);
        if (a->file == file && begins_at(a, address) && space_clear(s, a->start, a->end))
            panic("space: a whole area cannot be unmapped");
    }
}

long space_unmap_file(struct space *s, uint64_t address, uint64_t (*size_of)(struct space_file *f))
{
    uint64_t size = 0;

    if (!IS_ALIGNED(address, PAGE_SIZE))
        return -EINVAL;
    mutex_lock(&s->lock);
    struct area *a = area_from(&s->areas, address);

    while (a && !(begins_at(a, address) && (size = size_of(a->file))))
        a = area_next(a);
    if (a)
        unmap_file_locked(s, address, a->file, size);
    space_unlock(s);
    return size ? 0 : -EINVAL;
}

struct protect_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    uint64_t flags; /* of the area, without PTE_WRITE */
    bool keep_write;
};

static void protect_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct protect_walk *p = container_of(w, struct protect_walk, walk);
    uint64_t keep = PTE_ADDRESS | PTE_DIRTY | (p->keep_write ? PTE_WRITE : 0);

    *entry = (*entry & keep) | p->flags;
    tlb_gather_note(&p->gather, va);
}

/* Write permission is given back page by page, by the faults that decide about copying. */
static void protect_pages(struct space *s, const struct area *a)
{
    struct protect_walk p = {.walk = {.leaf = protect_leaf}, .flags = area_pte_flags(a)};

    p.keep_write = a->prot & PROT_WRITE;
    tlb_gather_init(&p.gather, s);
    page_table_walk(s->root, a->start, a->end, &p.walk);
    tlb_gather_finish(&p.gather);
}

/* PROT_GROWSDOWN: from the start of the stack that `start` lies in. */
static long protect_start(struct space *s, uint64_t *start)
{
    struct area *a = area_from(&s->areas, *start);

    if (!a)
        return -ENOMEM;
    if (!(a->flags & MAP_GROWSDOWN))
        return -EINVAL;
    *start = a->start;
    return 0;
}

static long protect_locked(struct space *s, uint64_t start, uint64_t end, uint32_t prot)
{
    uint64_t at = start;

    while (at < end) {
        struct area *a = area_at(&s->areas, at);

        if (!a)
            return -ENOMEM; /* what came before the hole is changed, as on Linux */
        if (((prot & PROT_WRITE) && (a->flags & SPACE_MAP_NO_WRITE)) ||
            ((prot & PROT_EXEC) && (a->flags & SPACE_MAP_NO_EXEC)))
            return -EACCES;
        uint64_t stop = MIN(a->end, end); /* before the first split moves a->end */
        if (space_split(s, at) || space_split(s, stop))
            return -ENOMEM;
        a = area_at(&s->areas, at);
        a->prot = prot;
        protect_pages(s, a);
        uint64_t next = a->end;

        space_join(s, at);
        at = next;
    }
    space_join(s, end);
    return 0;
}

long space_protect(struct space *s, uint64_t address, uint64_t length, uint32_t prot)
{
    uint64_t end;

    if (!IS_ALIGNED(address, PAGE_SIZE))
        return -EINVAL;
    if (!length)
        return 0;
    if (!range_of(address, length, &end))
        return -ENOMEM;
    mutex_lock(&s->lock);
    long result = prot & PROT_GROWSDOWN ? protect_start(s, &address) : 0;

    if (!result)
        result = protect_locked(s, address, end, prot & (PROT_READ | PROT_WRITE | PROT_EXEC));

    space_unlock(s);
    return result;
}

static bool brk_grow(struct space *s, uint64_t from, uint64_t to)
{
    struct area model = {
        .start = from,
        .end = to,
        .prot = PROT_READ | PROT_WRITE,
        .flags = MAP_PRIVATE,
        .name = "[heap]",
    };

    if (to > USER_END || to - s->layout.brk_start > task_limit(RLIMIT_DATA) || !within_limit(s, to - from))
        return false;
    return !area_overlaps_with_gaps(&s->areas, from, to) && !space_insert(s, &model);
}

long space_brk(struct space *s, uint64_t address)
{
    struct space_layout *l = &s->layout;

    mutex_lock(&s->lock);
    if (address >= l->brk_start && address <= USER_END) {
        uint64_t from = ALIGN_UP(l->brk, PAGE_SIZE);
        uint64_t to = ALIGN_UP(address, PAGE_SIZE);

        if (to > from ? brk_grow(s, from, to) : !space_clear(s, to, from))
            l->brk = address;
    }
    long result = (long)l->brk;

    space_unlock(s);
    return result;
}

long space_name_area(struct space *s, uint64_t address, const char *static_name)
{
    long result = -ENOMEM;

    mutex_lock(&s->lock);
    struct area *a = area_at(&s->areas, address);

    if (a) {
        a->name = static_name;
        result = 0;
    }
    space_unlock(s);
    return result;
}
