/*
 * Records in the order of their sequence numbers, out of pieces from several vCPUs.
 */
#ifndef TOOLS_TRACE_ORDER_H
#define TOOLS_TRACE_ORDER_H

#include "abi/trace_record.h"
#include "lib/compiler.h"

struct trace_order;

typedef void trace_record_take(void *context, const struct trace_record *record);

struct trace_order *trace_order_new(trace_record_take *take, void *context);
void trace_order_free(struct trace_order *o);
void trace_order_start(struct trace_order *o, uint64_t sequence); /* of the first record; else 0 */
/* A checked record: it is passed on at once if it is the next, or kept until it is. */
void trace_order_put(struct trace_order *o, const struct trace_record *record);
/* Pass on all that is kept: what is missing will not come, or comes late. */
void trace_order_flush(struct trace_order *o);

#endif
