/*
 * The initial stack of a program: strings, pointers, the auxiliary vector (getauxval(3)), written into the new space.
 */
#include <asm/errno.h>
#include <linux/auxvec.h>
#include <linux/mman.h>

#include "guest_kernel/alt_stack.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/exec_image.h"
#include "guest_kernel/exec_layout.h"
#include "guest_kernel/vdso.h"
#include "lib/string.h"
#include "lib/x86.h"

#define STACK_ROOM KiB(128) /* mapped from the start beyond what is on it; the rest grows on demand */
#define PLATFORM "x86_64"
#define CLOCK_TICKS 100 /* USER_HZ */
#define AUX_COUNT 21 /* what aux_fill() adds */

struct aux_vector {
    uint64_t pairs[AUX_COUNT][2];
    unsigned count;
};

static void aux_add(struct aux_vector *v, uint64_t type, uint64_t value)
{
    v->pairs[v->count][0] = type;
    v->pairs[v->count][1] = value;
    v->count++;
}

/* AT_HWCAP: CPUID leaf 1's EDX; AT_HWCAP2: bit 1 says that user mode may use the FSGSBASE instructions. */
static uint64_t hwcap2(void)
{
    return cr4_read() & CR4_FSGSBASE ? 2 : 0;
}

static void aux_fill(struct aux_vector *v, const struct exec_image *image, const struct exec_ids *ids,
                     const struct stack_layout *l, uint64_t name)
{
    v->count = 0;
    if (image->vdso)
        aux_add(v, AT_SYSINFO_EHDR, image->vdso);
    aux_add(v, AT_MINSIGSTKSZ, alt_stack_minimum());
    aux_add(v, AT_HWCAP, cpuid_count(1, 0).edx);
    aux_add(v, AT_PAGESZ, PAGE_SIZE);
    aux_add(v, AT_CLKTCK, CLOCK_TICKS);
    aux_add(v, AT_PHDR, image->phdr);
    aux_add(v, AT_PHENT, sizeof(Elf64_Phdr));
    aux_add(v, AT_PHNUM, image->phnum);
    aux_add(v, AT_BASE, image->base);
    aux_add(v, AT_FLAGS, 0);
    aux_add(v, AT_ENTRY, image->program_entry);
    aux_add(v, AT_UID, ids->uid);
    aux_add(v, AT_EUID, ids->euid);
    aux_add(v, AT_GID, ids->gid);
    aux_add(v, AT_EGID, ids->egid);
    aux_add(v, AT_SECURE, ids->secure);
    aux_add(v, AT_RANDOM, l->random);
    aux_add(v, AT_HWCAP2, hwcap2());
    aux_add(v, AT_EXECFN, name);
    aux_add(v, AT_PLATFORM, l->platform);
    aux_add(v, AT_NULL, 0);
    while (v->count < AUX_COUNT) /* the stack was laid out for all of them */
        aux_add(v, AT_NULL, 0);
}

/* Writes words one after the other through a small buffer, so that a million arguments need no large one. */
struct word_writer {
    struct space *space;
    uint64_t address;
    unsigned used;
    bool failed;
    uint64_t words[64];
};

static void writer_flush(struct word_writer *w)
{
    size_t n = w->used * sizeof(uint64_t);

    if (space_write(w->space, w->address, w->words, n) != n)
        w->failed = true;
    w->address += n;
    w->used = 0;
}

static void writer_put(struct word_writer *w, uint64_t word)
{
    w->words[w->used++] = word;
    if (w->used == ARRAY_SIZE(w->words))
        writer_flush(w);
}

/* Pointers to `count` strings from offset *at on, which lie at `base`. */
static void put_pointers(struct word_writer *w, const struct exec_strings *s, uint64_t base, uint64_t *at,
                         uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        writer_put(w, base + *at - s->start);
        *at = exec_strings_next(s, *at);
    }
}

