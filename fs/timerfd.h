/*
 * timerfd: a timer that is read, polled and selected on.  Times here are of the monotonic clock.
 */
#ifndef FS_TIMERFD_H
#define FS_TIMERFD_H

#include "fs/file.h"

struct timerfd_setting {
    uint64_t left_ns;     /* to the next expiry; 0: disarmed */
    uint64_t interval_ns; /* 0: expires once */
};

struct file *timerfd_create(int clock, uint32_t flags /* O_NONBLOCK */) must_check;
bool file_is_timerfd(const struct file *f);
int timerfd_clock(const struct file *f);
void timerfd_get(struct file *f, struct timerfd_setting *out);
/* deadline_ns 0: disarm.  *old: what it was. */
void timerfd_set(struct file *f, uint64_t deadline_ns, uint64_t interval_ns, struct timerfd_setting *old);

#endif
