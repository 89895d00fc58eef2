/*
 * Sockets as -yy shows them: their addresses as text, and descriptors in messages.
 */
#ifndef TOOLS_TRACE_SOCKETS_H
#define TOOLS_TRACE_SOCKETS_H

#include "tools/trace_event.h"
#include "tools/trace_objects.h"

#define TRACE_RIGHTS_MAX 253u /* descriptors in one message, as Linux */

/* A socket address of n bytes: 127.0.0.1:80, [::1]:80, "/path", @"name"; 0: it has no text. */
size_t trace_address_text(const uint8_t *address, size_t n, char *buffer, size_t size);

/* TCP:[...], UNIX-STREAM:[...]: without the <>. */
size_t trace_socket_text(const struct trace_object *socket, char *buffer, size_t size);

/* The descriptors that a recvmsg has brought. */
size_t trace_rights_received(const struct trace_call *call, int32_t fds[TRACE_RIGHTS_MAX]);

#endif
