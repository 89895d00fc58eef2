/*
 * See hv/wall_clock.h.
 */
#include "hv/wall_clock.h"

#include "hv/timer.h"
#include "lib/string.h"
#include "lib/x86.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define REGISTER_A 0x0a
#define REGISTER_B 0x0b
#define UPDATE_IN_PROGRESS 0x80
#define FORMAT_BINARY 0x04
#define FORMAT_24_HOURS 0x02
#define PM 0x80
#define UPDATE_SPIN 20000

static uint64_t boot_seconds, boot_tsc; /* constant after boot */

struct cmos_time {
    uint8_t second, minute, hour, day, month, year;
};

static uint8_t cmos_read(uint8_t index)
{
    port_outb(CMOS_INDEX, index);
    return port_inb(CMOS_DATA);
}

static struct cmos_time time_read(void)
{
    for (unsigned i = 0; i < UPDATE_SPIN && (cmos_read(REGISTER_A) & UPDATE_IN_PROGRESS); i++)
        cpu_relax();
    return (struct cmos_time){cmos_read(0), cmos_read(2), cmos_read(4), cmos_read(7), cmos_read(8), cmos_read(9)};
}

static uint8_t binary(uint8_t value, uint8_t format)
{
    return format & FORMAT_BINARY ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
}

/* Days from 1970 to the first of March-based years: leap days come last in each. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month > 2 ? year : year - 1;
    unsigned m = month > 2 ? month - 3 : month + 9;

    return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static uint64_t cmos_seconds(void)
{
    struct cmos_time t, again = time_read();
    uint8_t format = cmos_read(REGISTER_B);

    do {
        t = again;
        again = time_read();
    } while (memcmp(&t, &again, sizeof t));
    unsigned hour = binary(t.hour & (uint8_t)~PM, format);
    if (!(format & FORMAT_24_HOURS))
        hour = hour % 12 + (t.hour & PM ? 12 : 0);
    unsigned month = binary(t.month, format), day = binary(t.day, format);
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    uint64_t days = days_since_1970(2000 + binary(t.year, format), month, day);
    return ((days * 24 + hour) * 60 + binary(t.minute, format)) * 60 + binary(t.second, format);
}

void wall_clock_init(void)
{
    boot_seconds = cmos_seconds();
    boot_tsc = tsc_read();
}

uint64_t wall_clock_seconds(void)
{
    return boot_seconds ? boot_seconds + (tsc_read() - boot_tsc) / tsc_hz() : 0;
}
