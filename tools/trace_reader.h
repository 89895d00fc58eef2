/*
 * Trace records (abi/trace_record.h) become events (tools/trace_event.h): checked, put into their order, paired into calls.
 * Hostile input: records come out of an emulator or a file.
 *
 * Every vCPU sends its own; `sequence` is one order without gaps over all of them, so a record that comes early waits for
 * those before it, but not for long: after too many, or when the reader is told to go on, the gap is taken as it is.
 */
#ifndef TOOLS_TRACE_READER_H
#define TOOLS_TRACE_READER_H

#include "tools/trace_event.h"

struct trace_reader;

typedef void trace_take(void *context, const struct trace_event *event);

struct trace_reader *trace_reader_new(trace_take *take, void *context);
void trace_reader_free(struct trace_reader *r); /* NULL: nothing */

/* The sequence of the first record that will come; 0 if this is not said; UINT64_MAX: they come in order, whatever it is. */
void trace_reader_start(struct trace_reader *r, uint64_t sequence);
/* Of records that name sessions, those of other ones are passed over, each in its place. */
void trace_reader_set_sessions(struct trace_reader *r, uint32_t sessions);
/* Whole records, 8-byte aligned.  What is not well-formed ends the piece, and EVENT_DAMAGE says so. */
void trace_reader_feed(struct trace_reader *r, const void *data, size_t n);
/* Do not wait for records that should have come before those that are here. */
void trace_reader_go_on(struct trace_reader *r);
/* The end: what waits is taken, and calls that are open end (CALL_UNFINISHED). */
void trace_reader_finish(struct trace_reader *r);

/* Whole records, in the order of their sequences: `data` is changed so.  For pieces that were kept of several vCPUs. */
void trace_records_sort(void *data, size_t n);

/* The size of the well-formed record at the start of these bytes; 0: it is none, or cut off. */
size_t trace_record_check(const void *data, size_t n);

#endif
