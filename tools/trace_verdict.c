/*
 * See tools/trace_verdict.h.
 */
#include "tools/trace_verdict.h"

#include <stdio.h>

#include "abi/decode.h"
#include "abi/trace_control.h"

const char *trace_verdict_by(uint32_t by)
{
    static const char *const names[] = {
        [TRACE_BY_RULE] = "rule", [TRACE_BY_ANSWER] = "answer", [TRACE_BY_TIME] = "time", [TRACE_BY_NOBODY] = "nobody"};

    return by < ARRAY_SIZE(names) ? names[by] : NULL;
}

size_t trace_verdict_text(uint32_t by, int64_t result, char *to, size_t size)
{
    const char *name = result < 0 && result >= -4095 ? error_name((unsigned)-result) : NULL,
               *why = by == TRACE_BY_TIME ? " (no answer in time)" : "";

    if (by == TRACE_BY_NOBODY)
        return (size_t)snprintf(to, size, "withdrawn");
    if (result == TRACE_ANSWER_KILL)
        return (size_t)snprintf(to, size, "kill%s", why);
    if (result >= 0)
        return (size_t)snprintf(to, size, "allow%s", why);
    if (!name)
        return (size_t)snprintf(to, size, "deny %lld%s", (long long)-result, why);
    return (size_t)snprintf(to, size, "deny %s%s", name, why);
}
