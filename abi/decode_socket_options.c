/*
 * Options of sockets: their names by level, and their values.
 */
#include "abi/decode_fields.h"

#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "abi/decode_seccomp.h"
#include "abi/socket.h"
#include "lib/string.h"

#define PROGRAM_SIZE 16u /* of struct sock_fprog */
#define MAC_MAX      8u
#define ICMP_FILTER  1u /* of <linux/icmp.h>, which wants the C library's headers */

static const struct name general_options[] = {
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
    NAME(SO_BUSY_POLL_BUDGET), NAME(SO_NETNS_COOKIE), NAME(SO_BUF_LOCK), NAME(SO_RESERVE_MEM), NAME(SO_TXREHASH), {75, "SO_RCVMARK"}, NAME_END};
static const struct name ip_options[] = {
    NAME(IP_TOS), NAME(IP_TTL), NAME(IP_HDRINCL), NAME(IP_OPTIONS), NAME(IP_ROUTER_ALERT), NAME(IP_RECVOPTS), NAME(IP_RETOPTS),
    NAME(IP_PKTINFO), NAME(IP_PKTOPTIONS), NAME(IP_MTU_DISCOVER), NAME(IP_RECVERR), NAME(IP_RECVTTL), NAME(IP_RECVTOS), NAME(IP_MTU),
    NAME(IP_FREEBIND), NAME(IP_IPSEC_POLICY), NAME(IP_XFRM_POLICY), NAME(IP_PASSSEC), NAME(IP_TRANSPARENT), NAME(IP_ORIGDSTADDR),
    NAME(IP_MINTTL), NAME(IP_NODEFRAG), NAME(IP_CHECKSUM), NAME(IP_BIND_ADDRESS_NO_PORT), NAME(IP_RECVFRAGSIZE), NAME(IP_RECVERR_RFC4884),
    NAME(IP_MULTICAST_IF), NAME(IP_MULTICAST_TTL), NAME(IP_MULTICAST_LOOP), NAME(IP_ADD_MEMBERSHIP), NAME(IP_DROP_MEMBERSHIP),
    NAME(IP_UNBLOCK_SOURCE), NAME(IP_BLOCK_SOURCE), NAME(IP_ADD_SOURCE_MEMBERSHIP), NAME(IP_DROP_SOURCE_MEMBERSHIP), NAME(IP_MSFILTER),
    NAME(MCAST_JOIN_GROUP), NAME(MCAST_BLOCK_SOURCE), NAME(MCAST_UNBLOCK_SOURCE), NAME(MCAST_LEAVE_GROUP), NAME(MCAST_JOIN_SOURCE_GROUP),
    NAME(MCAST_LEAVE_SOURCE_GROUP), NAME(MCAST_MSFILTER), NAME(IP_MULTICAST_ALL), NAME(IP_UNICAST_IF), NAME_END};
static const struct name ip6_options[] = {
    NAME(IPV6_ADDRFORM), NAME(IPV6_2292PKTINFO), NAME(IPV6_2292HOPOPTS), NAME(IPV6_2292DSTOPTS), NAME(IPV6_2292RTHDR),
    NAME(IPV6_2292PKTOPTIONS), NAME(IPV6_CHECKSUM), NAME(IPV6_2292HOPLIMIT), NAME(IPV6_NEXTHOP), NAME(IPV6_AUTHHDR), NAME(IPV6_FLOWINFO),
    NAME(IPV6_UNICAST_HOPS), NAME(IPV6_MULTICAST_IF), NAME(IPV6_MULTICAST_HOPS), NAME(IPV6_MULTICAST_LOOP), NAME(IPV6_ADD_MEMBERSHIP),
    NAME(IPV6_DROP_MEMBERSHIP), NAME(IPV6_ROUTER_ALERT), NAME(IPV6_MTU_DISCOVER), NAME(IPV6_MTU), NAME(IPV6_RECVERR), NAME(IPV6_V6ONLY),
    NAME(IPV6_JOIN_ANYCAST), NAME(IPV6_LEAVE_ANYCAST), NAME(IPV6_MULTICAST_ALL), NAME(IPV6_ROUTER_ALERT_ISOLATE),
    NAME(IPV6_RECVERR_RFC4884), NAME(IPV6_FLOWLABEL_MGR), NAME(IPV6_FLOWINFO_SEND), NAME(IPV6_IPSEC_POLICY), NAME(IPV6_XFRM_POLICY),
    NAME(IPV6_HDRINCL), NAME(IPV6_RECVPKTINFO), NAME(IPV6_PKTINFO), NAME(IPV6_RECVHOPLIMIT), NAME(IPV6_HOPLIMIT), NAME(IPV6_RECVHOPOPTS),
    NAME(IPV6_HOPOPTS), NAME(IPV6_RTHDRDSTOPTS), NAME(IPV6_RECVRTHDR), NAME(IPV6_RTHDR), NAME(IPV6_RECVDSTOPTS), NAME(IPV6_DSTOPTS),
    NAME(IPV6_RECVPATHMTU), NAME(IPV6_PATHMTU), NAME(IPV6_DONTFRAG), NAME(IPV6_RECVTCLASS), NAME(IPV6_TCLASS), NAME(IPV6_AUTOFLOWLABEL),
    NAME(IPV6_ADDR_PREFERENCES), NAME(IPV6_MINHOPCOUNT), NAME(IPV6_ORIGDSTADDR), NAME(IPV6_TRANSPARENT), NAME(IPV6_UNICAST_IF),
    NAME(IPV6_RECVFRAGSIZE), NAME(IPV6_FREEBIND), NAME_END};
