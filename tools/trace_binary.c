/*
 * A trace as a binary log again: what of another log is wanted (tools/trace_log.h).
 */
#include <stdlib.h>
#include <string.h>

#include "tools/message.h"
#include "tools/trace_log.h"
#include "tools/trace_reader.h"
#include "tools/trace_writer.h"

#define PIECE 65536u

/* A call is wanted or not when it ends, but its entry stands where it was made: so all is put in order at the end. */
struct binary_writer {
    struct trace_show *show;
    struct bytes records;
};

/* A record like the one that was read. */
static void record(struct binary_writer *w, const struct trace_record *header, const void *body, size_t n, const void *items,
                   size_t items_size)
{
    size_t start = w->records.size;

    bytes_append(&w->records, header, sizeof *header);
    bytes_append(&w->records, body, n);
    if (items_size > 0)
        bytes_append(&w->records, items, items_size);
    bytes_align(&w->records, 8);
    ((struct trace_record *)(void *)(w->records.data + start))->size = (uint32_t)(w->records.size - start);
}

static void binary_call(void *writer, struct trace_call *call, bool wanted)
{
    struct binary_writer *w = writer;
    struct trace_entry_body entry = {.nr = call->nr, .rip = call->rip};
    struct trace_return_body end = {call->result, call->nr, call->sequence};
    struct trace_record header = {.type = TRACE_ENTRY, .sequence = call->sequence, .tsc = call->tsc, .pid = call->pid,
                                  .tid = call->tid, .vcpu = call->vcpu};
    bool observed = call->flags & TRACE_OBSERVED;

    if (!wanted)
        return;
    memcpy(entry.args, call->args, sizeof entry.args);
    header.flags = call->flags & (TRACE_OBSERVED | TRACE_NO_TASK | TRACE_ANSWERED);
    record(w, &header, &entry, sizeof entry, call->items, observed ? call->items_size : 0);
    if (call->is_judged) {
        header.type = TRACE_VERDICT;
        header.flags = 0;
        header.sequence = call->verdict_sequence;
        record(w, &header, &call->verdict, sizeof call->verdict, NULL, 0);
    }
    if (!call->returned && call->status != CALL_DETACHED)
        return;
    header.type = TRACE_RETURN;
    header.flags = call->returned ? call->flags & ~(unsigned)TRACE_OBSERVED : TRACE_HALF;
    header.sequence = call->end_sequence;
    header.tsc = call->end_tsc;
    record(w, &header, &end, sizeof end, call->items, observed ? 0 : call->items_size);
}

static void binary_other(void *writer, const struct trace_event *e)
{
    struct binary_writer *w = writer;

    if (e->record)
        bytes_append(&w->records, e->record, e->record->size);
}

static void put(const struct binary_writer *w, struct bytes *b)
{
    trace_show_put(w->show, (const char *)b->data, b->size);
    b->size = 0;
}

static void *binary_begin(struct trace_show *s)
{
    struct binary_writer *w = must_alloc(sizeof *w);

    *w = (struct binary_writer){.show = s};
    return w;
}

static void binary_finish(void *writer)
{
    struct binary_writer *w = writer;
    struct trace_log_state state = {0};
    struct trace_log_header h;
    struct bytes packed = {0};
    size_t size;

    trace_log_header_make(&h, w->show->clock.hz, w->show->clock.tsc, w->show->clock.start_ns);
    bytes_append(&packed, &h, sizeof h);
    bytes_append(&packed, w->show->facts.data, w->show->facts.size);
    trace_records_sort(w->records.data, w->records.size);
    for (size_t at = 0; (size = trace_record_check(w->records.data + at, w->records.size - at)); at += size) {
        trace_log_pack(&state, (const void *)(w->records.data + at), &packed);
        if (packed.size > PIECE)
            put(w, &packed);
    }
    put(w, &packed);
    bytes_free(&packed);
}

static void binary_free(void *writer)
{
    struct binary_writer *w = writer;

    bytes_free(&w->records);
    free(w);
}

const struct trace_writer_ops trace_binary_ops = {binary_begin, NULL, binary_call, binary_other, NULL, binary_finish, binary_free};
