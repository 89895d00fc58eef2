/*
 * Addresses of sockets, by family.
 */
#include "abi/decode_fields.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/qrtr.h>

#include "abi/socket.h"
#include "lib/string.h"

/* <linux/vm_sockets.h> wants the C library's headers. */
struct sockaddr_vm {
    uint16_t svm_family, svm_reserved1;
    uint32_t svm_port, svm_cid;
    uint8_t svm_flags, svm_zero[3];
};

static uint16_t from_network(uint16_t n)
{
    return (uint16_t)(n >> 8 | n << 8);
}

/* Bytes in the network's order: as they are, or what the program will have written; open is put before that, close behind. */
static bool network_begin(struct decoder *d, const void *bytes, size_t n)
{
    if (d->style->names != DECODE_NAMES)
        out_hex_quoted(d, bytes, n, false);
    if (d->style->names == DECODE_BOTH)
        out_text(d, " /* ");
    return d->style->names != DECODE_NUMBERS;
}

static void network_end(struct decoder *d)
{
    if (d->style->names == DECODE_BOTH)
        out_text(d, " */");
}

static void out_port(struct decoder *d, uint16_t port)
{
    if (!network_begin(d, &port, sizeof port))
        return;
    out(d, "htons(%u)", from_network(port));
    network_end(d);
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

static void print_ipv4(struct decoder *d, const struct sockaddr_in *a)
{
    const uint8_t *v4 = (const uint8_t *)&a->sin_addr;

    out_text(d, ", sin_port=");
    out_port(d, a->sin_port);
    out_text(d, ", sin_addr=");
    if (!network_begin(d, v4, 4))
        return;
    out(d, "inet_addr(\"%u.%u.%u.%u\")", v4[0], v4[1], v4[2], v4[3]);
    network_end(d);
}

/* Linux takes one without the last field too. */
static void print_ipv6(struct decoder *d, const struct sockaddr_in6 *a, size_t n)
{
    out_text(d, ", sin6_port=");
    out_port(d, a->sin6_port);
    out_text(d, ", sin6_flowinfo=");
    if (network_begin(d, &a->sin6_flowinfo, sizeof a->sin6_flowinfo)) {
        out(d, "htonl(%u)", __builtin_bswap32(a->sin6_flowinfo));
        network_end(d);
    }
    out_text(d, d->style->names == DECODE_NAMES ? ", " : ", sin6_addr=");
    if (network_begin(d, &a->sin6_addr, sizeof a->sin6_addr)) {
        out_text(d, "inet_pton(AF_INET6, \"");
        out_ipv6(d, a->sin6_addr.s6_addr16);
        out_text(d, d->style->names == DECODE_NAMES ? "\", &sin6_addr)" : "\")");
        network_end(d);
    }
    if (n >= sizeof *a)
        out(d, ", sin6_scope_id=%u", a->sin6_scope_id);
}

static void print_packet_address(struct decoder *d, const struct sockaddr_ll *a)
{
    static const struct name protocols[] = {NAME(ETH_P_ALL), NAME(ETH_P_IP), NAME(ETH_P_IPV6), NAME(ETH_P_ARP), NAME(ETH_P_LOOP),
                                            NAME(ETH_P_8021Q), NAME(ETH_P_PAE), NAME(ETH_P_802_2), NAME(ETH_P_802_3), NAME_END};
    static const struct name hardware[] = {{0, "ARPHRD_NETROM"}, {1, "ARPHRD_ETHER"}, {512, "ARPHRD_PPP"}, {768, "ARPHRD_TUNNEL"},
                                           {772, "ARPHRD_LOOPBACK"}, {801, "ARPHRD_IEEE80211"}, {65534, "ARPHRD_NONE"}, NAME_END};
    static const struct name kinds[] = {NAME(PACKET_HOST), NAME(PACKET_BROADCAST), NAME(PACKET_MULTICAST), NAME(PACKET_OTHERHOST),
                                        NAME(PACKET_OUTGOING), NAME(PACKET_LOOPBACK), NAME(PACKET_USER), NAME(PACKET_KERNEL), NAME_END};
    const char *protocol = name_find(protocols, from_network(a->sll_protocol));
    size_t n = MIN((size_t)a->sll_halen, sizeof a->sll_addr);

    out_text(d, ", sll_protocol=");
    if (network_begin(d, &a->sll_protocol, sizeof a->sll_protocol)) {
        if (protocol)
            out(d, "htons(%s)", protocol);
        else
            out(d, "htons(%#x /* ETH_P_??? */)", from_network(a->sll_protocol));
        network_end(d);
    }
    out(d, ", sll_ifindex=%u, sll_hatype=", (unsigned)a->sll_ifindex);
    out_name(d, hardware, a->sll_hatype, "ARPHRD_???");
    out_text(d, ", sll_pkttype=");
    out_name(d, kinds, a->sll_pkttype, "PACKET_???");
    out(d, ", sll_halen=%u", a->sll_halen);
    for (size_t i = 0; i < n; i++)
        out(d, i ? ", %#x" : ", sll_addr=[%#x", a->sll_addr[i]);
    if (n)
        out_text(d, a->sll_halen > n ? ", ...]" : "]");
}

/* Families whose addresses are numbers: the fields behind the family, and the size that is needed. */
static const struct name cids[] = {{UINT32_MAX, "VMADDR_CID_ANY"}, {0, "VMADDR_CID_HYPERVISOR"}, {1, "VMADDR_CID_LOCAL"}, {2, "VMADDR_CID_HOST"}, NAME_END};
static const struct name vm_flags[] = {{1, "VMADDR_FLAG_TO_HOST"}, NAME_END};
static const struct name xdp_flags[] = {NAME(XDP_SHARED_UMEM), NAME(XDP_COPY), NAME(XDP_ZEROCOPY), NAME(XDP_USE_NEED_WAKEUP), NAME_END};
static const struct field vm_fields[] = {
    FIELD(struct sockaddr_vm, svm_reserved1, FIELD_PADDING), FIELD(struct sockaddr_vm, svm_cid, FIELD_NAME, cids, NULL),
    FIELD(struct sockaddr_vm, svm_port, FIELD_HEX), FIELD(struct sockaddr_vm, svm_flags, FIELD_FLAGS, vm_flags, "VMADDR_FLAG_???"), FIELD_END};
static const struct field xdp_fields[] = {
    FIELD(struct sockaddr_xdp, sxdp_flags, FIELD_FLAGS, xdp_flags, "XDP_???"), FIELD(struct sockaddr_xdp, sxdp_ifindex, FIELD_UNSIGNED),
    FIELD(struct sockaddr_xdp, sxdp_queue_id, FIELD_UNSIGNED), FIELD(struct sockaddr_xdp, sxdp_shared_umem_fd, FIELD_PADDING), FIELD_END};
static const struct field router_fields[] = {FIELD(struct sockaddr_qrtr, sq_node, FIELD_HEX), FIELD(struct sockaddr_qrtr, sq_port, FIELD_HEX), FIELD_END};
static const struct field netlink_fields[] = {FIELD(struct sockaddr_nl, nl_pad, FIELD_PADDING), FIELD(struct sockaddr_nl, nl_pid, FIELD_SIGNED),
                                              FIELD(struct sockaddr_nl, nl_groups, FIELD_HEX), FIELD_END};

static const struct family {
    uint16_t number;
    uint16_t size;
    const struct field *fields;
} families_of_numbers[] = {{AF_NETLINK, sizeof(struct sockaddr_nl), netlink_fields},
                           {40, sizeof(struct sockaddr_vm), vm_fields},
                           {42, sizeof(struct sockaddr_qrtr), router_fields},
                           {44, sizeof(struct sockaddr_xdp), xdp_fields}};

/* False: the family is none of these, or there is too little of it. */
static bool print_numbers(struct decoder *d, uint16_t family, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(families_of_numbers); i++) {
        const struct family *f = &families_of_numbers[i];
        if (f->number != family || n < f->size)
            continue;
        out_more_fields(d, bytes, f->size, f->fields);
        return true;
    }
    return false;
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
    out_text(d, "{sa_family=");
    print_sock_family(d, family);
    if (family == AF_UNIX) {
        if (n > sizeof family)
            print_unix_address(d, bytes + sizeof family, MIN(n, sizeof(struct sockaddr_un)) - sizeof family);
    } else if (family == AF_INET && n >= sizeof(struct sockaddr_in)) {
        print_ipv4(d, (const struct sockaddr_in *)(const void *)bytes);
    } else if (family == AF_INET6 && n >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
        print_ipv6(d, (const struct sockaddr_in6 *)(const void *)bytes, n);
    } else if (family == AF_PACKET && n >= sizeof(struct sockaddr_ll)) {
        print_packet_address(d, (const struct sockaddr_ll *)(const void *)bytes);
    } else if (n > sizeof family && !print_numbers(d, family, bytes, n)) {
        out_text(d, ", sa_data=");
        out_quoted(d, bytes + sizeof family, n - sizeof family, false);
    }
    out_text(d, "}");
}
