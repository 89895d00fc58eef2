/*
 * A trace as a compact binary log (docs/trace-format.md, "Binary log"): a header, then records packed into few bytes, each with
 * its size in front, so that what a later version writes can be skipped by an earlier one.  Hostile input when read.
 */
#ifndef TOOLS_TRACE_LOG_H
#define TOOLS_TRACE_LOG_H

#include "abi/trace_record.h"
#include "tools/bytes.h"

#define TRACE_LOG_MAGIC "TRAPLOG\n"
#define TRACE_LOG_VERSION 1u

struct trace_log_header {
    char magic[8];
    uint32_t version;
    uint32_t header_size; /* of this structure in the version that wrote it */
    uint64_t tsc_hz;      /* 0: not known */
    uint64_t tsc;         /* the TSC at start_ns */
    int64_t start_ns;     /* since the epoch */
    uint32_t calls;       /* rows of the table of calls that the writer had */
    uint32_t reserved;
    uint64_t table;       /* a hash of that table's names, for those who compare versions */
};

/* What packing and unpacking remember of the record before. */
struct trace_log_state {
    uint64_t sequence, tsc, rip, address;
    uint32_t pid, tid, vcpu;
};

void trace_log_header_make(struct trace_log_header *h, uint64_t tsc_hz, uint64_t tsc, int64_t start_ns);

/* Append a checked record, or a fact (tools/trace_tasks.h; `more` may be NULL), to b. */
void trace_log_pack(struct trace_log_state *s, const struct trace_record *record, struct bytes *b);
void trace_log_pack_fact(const char *key, const char *value, const char *more, struct bytes *b);

struct trace_log_sink {
    void (*header)(void *context, const struct trace_log_header *h);
    void (*fact)(void *context, const char *key, const char *value, const char *more);
    void (*record)(void *context, const struct trace_record *record); /* valid during the call */
    void *context;
};

/*
 * Read a whole log, or its beginning.  Returns NULL, or why it ends before its end (allocated); what was before that has
 * been passed on.
 */
char *trace_log_read(const void *data, size_t n, const struct trace_log_sink *sink) must_check;

/* The same of a log that comes in pieces: what is whole of `data` is passed on, *taken says how much that was. */
struct trace_log_reader;

struct trace_log_reader *trace_log_reader_new(const struct trace_log_sink *sink);
void trace_log_reader_free(struct trace_log_reader *r);
char *trace_log_take(struct trace_log_reader *r, const void *data, size_t n, size_t *taken) must_check;

#endif
