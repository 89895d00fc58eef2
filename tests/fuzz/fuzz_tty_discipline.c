/*
 * The line discipline under any settings and any bytes, in pieces: queues stay within their bounds, what is promised is
 * kept (room is room, what can be read is read), plain output is neither changed nor lost.
 */
#include <stdlib.h>
#include <string.h>

#include "guest_kernel/tty_discipline.h"
#include "tests/fuzz/fuzz.h"

#define RING_SIZE (2 * TTY_ECHO_ROOM)

struct input {
    const uint8_t *data;
    size_t size;
};

static struct tty_discipline d;
static struct tty_ring out;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t next(struct input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

static uint32_t next_word(struct input *in)
{
    uint32_t low = next(in), high = next(in);

    return low | high << 8;
}

static void check(void)
{
    require(d.head - d.tail <= TTY_INPUT_SIZE);
    require(tty_ring_used(&out) <= out.size);
    require(tty_ring_readable(&out) <= tty_ring_used(&out));
    require(tty_discipline_available(&d) <= d.head - d.tail);
    if (tty_discipline_by_lines(&d))
        require(d.lines - d.tail <= d.head - d.tail);
}

/* Mostly one field after another, so that much stays as usual. */
static void set(struct input *in)
{
    struct termios2 t = d.termios;

    switch (next(in) % 6) {
    case 0: t.c_iflag ^= BIT(next(in) % 16); break;
    case 1: t.c_oflag ^= BIT(next(in) % 16); break;
    case 2: t.c_lflag ^= BIT(next(in) % 17); break;
    case 3: t.c_cc[next(in) % NCCS] = next(in); break;
    case 4: t.c_iflag = next_word(in); t.c_oflag = next_word(in); t.c_lflag = next_word(in) | next_word(in) << 16; break;
    default: tty_discipline_init(&d, next(in) & 1 ? IUTF8 : 0); out.held = false; return;
    }
    tty_discipline_set(&d, &t, &out);
}

static void receive(const uint8_t *bytes, size_t n)
{
    size_t done = 0, some;
    int signal;

    do {
        bool room = tty_discipline_has_room(&d);
        out.mark = out.head;
        some = tty_discipline_receive(&d, bytes + done, n - done, &out, &signal);
        done += some;
        require(done <= n && (room || !some) && (some || !room || done == n));
        if (signal) {
            require(some && (d.termios.c_lflag & ISIG));
            tty_discipline_signalled(&d, bytes[done - 1], &out);
        }
        check();
    } while (some && done < n);
}

static void read_some(size_t room)
{
    uint8_t *to = malloc(room ? room : 1); /* exactly as large as it is: ASan sees each byte too many */
    uint32_t before = d.tail;
    bool ends, can = tty_discipline_can_read(&d, 1);

    size_t n = tty_discipline_read(&d, to, room, &ends);
    require(n <= room && (can || !n) && (!can || !room || d.tail != before));
    if (n == room && !ends)
        tty_discipline_skip_end(&d);
    free(to);
}

/* What goes out as it is must be found in the ring, whole. */
static void write_some(const uint8_t *bytes, size_t n)
{
    bool plain = !(d.termios.c_oflag & OPOST);
    uint32_t room = tty_ring_room(&out), before = out.head;
    size_t done = tty_discipline_output(&d, bytes, n, &out);

    require(done <= n && out.head - before <= room);
    if (!plain)
        return;
    require(done == MIN(n, (size_t)room) && out.head - before == done);
    for (size_t i = 0; i < done; i++)
        require(out.bytes[(before + i) % out.size] == bytes[i]);
}

static void take_output(size_t room)
{
    uint8_t *to = malloc(room ? room : 1);
    size_t readable = tty_ring_readable(&out);

    require(tty_ring_take(&out, to, room) == MIN(room, readable));
    free(to);
}

static void act(struct input *in)
{
    uint8_t command = next(in);
    size_t n = MIN((size_t)(command / 8), in->size);
    static uint8_t long_line[TTY_INPUT_SIZE + 100];

    out.mark = out.head;
    switch (command % 8) {
    case 0: set(in); break;
    case 1: case 2: receive(in->data, n); in->data += n; in->size -= n; break;
    case 3: write_some(in->data, n); in->data += n; in->size -= n; break;
    case 4: read_some(next_word(in) % 5000); break;
    case 5: take_output(next_word(in) % 9000); break;
    case 6: memset(long_line, command, sizeof(long_line)); receive(long_line, next_word(in) % sizeof(long_line)); break;
    default:
        d.stopped_by_call = command & 8;
        if (command & 16)
            tty_discipline_stop(&d, &out);
        else if (command & 32)
            tty_discipline_start(&d, &out);
        else if (command & 64)
            tty_discipline_flush_input(&d);
        else
            tty_ring_cut(&out);
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t *ring = malloc(RING_SIZE);

    tty_discipline_init(&d, IUTF8);
    out = (struct tty_ring){.bytes = ring, .size = RING_SIZE, .limit = RING_SIZE - TTY_ECHO_ROOM, .kept = 4095};
    while (in.size)
        act(&in);
    for (int i = 0; i < TTY_INPUT_SIZE + 2 && tty_discipline_can_read(&d, 1); i++)
        read_some(TTY_INPUT_SIZE);
    require(!tty_discipline_can_read(&d, 1));
    free(ring);
    return 0;
}
