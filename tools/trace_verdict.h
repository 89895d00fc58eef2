/*
 * What was decided about a call (abi/trace_record.h, TRACE_VERDICT), in words.
 */
#ifndef TOOLS_TRACE_VERDICT_H
#define TOOLS_TRACE_VERDICT_H

#include "abi/trace_record.h"
#include "lib/compiler.h"

/* "allow", "deny EACCES", "kill", and how that came about where nobody said it.  The length, as snprintf's. */
size_t trace_verdict_text(uint32_t by, int64_t result, char *to, size_t size);
/* "rule", "answer", "time", "nobody"; NULL: not known here. */
const char *trace_verdict_by(uint32_t by);

#endif
