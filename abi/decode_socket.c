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
    static const struct name names[] = {
        {0, "IPPROTO_IP"}, {1, "IPPROTO_ICMP"}, {2, "IPPROTO_IGMP"}, {4, "IPPROTO_IPIP"}, {6, "IPPROTO_TCP"}, {8, "IPPROTO_EGP"},
        {12, "IPPROTO_PUP"}, {17, "IPPROTO_UDP"}, {22, "IPPROTO_IDP"}, {29, "IPPROTO_TP"}, {33, "IPPROTO_DCCP"}, {41, "IPPROTO_IPV6"},
        {46, "IPPROTO_RSVP"}, {47, "IPPROTO_GRE"}, {50, "IPPROTO_ESP"}, {51, "IPPROTO_AH"}, {92, "IPPROTO_MTP"}, {94, "IPPROTO_BEETPH"},
        {98, "IPPROTO_ENCAP"}, {103, "IPPROTO_PIM"}, {108, "IPPROTO_COMP"}, {115, "IPPROTO_L2TP"}, {132, "IPPROTO_SCTP"},
        {136, "IPPROTO_UDPLITE"}, {137, "IPPROTO_MPLS"}, {143, "IPPROTO_ETHERNET"}, {255, "IPPROTO_RAW"}, {262, "IPPROTO_MPTCP"}, NAME_END};
    static const struct name routes[] = {
        {0, "NETLINK_ROUTE"}, {1, "NETLINK_UNUSED"}, {2, "NETLINK_USERSOCK"}, {3, "NETLINK_FIREWALL"}, {4, "NETLINK_SOCK_DIAG"},
        {5, "NETLINK_NFLOG"}, {6, "NETLINK_XFRM"}, {7, "NETLINK_SELINUX"}, {8, "NETLINK_ISCSI"}, {9, "NETLINK_AUDIT"},
        {10, "NETLINK_FIB_LOOKUP"}, {11, "NETLINK_CONNECTOR"}, {12, "NETLINK_NETFILTER"}, {13, "NETLINK_IP6_FW"}, {14, "NETLINK_DNRTMSG"},
        {15, "NETLINK_KOBJECT_UEVENT"}, {16, "NETLINK_GENERIC"}, {18, "NETLINK_SCSITRANSPORT"}, {19, "NETLINK_ECRYPTFS"},
        {20, "NETLINK_RDMA"}, {21, "NETLINK_CRYPTO"}, {22, "NETLINK_SMC"}, NAME_END};
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

static const struct name levels[] = {
    {0, "SOL_IP"}, {1, "SOL_SOCKET"}, {6, "SOL_TCP"}, {17, "SOL_UDP"}, {41, "SOL_IPV6"}, {58, "SOL_ICMPV6"}, {132, "SOL_SCTP"},
    {136, "SOL_UDPLITE"}, {255, "SOL_RAW"}, {256, "SOL_IPX"}, {257, "SOL_AX25"}, {258, "SOL_ATALK"}, {259, "SOL_NETROM"},
    {260, "SOL_ROSE"}, {261, "SOL_DECNET"}, {262, "SOL_X25"}, {263, "SOL_PACKET"}, {264, "SOL_ATM"}, {265, "SOL_AAL"}, {266, "SOL_IRDA"},
    {267, "SOL_NETBEUI"}, {268, "SOL_LLC"}, {269, "SOL_DCCP"}, {270, "SOL_NETLINK"}, {271, "SOL_TIPC"}, {272, "SOL_RXRPC"},
    {273, "SOL_PPPOL2TP"}, {274, "SOL_BLUETOOTH"}, {275, "SOL_PNPIPE"}, {276, "SOL_RDS"}, {277, "SOL_IUCV"}, {278, "SOL_CAIF"},
    {279, "SOL_ALG"}, {280, "SOL_NFC"}, {281, "SOL_KCM"}, {282, "SOL_TLS"}, {283, "SOL_XDP"}, {284, "SOL_MPTCP"}, {285, "SOL_MCTP"},
    {286, "SOL_SMC"}, NAME_END};

void out_socket_level(struct decoder *d, uint32_t level)
{
    out_name(d, levels, level, "SOL_???");
}

void print_sock_level(struct decoder *d, uint64_t value)
{
    out_socket_level(d, (uint32_t)value);
}

void print_shut_how(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(SHUT_RD), NAME(SHUT_WR), NAME(SHUT_RDWR), NAME_END};

    out_name(d, names, (uint32_t)value, "SHUT_???");
}

/* --- addresses --- */

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
