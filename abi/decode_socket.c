/*
 * Sockets.  Linux's exported headers lack most of these numbers: they are the ABI's own, listed here.
 */
#include "abi/decode_internal.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

#include "lib/string.h"

enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10, LEVEL_SOCKET = 1 };

static const struct name families[] = {{0, "AF_UNSPEC"}, {1, "AF_UNIX"}, {2, "AF_INET"}, {10, "AF_INET6"},
                                       {16, "AF_NETLINK"}, {17, "AF_PACKET"}, {38, "AF_ALG"}, {40, "AF_VSOCK"}, NAME_END};
static const struct name type_flags[] = {{02000000, "SOCK_CLOEXEC"}, {04000, "SOCK_NONBLOCK"}, NAME_END};

void print_sock_family(struct decoder *d, uint64_t value)
{
    out_name(d, families, (uint32_t)value, "AF_???");
}

void print_sock_type(struct decoder *d, uint64_t value)
{
    static const struct name types[] = {{1, "SOCK_STREAM"}, {2, "SOCK_DGRAM"}, {3, "SOCK_RAW"}, {4, "SOCK_RDM"},
                                        {5, "SOCK_SEQPACKET"}, {6, "SOCK_DCCP"}, {10, "SOCK_PACKET"}, NAME_END};
    uint32_t flags = (uint32_t)value & ~0xfu;

    out_name(d, types, value & 0xf, "SOCK_???");
    if (flags) {
        out(d, "|");
        out_flags(d, type_flags, flags, "SOCK_???");
    }
}

void print_sock_protocol(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {{0, "IPPROTO_IP"}, {1, "IPPROTO_ICMP"}, {6, "IPPROTO_TCP"}, {17, "IPPROTO_UDP"},
                                        {41, "IPPROTO_IPV6"}, {58, "IPPROTO_ICMPV6"}, {255, "IPPROTO_RAW"}, NAME_END};
    uint32_t family = (uint32_t)d->call->args[0];

    if (family == FAMILY_INET || family == FAMILY_INET6)
        out_name(d, names, (uint32_t)value, "IPPROTO_???");
    else
        out(d, "%u", (uint32_t)value);
}

void print_sock_flags(struct decoder *d, uint64_t value)
{
    out_flags(d, type_flags, (uint32_t)value, "SOCK_???");
}

void print_sock_level(struct decoder *d, uint64_t value)
{
    static const struct name levels[] = {{0, "SOL_IP"}, {1, "SOL_SOCKET"}, {6, "SOL_TCP"}, {17, "SOL_UDP"},
                                         {41, "SOL_IPV6"}, {255, "SOL_RAW"}, {270, "SOL_NETLINK"}, NAME_END};

    out_name(d, levels, (uint32_t)value, "SOL_???");
}

void print_sock_option(struct decoder *d, uint64_t value)
{
    static const struct name options[] = {
        {1, "SO_DEBUG"}, {2, "SO_REUSEADDR"}, {3, "SO_TYPE"}, {4, "SO_ERROR"}, {5, "SO_DONTROUTE"}, {6, "SO_BROADCAST"},
        {7, "SO_SNDBUF"}, {8, "SO_RCVBUF"}, {9, "SO_KEEPALIVE"}, {10, "SO_OOBINLINE"}, {13, "SO_LINGER"},
        {15, "SO_REUSEPORT"}, {16, "SO_PASSCRED"}, {17, "SO_PEERCRED"}, {18, "SO_RCVLOWAT"}, {19, "SO_SNDLOWAT"},
        {20, "SO_RCVTIMEO_OLD"}, {21, "SO_SNDTIMEO_OLD"}, {30, "SO_ACCEPTCONN"}, {38, "SO_PROTOCOL"},
        {39, "SO_DOMAIN"}, NAME_END};

    if ((uint32_t)d->call->args[1] == LEVEL_SOCKET)
        out_name(d, options, (uint32_t)value, "SO_???");
    else
        out(d, "%#x", (uint32_t)value);
}

