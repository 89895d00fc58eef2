/*
 * A trace as a binary log again: what of another log is wanted (tools/trace_log.h).
 */
#include <stdlib.h>
#include <string.h>

#include "tools/message.h"
#include "tools/trace_log.h"
#include "tools/trace_writer.h"

struct binary_writer {
    struct trace_show *show;
    struct trace_log_state state;
    struct bytes record, packed;
};

static void flush(struct binary_writer *w)
{
    w->show->sink.put(w->show->sink.context, (const char *)w->packed.data, w->packed.size);
    w->packed.size = 0;
}

/* A record like the one that was read. */
static void record(struct binary_writer *w, const struct trace_record *header, const void *body, size_t n, const void *items,
                   size_t items_size)
{
    w->record.size = 0;
    bytes_append(&w->record, header, sizeof *header);
    bytes_append(&w->record, body, n);
    if (items_size > 0)
        bytes_append(&w->record, items, items_size);
    bytes_align(&w->record, 8);
    struct trace_record *r = (void *)w->record.data;
    r->size = (uint32_t)w->record.size;
    trace_log_pack(&w->state, r, &w->packed);
    flush(w);
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

    if (!e->record)
        return;
    trace_log_pack(&w->state, e->record, &w->packed);
    flush(w);
}

/* The header and the facts. */
static void *binary_begin(struct trace_show *s)
{
    struct binary_writer *w = must_alloc(sizeof *w);
    struct trace_log_header h;

    *w = (struct binary_writer){.show = s};
    trace_log_header_make(&h, s->clock.hz, s->clock.tsc, s->clock.start_ns);
    bytes_append(&w->packed, &h, sizeof h);
    bytes_append(&w->packed, s->facts.data, s->facts.size);
    flush(w);
    return w;
}

static void binary_finish(void *writer)
{
}

static void binary_free(void *writer)
{
    struct binary_writer *w = writer;

    bytes_free(&w->record);
    bytes_free(&w->packed);
    free(w);
}

const struct trace_writer_ops trace_binary_ops = {binary_begin, NULL, binary_call, binary_other, NULL, binary_finish, binary_free};
