/*
 * Open files on their way in messages (SCM_RIGHTS).  While a message waits in a queue, its files are "in flight": they
 * count against their sender's RLIMIT_NOFILE, and sockets among them may hold each other alive in a circle that no
 * process can reach any more; rights_collect() finds such circles (rights.c).
 *
 * flight_lock (a mutex) guards what is in flight and every message with rights that enters, leaves or is looked at in a
 * queue.  Nothing is closed under it: dropping the last reference of a file runs that file's release.
 */
#ifndef NET_RIGHTS_H
#define NET_RIGHTS_H

#include <bsd/sys/queue.h>

#include "lib/compiler.h"

struct file;
struct unix_socket;
struct flight_user;

struct rights {
    SLIST_ENTRY(rights) link; /* of those about to be dropped */
    struct flight_user *user; /* who sends them */
    uint16_t count, room;
    uint16_t sockets;     /* how many of them are AF_UNIX sockets */
    struct file *files[]; /* counted */
};

struct rights *rights_create(size_t room) must_check; /* NULL: no memory */
/* A second list of the same files.  NULL: no memory. */
struct rights *rights_duplicate(const struct rights *r) must_check;
void rights_add(struct rights *r, struct file *f); /* takes over the reference; there is room */
/* Frees the list and drops its references; no locks held.  NULL is fine. */
void rights_drop(struct rights *r);

/* -ETOOMANYREFS: their sender has more files in flight than RLIMIT_NOFILE allows, and is not privileged. */
int rights_check_limit(const struct rights *r) must_check;
void rights_lock(void);
void rights_unlock(void);
/* Locked: the list's message enters or leaves a queue. */
void rights_take_off(struct rights *r);
void rights_land(struct rights *r);
/* A socket's last file reference is gone: some circle may have lost its last link to a process. */
void rights_socket_closed(void);
void rights_start(void);

#endif
