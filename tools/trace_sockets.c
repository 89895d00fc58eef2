/*
 * See tools/trace_sockets.h.
 */
#include "tools/trace_sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tools/trace_tasks.h"

static size_t unix_text(const uint8_t *address, size_t n, char *buffer, size_t size)
{
    const char *path = (const char *)address + sizeof(sa_family_t);
    size_t length = n - sizeof(sa_family_t);
    bool abstract = length > 0 && !*path;
    char text[sizeof(struct sockaddr_un) + 1] = "";

    if (length == 0)
        return 0;
    memcpy(text, path + abstract, MIN(length - abstract, sizeof text - 1));
    for (char *c = text; *c; c++)
        *c = *c >= ' ' && *c <= '~' && *c != '"' ? *c : '?';
    return (size_t)snprintf(buffer, size, "%s\"%s\"", abstract ? "@" : "", text);
}

size_t trace_address_text(const uint8_t *address, size_t n, char *buffer, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_in6 a6;
    struct sockaddr_in a4;
    sa_family_t family = AF_UNSPEC;

    memcpy(&family, address, n < sizeof family ? 0 : sizeof family);
    if (family == AF_UNIX)
        return unix_text(address, n, buffer, size);
    if (family == AF_INET && n >= sizeof a4) {
        memcpy(&a4, address, sizeof a4);
        return (size_t)snprintf(buffer, size, "%s:%u", inet_ntop(AF_INET, &a4.sin_addr, host, sizeof host), ntohs(a4.sin_port));
    }
    if (family == AF_INET6 && n >= sizeof a6) {
        memcpy(&a6, address, sizeof a6);
        return (size_t)snprintf(buffer, size, "[%s]:%u", inet_ntop(AF_INET6, &a6.sin6_addr, host, sizeof host),
                                ntohs(a6.sin6_port));
    }
    return 0;
}

static const char *socket_kind(const struct trace_object *s)
{
    bool is_stream = s->type == SOCK_STREAM, is_datagram = s->type == SOCK_DGRAM;

    switch (s->family) {
    case AF_UNIX:
        return is_stream ? "UNIX-STREAM" : is_datagram ? "UNIX-DGRAM" : "UNIX-SEQPACKET";
    case AF_INET:
        return is_stream ? "TCP" : is_datagram ? "UDP" : "RAW";
    case AF_INET6:
        return is_stream ? "TCPv6" : is_datagram ? "UDPv6" : "RAWv6";
    case AF_NETLINK:
        return "NETLINK";
    case AF_PACKET:
        return "PACKET";
    default:
        return "socket";
    }
}

/* An object's number stands where strace has the inode's. */
static const char *socket_number(const struct trace_object *s)
{
    const char *bracket = strchr(s->name, '[');

    return bracket ? bracket + 1 : s->name;
}

size_t trace_socket_text(const struct trace_object *s, char *buffer, size_t size)
{
    const char *number = socket_number(s);

    if (s->peer && s->local)
        return (size_t)snprintf(buffer, size, "%s:[%s->%s]", socket_kind(s), s->local, s->peer);
    if (s->peer)
        return (size_t)snprintf(buffer, size, "%s:[->%s]", socket_kind(s), s->peer);
    if (s->local)
        return (size_t)snprintf(buffer, size, "%s:[%s]", socket_kind(s), s->local);
    return (size_t)snprintf(buffer, size, "%s:[%s", socket_kind(s), number);
}

size_t trace_rights_received(const struct trace_call *call, int32_t fds[TRACE_RIGHTS_MAX])
{
    struct msghdr m;
    struct cmsghdr c;
    size_t count = 0;

    if (!trace_call_bytes(call, true, call->args[1], &m, sizeof m))
        return 0;
    uint64_t at = (uint64_t)(uintptr_t)m.msg_control;
    for (size_t left = m.msg_controllen, step; left >= sizeof c; at += step, left -= step) {
        if (!trace_call_bytes(call, true, at, &c, sizeof c) || c.cmsg_len < sizeof c || c.cmsg_len > left)
            break;
        step = MIN(CMSG_ALIGN(c.cmsg_len), left);
        if (c.cmsg_level != SOL_SOCKET || c.cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = MIN((c.cmsg_len - sizeof c) / sizeof *fds, TRACE_RIGHTS_MAX - count);
        if (n > 0 && trace_call_bytes(call, true, at + sizeof c, fds + count, n * sizeof *fds))
            count += n;
    }
    return count;
}
