/*
 * Sockets: families, types, addresses, options.  Messages are decode_message.c's.
 */
#include "abi/decode_internal.h"

#include <linux/in.h>
#include <linux/in6.h>

#include "abi/socket.h"
#include "lib/string.h"

static const struct name families[] = {
    {0, "AF_UNSPEC"}, {1, "AF_UNIX"}, {2, "AF_INET"}, {3, "AF_AX25"}, {4, "AF_IPX"}, {5, "AF_APPLETALK"},
    {6, "AF_NETROM"}, {7, "AF_BRIDGE"}, {8, "AF_ATMPVC"}, {9, "AF_X25"}, {10, "AF_INET6"}, {11, "AF_ROSE"},
    {12, "AF_DECnet"}, {13, "AF_NETBEUI"}, {14, "AF_SECURITY"}, {15, "AF_KEY"}, {16, "AF_NETLINK"}, {17, "AF_PACKET"},
    {18, "AF_ASH"}, {19, "AF_ECONET"}, {20, "AF_ATMSVC"}, {21, "AF_RDS"}, {22, "AF_SNA"}, {23, "AF_IRDA"},
    {24, "AF_PPPOX"}, {25, "AF_WANPIPE"}, {26, "AF_LLC"}, {27, "AF_IB"}, {28, "AF_MPLS"}, {29, "AF_CAN"},
    {30, "AF_TIPC"}, {31, "AF_BLUETOOTH"}, {32, "AF_IUCV"}, {33, "AF_RXRPC"}, {34, "AF_ISDN"}, {35, "AF_PHONET"},
    {36, "AF_IEEE802154"}, {37, "AF_CAIF"}, {38, "AF_ALG"}, {39, "AF_NFC"}, {40, "AF_VSOCK"}, {41, "AF_KCM"},
    {42, "AF_QIPCRTR"}, {43, "AF_SMC"}, {44, "AF_XDP"}, {45, "AF_MCTP"}, NAME_END};
static const struct name type_flags[] = {NAME(SOCK_CLOEXEC), NAME(SOCK_NONBLOCK), NAME_END};

void print_sock_family(struct decoder *d, uint64_t value)
{
    out_name(d, families, (uint32_t)value, "AF_???");
}

void print_sock_type(struct decoder *d, uint64_t value)
{
    static const struct name types[] = {NAME(SOCK_STREAM), NAME(SOCK_DGRAM), NAME(SOCK_RAW), NAME(SOCK_RDM),
                                        NAME(SOCK_SEQPACKET), NAME(SOCK_DCCP), NAME(SOCK_PACKET), NAME_END};
    uint32_t flags = (uint32_t)value & ~(uint32_t)SOCK_TYPE_MASK;

    out_name(d, types, value & SOCK_TYPE_MASK, "SOCK_???");
    if (flags) {
        out(d, "|");
        out_flags(d, type_flags, flags, "SOCK_???");
    }
}

void print_sock_protocol(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {{0, "IPPROTO_IP"}, {1, "IPPROTO_ICMP"}, {6, "IPPROTO_TCP"}, {17, "IPPROTO_UDP"},
                                        {41, "IPPROTO_IPV6"}, {58, "IPPROTO_ICMPV6"}, {255, "IPPROTO_RAW"}, NAME_END};
    static const struct name routes[] = {{0, "NETLINK_ROUTE"}, {4, "NETLINK_SOCK_DIAG"}, {9, "NETLINK_AUDIT"},
                                         {15, "NETLINK_KOBJECT_UEVENT"}, {16, "NETLINK_GENERIC"}, NAME_END};
    uint32_t family = (uint32_t)d->call->args[0];

    if (family == AF_INET || family == AF_INET6)
        out_name(d, names, (uint32_t)value, "IPPROTO_???");
    else if (family == AF_NETLINK)
        out_name(d, routes, (uint32_t)value, "NETLINK_???");
    else
        out(d, "%u", (uint32_t)value);
}

void print_sock_flags(struct decoder *d, uint64_t value)
{
    out_flags(d, type_flags, (uint32_t)value, "SOCK_???");
}

