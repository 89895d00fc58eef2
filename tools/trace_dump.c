/*
 * See tools/trace_dump.h.
 */
#include "tools/trace_dump.h"

#include <stdio.h>

#include "abi/socket.h"
#include "abi/syscalls.h"
#include "tools/trace_writer.h"

#define DUMP_COLUMNS 16u
#define VECTOR_MAX   1024u /* UIO_MAXIOV: more are refused */

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

    if (known == 0 && call->result < 0) /* it could not be read */
        return;
    for (size_t at = 0; at < known; at += DUMP_COLUMNS)
        to->line(to->context, line, dump_line(bytes + at, MIN(known - at, (size_t)DUMP_COLUMNS), at, line, sizeof line - 2));
    if (known < count)
        to->line(to->context, line, (size_t)snprintf(line, sizeof line, " | %05zx  (%llu bytes more were not kept)", known,
                                                     (unsigned long long)(count - known)));
}

/* A vector of buffers at an address, of which so many bytes were moved. */
static void dump_vector(const struct dump *to, const struct trace_call *call, bool stored, uint64_t address, uint64_t count, uint64_t left)
{
    struct {
        uint64_t base, size;
    } part;
    char line[64];

    count = MIN(count, (uint64_t)VECTOR_MAX);
    if (count && !trace_call_bytes(call, false, address + (count - 1) * sizeof part, &part, sizeof part))
        return; /* it is not known whole */
    for (uint64_t i = 0; i < count && left > 0; i++) {
        if (!trace_call_bytes(call, false, address + i * sizeof part, &part, sizeof part))
            return;
        uint64_t n = MIN(part.size, left);
        to->line(to->context, line, (size_t)snprintf(line, sizeof line, " * %llu bytes in buffer %llu", (unsigned long long)n,
                                                     (unsigned long long)i));
        dump(to, call, stored, part.base, n);
        left -= n;
    }
}

/* A message of struct msghdr. */
static void dump_message(const struct dump *to, const struct trace_call *call, bool stored, uint64_t address, uint64_t left)
{
    struct user_msghdr h;

    if (trace_call_bytes(call, false, address, &h, sizeof h))
        dump_vector(to, call, stored, h.msg_iov, h.msg_iovlen, left);
}

/* As many messages as were moved, each with its length behind its header. */
static void dump_messages(const struct dump *to, const struct trace_call *call, bool stored)
{
    struct mmsghdr m;
    char line[64];

    for (int64_t i = 0; i < call->result && i < VECTOR_MAX; i++) {
        uint64_t address = call->args[1] + (uint64_t)i * sizeof m;
        if (!trace_call_bytes(call, false, address, &m.msg_hdr, sizeof m.msg_hdr) ||
            !trace_call_bytes(call, true, address + offsetof(struct mmsghdr, msg_len), &m.msg_len, sizeof m.msg_len))
            return;
        to->line(to->context, line, (size_t)snprintf(line, sizeof line, " = %llu buffers in vector %lld", (unsigned long long)m.msg_hdr.msg_iovlen, (long long)i));
        dump_vector(to, call, stored, m.msg_hdr.msg_iov, m.msg_hdr.msg_iovlen, m.msg_len);
    }
}

void trace_dump(const struct trace_options *o, const struct trace_call *call, trace_dump_line *line, void *context)
{
    const struct dump to = {line, context};
    const struct syscall_row *row = call->nr < SYSCALL_COUNT ? &syscall_rows[call->nr] : NULL;

    if (!row || row->kinds[0] != ARG_FD || !call->returned)
        return;
    unsigned kind = row->kinds[1];
    bool stored = kind == ARG_BUF_OUT || kind == ARG_IOV_OUT || kind == ARG_MSGHDR_OUT || kind == ARG_MMSGHDR_OUT;
    bool vector = kind == ARG_IOV_OUT || kind == ARG_IOV_IN;
    bool asked = stored ? is_dumped(o->reads.all, o->reads.fds, o->reads.count, (int)call->args[0])
                        : is_dumped(o->writes.all, o->writes.fds, o->writes.count, (int)call->args[0]);
    if (!asked || (stored && call->result <= 0))
        return;
    /* What is written is what was to be written, also where the call failed or took less. */
    if (vector)
        dump_vector(&to, call, stored, call->args[1], call->args[2], stored ? (uint64_t)call->result : UINT64_MAX);
    else if (kind == ARG_MSGHDR_IN || kind == ARG_MSGHDR_OUT)
        dump_message(&to, call, stored, call->args[1], stored ? (uint64_t)call->result : UINT64_MAX);
    else if (kind == ARG_MMSGHDR_IN || kind == ARG_MMSGHDR_OUT)
        dump_messages(&to, call, stored);
    else if (stored || kind == ARG_BUF_IN)
        dump(&to, call, stored, call->args[1], stored ? (uint64_t)call->result : call->args[2]);
}
