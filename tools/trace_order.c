/*
 * See tools/trace_order.h.  A heap by sequence holds what is early.
 */
#include "tools/trace_order.h"

#include <stdlib.h>
#include <string.h>

#include "tools/message.h"
#include "tools/trace_reader.h"

#define KEPT_MAX 16384u /* records; then the gap is taken as one that will not be filled */

struct trace_order {
    trace_record_take *take;
    void *context;
    uint64_t next; /* sequence of the record that comes next */
    struct trace_record **heap; /* the smallest sequence first */
    size_t count, room;
};

static void heap_put(struct trace_order *o, struct trace_record *r)
{
    size_t i = o->count++;

    if (o->count > o->room) {
        o->room = 2 * o->room + 64;
        o->heap = must_realloc(o->heap, o->room * sizeof *o->heap);
    }
    for (; i > 0 && o->heap[(i - 1) / 2]->sequence > r->sequence; i = (i - 1) / 2)
        o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = r;
}

static struct trace_record *heap_take(struct trace_order *o)
{
    struct trace_record *first = o->heap[0], *last = o->heap[--o->count];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < o->count) {
        child += child + 1 < o->count && o->heap[child + 1]->sequence < o->heap[child]->sequence;
        if (o->heap[child]->sequence >= last->sequence)
            break;
        o->heap[i] = o->heap[child];
        i = child;
    }
    o->heap[i] = last;
    return first;
}

static void pass_on(struct trace_order *o, const struct trace_record *r)
{
    o->next = MAX(o->next, r->sequence + 1);
    o->take(o->context, r);
}

static void pass_on_first(struct trace_order *o)
{
    struct trace_record *r = heap_take(o);

    pass_on(o, r);
    free(r);
}

void trace_order_put(struct trace_order *o, const struct trace_record *record)
{
    if (record->sequence <= o->next) {
        pass_on(o, record);
    } else {
        struct trace_record *copy = must_alloc(record->size);
        memcpy(copy, record, record->size);
        heap_put(o, copy);
    }
    while (o->count > 0 && (o->heap[0]->sequence <= o->next || o->count > KEPT_MAX))
        pass_on_first(o);
}

void trace_order_flush(struct trace_order *o)
{
    while (o->count > 0)
        pass_on_first(o);
}

void trace_order_start(struct trace_order *o, uint64_t sequence)
{
    o->next = sequence;
}

struct trace_order *trace_order_new(trace_record_take *take, void *context)
{
    struct trace_order *o = must_alloc(sizeof *o);

    *o = (struct trace_order){.take = take, .context = context};
    return o;
}

void trace_order_free(struct trace_order *o)
{
    if (!o)
        return;
    while (o->count > 0)
        free(heap_take(o));
    free(o->heap);
    free(o);
}

struct place {
    uint64_t sequence;
    size_t at;
};

static int place_compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void trace_records_sort(void *data, size_t n)
{
    uint8_t *bytes = data, *sorted = must_alloc(n + 1);
    struct place *places = NULL;
    size_t count = 0, room = 0, size, used = 0, end = 0;

    for (; (size = trace_record_check(bytes + end, n - end)); end += size) {
        if (count == room) {
            room = 2 * room + 256;
            places = must_realloc(places, room * sizeof *places);
        }
        places[count++] = (struct place){((const struct trace_record *)(const void *)(bytes + end))->sequence, end};
    }
    if (count > 0)
        qsort(places, count, sizeof *places, place_compare);
    for (size_t i = 0; i < count; i++) {
        size = ((const struct trace_record *)(const void *)(bytes + places[i].at))->size;
        memcpy(sorted + used, bytes + places[i].at, size);
        used += size;
    }
    if (used > 0)
        memcpy(bytes, sorted, used);
    free(places);
    free(sorted);
}