static const struct name levels[] = {{0, "SOL_IP"}, {1, "SOL_SOCKET"}, {6, "SOL_TCP"}, {17, "SOL_UDP"}, {41, "SOL_IPV6"},
                                     {58, "SOL_ICMPV6"}, {255, "SOL_RAW"}, {263, "SOL_PACKET"}, {270, "SOL_NETLINK"},
                                     NAME_END};

void out_socket_level(struct decoder *d, uint32_t level)
{
    out_name(d, levels, level, "SOL_???");
}

void print_sock_level(struct decoder *d, uint64_t value)
{
    out_socket_level(d, (uint32_t)value);
}

static const struct name options[] = {
    NAME(SO_DEBUG), NAME(SO_REUSEADDR), NAME(SO_TYPE), NAME(SO_ERROR), NAME(SO_DONTROUTE), NAME(SO_BROADCAST),
    NAME(SO_SNDBUF), NAME(SO_RCVBUF), NAME(SO_KEEPALIVE), NAME(SO_OOBINLINE), NAME(SO_NO_CHECK), NAME(SO_PRIORITY),
    NAME(SO_LINGER), NAME(SO_BSDCOMPAT), NAME(SO_REUSEPORT), NAME(SO_PASSCRED), NAME(SO_PEERCRED), NAME(SO_RCVLOWAT),
    NAME(SO_SNDLOWAT), NAME(SO_RCVTIMEO_OLD), NAME(SO_SNDTIMEO_OLD), NAME(SO_SECURITY_AUTHENTICATION),
    NAME(SO_SECURITY_ENCRYPTION_TRANSPORT), NAME(SO_SECURITY_ENCRYPTION_NETWORK), NAME(SO_BINDTODEVICE),
    NAME(SO_ATTACH_FILTER), NAME(SO_DETACH_FILTER), NAME(SO_PEERNAME), NAME(SO_TIMESTAMP_OLD), NAME(SO_ACCEPTCONN),
    NAME(SO_PEERSEC), NAME(SO_SNDBUFFORCE), NAME(SO_RCVBUFFORCE), NAME(SO_PASSSEC), NAME(SO_TIMESTAMPNS_OLD),
    NAME(SO_MARK), NAME(SO_TIMESTAMPING_OLD), NAME(SO_PROTOCOL), NAME(SO_DOMAIN), NAME(SO_RXQ_OVFL),
    NAME(SO_WIFI_STATUS), NAME(SO_PEEK_OFF), NAME(SO_NOFCS), NAME(SO_LOCK_FILTER), NAME(SO_SELECT_ERR_QUEUE),
    NAME(SO_BUSY_POLL), NAME(SO_MAX_PACING_RATE), NAME(SO_BPF_EXTENSIONS), NAME(SO_INCOMING_CPU), NAME(SO_ATTACH_BPF),
    NAME(SO_ATTACH_REUSEPORT_CBPF), NAME(SO_ATTACH_REUSEPORT_EBPF), NAME(SO_CNX_ADVICE), NAME(SO_MEMINFO),
    NAME(SO_INCOMING_NAPI_ID), NAME(SO_COOKIE), NAME(SO_PEERGROUPS), NAME(SO_ZEROCOPY), NAME(SO_TXTIME),
    NAME(SO_BINDTOIFINDEX), NAME(SO_TIMESTAMP_NEW), NAME(SO_TIMESTAMPNS_NEW), NAME(SO_TIMESTAMPING_NEW),
    NAME(SO_RCVTIMEO_NEW), NAME(SO_SNDTIMEO_NEW), NAME(SO_DETACH_REUSEPORT_BPF), NAME(SO_PREFER_BUSY_POLL),
    NAME(SO_BUSY_POLL_BUDGET), NAME(SO_NETNS_COOKIE), NAME(SO_BUF_LOCK), NAME(SO_RESERVE_MEM), NAME(SO_TXREHASH), NAME_END};

void print_sock_option(struct decoder *d, uint64_t value)
{
    if ((uint32_t)d->call->args[1] == SOL_SOCKET)
        out_name(d, options, (uint32_t)value, "SO_???");
    else
        out(d, "%#x", (uint32_t)value);
}

