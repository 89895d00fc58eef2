/*
 * Captured user memory (abi/capture.h), seen as memory: a read is put together from all fragments that overlap it.
 */
#include "abi/capture.h"
#include "abi/decode_internal.h"
#include "lib/string.h"

/* The next well-formed item at *offset, or NULL: what follows a malformed one cannot be found. */
static const struct capture_item *next_item(const struct decode_call *call, size_t *offset)
{
    const uint8_t *items = call->items;
    size_t left = call->items_size - *offset;
    const struct capture_item *item = (const void *)(items + *offset);

    if (*offset > call->items_size || left < sizeof *item || item->kept > left - sizeof *item)
        return NULL;
    *offset += ALIGN_UP(sizeof *item + item->kept, (size_t)8);
    return item;
}

#define READ_MAX 4096u /* bytes of one read */

/* Which of the bytes that are read are known: a bit for each. */
static void known_set(uint64_t *known, size_t first, size_t count)
{
    for (size_t end = first + count; first < end; first = (first | 63) + 1) {
        uint64_t bits = ~0ULL << first % 64;
        if (end - first < 64 - first % 64)
            bits &= BIT(end % 64) - 1;
        known[first / 64] |= bits;
    }
}

/* How many are known from the first on, of n. */
static size_t known_count(const uint64_t *known, size_t n)
{
    size_t at = 0;

    while (at < n && known[at / 64] == ~0ULL)
        at += 64;
    return at < n ? MIN(n, at + (size_t)__builtin_ctzll(~known[at / 64])) : n;
}

/* Copy the part of an item that lies in [address, address + n); mark it as known. */
static void overlay(const struct capture_item *item, uint64_t address, uint8_t *to, uint64_t *known, size_t n)
{
    uint64_t skip = address > item->address ? address - item->address : 0;
    uint64_t at = item->address > address ? item->address - address : 0;

    if (skip >= item->kept || at >= n)
        return;
    size_t count = MIN((size_t)(item->kept - skip), n - (size_t)at);
    memcpy(to + at, item->bytes + skip, count);
    known_set(known, (size_t)at, count);
}

/* Whatever is asked now is known only since the call has returned. */
static void return_begin(struct decoder *d)
{
    if (d->is_return)
        return;
    d->is_return = true;
    d->entered = d->argument;
    if (d->call->returned && d->style->returned)
        d->style->returned(d->style->context);
}

bool call_returned(struct decoder *d)
{
    return_begin(d);
    return d->call->returned;
}

/* What is being read: n bytes from an address on, as far as they are known. */
struct reading {
    uint64_t address;
    uint8_t *to;
    size_t n;
    uint64_t known[READ_MAX / 64];
};

/* Lays over it the items that were merely seen, or the others.  Returns whether there were any that were merely seen. */
static bool items_lay(const struct decode_call *call, enum memory which, bool observed, struct reading *r)
{
    const struct capture_item *item;
    size_t offset = 0;
    bool any = false;

    while ((item = next_item(call, &offset))) {
        bool is_observed = item->direction == CAPTURE_OBSERVED;
        any |= is_observed;
        if (is_observed == observed && (which == MEMORY_OUT || item->direction != CAPTURE_OUT))
            overlay(item, r->address, r->to, r->known, r->n);
    }
    return any;
}

/* What the kernel wrote lies over what it read, and that over what was merely seen, which says nothing of what it wrote. */
static size_t items_read(const struct decode_call *call, enum memory which, uint64_t address, void *to, size_t n)
{
    struct reading r;

    if (!call->items || n == 0)
        return 0;
    r.address = address;
    r.to = to;
    r.n = MIN(n, (size_t)READ_MAX);
    memset(r.known, 0, (r.n + 63) / 64 * sizeof r.known[0]);
    if (items_lay(call, which, false, &r) && which == MEMORY_IN) {
        items_lay(call, which, true, &r);
        items_lay(call, which, false, &r);
    }
    return known_count(r.known, r.n);
}

size_t decode_memory(const struct decode_call *call, bool stored, uint64_t address, void *to, size_t n)
{
    size_t done = 0, piece;

    do {
        piece = items_read(call, stored ? MEMORY_OUT : MEMORY_IN, address + done, (uint8_t *)to + done, n - done);
        done += piece;
    } while (piece == READ_MAX && done < n);
    return done;
}

size_t memory_read_string(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n)
{
    if (which == MEMORY_OUT)
        return_begin(d);
    return decode_memory(d->call, which == MEMORY_OUT, address, to, n);
}

size_t memory_read_some(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n)
{
    size_t known = memory_read_string(d, which, address, to, n);

    return d->style->addresses ? 0 : known;
}

bool memory_read(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n)
{
    return memory_read_some(d, which, address, to, n) == n;
}

bool call_succeeded(struct decoder *d)
{
    return call_returned(d) && (d->call->result >= 0 || d->call->result < -4095);
}

bool fetch_in(struct decoder *d, uint64_t address, void *to, size_t n)
{
    if (address && memory_read(d, MEMORY_IN, address, to, n))
        return true;
    out_address(d, address);
    return false;
}

bool fetch_out(struct decoder *d, uint64_t address, void *to, size_t n)
{
    if (address && call_succeeded(d) && memory_read(d, MEMORY_OUT, address, to, n))
        return true;
    out_address(d, address);
    return false;
}
