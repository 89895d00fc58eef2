/*
 * What the bodies of the socket calls share.
 */
#ifndef GUEST_KERNEL_SYS_SOCKET_H
#define GUEST_KERNEL_SYS_SOCKET_H

#include "net/socket.h"

/* An address of `length` bytes from user memory: -EINVAL, -EFAULT. */
int address_from_user(struct socket_address *a, user_ptr from, int length) must_check;
/* To user memory, cut to the size that *length (an int there) says; that becomes the address' own.  -EFAULT, -EINVAL.
 */
int address_to_user(const struct socket_address *a, user_ptr to, user_ptr length) must_check;

#endif
