/*
 * The launcher's mailbox: headers that are good, torn, contradictory; reading plans around the ring's edges.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/mailbox.h"

static uint8_t sector[MAILBOX_SECTOR];

static int take(struct mailbox *m, const struct channel_mailbox *header, struct mailbox_news *news)
{
    memcpy(sector, header, sizeof(*header));
    return mailbox_take_header(m, sector, news);
}

static void headers_are_checked(void **state)
{
    struct mailbox m = {0};
    struct mailbox_news news;
    struct channel_mailbox h = {.magic = CHANNEL_MAILBOX_MAGIC, .sequence = 1, .sequence_again = 1};

    assert_int_equal(take(&m, &(struct channel_mailbox){0}, &news), -EINVAL);
    assert_int_equal(take(&m, &h, &news), 0);
    assert_false(news.input || news.signal || news.trap || news.size);
    h.sequence = 2;
    h.stdin_head = 100;
    assert_int_equal(take(&m, &h, &news), -EAGAIN);
    assert_int_equal(m.header.stdin_head, 0);
    h.sequence_again = 2;
    h.signal_count = h.trap_count = h.trap = 1;
    h.signal = 15;
    h.rows = 25;
    assert_int_equal(take(&m, &h, &news), 0);
    assert_true(news.input && news.signal && news.trap && news.size);
    assert_int_equal(take(&m, &h, &news), 0);
    assert_false(news.input || news.signal || news.trap || news.size);
    h.stdin_head = 99; /* backwards */
    assert_int_equal(take(&m, &h, &news), -EINVAL);
    h.stdin_head = CHANNEL_RING_SIZE + 1; /* more than fits */
    assert_int_equal(take(&m, &h, &news), -EINVAL);
    h.stdin_head = 100;
    h.stdin_eof = 2;
    assert_int_equal(take(&m, &h, &news), -EINVAL);
    h.stdin_eof = 1;
    assert_int_equal(take(&m, &h, &news), 0);
    assert_true(news.input);
    assert_false(mailbox_at_end(&m));
    m.tail = 100;
    assert_true(mailbox_at_end(&m));
}

/* Take [tail, head) in pieces of at most `sectors`, as the reader does: every byte once, in order. */
static void read_all(uint64_t tail, uint64_t head, uint32_t sectors)
{
    struct mailbox m = {.header.stdin_head = head, .tail = tail};

    for (;;) {
        struct mailbox_read r = mailbox_plan(&m, sectors);
        if (!r.sectors)
            break;
        assert_true(r.bytes > 0 && r.sectors <= sectors);
        assert_int_equal((uint64_t)r.sector * MAILBOX_SECTOR + r.skip, CHANNEL_RING_OFFSET + m.tail % CHANNEL_RING_SIZE);
        assert_true(r.skip + r.bytes <= r.sectors * MAILBOX_SECTOR);
        assert_true((uint64_t)(r.sector + r.sectors) * MAILBOX_SECTOR <= CHANNEL_RING_OFFSET + CHANNEL_RING_SIZE);
        m.tail += r.bytes;
    }
    assert_int_equal(m.tail, head);
}

static void plans_cover_the_ring(void **state)
{
    const uint64_t size = CHANNEL_RING_SIZE;

    read_all(0, 0, 128);
    read_all(0, 1, 1);
    read_all(5, 5 + size, 128);
    read_all(size - 1, size + 1, 128);
    read_all(size - 513, 2 * size - 513, 256);
    read_all(7 * size + 511, 8 * size + 511, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(plans_cover_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
