/*
 * The gate's pure parts: telling its instructions from all others, and keeping records without losing the last ones.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "abi/trace_record.h"
#include "hv/alloc.h"
#include "hv/channel.h"
#include "vmexit/gate_code.h"

/* What the launcher would get: the sequence numbers of records, in order. */
static uint64_t *received;
static size_t received_count, received_room;

void channel_send_of(unsigned sandbox, enum channel_type type, unsigned stream, const void *payload, size_t n)
{
    const char *bytes = payload;

    assert_int_equal(type, CHANNEL_TRACE);
    assert_true(n <= CHANNEL_FRAME_MAX);
    for (size_t at = 0; at < n;) {
        const struct trace_record *r = (const void *)(bytes + at);
        assert_true(r->size >= sizeof *r && r->size <= n - at);
        if (received_count == received_room) {
            received_room = received_room * 2 + 64;
            received = realloc(received, received_room * sizeof *received);
        }
        received[received_count++] = r->sequence;
        at += r->size;
    }
}

void *page_alloc(unsigned order)
{
    return aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
}

void page_free(void *page, unsigned order)
{
    free(page);
}

static enum gate_instruction expected(uint32_t code)
{
    uint8_t a = code & 0xff, b = code >> 8 & 0xff, c = code >> 16 & 0xff;
    bool rex = a >= 0x40 && a <= 0x4f;

    if (a == 0x0f && b == 0x05)
        return GATE_SYSCALL;
    if (a == 0x0f && b == 0x07)
        return GATE_SYSRET32;
    if (rex && b == 0x0f && c == 0x05)
        return GATE_SYSCALL_REX;
    if (rex && b == 0x0f && c == 0x07)
        return a & 8 ? GATE_SYSRET64 : GATE_SYSRET32;
    return GATE_OTHER;
}

static void all_three_byte_codes(void **state)
{
    for (uint32_t code = 0; code < 1u << 24; code++) {
        uint8_t bytes[4];
        memcpy(bytes, &code, sizeof bytes);
        if (gate_decode(bytes) != expected(code))
            fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
    }
}

static void put(struct trace_buffer *b, uint64_t sequence, size_t size)
{
    struct trace_record *r = trace_buffer_take(b, size);

    memset(r, 0, size);
    r->size = (uint32_t)size;
    r->sequence = sequence;
}

static size_t size_of(uint64_t sequence, size_t largest)
{
    return sizeof(struct trace_record) + sequence * 2654435761u % largest / 8 * 8;
}

static void a_stream_loses_nothing(void **state)
{
    struct trace_buffer b;
    const size_t count = 50000;

    received_count = 0;
    assert_int_equal(trace_buffer_create(&b, 0, true), 0);
    for (uint64_t i = 0; i < count; i++)
        put(&b, i, size_of(i, 4200));
    trace_buffer_flush(&b);
    trace_buffer_dump(&b);
    assert_int_equal(received_count, count);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(received[i], i);
    trace_buffer_destroy(&b);
}

static void the_recorder_keeps_the_last(void **state)
{
    static const size_t counts[] = {0, 1, 100, 4095, 4096, 4097, 9000, 30000, 100000};

    for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
        struct trace_buffer b;
        size_t kept = counts[c] < TRACE_RING_RECORDS ? counts[c] : TRACE_RING_RECORDS;
        received_count = 0;
        assert_int_equal(trace_buffer_create(&b, 0, false), 0);
        for (uint64_t i = 0; i < counts[c]; i++)
            put(&b, i, size_of(i, 200));
        trace_buffer_flush(&b);
        assert_int_equal(received_count, 0);
        trace_buffer_dump(&b);
        assert_int_equal(received_count, kept);
        for (size_t i = 0; i < kept; i++)
            assert_int_equal(received[i], counts[c] - kept + i);
        trace_buffer_destroy(&b);
    }
}

static void what_was_never_made_can_be_dumped(void **state)
{
    struct trace_buffer b = {0};

    received_count = 0;
    trace_buffer_dump(&b);
    trace_buffer_flush(&b);
    assert_int_equal(received_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_three_byte_codes),
        cmocka_unit_test(a_stream_loses_nothing),
        cmocka_unit_test(the_recorder_keeps_the_last),
        cmocka_unit_test(what_was_never_made_can_be_dumped),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(received);
    return failed;
}