static const struct name tcp_options[] = {
    NAME(TCP_NODELAY), NAME(TCP_MAXSEG), NAME(TCP_CORK), NAME(TCP_KEEPIDLE), NAME(TCP_KEEPINTVL), NAME(TCP_KEEPCNT), NAME(TCP_SYNCNT),
    NAME(TCP_LINGER2), NAME(TCP_DEFER_ACCEPT), NAME(TCP_WINDOW_CLAMP), NAME(TCP_INFO), NAME(TCP_QUICKACK), NAME(TCP_CONGESTION),
    NAME(TCP_MD5SIG), NAME(TCP_THIN_LINEAR_TIMEOUTS), NAME(TCP_THIN_DUPACK), NAME(TCP_USER_TIMEOUT), NAME(TCP_REPAIR),
    NAME(TCP_REPAIR_QUEUE), NAME(TCP_QUEUE_SEQ), NAME(TCP_REPAIR_OPTIONS), NAME(TCP_FASTOPEN), NAME(TCP_TIMESTAMP),
    NAME(TCP_NOTSENT_LOWAT), NAME(TCP_CC_INFO), NAME(TCP_SAVE_SYN), NAME(TCP_SAVED_SYN), NAME(TCP_REPAIR_WINDOW),
    NAME(TCP_FASTOPEN_CONNECT), NAME(TCP_ULP), NAME(TCP_MD5SIG_EXT), NAME(TCP_FASTOPEN_KEY), NAME(TCP_FASTOPEN_NO_COOKIE),
    NAME(TCP_ZEROCOPY_RECEIVE), NAME(TCP_INQ), NAME(TCP_TX_DELAY), NAME_END};
static const struct name udp_options[] = {NAME(UDP_CORK), NAME(UDP_ENCAP), NAME(UDP_NO_CHECK6_TX), NAME(UDP_NO_CHECK6_RX), NAME(UDP_SEGMENT), NAME(UDP_GRO), NAME_END};
static const struct name packet_options[] = {
    NAME(PACKET_ADD_MEMBERSHIP), NAME(PACKET_DROP_MEMBERSHIP), NAME(PACKET_RECV_OUTPUT), NAME(PACKET_RX_RING), NAME(PACKET_STATISTICS),
    NAME(PACKET_COPY_THRESH), NAME(PACKET_AUXDATA), NAME(PACKET_ORIGDEV), NAME(PACKET_VERSION), NAME(PACKET_HDRLEN), NAME(PACKET_RESERVE),
    NAME(PACKET_TX_RING), NAME(PACKET_LOSS), NAME(PACKET_VNET_HDR), NAME(PACKET_TX_TIMESTAMP), NAME(PACKET_TIMESTAMP),
    NAME(PACKET_FANOUT), NAME(PACKET_TX_HAS_OFF), NAME(PACKET_QDISC_BYPASS), NAME(PACKET_ROLLOVER_STATS), NAME(PACKET_FANOUT_DATA),
    NAME(PACKET_IGNORE_OUTGOING), NAME_END};
