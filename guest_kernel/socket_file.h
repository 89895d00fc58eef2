/*
 * Sockets as open files, and what net/ needs of files, paths and processes.
 */
#ifndef GUEST_KERNEL_SOCKET_FILE_H
#define GUEST_KERNEL_SOCKET_FILE_H

#include "lib/compiler.h"

struct file;
struct socket;

void sockets_start(void);
/*
 * An open file for a socket that socket_file_attach() gives it (no fd must name it before): so the one step that can
 * fail comes before a connection is accepted.  NULL: no memory.
 */
struct file *socket_file_create(unsigned flags /* O_NONBLOCK */) must_check;
void socket_file_attach(struct file *f, struct socket *s); /* takes over the reference */
/* The socket behind a descriptor; *out is counted, the socket lives as long as it.  -EBADF, -ENOTSOCK. */
int socket_from_fd(int fd, struct file **out, struct socket **s) must_check;
struct socket *socket_of_file(struct file *f); /* NULL: it is none */

#endif
