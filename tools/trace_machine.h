/*
 * What is below the calls (abi/trace_record.h, TRACE_MACHINE) in words.
 */
#ifndef TOOLS_TRACE_MACHINE_H
#define TOOLS_TRACE_MACHINE_H

#include "abi/trace_record.h"
#include "lib/compiler.h"

/* "vmexit", "ept", "interrupt", "notify"; NULL: not known here. */
const char *trace_machine_kind(const struct trace_machine_body *b);
/* An exit's reason, an EPT violation's access ("rw"), a device: as Linux's headers name them; a number as text if they do not. */
const char *trace_machine_name(const struct trace_machine_body *b, char *room, size_t size);
/* All of it, as a line has it. */
size_t trace_machine_text(const struct trace_machine_body *b, char *to, size_t size);

#endif
