/*
 * See pit.h.  The counter is latched by one write to a port, so the moment is known as well as two readings of the TSC
 * around that write are near to each other.  Where the CPU was stopped just then they are not, and another look is taken.
 */
#include "lib/pit.h"

#include <stdbool.h>

#include "lib/x86.h"

#define PIT_HZ 1193182u
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61
#define GATE_OPEN 0x01
#define GATE_SPEAKER 0x02
#define GATE_OUTPUT 0x20
#define COMMAND_COUNT_ONCE 0xb0 /* channel 2, both bytes, mode 0: output rises when the count is over */
#define COMMAND_LATCH 0x80

#define WINDOW_TICKS 5966u /* 5 ms */
#define LOOKS 4u
#define TRIES 8u
#define SPINS_MAX 1000000u
#define GOOD_DOUBT_PPM 500u

struct moment {
    uint64_t tsc;
    uint64_t doubt; /* of it */
    uint16_t left;  /* ticks that the counter still had */
};

struct rate {
    uint64_t hz;
    uint64_t doubt_ppm;
};

static struct moment moment_look(void)
{
    uint64_t before = tsc_read();

    port_outb(PIT_COMMAND, COMMAND_LATCH);
    uint64_t doubt = tsc_read() - before;
    uint8_t low = port_inb(PIT_CHANNEL2);

    return (struct moment){before + doubt / 2, doubt, (uint16_t)(low | port_inb(PIT_CHANNEL2) << 8)};
}

/* The surest of a few. */
static struct moment moment_take(void)
{
    struct moment best = moment_look();

    for (unsigned i = 1; i < LOOKS; i++) {
        struct moment m = moment_look();

        if (m.doubt < best.doubt)
            best = m;
    }
    return best;
}

/* False: the counter does not move. */
static bool window_wait(uint16_t from)
{
    for (unsigned i = 0; i < SPINS_MAX; i++)
        if ((uint16_t)(from - moment_look().left) >= WINDOW_TICKS)
            return true;
    return false;
}

/* False: no counter.  A count that ran out says nothing, and leaves *best as it is. */
static bool rate_measure(struct rate *best)
{
    port_outb(PIT_COMMAND, COMMAND_COUNT_ONCE);
    port_outb(PIT_CHANNEL2, 0xff);
    port_outb(PIT_CHANNEL2, 0xff);
    struct moment start = moment_take();

    if (!window_wait(start.left))
        return false;
    struct moment end = moment_take();

    if (port_inb(PIT_GATE) & GATE_OUTPUT)
        return true;
    uint64_t passed = end.tsc - start.tsc;
    uint64_t doubt_ppm = (start.doubt + end.doubt) * 1000000 / passed;

    if (doubt_ppm < best->doubt_ppm)
        *best = (struct rate){passed * PIT_HZ / (uint16_t)(start.left - end.left), doubt_ppm};
    return true;
}

uint64_t pit_tsc_hz(void)
{
    struct rate best = {0, UINT64_MAX};
    uint8_t gate = port_inb(PIT_GATE);

    port_outb(PIT_GATE, (gate & ~(GATE_SPEAKER | GATE_OUTPUT)) | GATE_OPEN);
    for (unsigned i = 0; i < TRIES && best.doubt_ppm > GOOD_DOUBT_PPM; i++)
        if (!rate_measure(&best))
            break;
    port_outb(PIT_GATE, gate);
    return best.hz;
}