/* Options that strace shows as bytes where they are not an int long. */
static bool option_is_bytes(uint32_t name)
{
    switch (name) {
    case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: case SO_BINDTODEVICE:
    case SO_PEERNAME: case SO_PEERGROUPS: case SO_PEERSEC: case SO_COOKIE: case SO_MEMINFO: case SO_TXTIME:
    case SO_ATTACH_FILTER: case SO_NETNS_COOKIE: case SO_MAX_PACING_RATE:
        return true;
    default:
        return false;
    }
}

void out_ucred(struct decoder *d, const struct ucred *u)
{
    out(d, "{pid=%d, uid=", u->pid);
    print_uid(d, u->uid);
    out(d, ", gid=");
    print_uid(d, u->gid);
    out(d, "}");
}

/* n bytes of a struct linger or, if that is stored, of a struct ucred. */
static bool print_option_struct(struct decoder *d, uint64_t address, const uint8_t *bytes, size_t n)
{
    uint32_t name = (uint32_t)d->call->args[2];
    struct linger l;
    struct ucred u;

    if (name == SO_LINGER && n >= sizeof l) {
        memcpy(&l, bytes, sizeof l);
        out(d, "{l_onoff=%d, l_linger=%d}", l.l_onoff, l.l_linger);
    } else if (name == SO_PEERCRED && n >= sizeof u) {
        memcpy(&u, bytes, sizeof u);
        out_ucred(d, &u);
    } else if (name == SO_LINGER) {
        out_address(d, address);
    } else {
        return false;
    }
    return true;
}

static void print_option_number(struct decoder *d, const uint8_t *bytes)
{
    bool is_error = (uint32_t)d->call->args[2] == SO_ERROR && d->row->kinds[d->index] == ARG_SOCKOPT_OUT;
    int32_t number;

    memcpy(&number, bytes, sizeof number);
    if (is_error && number > 0 && error_name((unsigned)number))
        out(d, "[%s]", error_name((unsigned)number));
    else
        out(d, "[%d]", number);
}

/* n bytes of an option's value, of which `known` (at most as many as are shown) are in `bytes`. */
static void print_option_value(struct decoder *d, uint64_t address, const uint8_t *bytes, size_t known, size_t n)
{
    bool general = (uint32_t)d->call->args[1] == SOL_SOCKET;
    bool as_bytes = !general || option_is_bytes((uint32_t)d->call->args[2]);

    if (general && print_option_struct(d, address, bytes, known))
        return;
    if (n == sizeof(int32_t) || (n > sizeof(int32_t) && !as_bytes))
        print_option_number(d, bytes);
    else if (as_bytes && n != 0)
        out_quoted(d, bytes, known, n > known);
    else
        out_address(d, address);
}

void print_sockopt_in(struct decoder *d, uint64_t value)
{
    int32_t length = (int32_t)d->call->args[4];
    uint8_t bytes[STRING_SHOWN];
    size_t known = length > 0 ? memory_read_some(d, MEMORY_IN, value, bytes, MIN((size_t)length, sizeof bytes)) : 0;

    if (length == 0 && value && (uint32_t)d->call->args[2] == SO_BINDTODEVICE)
        out(d, "\"\"");
    else if (length < (int32_t)sizeof(int32_t) || known < MIN((size_t)length, sizeof(int32_t)))
        out_address(d, value);
    else
        print_option_value(d, value, bytes, known, (size_t)length);
}

void print_sockopt_out(struct decoder *d, uint64_t value)
{
    uint8_t bytes[STRING_SHOWN];
    uint32_t length;

    if (!call_succeeded(d) || !memory_read(d, MEMORY_OUT, d->call->args[4], &length, sizeof length)) {
        out_address(d, value);
        return;
    }
    size_t known = memory_read_some(d, MEMORY_OUT, value, bytes, MIN((size_t)length, sizeof bytes));
    if (known == 0 || known < MIN((size_t)length, sizeof bytes))
        out_address(d, value);
    else if (length < sizeof(int32_t))
        out_hex_quoted(d, bytes, known, false);
    else
        print_option_value(d, value, bytes, known, length);
}

void print_shut_how(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(SHUT_RD), NAME(SHUT_WR), NAME(SHUT_RDWR), NAME_END};

    out_name(d, names, (uint32_t)value, "SHUT_???");
}

/* --- addresses --- */

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

