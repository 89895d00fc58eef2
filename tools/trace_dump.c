/*
 * See tools/trace_dump.h.
 */
#include "tools/trace_dump.h"

#include <stdio.h>

#include "abi/syscalls.h"
#include "tools/trace_writer.h"

#define DUMP_COLUMNS 16u

static bool is_dumped(bool all, const int *fds, size_t count, int fd)
{
    for (size_t i = 0; !all && i < count; i++)
        all = fds[i] == fd;
    return all;
}

/* One line of a dump: up to 16 bytes in hexadecimal and as text. */
static size_t dump_line(const uint8_t *bytes, size_t n, size_t offset, char *to, size_t size)
{
    size_t used = (size_t)snprintf(to, size, " | %05zx ", offset);

    for (size_t i = 0; i < DUMP_COLUMNS; i++) {
        used += (size_t)snprintf(to + used, size - used, i == DUMP_COLUMNS / 2 ? "  " : " ");
        used += i < n ? (size_t)snprintf(to + used, size - used, "%02x", bytes[i]) : (size_t)snprintf(to + used, size - used, "  ");
    }
    used += (size_t)snprintf(to + used, size - used, "  ");
    for (size_t i = 0; i < DUMP_COLUMNS; i++)
        to[used++] = i >= n ? ' ' : bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '.';
    return used + (size_t)snprintf(to + used, size - used, " |");
}

/* Where the lines go. */
struct dump {
    trace_dump_line *line;
    void *context;
};

static void dump(const struct dump *to, const struct trace_call *call, bool stored, uint64_t address, uint64_t count)
{
    struct decode_call d = trace_decode(call);
    uint8_t bytes[4096];
    char line[160];
    size_t known = decode_memory(&d, stored, address, bytes, (size_t)MIN(count, (uint64_t)sizeof bytes));

    for (size_t at = 0; at < known; at += DUMP_COLUMNS)
        to->line(to->context, line, dump_line(bytes + at, MIN(known - at, (size_t)DUMP_COLUMNS), at, line, sizeof line - 2));
    if (known < count)
        to->line(to->context, line, (size_t)snprintf(line, sizeof line, " | %05zx  (%llu bytes more were not kept)", known,
                                                     (unsigned long long)(count - known)));
}

static void dump_vector(const struct dump *to, const struct trace_call *call, bool stored, uint64_t left)
{
    struct {
        uint64_t base, size;
    } part;
    char line[64];

    for (uint64_t i = 0; i < call->args[2] && i < 1024 && left > 0; i++) {
        if (!trace_call_bytes(call, false, call->args[1] + i * sizeof part, &part, sizeof part))
            return;
        uint64_t n = MIN(part.size, left);
        to->line(to->context, line, (size_t)snprintf(line, sizeof line, " * %llu bytes in buffer %llu", (unsigned long long)n,
                                                     (unsigned long long)i));
        dump(to, call, stored, part.base, n);
        left -= n;
    }
}

void trace_dump(const struct trace_options *o, const struct trace_call *call, trace_dump_line *line, void *context)
{
    const struct dump to = {line, context};
    const struct syscall_row *row = call->nr < SYSCALL_COUNT ? &syscall_rows[call->nr] : NULL;

    if (!row || row->kinds[0] != ARG_FD || !call->returned || call->result <= 0)
        return;
    bool stored = row->kinds[1] == ARG_BUF_OUT || row->kinds[1] == ARG_IOV_OUT;
    bool vector = row->kinds[1] == ARG_IOV_OUT || row->kinds[1] == ARG_IOV_IN;
    bool asked = stored ? is_dumped(o->reads.all, o->reads.fds, o->reads.count, (int)call->args[0])
                        : is_dumped(o->writes.all, o->writes.fds, o->writes.count, (int)call->args[0]);
    if (!asked)
        return;
    if (vector)
        dump_vector(&to, call, stored, (uint64_t)call->result);
    else if (stored || row->kinds[1] == ARG_BUF_IN)
        dump(&to, call, stored, call->args[1], (uint64_t)call->result);
}
