/*
 * See tests/unit/trace_builder.h.
 */
#include "tests/unit/trace_builder.h"

#include <string.h>

void build_record(struct trace_builder *b, uint16_t type, uint32_t tid, const void *body, size_t n)
{
    struct trace_record r = {.size = (uint32_t)(sizeof r + ALIGN_UP(n, (size_t)8)), .type = type, .sequence = b->sequence,
                             .tsc = b->sequence * 1000, .pid = tid, .tid = tid};

    b->sequence++;
    bytes_append(&b->records, &r, sizeof r);
    bytes_append(&b->records, body, n);
    bytes_align(&b->records, 8);
}

uint64_t build_entry(struct trace_builder *b, uint32_t tid, uint64_t nr, const uint64_t args[6])
{
    struct trace_entry_body body = {.nr = nr, .rip = 0x401000};

    memcpy(body.args, args, sizeof body.args);
    build_record(b, TRACE_ENTRY, tid, &body, sizeof body);
    return b->sequence - 1;
}

static void item_append(struct bytes *to, uint16_t direction, uint64_t address, const void *bytes, size_t n)
{
    struct capture_item item = {.address = address, .total = (uint32_t)n, .kept = (uint16_t)n, .direction = direction};

    bytes_append(to, &item, sizeof item);
    bytes_append(to, bytes, n);
    bytes_align(to, 8);
}

void build_return(struct trace_builder *b, uint32_t tid, uint64_t nr, uint64_t entry, int64_t result, uint64_t in, const char *text,
                  uint64_t out, const void *stored, size_t stored_size)
{
    struct trace_return_body body = {result, nr, entry};
    struct bytes whole = {0};

    bytes_append(&whole, &body, sizeof body);
    if (text)
        item_append(&whole, CAPTURE_IN, in, text, strlen(text) + 1);
    if (stored)
        item_append(&whole, CAPTURE_OUT, out, stored, stored_size);
    build_record(b, TRACE_RETURN, tid, whole.data, whole.size);
    bytes_free(&whole);
}

void build_call(struct trace_builder *b, uint32_t tid, uint64_t nr, const uint64_t args[6], int64_t result, uint64_t in,
                const char *text)
{
    uint64_t entry = build_entry(b, tid, nr, args);

    build_return(b, tid, nr, entry, result, in, text, 0, NULL, 0);
}

void build_fork(struct trace_builder *b, uint32_t tid, uint32_t child, uint32_t pid)
{
    struct trace_task_new_body body = {child, pid};

    build_record(b, TRACE_TASK_NEW, tid, &body, sizeof body);
}

void build_exit(struct trace_builder *b, uint32_t tid, uint32_t wait_status)
{
    struct trace_task_exit_body body = {wait_status, 0};

    build_record(b, TRACE_TASK_EXIT, tid, &body, sizeof body);
}