void print_msg_flags(struct decoder *d, uint64_t value)
{
    static const struct name flags[] = {
        {1, "MSG_OOB"}, {2, "MSG_PEEK"}, {4, "MSG_DONTROUTE"}, {8, "MSG_CTRUNC"}, {0x20, "MSG_TRUNC"},
        {0x40, "MSG_DONTWAIT"}, {0x80, "MSG_EOR"}, {0x100, "MSG_WAITALL"}, {0x800, "MSG_CONFIRM"},
        {0x2000, "MSG_ERRQUEUE"}, {0x4000, "MSG_NOSIGNAL"}, {0x8000, "MSG_MORE"}, {0x40000000, "MSG_CMSG_CLOEXEC"},
        NAME_END};

    out_flags(d, flags, (uint32_t)value, "MSG_???");
}

void print_shut_how(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {{0, "SHUT_RD"}, {1, "SHUT_WR"}, {2, "SHUT_RDWR"}, NAME_END};

    out_name(d, names, (uint32_t)value, "SHUT_???");
}

static uint16_t from_network(uint16_t n)
{
    return (uint16_t)(n >> 8 | n << 8);
}

static void print_unix_address(struct decoder *d, const uint8_t *path, size_t n)
{
    out(d, ", sun_path=");
    if (n > 0 && path[0] == 0) {
        out(d, "@");
        out_quoted(d, path + 1, n - 1, false);
    } else {
        out_quoted(d, path, strnlen((const char *)path, n), false);
    }
}

static void print_ipv6(struct decoder *d, const struct sockaddr_in6 *a)
{
    out(d, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"", from_network(a->sin6_port),
        __builtin_bswap32(a->sin6_flowinfo));
    for (unsigned i = 0; i < 8; i++)
        out(d, "%s%x", i ? ":" : "", from_network(a->sin6_addr.s6_addr16[i]));
    out(d, "\", &sin6_addr), sin6_scope_id=%u", a->sin6_scope_id);
}

static void print_socket_address(struct decoder *d, enum memory which, uint64_t address, uint32_t length)
{
    uint8_t bytes[128] __attribute__((aligned(8))) = {0};
    size_t n = MIN((size_t)length, sizeof bytes);
    uint16_t family;

    if (!address || n < sizeof family || !memory_read(d, which, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    memcpy(&family, bytes, sizeof family);
    out(d, "{sa_family=");
    out_name(d, families, family, "AF_???");
    if (family == FAMILY_UNIX) {
        if (n > sizeof family)
            print_unix_address(d, bytes + sizeof family, n - sizeof family);
    } else if (family == FAMILY_INET && n >= sizeof(struct sockaddr_in)) {
        uint16_t port;
        memcpy(&port, bytes + offsetof(struct sockaddr_in, sin_port), sizeof port);
        out(d, ", sin_port=htons(%u), sin_addr=inet_addr(\"%u.%u.%u.%u\")", from_network(port), bytes[4], bytes[5],
            bytes[6], bytes[7]);
    } else if (family == FAMILY_INET6 && n >= sizeof(struct sockaddr_in6)) {
        print_ipv6(d, (const struct sockaddr_in6 *)(const void *)bytes);
    } else {
        out(d, ", sa_data=");
        out_quoted(d, bytes + sizeof family, n - sizeof family, false);
    }
    out(d, "}");
}

void print_sockaddr_in(struct decoder *d, uint64_t value)
{
    print_socket_address(d, MEMORY_IN, value, (uint32_t)d->call->args[d->index + 1]);
}

void print_sockaddr_out(struct decoder *d, uint64_t value)
{
    uint32_t length;

    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, d->call->args[d->index + 1], &length, sizeof length))
        print_socket_address(d, MEMORY_OUT, value, length);
    else
        out_address(d, value);
}

void print_socklen_inout(struct decoder *d, uint64_t value)
{
    uint32_t before, after;

    if (!fetch_in(d, value, &before, sizeof before))
        return;
    out(d, "[%u", before);
    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, value, &after, sizeof after) && after != before)
        out(d, " => %u", after);
    out(d, "]");
}
