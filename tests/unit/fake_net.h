/*
 * What net/ asks of the floors above, on the host: open files that are only counted, and descriptors 0 to 7.
 */
#ifndef TESTS_UNIT_FAKE_NET_H
#define TESTS_UNIT_FAKE_NET_H

#include "net/socket.h"

#define FAKE_FDS 8

struct file { /* nothing more is known of it below */
    uint32_t refs;
    struct socket *socket; /* NULL: an ordinary file */
};

extern struct file *fake_fds[FAKE_FDS]; /* counted; NULL: closed */
extern bool fake_privileged;
extern uint64_t fake_descriptor_limit;

void fake_net_start(void);
struct file *fake_file(void);                    /* NULL: no memory */
struct file *fake_socket_file(struct socket *s); /* takes over the reference, also on failure */
long fake_files_live(void);
void fake_put(struct file *f);

#endif