static const struct name netlink_options[] = {
    NAME(NETLINK_ADD_MEMBERSHIP), NAME(NETLINK_DROP_MEMBERSHIP), NAME(NETLINK_PKTINFO), NAME(NETLINK_BROADCAST_ERROR),
    NAME(NETLINK_NO_ENOBUFS), NAME(NETLINK_RX_RING), NAME(NETLINK_TX_RING), NAME(NETLINK_LISTEN_ALL_NSID), NAME(NETLINK_LIST_MEMBERSHIPS),
    NAME(NETLINK_CAP_ACK), NAME(NETLINK_EXT_ACK), NAME(NETLINK_GET_STRICT_CHK), NAME_END};
static const struct name raw_options[] = {{ICMP_FILTER, "ICMP_FILTER"}, NAME_END};

static const struct level {
    uint32_t number;
    const struct name *options;
    const char *unknown;
} levels[] = {{0, ip_options, "IP_???"},
              {SOL_SOCKET, general_options, "SO_???"},
              {6, tcp_options, "TCP_???"},
              {17, udp_options, "UDP_???"},
              {41, ip6_options, "IPV6_???"},
              {255, raw_options, "RAW_???"},
              {263, packet_options, "PACKET_???"},
              {270, netlink_options, "NETLINK_???"}};

enum { LEVEL_RAW = 255, LEVEL_PACKET = 263, LEVEL_NETLINK = 270 };

void print_sock_option(struct decoder *d, uint64_t value)
{
    static const struct name get_filter[] = {{SO_ATTACH_FILTER, "SO_GET_FILTER"}, NAME_END};
    uint32_t level = (uint32_t)d->call->args[1];

    if (level == SOL_SOCKET && (uint32_t)value == SO_ATTACH_FILTER && d->row->kinds[3] == ARG_SOCKOPT_OUT) {
        out_name(d, get_filter, (uint32_t)value, NULL);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (levels[i].number == level) {
            out_name(d, levels[i].options, (uint32_t)value, levels[i].unknown);
            return;
        }
    }
    out_hex(d, (uint32_t)value);
}

