/*
 * See tools/trace_log.h.
 *
 * Numbers are LEB128: seven bits a byte, the lowest first; signed ones are zigzag-coded.  A packed record is its size (of all
 * that follows), a tag, and what the tag says.  Differences are taken to the record before.
 */
#include "tools/trace_log.h"

#include <stdlib.h>
#include <string.h>

#include "abi/capture.h"
#include "abi/syscalls.h"
#include "tools/message.h"

#define NUMBER_BYTES 10u
#define RECORD_MAX (1u << 20) /* of an unpacked record: more is damage */

enum tag {
    TAG_OTHER = 1, /* type, flags, header, the body as it is */
    TAG_ENTRY,     /* flags, header, nr, rip, six arguments, items */
    TAG_RETURN,    /* flags, header, nr + 1, result, distance to the entry's sequence, items */
    TAG_FACT,      /* three texts, each with its NUL */
    TAG_SAME_TASK = 0x40, /* a flag: pid, tid and vCPU of the record before */
};

static uint64_t zigzag(int64_t n)
{
    return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static int64_t unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1 ^ -(n & 1));
}

static uint8_t *number_put(uint8_t *to, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *to++ = (uint8_t)(n | 0x80);
    *to++ = (uint8_t)n;
    return to;
}

static uint8_t *difference_put(uint8_t *to, uint64_t now, uint64_t before)
{
    return number_put(to, zigzag((int64_t)(now - before)));
}

/* Tag, flags and the header's fields. */
static uint8_t *header_put(struct trace_log_state *s, const struct trace_record *r, unsigned tag, uint8_t *to)
{
    bool same = r->pid == s->pid && r->tid == s->tid && r->vcpu == s->vcpu;

    *to++ = (uint8_t)(tag | (same ? TAG_SAME_TASK : 0));
    if (tag == TAG_OTHER)
        to = number_put(to, r->type);
    to = number_put(to, r->flags);
    to = difference_put(to, r->sequence, s->sequence + 1);
    to = difference_put(to, r->tsc, s->tsc);
    if (!same) {
        to = number_put(to, r->pid);
        to = number_put(to, r->tid);
        to = number_put(to, r->vcpu);
    }
    s->sequence = r->sequence;
    s->tsc = r->tsc;
    s->pid = r->pid;
    s->tid = r->tid;
    s->vcpu = r->vcpu;
    return to;
}

/* Are these items well-formed to the last byte? */
static bool items_valid(const uint8_t *items, size_t n)
{
    for (size_t at = 0, size; at < n; at += size) {
        const struct capture_item *item = (const void *)(items + at);
        if (n - at < sizeof *item)
            return false;
        size = ALIGN_UP(sizeof *item + item->kept, (size_t)8);
        if (size > n - at)
            return false;
    }
    return true;
}

static uint8_t *items_put(struct trace_log_state *s, const uint8_t *items, size_t n, uint8_t *to)
{
    for (size_t at = 0; at < n;) {
        const struct capture_item *item = (const void *)(items + at);
        to = difference_put(to, item->address, s->address);
        to = number_put(to, item->total);
        to = number_put(to, item->kept);
        to = number_put(to, item->direction);
        memcpy(to, item->bytes, item->kept);
        to += item->kept;
        s->address = item->address;
        at += ALIGN_UP(sizeof *item + item->kept, (size_t)8);
    }
    return to;
}

static uint8_t *entry_put(struct trace_log_state *s, const struct trace_record *r, uint8_t *to)
{
    const struct trace_entry_body *body = (const void *)r->body;

    to = header_put(s, r, TAG_ENTRY, to);
    to = number_put(to, body->nr);
    to = difference_put(to, body->rip, s->rip);
    for (unsigned i = 0; i < 6; i++)
        to = number_put(to, body->args[i]);
    s->rip = body->rip;
    return items_put(s, r->body + sizeof *body, r->size - sizeof *r - sizeof *body, to);
}

static uint8_t *return_put(struct trace_log_state *s, const struct trace_record *r, uint8_t *to)
{
    const struct trace_return_body *body = (const void *)r->body;

    to = header_put(s, r, TAG_RETURN, to);
    to = number_put(to, body->nr + 1);
    to = number_put(to, zigzag(body->result));
    to = number_put(to, r->sequence - body->entry_sequence);
    return items_put(s, r->body + sizeof *body, r->size - sizeof *r - sizeof *body, to);
}

static uint8_t *other_put(struct trace_log_state *s, const struct trace_record *r, uint8_t *to)
{
    size_t n = r->size - sizeof *r;

    to = header_put(s, r, TAG_OTHER, to);
    memcpy(to, r->body, n);
    return to + n;
}

