/*
 * The reader of logs on any bytes, and on logs that were right until something in them changed.  What is read must be
 * well-formed records; a log that nothing happened to must give back what went in.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/trace_log.h"
#include "tools/trace_reader.h"

static struct bytes got;

static void take_header(void *context, const struct trace_log_header *h)
{
}

static void take_fact(void *context, const char *key, const char *value, const char *more)
{
    if (strlen(key) + strlen(value) + strlen(more ? more : "") > 1u << 20)
        abort();
}

static void take_record(void *context, const struct trace_record *r)
{
    if (trace_record_check(r, r->size) != r->size)
        abort();
    if (got.size < 1u << 20)
        bytes_append(&got, r, r->size);
}

static const struct trace_log_sink sink = {take_header, take_fact, take_record, NULL};

static void read_log(const uint8_t *data, size_t size)
{
    got.size = 0;
    free(trace_log_read(data, size, &sink));
}

/* The input behind a good header. */
static void as_log(const uint8_t *data, size_t size)
{
    struct trace_log_header h;
    uint8_t *log = malloc(sizeof h + size);

    trace_log_header_make(&h, 1, 2, 3);
    memcpy(log, &h, sizeof h);
    memcpy(log + sizeof h, data, size);
    read_log(log, sizeof h + size);
    read_log(data, size);
    free(log);
}

/* Records of the input's bytes, packed; returns their bytes. */
static size_t records_pack(const uint8_t *data, size_t size, struct bytes *records, struct bytes *log)
{
    struct trace_log_state s = {0};
    struct trace_log_header h;

    trace_log_header_make(&h, 1, 2, 3);
    bytes_append(log, &h, sizeof h);
    trace_log_pack_fact("key", "value", NULL, log);
    for (size_t at = 0; at + 48 < size; at += 96) {
        size_t body = data[at] % 32 * 8;
        uint8_t room[sizeof(struct trace_record) + 256] aligned_to(8) = {0};
        struct trace_record *r = (void *)room;
        memcpy(room, data + at, sizeof *r);
        r->size = (uint32_t)(sizeof *r + body);
        r->sessions = 0;
        r->type = (uint16_t)(r->type % 9);
        for (size_t i = 0; i < body; i++)
            r->body[i] = data[(at + i * 5) % size];
        trace_log_pack(&s, r, log);
        bytes_append(records, r, r->size);
    }
    return records->size;
}

/* Padding of captured items is not kept, all else is: pack what was read again, it must be the same. */
static void as_records(const uint8_t *data, size_t size)
{
    struct bytes records = {0}, log = {0}, again = {0};
    struct trace_log_state s = {0};
    size_t n = records_pack(data, size, &records, &log);

    char *why = trace_log_read(log.data, log.size, &sink);
    if (why || got.size != n)
        abort();
    for (size_t at = 0, step; (step = trace_record_check(got.data + at, got.size - at)); at += step)
        trace_log_pack(&s, (const void *)(got.data + at), &again);
    if (again.size > log.size || memcmp(log.data + log.size - again.size, again.data, again.size))
        abort();
    for (unsigned i = 0; i < 8 && log.size > 0; i++) {
        log.data[(data[i] * 256u + data[i + 8]) % log.size] ^= (uint8_t)(1u << i);
        read_log(log.data, log.size - data[i + 3] % MIN(log.size, (size_t)40));
    }
    bytes_free(&records);
    bytes_free(&log);
    bytes_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_log(data, size);
    if (size >= 64) {
        got.size = 0;
        as_records(data, size);
    }
    bytes_free(&got);
    return 0;
}