static int write_strings(struct exec_image *image, const struct exec_strings *script, const struct exec_strings *s,
                         const struct stack_layout *l)
{
    const uint8_t *random = image->place.random.bytes;
    size_t random_size = sizeof(image->place.random.bytes);

    if (script && exec_strings_write(script, image->space, l->strings))
        return -ENOMEM;
    if (exec_strings_write(s, image->space, l->strings + exec_strings_size(script)) ||
        space_write(image->space, l->platform, PLATFORM, sizeof(PLATFORM)) != sizeof(PLATFORM) ||
        space_write(image->space, l->random, random, random_size) != random_size)
        return -ENOMEM;
    return 0;
}

static int write_words(struct exec_image *image, const struct exec_strings *script, const struct exec_strings *s,
                       const struct exec_ids *ids, const struct stack_layout *l)
{
    struct word_writer w = {.space = image->space, .address = l->pointers};
    uint64_t base = l->strings + exec_strings_size(script), at = 0;
    struct aux_vector aux;

    writer_put(&w, l->argc);
    if (script)
        put_pointers(&w, script, l->strings, &at, script->argc);
    at = s->start;
    put_pointers(&w, s, base, &at, s->argc);
    writer_put(&w, 0);
    put_pointers(&w, s, base, &at, s->envc);
    writer_put(&w, 0);
    aux_fill(&aux, image, ids, l, base + at - s->start);
    space_layout(image->space)->auxv_start = w.address + w.used * sizeof(uint64_t);
    space_layout(image->space)->auxv_end = w.address + w.used * sizeof(uint64_t) + sizeof(aux.pairs);
    for (unsigned i = 0; i < aux.count; i++) {
        writer_put(&w, aux.pairs[i][0]);
        writer_put(&w, aux.pairs[i][1]);
    }
    writer_flush(&w);
    return w.failed ? -ENOMEM : 0;
}

static int map_stack(struct exec_image *image, uint64_t lowest, uint64_t top)
{
    uint32_t prot = PROT_READ | PROT_WRITE | (image->executable_stack ? PROT_EXEC : 0);
    uint64_t start = ALIGN_DOWN(lowest, PAGE_SIZE), size = MIN(top - start + STACK_ROOM, image->place.stack_limit);

    start = MIN(start, top - ALIGN_DOWN(size, PAGE_SIZE));
    long at = space_map(image->space, start, top - start, prot,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN | MAP_STACK, NULL, 0);

    if (at < 0)
        return (int)at;
    return (int)space_name_area(image->space, start, "[stack]");
}

static void note_layout(struct exec_image *image, const struct exec_strings *script, const struct exec_strings *s,
                        const struct stack_layout *l)
{
    struct space_layout *layout = space_layout(image->space);
    uint64_t base = l->strings + exec_strings_size(script) - s->start;

    layout->stack_top = l->pointers;
    layout->arg_start = l->strings;
    layout->arg_end = layout->env_start = base + s->args_end;
    layout->env_end = base + s->envs_end;
    image->stack = l->pointers;
}

int exec_image_stack(struct exec_image *image, const struct exec_strings *script, const struct exec_strings *s,
                     const struct exec_ids *ids)
{
    const struct layout_random *random = image->place.randomize ? &image->place.random : NULL;
    struct stack_layout l = {
        .top = layout_stack_top(random),
        .skew = layout_stack_skew(random),
        .strings_size = exec_strings_size(script) + exec_strings_size(s),
        .argc = s->argc + (script ? script->argc : 0),
        .envc = s->envc,
        .aux_count = AUX_COUNT,
        .platform_size = sizeof(PLATFORM),
    };

    stack_layout_compute(&l);
    int error = map_stack(image, l.pointers, l.top);
    if (!error)
        error = vdso_map(image->space, l.strings, random, &image->vdso);
    if (!error)
        error = write_strings(image, script, s, &l);
    if (!error)
        error = write_words(image, script, s, ids, &l);
    if (!error)
        note_layout(image, script, s, &l);
    return error;
}
