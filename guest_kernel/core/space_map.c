/*
 * mmap, munmap, mprotect, brk on an address space.  Each first decides all that can be refused, then acts.
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

bool space_range(uint64_t address, uint64_t length, uint64_t *end)
{
    uint64_t size = ALIGN_UP(length, PAGE_SIZE);

    if (size < length || size > USER_END || address > USER_END - size)
        return false;
    *end = address + size;
    return true;
}

/* Where a mapping goes: its address or -errno. */
static long map_place(struct space *s, uint64_t address, uint64_t size, uint32_t flags)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (address > USER_END - size)
            return -ENOMEM;
        if (!IS_ALIGNED(address, PAGE_SIZE))
            return -EINVAL;
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
    address = space_find_place(s, size);
    return address ? (long)address : -ENOMEM;
}

/* Pages of [start, end) that are mapped. */
static uint64_t pages_mapped(struct space *s, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (struct area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a))
        pages += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    return pages;
}

/* What is in the way of MAP_FIXED is gone before memory is found to be short, as on Linux. */
static long map_locked(struct space *s, struct area *model, uint64_t size, uint32_t flags)
{
    uint64_t pages = size >> PAGE_SHIFT, replaced = 0;

    if (space_room(s, 0))
        return -ENOMEM;
    long at = map_place(s, model->start, size, flags);

    if (at < 0)
        return at;
    if ((flags & MAP_LOCKED) && !task_limit(RLIMIT_MEMLOCK) && !cred_may(CAP_IPC_LOCK))
        return -EPERM;
    if ((model->flags & MAP_LOCKED) && !space_may_lock(s, pages))
        return -EAGAIN;
    model->start = (uint64_t)at;
    model->end = model->start + size;
    if (flags & MAP_FIXED)
        replaced = pages_mapped(s, model->start, model->end);
    if (space_admit(s, model, pages - replaced))
        return -ENOMEM;
    if (replaced && space_clear(s, model->start, model->end))
        return -ENOMEM;
    if (space_charge(s, model, pages))
        return -ENOMEM;
    int error = space_insert(s, model);

    if (error && (model->flags & SPACE_MAP_CHARGED))
        commit_adjust(-(int64_t)pages);
    return error ? error : at;
}

#define AREA_FLAGS (MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | SPACE_MAP_NO_WRITE | SPACE_MAP_NO_EXEC)

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
        .flags = (type == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED) | (flags & AREA_FLAGS),
        .file = file,
        .file_offset = file ? offset : 0,
    };

    mutex_lock(&s->lock);
    model.flags |= s->new_flags;
    long result = map_locked(s, &model, size, flags);

    space_unlock(s);
    bool populate = model.flags & MAP_LOCKED ? !(model.flags & SPACE_MAP_ON_FAULT)
                                             : (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
    if (unlikely(populate) && result >= 0)
        (void)space_populate(s, (uint64_t)result, size, POPULATE_AS_MAPPED); /* as far as it goes, as on Linux */
    return result;
}

long space_unmap(struct space *s, uint64_t address, uint64_t length)
{
    uint64_t end;

    if (!IS_ALIGNED(address, PAGE_SIZE) || !length || !space_range(address, length, &end))
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
    uint64_t keep = PTE_ADDRESS | PTE_DIRTY | PTE_WAS_DIRTY | PTE_MOVED | PTE_OWN | PTE_SHMEM | PTE_LARGE | (p->keep_write ? PTE_WRITE : 0);

    *entry = (*entry & keep) | p->flags;
    tlb_gather_note(&p->gather, va);
}

/* Write permission is given back page by page, by the faults that decide about copying. */
static void protect_pages(struct space *s, const struct area *a)
{
    struct protect_walk p = {.walk = {.leaf = protect_leaf}, .flags = area_pte_flags(a)};

    p.keep_write = a->prot & PROT_WRITE;
    tlb_gather_init(&p.gather, s);
    page_table_walk(&s->pages, a->start, a->end, &p.walk);
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

/* An area, or its part up to `stop`, which is at its start, gets other rights. */
static long protect_area(struct space *s, struct area *a, uint64_t stop, uint32_t prot)
{
    struct area after = *a;
    uint64_t pages = (stop - a->start) >> PAGE_SHIFT;
    bool charge = !(a->flags & SPACE_MAP_CHARGED);

    after.prot = prot;
    if ((prot & ~a->prot & PROT_WRITE) && space_admit(s, &after, pages) && !space_admit(s, a, pages))
        return -ENOMEM; /* not by the address space, which does not grow: by RLIMIT_DATA */
    if (charge && space_charge(s, &after, pages))
        return -ENOMEM;
    if (space_split(s, stop)) {
        if (charge && (after.flags & SPACE_MAP_CHARGED))
            commit_adjust(-(int64_t)pages);
        return -ENOMEM;
    }
    space_account(s, a, -(int64_t)pages);
    a->prot = prot;
    a->flags = after.flags;
    space_account(s, a, (int64_t)pages);
    protect_pages(s, a);
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
        if (space_split(s, at))
            return -ENOMEM;
        a = area_at(&s->areas, at);
        if (a->prot != prot) {
            long error = protect_area(s, a, MIN(a->end, end), prot);

            if (error)
                return error;
        }
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
    if (!space_range(address, length, &end))
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
    const struct space_layout *l = &s->layout;
    uint64_t pages = (to - from) >> PAGE_SHIFT;
    struct area model = {
        .start = from,
        .end = to,
        .prot = PROT_READ | PROT_WRITE,
        .flags = MAP_PRIVATE | s->new_flags,
        .name = "[heap]",
    };

    if (to > USER_END || to - l->brk_start + (l->data_end - l->data_start) > task_limit(RLIMIT_DATA))
        return false;
    if (space_room(s, 0) || space_admit(s, &model, pages) || area_overlaps_with_gaps(&s->areas, from, to))
        return false;
    if (((model.flags & MAP_LOCKED) && !space_may_lock(s, pages)) || space_charge(s, &model, pages))
        return false;
    if (!space_insert(s, &model))
        return true;
    if (model.flags & SPACE_MAP_CHARGED)
        commit_adjust(-(int64_t)pages);
    return false;
}

long space_brk(struct space *s, uint64_t address)
{
    struct space_layout *l = &s->layout;
    uint64_t from = 0, to = 0;

    mutex_lock(&s->lock);
    if (address >= l->brk_start && address <= USER_END) {
        from = ALIGN_UP(l->brk, PAGE_SIZE);
        to = ALIGN_UP(address, PAGE_SIZE);
        if (to > from ? brk_grow(s, from, to) : !space_clear(s, to, from))
            l->brk = address;
        else
            to = from;
    }
    long result = (long)l->brk;
    bool populate = to > from && (s->new_flags & (MAP_LOCKED | SPACE_MAP_ON_FAULT)) == MAP_LOCKED;

    space_unlock(s);
    if (unlikely(populate))
        (void)space_populate(s, from, to - from, POPULATE_AS_MAPPED);
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
