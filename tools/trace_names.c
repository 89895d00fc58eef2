/*
 * See tools/trace_tasks.h: objects as text after a descriptor's number, as strace's -y and -yy show them.
 */
#include <stdio.h>
#include <string.h>

#include "abi/decode.h"
#include "tools/trace_sockets.h"
#include "tools/trace_tasks.h"

/* The devices of devtmpfs and their numbers, which Linux has assigned (admin-guide/devices.txt). */
static const struct device {
    const char *path;
    unsigned major, minor;
} devices[] = {{"/dev/mem", 1, 1}, {"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8},
               {"/dev/urandom", 1, 9}, {"/dev/kmsg", 1, 11}, {"/dev/tty", 5, 0}, {"/dev/console", 5, 1},
               {"/dev/ptmx", 5, 2}, {"/dev/pts/ptmx", 5, 2}, {"/dev/hvc0", 229, 0}, {"/dev/fuse", 10, 229}};

size_t trace_path_text(const char *path, char *buffer, size_t size)
{
    size_t n = 0;

    for (const unsigned char *c = (const unsigned char *)path; *c && n + 5 < size; c++) {
        if (*c >= '\t' && *c <= '\r')
            n += (size_t)snprintf(buffer + n, size - n, "\\%c", "tnvfr"[*c - '\t']);
        else if (*c == '"' || *c == '\\')
            n += (size_t)snprintf(buffer + n, size - n, "\\%c", *c);
        else if (*c == '<' || *c == '>' || *c < ' ' || *c > '~')
            n += (size_t)snprintf(buffer + n, size - n, c[1] >= '0' && c[1] <= '7' ? "\\%03o" : "\\%o", *c);
        else
            buffer[n++] = (char)*c;
    }
    buffer[n] = '\0';
    return n;
}

static size_t device_text(const char *path, char *buffer, size_t size)
{
    unsigned number;

    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        if (strcmp(devices[i].path, path) == 0)
            return (size_t)snprintf(buffer, size, "<char %u:%u>", devices[i].major, devices[i].minor);
    }
    if (sscanf(path, "/dev/pts/%u", &number) == 1)
        return (size_t)snprintf(buffer, size, "<char %u:%u>", 136 + number / 256, number % 256);
    return 0;
}

/* signalfd:[INT TERM], as newer straces show it. */
static size_t signals_text(uint64_t set, char *buffer, size_t size)
{
    size_t n = (size_t)snprintf(buffer, size, "signalfd:[");

    for (unsigned i = 1; i <= 64 && n + 16 < size; i++) {
        if (set >> (i - 1) & 1)
            n += (size_t)snprintf(buffer + n, size - n, "%s%s", buffer[n - 1] == '[' ? "" : " ", signal_name(i) + 3);
    }
    return n + (size_t)snprintf(buffer + n, size - n, "]");
}

static size_t details_text(const struct trace_object *o, char *buffer, size_t size)
{
    if (o->family >= 0)
        return trace_socket_text(o, buffer, size);
    if (o->pid)
        return (size_t)snprintf(buffer, size, "pid:%d", o->pid);
    if (o->signals)
        return signals_text(o->signals, buffer, size);
    return 0;
}

size_t trace_object_text(const struct trace_object *o, bool details, char *buffer, size_t size)
{
    size_t n = 1;

    if (!o || size < 64)
        return 0;
    buffer[0] = '<';
    size_t more = details ? details_text(o, buffer + 1, size - 1) : 0;
    n += more ? MIN(more, size - 2) : trace_path_text(o->name, buffer + 1, size - 48);
    if (details && !more && o->is_path)
        n += device_text(o->name, buffer + n, size - n);
    return n + (size_t)snprintf(buffer + n, size - n, o->deleted ? ">(deleted)" : ">");
}
