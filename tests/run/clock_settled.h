/*
 * Debian's kernel goes from one clock source to a better one when it has measured the TSC long enough, on a loaded host seconds
 * after its boot, and then forgets what adjtimex(2) was told.  A program that is its first process waits for that; sandboxes
 * have no sysfs, and their clock does not change its source.
 */
#ifndef TESTS_RUN_CLOCK_SETTLED_H
#define TESTS_RUN_CLOCK_SETTLED_H

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLED_TRIES 1200 /* of 50 ms */

static inline int clock_source_is(const char *wanted)
{
    char name[64] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof name - 1);

    if (fd >= 0)
        close(fd);
    return n > 0 && !strcmp(name, wanted);
}

static inline void clock_wait_settled(void)
{
    mkdir("/sys", 0755);
    if (mount("sysfs", "/sys", "sysfs", 0, ""))
        return;
    for (int i = 0; i < SETTLED_TRIES && !clock_source_is("tsc\n"); i++)
        usleep(50000);
}

#endif
