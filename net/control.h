/*
 * Control messages (cmsg(3)): what sendmsg(2) says beside the bytes, and what recvmsg(2) tells.
 */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "net/socket.h"

/*
 * Reads a control buffer, already copied from user memory, into m->rights and m->sender.  -EINVAL: malformed, or not of
 * this socket; -EBADF; -EPERM, -ESRCH: credentials that the current task may not claim; -ENOMEM.  On error m is as
 * before.
 */
int control_parse(const void *data, size_t length, struct socket *s, struct socket_message *m) must_check;

/* Where recvmsg(2) puts them: advances as it is filled. */
struct control_room {
    user_ptr at;
    uint64_t left;
};
/*
 * Stores what m received, as the socket's options say; what does not fit is dropped, with MSG_CTRUNC in
 * m->result_flags. m->rights are gone afterwards: new descriptors, or closed.  `at` NULL: there is no room.
 */
void control_write(struct socket *s, struct socket_message *m, struct control_room *room);

#endif
