/*
 * Traces made up for tests: records one after the other, with their sequences and times.
 */
#ifndef TESTS_UNIT_TRACE_BUILDER_H
#define TESTS_UNIT_TRACE_BUILDER_H

#include "abi/capture.h"
#include "abi/trace_record.h"
#include "tools/bytes.h"

struct trace_builder {
    struct bytes records;
    uint64_t sequence; /* of the next record; its time is 1000 times as much */
};

/* An entry; returns its sequence. */
uint64_t build_entry(struct trace_builder *b, uint32_t tid, uint64_t nr, const uint64_t args[6]);
/* Its return, with up to two items: a text that was read at `in`, bytes that were stored at `out`. */
void build_return(struct trace_builder *b, uint32_t tid, uint64_t nr, uint64_t entry, int64_t result, uint64_t in, const char *text,
                  uint64_t out, const void *stored, size_t stored_size);
void build_record(struct trace_builder *b, uint16_t type, uint32_t tid, const void *body, size_t n);

/* Both halves at once: a call that read a text. */
void build_call(struct trace_builder *b, uint32_t tid, uint64_t nr, const uint64_t args[6], int64_t result, uint64_t in,
                const char *text);
void build_fork(struct trace_builder *b, uint32_t tid, uint32_t child, uint32_t pid);
void build_exit(struct trace_builder *b, uint32_t tid, uint32_t wait_status);

#endif
