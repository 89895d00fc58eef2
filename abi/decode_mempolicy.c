/*
 * Printers of the calls that place memory on nodes.
 */
#include "abi/decode_fields.h"

#include <linux/mempolicy.h>

#define WORD_BITS 64u
#define NODES_MAX (4096u * 8) /* Linux takes no more bits of nodes than a page has */

static const struct name modes[] = {NAME(MPOL_DEFAULT), NAME(MPOL_PREFERRED), NAME(MPOL_BIND), NAME(MPOL_INTERLEAVE), NAME(MPOL_LOCAL),
                                    NAME(MPOL_PREFERRED_MANY), NAME_END};
static const struct name mode_flags[] = {NAME(MPOL_F_STATIC_NODES), NAME(MPOL_F_RELATIVE_NODES), NAME(MPOL_F_NUMA_BALANCING), NAME_END};

static void out_mode_names(struct decoder *d, uint64_t value)
{
    uint64_t flags = value & MPOL_MODE_FLAGS, mode = value & ~(uint64_t)MPOL_MODE_FLAGS;
    const char *name = name_find(modes, mode);

    if (name)
        out_text(d, name);
    else if (!flags)
        out(d, "%#llx /* MPOL_??? */", (unsigned long long)mode);
    if (name && flags)
        out_text(d, "|");
    if (flags)
        out_flags(d, mode_flags, flags, "MPOL_???");
    if (!name && flags)
        out(d, "|%#llx", (unsigned long long)mode);
}

/* A policy and flags in one number. */
void print_mempolicy(struct decoder *d, uint64_t value)
{
    bool has_name = (value & MPOL_MODE_FLAGS) || name_find(modes, value);
    struct parts p;

    if (d->style->names == DECODE_NAMES || (d->style->names == DECODE_BOTH && !has_name)) {
        out_mode_names(d, value);
        return;
    }
    if (!parts_begin(d, value, &p))
        return;
    out_mode_names(d, value);
    parts_end(d, &p);
}

void print_mempolicy_out(struct decoder *d, uint64_t value)
{
    int32_t mode;

    if (!fetch_out(d, value, &mode, sizeof mode))
        return;
    out_text(d, "[");
    print_mempolicy(d, (uint32_t)mode);
    out_text(d, "]");
}

static void print_node_word(struct decoder *d, const void *word)
{
    out(d, "%016llx", (unsigned long long)*(const uint64_t *)word);
}

/* Bits of nodes, their number is the next argument; Linux takes one for itself. */
static void print_nodes(struct decoder *d, enum memory which, uint64_t address)
{
    uint64_t bits = d->call->args[d->index + 1], words;

    if (!address || bits < 1 || bits > NODES_MAX + 1) {
        out_address(d, address);
        return;
    }
    /* 64-bit words, and one more where a bit is beyond the last that is whole. */
    words = (bits - 1 + WORD_BITS - 1) / WORD_BITS;
    out_array(d, &(struct array_view){address, words, sizeof(uint64_t), which, print_node_word});
}

void print_nodes_in(struct decoder *d, uint64_t value)
{
    print_nodes(d, MEMORY_IN, value);
}

void print_nodes_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_nodes(d, MEMORY_OUT, value);
    else
        out_address(d, value);
}

/* migrate_pages: the number of bits stands in the second argument. */
void print_nodes_moved(struct decoder *d, uint64_t value)
{
    unsigned index = d->index;

    d->index = 0;
    print_nodes(d, MEMORY_IN, value);
    d->index = index;
}

DECODE_FLAGS(mbind_flags, "MPOL_MF_???", NAME(MPOL_MF_STRICT), NAME(MPOL_MF_MOVE), NAME(MPOL_MF_MOVE_ALL))

void print_mempolicy_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(MPOL_F_NODE), NAME(MPOL_F_ADDR), NAME(MPOL_F_MEMS_ALLOWED), NAME_END};

    out_flags(d, names, value, "MPOL_F_???");
}

static void print_page(struct decoder *d, const void *word)
{
    out_address(d, *(const uint64_t *)word);
}

static void print_node(struct decoder *d, const void *word)
{
    out_signed(d, *(const int32_t *)word);
}

/* A node, or why the page could not be moved. */
static void print_page_status(struct decoder *d, const void *word)
{
    int32_t status = *(const int32_t *)word;
    const char *error = status < 0 && status > -4096 ? error_name((unsigned)-status) : NULL;

    if (!error || d->style->names == DECODE_NUMBERS)
        out_signed(d, status);
    else if (d->style->names == DECODE_BOTH)
        out(d, "%d /* -%s */", status, error);
    else
        out(d, "-%s", error);
}

void print_pages(struct decoder *d, uint64_t value)
{
    out_array(d, &(struct array_view){value, d->call->args[1], sizeof(uint64_t), MEMORY_IN, print_page});
}

void print_page_nodes(struct decoder *d, uint64_t value)
{
    out_array(d, &(struct array_view){value, d->call->args[1], sizeof(int32_t), MEMORY_IN, print_node});
}

void print_page_statuses(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d) || (call_returned(d) && value && !d->call->args[1]))
        out_array(d, &(struct array_view){value, d->call->args[1], sizeof(int32_t), MEMORY_OUT, print_page_status});
    else
        out_address(d, value);
}