static void framed_append(struct bytes *b, const uint8_t *data, size_t n)
{
    uint8_t size[NUMBER_BYTES];

    bytes_append(b, size, (size_t)(number_put(size, n) - size));
    bytes_append(b, data, n);
}

void trace_log_pack(struct trace_log_state *s, const struct trace_record *r, struct bytes *b)
{
    static const size_t bodies[] = {[TRACE_ENTRY] = sizeof(struct trace_entry_body),
                                    [TRACE_RETURN] = sizeof(struct trace_return_body)};
    uint8_t small[1024], *room = small;
    size_t body = r->type < ARRAY_SIZE(bodies) ? bodies[r->type] : 0, n = r->size - sizeof *r, most = r->size + 32 * NUMBER_BYTES;
    bool packed = body > 0 && n >= body && items_valid(r->body + body, n - body);

    if (most > sizeof small)
        room = must_alloc(most);
    uint8_t *end = !packed ? other_put(s, r, room) : r->type == TRACE_ENTRY ? entry_put(s, r, room) : return_put(s, r, room);
    framed_append(b, room, (size_t)(end - room));
    if (room != small)
        free(room);
}

void trace_log_pack_fact(const char *key, const char *value, const char *more, struct bytes *b)
{
    struct bytes fact = {0};

    bytes_append(&fact, (uint8_t[]){TAG_FACT}, 1);
    bytes_append(&fact, key, strlen(key) + 1);
    bytes_append(&fact, value, strlen(value) + 1);
    bytes_append(&fact, more ? more : "", strlen(more ? more : "") + 1);
    framed_append(b, fact.data, fact.size);
    bytes_free(&fact);
}

/* FNV-1a, 64 bits. */
static uint64_t table_hash(void)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        for (const char *c = syscall_name(nr); c && *c; c++)
            hash = (hash ^ (uint8_t)*c) * 0x100000001b3ULL;
        hash = (hash ^ nr) * 0x100000001b3ULL;
    }
    return hash;
}

void trace_log_header_make(struct trace_log_header *h, uint64_t tsc_hz, uint64_t tsc, int64_t start_ns)
{
    *h = (struct trace_log_header){.version = TRACE_LOG_VERSION, .header_size = sizeof *h, .tsc_hz = tsc_hz, .tsc = tsc,
                                   .start_ns = start_ns, .calls = SYSCALL_COUNT, .table = table_hash()};
    memcpy(h->magic, TRACE_LOG_MAGIC, sizeof h->magic);
}

/* Bytes that are read from the front; `bad` once they did not suffice. */
struct source {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t number_take(struct source *in)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return n;
    }
    in->bad = true;
    return 0;
}

static uint64_t difference_take(struct source *in, uint64_t before)
{
    return before + (uint64_t)unzigzag(number_take(in));
}

static void header_take(struct trace_log_state *s, struct source *in, unsigned tag, struct trace_record *r)
{
    if ((tag & ~TAG_SAME_TASK) == TAG_OTHER)
        r->type = (uint16_t)number_take(in);
    r->flags = (uint16_t)number_take(in);
    s->sequence = r->sequence = difference_take(in, s->sequence + 1);
    s->tsc = r->tsc = difference_take(in, s->tsc);
    if (!(tag & TAG_SAME_TASK)) {
        s->pid = (uint32_t)number_take(in);
        s->tid = (uint32_t)number_take(in);
        s->vcpu = (uint32_t)number_take(in);
    }
    r->pid = s->pid;
    r->tid = s->tid;
    r->vcpu = s->vcpu;
}

static void items_take(struct trace_log_state *s, struct source *in, struct bytes *b)
{
    while (in->at < in->end && !in->bad && b->size < RECORD_MAX) {
        struct capture_item item = {.address = difference_take(in, s->address)};
        item.total = (uint32_t)number_take(in);
        item.kept = (uint16_t)number_take(in);
        item.direction = (uint16_t)number_take(in);
        if (in->bad || item.kept > in->end - in->at) {
            in->bad = true;
            return;
        }
        s->address = item.address;
        bytes_append(b, &item, sizeof item);
        bytes_append(b, in->at, item.kept);
        bytes_align(b, 8);
        in->at += item.kept;
    }
}

static void entry_take(struct trace_log_state *s, struct source *in, struct bytes *b)
{
    struct trace_entry_body body;

    body.nr = number_take(in);
    body.rip = difference_take(in, s->rip);
    for (unsigned i = 0; i < 6; i++)
        body.args[i] = number_take(in);
    s->rip = body.rip;
    bytes_append(b, &body, sizeof body);
    items_take(s, in, b);
}

static void return_take(struct trace_log_state *s, struct source *in, struct bytes *b)
{
    struct trace_return_body body;

    body.nr = number_take(in) - 1;
    body.result = unzigzag(number_take(in));
    body.entry_sequence = s->sequence - number_take(in);
    bytes_append(b, &body, sizeof body);
    items_take(s, in, b);
}

