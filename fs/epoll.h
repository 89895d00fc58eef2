/*
 * epoll(7): sets of watched files that tell which are ready without looking at all of them.
 */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include <linux/eventpoll.h>

#include "fs/file.h"

int epoll_init(void);
struct file *epoll_create(void) must_check; /* NULL: no memory */
bool file_is_epoll(const struct file *f);
/* epoll_ctl(2). `f` is what descriptor `fd` names now: both together are the key. */
int epoll_control(struct file *set, int operation, int fd, struct file *f, const struct epoll_event *event) must_check;
/* Up to `max` events, waiting until the monotonic deadline (0: not at all): how many, or -errno. */
long epoll_wait_events(struct file *set, struct epoll_event *events, int max, uint64_t deadline_ns) must_check;
void epoll_forget_file(struct file *f); /* the last reference is gone */

#endif
