/*
 * See hv/main/memory_map.h.
 */
#include "hv/main/memory_map.h"

#include "hv/vm.h"
#include "lib/log.h"

/* Pages that follow each other on both sides, with the same permissions. */
struct run {
    unsigned sandbox;
    uint64_t gpa, hpa, size, permissions;
};

static void run_say(const struct run *r)
{
    if (r->size)
        log_info("map: sandbox %u %#llx at %#llx size %#llx %c%c%c", r->sandbox, (unsigned long long)r->gpa,
                 (unsigned long long)r->hpa, (unsigned long long)r->size, r->permissions & EPT_READ ? 'r' : '-',
                 r->permissions & EPT_WRITE ? 'w' : '-', r->permissions & EPT_EXECUTE ? 'x' : '-');
}

static void page_see(void *context, uint64_t gpa, uint64_t hpa, uint64_t permissions)
{
    struct run *r = context;

    if (gpa != r->gpa + r->size || hpa != r->hpa + r->size || permissions != r->permissions) {
        run_say(r);
        *r = (struct run){r->sandbox, gpa, hpa, 0, permissions};
    }
    r->size += PAGE_SIZE;
}

void memory_map_log(struct vm *vm)
{
    struct run r = {.sandbox = vm->number};

    ept_visit(&vm->ept, page_see, &r);
    run_say(&r);
}