/* Those of SOL_SOCKET that are no int, or that strace takes for none: with a size of their own, or shown as bytes. */
static bool option_is_bytes(uint32_t name)
{
    switch (name) {
    case SO_TYPE: case SO_PROTOCOL: case SO_DOMAIN: case SO_ERROR: case SO_PEERCRED:
    case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: case SO_MEMINFO:
    case SO_SECURITY_AUTHENTICATION: case SO_SECURITY_ENCRYPTION_TRANSPORT: case SO_SECURITY_ENCRYPTION_NETWORK:
    case SO_BINDTODEVICE: case SO_PEERNAME: case SO_PEERGROUPS: case SO_PEERSEC: case SO_MAX_PACING_RATE: case SO_BPF_EXTENSIONS:
    case SO_ATTACH_BPF: case SO_ATTACH_REUSEPORT_EBPF: case SO_COOKIE: case SO_TXTIME: case SO_NETNS_COOKIE: case SO_BINDTOIFINDEX:
    case SO_BUF_LOCK:
        return true;
    default:
        return !name_find(general_options, name);
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

/* A field of a structure of which n bytes were stored: the number, what there is of it, or nothing.  False: no more. */
static bool out_part(struct decoder *d, const char *name, const uint8_t *bytes, size_t offset, size_t n, bool is_id)
{
    int32_t value;

    if (n <= offset)
        return false;
    out_text(d, offset ? ", " : "{");
    out_text(d, name);
    out_text(d, "=");
    if (n < offset + sizeof value) {
        out_hex_quoted(d, bytes + offset, n - offset, false);
        return false;
    }
    memcpy(&value, bytes + offset, sizeof value);
    if (is_id)
        print_uid(d, (uint32_t)value);
    else
        out_signed(d, value);
    return true;
}

/* SO_LINGER and SO_PEERCRED, of n bytes. */
static void out_linger(struct decoder *d, const uint8_t *bytes, size_t n)
{
    if (out_part(d, "l_onoff", bytes, 0, n, false))
        out_part(d, "l_linger", bytes, sizeof(int32_t), n, false);
    out_text(d, "}");
}

static void out_peer(struct decoder *d, const uint8_t *bytes, size_t n)
{
    if (out_part(d, "pid", bytes, 0, n, false) && out_part(d, "uid", bytes, sizeof(int32_t), n, true))
        out_part(d, "gid", bytes, 2 * sizeof(int32_t), n, true);
    out_text(d, "}");
}

static void out_hardware_address(struct decoder *d, const uint8_t *bytes, size_t n)
{
    if (d->style->names != DECODE_NAMES)
        out_hex_quoted(d, bytes, n, false);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out_text(d, d->style->names == DECODE_BOTH ? " /* " : "");
    for (size_t i = 0; i < n; i++)
        out(d, i ? ":%02x" : "%02x", bytes[i]);
    out_text(d, d->style->names == DECODE_BOTH ? " */" : "");
}

/* Of a packet socket: a group of addresses, a ring. */
static bool print_packet_option(struct decoder *d, uint64_t address, uint32_t name, size_t length)
{
    static const struct name kinds[] = {NAME(PACKET_MR_MULTICAST), NAME(PACKET_MR_PROMISC), NAME(PACKET_MR_ALLMULTI),
                                        NAME(PACKET_MR_UNICAST), NAME_END};
    static const struct field group[] = {FIELD(struct packet_mreq, mr_ifindex, FIELD_SIGNED),
                                         FIELD(struct packet_mreq, mr_type, FIELD_NAME, kinds, "PACKET_MR_???"),
                                         FIELD(struct packet_mreq, mr_alen, FIELD_UNSIGNED), FIELD_END};
    static const struct field ring[] = {FIELD(struct tpacket_req, tp_block_size, FIELD_UNSIGNED), FIELD(struct tpacket_req, tp_block_nr, FIELD_UNSIGNED),
                                        FIELD(struct tpacket_req, tp_frame_size, FIELD_UNSIGNED), FIELD(struct tpacket_req, tp_frame_nr, FIELD_UNSIGNED),
                                        FIELD_END};
    bool is_group = name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP;
    struct packet_mreq m;
    struct tpacket_req r;

    if (!is_group && name != PACKET_RX_RING && name != PACKET_TX_RING)
        return false;
    if (length != (is_group ? sizeof m : sizeof r)) {
        out_address(d, address);
    } else if (!is_group && fetch_in(d, address, &r, sizeof r)) {
        out_text(d, "{");
        out_fields(d, &r, sizeof r, ring);
        out_text(d, "}");
    } else if (is_group && fetch_in(d, address, &m, sizeof m)) {
        out_text(d, "{");
        out_fields(d, &m, sizeof m, group);
        out_text(d, ", mr_address=");
        out_hardware_address(d, m.mr_address, MIN((size_t)m.mr_alen, (size_t)MAC_MAX));
        out_text(d, "}");
    }
    return true;
}

/* Kinds of ICMP messages that a raw socket does not get. */
static void print_icmp_filter(struct decoder *d, uint64_t address, size_t length)
{
    static const char *const names[] = {"ICMP_ECHOREPLY", NULL, NULL, "ICMP_DEST_UNREACH", "ICMP_SOURCE_QUENCH", "ICMP_REDIRECT", NULL, NULL, "ICMP_ECHO",
                                        NULL, NULL, "ICMP_TIME_EXCEEDED", "ICMP_PARAMETERPROB", "ICMP_TIMESTAMP", "ICMP_TIMESTAMPREPLY",
                                        "ICMP_INFO_REQUEST", "ICMP_INFO_REPLY", "ICMP_ADDRESS", "ICMP_ADDRESSREPLY"};
    const char *separator = "";
    uint32_t set;

    if (length < sizeof set) {
        out_address(d, address);
        return;
    }
    if (!fetch_in(d, address, &set, sizeof set))
        return;
    bool inverted = __builtin_popcount(set) > 16;
    out_text(d, inverted ? "~[" : "[");
    set = inverted ? ~set : set;
    for (unsigned i = 0; i < 32; i++) {
        if (!(set >> i & 1))
            continue;
        out_text(d, separator);
        separator = " ";
        if (i < ARRAY_SIZE(names) && names[i])
            out_text(d, names[i]);
        else
            out_unsigned(d, i);
    }
    out_text(d, "]");
}

static void print_option_number(struct decoder *d, const uint8_t *bytes)
{
    bool is_error = (uint32_t)d->call->args[1] == SOL_SOCKET && (uint32_t)d->call->args[2] == SO_ERROR &&
                    d->row->kinds[d->index] == ARG_SOCKOPT_OUT;
    static const struct name rehash[] = {{0, "SOCK_TXREHASH_DISABLED"}, {1, "SOCK_TXREHASH_ENABLED"}, {255, "SOCK_TXREHASH_DEFAULT"}, NAME_END};
    int32_t number;

    memcpy(&number, bytes, sizeof number);
    if ((uint32_t)d->call->args[1] == SOL_SOCKET && (uint32_t)d->call->args[2] == SO_TXREHASH) {
        const char *name = name_find(rehash, (uint32_t)number);
        out_text(d, "[");
        if (name && d->style->names == DECODE_NAMES)
            out_text(d, name);
        else if (d->style->names == DECODE_NUMBERS)
            out_signed(d, number);
        else
            out(d, "%d /* %s */", number, name ? name : "SOCK_TXREHASH_???");
        out_text(d, "]");
        return;
    }
    if (is_error && number > 0 && error_name((unsigned)number))
        out(d, "[%s]", error_name((unsigned)number));
    else
        out(d, "[%d]", number);
}

/* An int, if it has its size, or bytes; what there is of an int in hexadecimal. */
static void print_number_or_bytes(struct decoder *d, enum memory which, uint64_t address, size_t length, bool is_int)
{
    uint8_t bytes[DECODE_STRING_LIMIT];
    size_t shown = MIN(length, (size_t)MIN(shown_max(d), DECODE_STRING_LIMIT));
    size_t known = address ? memory_read_some(d, which, address, bytes, MAX(shown, MIN(length, sizeof(int32_t)))) : 0;

    if (!address || known < shown || length == 0)
        out_address(d, address);
    else if (length == sizeof(int32_t) && known == length)
        print_option_number(d, bytes);
    else if (is_int && length < sizeof(int32_t))
        out_hex_quoted(d, bytes, shown, length > shown);
    else
        out_quoted(d, bytes, shown, length > shown);
}

/* Those with a form of their own. */
static bool print_own_option(struct decoder *d, uint64_t address, size_t length)
{
    uint32_t level = (uint32_t)d->call->args[1], name = (uint32_t)d->call->args[2];
    uint8_t bytes[sizeof(struct linger)];

    if (level == LEVEL_PACKET)
        return print_packet_option(d, address, name, length);
    if (level == LEVEL_RAW && name == ICMP_FILTER) {
        print_icmp_filter(d, address, length);
        return true;
    }
    if (level != SOL_SOCKET)
        return false;
    if (name == SO_LINGER) {
        if (length < sizeof bytes)
            out_address(d, address);
        else if (fetch_in(d, address, bytes, sizeof bytes))
            out_linger(d, bytes, sizeof bytes);
        return true;
    }
    if (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF) {
        if (length == PROGRAM_SIZE)
            out_filter_program(d, address, FILTER_SOCKET);
        else
            out_address(d, address);
        return true;
    }
    return false;
}

void print_sockopt_in(struct decoder *d, uint64_t value)
{
    int32_t length = (int32_t)d->call->args[4];
    bool general = (uint32_t)d->call->args[1] == SOL_SOCKET;
    uint8_t bytes[sizeof(int32_t)];

    if (length == 0 && value && general && (uint32_t)d->call->args[2] == SO_BINDTODEVICE)
        out_text(d, "\"\"");
    else if (!value || length < 0)
        out_address(d, value);
    else if (print_own_option(d, value, (size_t)length))
        return;
    else if (!general || option_is_bytes((uint32_t)d->call->args[2]))
        print_number_or_bytes(d, MEMORY_IN, value, (size_t)length, false);
    else if (length < (int32_t)sizeof bytes)
        out_address(d, value);
    else if (fetch_in(d, value, bytes, sizeof bytes))
        print_option_number(d, bytes);
}

void print_sockopt_out(struct decoder *d, uint64_t value)
{
    bool general = (uint32_t)d->call->args[1] == SOL_SOCKET;
    uint32_t length, name = (uint32_t)d->call->args[2];
    uint8_t bytes[sizeof(struct ucred)];

    if (!value || !call_succeeded(d) || !memory_read(d, MEMORY_OUT, d->call->args[4], &length, sizeof length)) {
        out_address(d, value);
        return;
    }
    if (general && (name == SO_LINGER || name == SO_PEERCRED)) {
        size_t n = MIN((size_t)length, name == SO_LINGER ? sizeof(struct linger) : sizeof bytes);
        if (n == 0 || !memory_read(d, MEMORY_OUT, value, bytes, n))
            out_address(d, value);
        else if (name == SO_LINGER)
            out_linger(d, bytes, n);
        else
            out_peer(d, bytes, n);
        return;
    }
    print_number_or_bytes(d, MEMORY_OUT, value, length, general && !option_is_bytes(name));
}