static void fact_take(struct source *in, const struct trace_log_sink *sink)
{
    const char *texts[3];

    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *nul = memchr(in->at, 0, (size_t)(in->end - in->at));
        if (!nul) {
            in->bad = true;
            return;
        }
        texts[i] = (const char *)in->at;
        in->at = nul + 1;
    }
    sink->fact(sink->context, texts[0], texts[1], *texts[2] ? texts[2] : NULL);
}

/* One packed record; what a later version has added is not known here and skipped. */
static void packed_take(struct trace_log_state *s, struct source *in, struct bytes *b, const struct trace_log_sink *sink)
{
    unsigned tag = in->at < in->end ? *in->at++ : 0, kind = tag & ~TAG_SAME_TASK;
    struct trace_record header = {.type = kind == TAG_ENTRY ? TRACE_ENTRY : TRACE_RETURN};

    if (kind == TAG_FACT)
        fact_take(in, sink);
    if (kind < TAG_OTHER || kind > TAG_RETURN)
        return;
    header_take(s, in, tag, &header);
    b->size = 0;
    bytes_append(b, &header, sizeof header);
    if (kind == TAG_ENTRY) {
        entry_take(s, in, b);
    } else if (kind == TAG_RETURN) {
        return_take(s, in, b);
    } else {
        bytes_append(b, in->at, (size_t)(in->end - in->at));
        bytes_align(b, 8);
    }
    if (in->bad)
        return;
    struct trace_record *r = (void *)b->data;
    r->size = (uint32_t)b->size;
    sink->record(sink->context, r);
}

/* NULL: it is whole; its size is *size, or 0: more bytes are needed. */
static char *header_read(const uint8_t *data, size_t n, const struct trace_log_sink *sink, size_t *size)
{
    struct trace_log_header h = {0};
    size_t least = offsetof(struct trace_log_header, tsc_hz);

    *size = 0;
    if (memcmp(data, TRACE_LOG_MAGIC, MIN(n, sizeof h.magic)))
        return must_format("this is no trace log");
    if (n < least)
        return NULL;
    memcpy(&h, data, least);
    if (h.version > TRACE_LOG_VERSION)
        return must_format("the log's version is %u, this program knows up to %u", h.version, TRACE_LOG_VERSION);
    if (h.header_size < least)
        return must_format("the log's header is damaged");
    if (h.header_size > n)
        return NULL;
    memcpy(&h, data, MIN((size_t)h.header_size, sizeof h));
    sink->header(sink->context, &h);
    *size = h.header_size;
    return NULL;
}

struct trace_log_reader {
    const struct trace_log_sink *sink;
    struct trace_log_state state;
    struct bytes record;
    bool started; /* the header was read */
    size_t at;    /* bytes taken so far */
};

struct trace_log_reader *trace_log_reader_new(const struct trace_log_sink *sink)
{
    struct trace_log_reader *r = must_alloc(sizeof *r);

    *r = (struct trace_log_reader){.sink = sink};
    return r;
}

void trace_log_reader_free(struct trace_log_reader *r)
{
    bytes_free(&r->record);
    free(r);
}

char *trace_log_take(struct trace_log_reader *r, const void *data, size_t n, size_t *taken)
{
    struct source in = {data, (const uint8_t *)data + n, false};
    char *why = NULL;

    *taken = 0;
    if (!r->started && n > 0) {
        why = header_read(data, n, r->sink, taken);
        r->started = *taken > 0;
        r->at = *taken;
        in.at += *taken;
    }
    while (!why && r->started && in.at < in.end) {
        uint64_t size = number_take(&in);
        if (in.bad || size > (uint64_t)(in.end - in.at))
            break;
        struct source packed = {in.at, in.at + size, false};
        packed_take(&r->state, &packed, &r->record, r->sink);
        if (packed.bad)
            why = must_format("the log is damaged at byte %zu", r->at);
        in.at += size;
        r->at += (size_t)(in.at - (const uint8_t *)data) - *taken;
        *taken = (size_t)(in.at - (const uint8_t *)data);
    }
    return why;
}

char *trace_log_read(const void *data, size_t n, const struct trace_log_sink *sink)
{
    struct trace_log_reader *r = trace_log_reader_new(sink);
    size_t taken;
    char *why = trace_log_take(r, data, n, &taken);

    if (!why && !r->started)
        why = must_format(n < sizeof(TRACE_LOG_MAGIC) - 1 ? "this is no trace log" : "the log ends in its header");
    else if (!why && taken < n)
        why = must_format("the log is cut off in a record at byte %zu", taken);
    trace_log_reader_free(r);
    return why;
}
