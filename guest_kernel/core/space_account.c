/*
 * What areas count for: the statistics of a space, the limits RLIMIT_AS, RLIMIT_DATA and RLIMIT_MEMLOCK, max_map_count,
 * and the memory that is promised to all programs together (proc(5), overcommit_memory).
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER  2
/* What overcommit_memory 2 leaves to the administrator, and to a user for ending a process (Linux's defaults). */
#define ADMIN_RESERVE     (MiB(8) >> PAGE_SHIFT)
#define USER_RESERVE      (MiB(128) >> PAGE_SHIFT)
#define USER_RESERVE_PART 32 /* of what the process has */

struct memory_settings memory_settings = {
    .overcommit_ratio = 50,
    .max_map_count = 65530,
    .large = LARGE_MADVISE,
};

static uint64_t committed; /* atomic: pages */

static int setting(const int *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

uint64_t commit_pages(void)
{
    return __atomic_load_n(&committed, __ATOMIC_RELAXED);
}

uint64_t commit_limit(void)
{
    return memory_total_pages() * (uint64_t)setting(&memory_settings.overcommit_ratio) / 100;
}

void commit_adjust(int64_t pages)
{
    __atomic_fetch_add(&committed, (uint64_t)pages, __ATOMIC_RELAXED);
}

/* By the heuristic of overcommit_memory 0 only what could never be had is refused. */
static bool promise_is_sound(uint64_t pages, uint64_t already)
{
    int mode = setting(&memory_settings.overcommit);
    uint64_t reserve = MIN(already / USER_RESERVE_PART, USER_RESERVE) + (cred_may(CAP_SYS_ADMIN) ? 0 : ADMIN_RESERVE);

    if (mode == OVERCOMMIT_ALWAYS)
        return true;
    if (mode != OVERCOMMIT_NEVER)
        return pages <= memory_total_pages();
    return commit_pages() + reserve < commit_limit();
}

bool commit_charge(uint64_t pages, uint64_t already)
{
    commit_adjust((int64_t)pages);
    if (likely(promise_is_sound(pages, already)))
        return true;
    commit_adjust(-(int64_t)pages);
    return false;
}

/* Linux's terms: data is private, writable and no stack. */
static bool is_data(const struct area *a)
{
    return (a->prot & PROT_WRITE) && !(a->flags & (MAP_SHARED | MAP_GROWSDOWN));
}

void space_account(struct space *s, const struct area *a, int64_t pages)
{
    struct space_counts *c = &s->counts;
    uint64_t n = (uint64_t)pages;

    c->total += n;
    c->peak_total = MAX(c->peak_total, c->total);
    if ((a->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC && !(a->flags & MAP_GROWSDOWN))
        c->exec += n;
    else if (a->flags & MAP_GROWSDOWN)
        c->stack += n;
    else if (is_data(a))
        c->data += n;
    if (a->flags & MAP_LOCKED)
        c->locked += n;
}

int space_admit(const struct space *s, const struct area *model, uint64_t pages)
{
    if (s->counts.total + pages > task_limit(RLIMIT_AS) >> PAGE_SHIFT)
        return -ENOMEM;
    if (is_data(model) && s->counts.data + pages > task_limit(RLIMIT_DATA) >> PAGE_SHIFT)
        return -ENOMEM;
    return 0;
}

int space_charge(const struct space *s, struct area *model, uint64_t pages)
{
    bool unreserved = (model->flags & MAP_NORESERVE) && setting(&memory_settings.overcommit) != OVERCOMMIT_NEVER;

    if (!(model->prot & PROT_WRITE) || (model->flags & MAP_SHARED) || unreserved)
        return 0;
    if (!commit_charge(pages, s->counts.total))
        return -ENOMEM;
    model->flags |= SPACE_MAP_CHARGED;
    return 0;
}

int space_room(const struct space *s, uint32_t n)
{
    return s->counts.areas + n > (uint32_t)setting(&memory_settings.max_map_count) ? -ENOMEM : 0;
}

bool space_may_lock(const struct space *s, uint64_t pages)
{
    return cred_may(CAP_IPC_LOCK) || s->counts.locked + pages <= task_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

void space_counts(struct space *s, struct space_counts *out)
{
    mutex_lock(&s->lock);
    *out = s->counts;
    out->tables = s->pages.tables;
    out->peak_resident = MAX(out->peak_resident, space_resident(out));
    mutex_unlock(&s->lock);
}

void space_counts_now(const struct space *s, struct space_counts *out)
{
    *out = (struct space_counts){.total = __atomic_load_n(&s->counts.total, __ATOMIC_RELAXED),
                                 .tables = __atomic_load_n(&s->pages.tables, __ATOMIC_RELAXED)};
    for (unsigned kind = 0; kind < ARRAY_SIZE(out->resident); kind++)
        out->resident[kind] = __atomic_load_n(&s->counts.resident[kind], __ATOMIC_RELAXED);
}