/* Where the longest run of zeros begins, and how long it is: two at least, else 0 of them. */
static unsigned zeros_find(const uint16_t words[8], unsigned *length)
{
    unsigned best = 0;

    *length = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;

        while (i + n < 8 && !words[i + n])
            n++;
        if (n > *length) {
            best = i;
            *length = n;
        }
    }
    *length = *length > 1 ? *length : 0;
    return best;
}

/* As inet_ntop(3) prints it. */
static void out_ipv6(struct decoder *d, const uint16_t words[8])
{
    unsigned length, zeros = zeros_find(words, &length);
    bool has_v4 = length && zeros == 0 && (length == 6 || (length == 5 && words[5] == UINT16_MAX));
    const uint8_t *v4 = (const uint8_t *)(words + 6);

    for (unsigned i = 0; i < (has_v4 ? 6 : 8); i++) {
        if (length && i >= zeros && i < zeros + length)
            out(d, i == zeros ? "::" : "");
        else
            out(d, "%s%x", i && !(length && i == zeros + length) ? ":" : "", from_network(words[i]));
    }
    if (has_v4)
        out(d, "%s%u.%u.%u.%u", length == 6 ? "" : ":", v4[0], v4[1], v4[2], v4[3]);
}

/* Linux takes one without the last field too. */
static void print_ipv6(struct decoder *d, const struct sockaddr_in6 *a, size_t n)
{
    out(d, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"", from_network(a->sin6_port),
        __builtin_bswap32(a->sin6_flowinfo));
    out_ipv6(d, a->sin6_addr.s6_addr16);
    out(d, "\", &sin6_addr)");
    if (n >= sizeof *a)
        out(d, ", sin6_scope_id=%u", a->sin6_scope_id);
}

void out_socket_address(struct decoder *d, enum memory which, uint64_t address, int32_t length)
{
    uint8_t bytes[sizeof(struct __kernel_sockaddr_storage)] __attribute__((aligned(8))) = {0};
    size_t n = (size_t)MIN(MAX(length, 0), (int32_t)sizeof bytes);
    uint16_t family;

    if (!address || n < sizeof family || !memory_read(d, which, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    memcpy(&family, bytes, sizeof family);
    out(d, "{sa_family=");
    out_name(d, families, family, "AF_???");
    if (family == AF_UNIX) {
        if (n > sizeof family)
            print_unix_address(d, bytes + sizeof family, MIN(n, sizeof(struct sockaddr_un)) - sizeof family);
    } else if (family == AF_INET && n >= sizeof(struct sockaddr_in)) {
        uint16_t port;
        memcpy(&port, bytes + offsetof(struct sockaddr_in, sin_port), sizeof port);
        out(d, ", sin_port=htons(%u), sin_addr=inet_addr(\"%u.%u.%u.%u\")", from_network(port), bytes[4], bytes[5],
            bytes[6], bytes[7]);
    } else if (family == AF_INET6 && n >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
        print_ipv6(d, (const struct sockaddr_in6 *)(const void *)bytes, n);
    } else if (n > sizeof family) {
        out(d, ", sa_data=");
        out_quoted(d, bytes + sizeof family, n - sizeof family, false);
    }
    out(d, "}");
}

void print_sockaddr_in(struct decoder *d, uint64_t value)
{
    out_socket_address(d, MEMORY_IN, value, (int32_t)d->call->args[d->index + 1]);
}

/* What was stored: no more than there was room for. */
void print_sockaddr_out(struct decoder *d, uint64_t value)
{
    uint64_t at = d->call->args[d->index + 1];
    int32_t room, length;

    if (call_succeeded(d) && memory_read(d, MEMORY_IN, at, &room, sizeof room) &&
        memory_read(d, MEMORY_OUT, at, &length, sizeof length))
        out_socket_address(d, MEMORY_OUT, value, MIN(room, length));
    else
        out_address(d, value);
}

void print_socklen_inout(struct decoder *d, uint64_t value)
{
    int32_t before, after;

    if (!fetch_in(d, value, &before, sizeof before))
        return;
    out(d, "[%d", before);
    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, value, &after, sizeof after) && after != before)
        out(d, " => %d", after);
    out(d, "]");
}
