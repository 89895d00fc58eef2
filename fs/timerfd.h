/*
 * timerfd: a timer that is read, polled and selected on.  Times are of the monotonic clock, or real ones: those move
 * when the real time is set, and may be cancelled by that (TFD_TIMER_CANCEL_ON_SET).
 */
#ifndef FS_TIMERFD_H
#define FS_TIMERFD_H

#include "fs/file.h"

struct timerfd_setting {
    uint64_t left_ns;     /* to the next expiry; 0: disarmed */
    uint64_t interval_ns; /* 0: expires once */
};

struct timerfd_time {
    uint64_t expires_ns; /* 0: disarm */
    uint64_t interval_ns;
    bool realtime;         /* expires_ns is a real time */
    bool cancelled_by_set; /* with realtime */
};

struct file *timerfd_create(int clock, uint32_t flags /* O_NONBLOCK */) must_check;
bool file_is_timerfd(const struct file *f);
int timerfd_clock(const struct file *f);
void timerfd_get(struct file *f, struct timerfd_setting *out);
/* *old: what it was.  -ECANCELED: it is set, and the clock was stepped since it was last asked. */
long timerfd_set(struct file *f, const struct timerfd_time *time, struct timerfd_setting *old) must_check;

#endif
