/*
 * Messages of sockets: struct msghdr and mmsghdr with their vectors and control messages, MSG_* flags.
 */
#include "abi/decode_internal.h"

#include "abi/socket.h"
#include "lib/string.h"

static const struct name message_flags[] = {
    NAME(MSG_OOB), NAME(MSG_PEEK), NAME(MSG_DONTROUTE), NAME(MSG_CTRUNC), {0x10, "MSG_PROBE"}, NAME(MSG_TRUNC),
    NAME(MSG_DONTWAIT), NAME(MSG_EOR), NAME(MSG_WAITALL), {0x200, "MSG_FIN"}, {0x400, "MSG_SYN"}, NAME(MSG_CONFIRM),
    {0x1000, "MSG_RST"}, NAME(MSG_ERRQUEUE), NAME(MSG_NOSIGNAL), NAME(MSG_MORE), NAME(MSG_WAITFORONE),
    {0x40000, "MSG_BATCH"}, {0x4000000, "MSG_ZEROCOPY"}, {0x20000000, "MSG_FASTOPEN"}, NAME(MSG_CMSG_CLOEXEC),
    {MSG_CMSG_COMPAT, "MSG_CMSG_COMPAT"}, NAME_END};

void print_msg_flags(struct decoder *d, uint64_t value)
{
    out_flags(d, message_flags, (uint32_t)value, "MSG_???");
}

/* --- control messages --- */

#define SCM_SECURITY 3

static void print_descriptors(struct decoder *d, const uint8_t *data, size_t known, size_t n)
{
    size_t count = n / sizeof(int32_t), shown = MIN(known / sizeof(int32_t), (size_t)elements_max(d));

    if (count == 0)
        return;
    out(d, ", cmsg_data=[");
    for (size_t i = 0; i < MIN(count, shown); i++) {
        int32_t fd;
        memcpy(&fd, data + i * sizeof fd, sizeof fd);
        out(d, i ? ", " : "");
        out_fd(d, fd);
    }
    out(d, count > shown ? ", ...]" : "]");
}

static void print_stamp(struct decoder *d, const uint8_t *data, const char *fraction)
{
    int64_t t[2];

    memcpy(t, data, sizeof t);
    out(d, ", cmsg_data={tv_sec=%lld, %s=%lld}", (long long)t[0], fraction, (long long)t[1]);
}

/* n bytes of data, of which `known` are in `data`. */
static void print_control_data(struct decoder *d, const struct cmsghdr *h, const uint8_t *data, size_t known, size_t n)
{
    struct ucred u;

    if (h->cmsg_level != SOL_SOCKET)
        return;
    switch (h->cmsg_type) {
    case SCM_RIGHTS:
        print_descriptors(d, data, known, n);
        break;
    case SCM_CREDENTIALS:
        if (known < sizeof u)
            break;
        memcpy(&u, data, sizeof u);
        out(d, ", cmsg_data=");
        out_ucred(d, &u);
        break;
    case SO_TIMESTAMP_OLD: case SO_TIMESTAMP_NEW:
        if (known >= 16)
            print_stamp(d, data, "tv_usec");
        break;
    case SO_TIMESTAMPNS_OLD: case SO_TIMESTAMPNS_NEW:
        if (known >= 16)
            print_stamp(d, data, "tv_nsec");
        break;
    case SCM_SECURITY: /* a text */
        if (n) {
            out_text(d, ", cmsg_data=");
            out_quoted(d, data, MIN(known, (size_t)shown_max(d)), n > shown_max(d));
        }
        break;
    default:
        break;
    }
}

static void print_control_type(struct decoder *d, const struct cmsghdr *h)
{
    static const struct name types[] = {NAME(SCM_RIGHTS), NAME(SCM_CREDENTIALS), NAME(SCM_SECURITY),
                                        NAME(SO_TIMESTAMP_OLD), NAME(SO_TIMESTAMPNS_OLD), NAME(SO_TIMESTAMPING_OLD),
                                        NAME(SO_TIMESTAMP_NEW), NAME(SO_TIMESTAMPNS_NEW), NAME(SO_TIMESTAMPING_NEW), NAME_END};
    static const struct name none[] = {NAME_END};

    if (h->cmsg_level == SOL_SOCKET)
        out_name(d, types, (uint32_t)h->cmsg_type, "SCM_???");
    else if (h->cmsg_level == 0)
        out_name(d, none, (uint32_t)h->cmsg_type, "IP_???");
    else
        out(d, "%#x", (uint32_t)h->cmsg_type);
}

/* One control message; `left` bytes of the buffer from it on. */
static void print_control_message(struct decoder *d, enum memory which, uint64_t address, const struct cmsghdr *h,
                                  uint64_t left)
{
    uint8_t data[(STRING_SHOWN + 1) * sizeof(int32_t)];
    uint64_t all = MIN(h->cmsg_len, left), n = all > sizeof *h ? all - sizeof *h : 0;
    size_t known = n ? memory_read_some(d, which, address + sizeof *h, data, MIN(n, (uint64_t)sizeof data)) : 0;

    out(d, "{cmsg_len=%llu, cmsg_level=", (unsigned long long)h->cmsg_len);
    out_socket_level(d, (uint32_t)h->cmsg_level);
    out(d, ", cmsg_type=");
    print_control_type(d, h);
    print_control_data(d, h, data, known, n);
    out(d, "}");
}

static void print_control(struct decoder *d, enum memory which, uint64_t address, uint64_t left)
{
    struct cmsghdr h;

    out(d, ", msg_control=");
    if (left < sizeof h || !memory_read(d, which, address, &h, sizeof h)) {
        out_address(d, address);
        return;
    }
    out(d, "[");
    for (;;) {
        print_control_message(d, which, address, &h, left);
        /* Its length may be anything: a step is at least a header, and the end is where the buffer ends. */
        uint64_t step = h.cmsg_len > left ? left : CMSG_ALIGN(MAX(h.cmsg_len, (uint64_t)sizeof h));
        if (step >= left)
            break;
        address += step;
        left -= step;
        if (h.cmsg_len < sizeof h || left < sizeof h || !memory_read(d, which, address, &h, sizeof h)) {
            out(d, ", ... /* %#llx */", (unsigned long long)address);
            break;
        }
        out(d, ", ");
    }
    out(d, "]");
}

/* --- headers --- */

/*
 * A header of `bytes` bytes that were moved.  `room`: what msg_namelen was before; the same as in `h` where the call does
 * not store it.
 */
static void print_header(struct decoder *d, enum memory which, const struct user_msghdr *h, int32_t room, uint64_t bytes)
{
    out(d, "{msg_name=");
    out_socket_address(d, which, h->msg_name, MIN(room, h->msg_namelen));
    out(d, room == h->msg_namelen ? ", msg_namelen=%d" : ", msg_namelen=%d => %d", room, h->msg_namelen);
    out(d, ", msg_iov=");
    out_iov(d, &(struct iov_view){.address = h->msg_iov, .count = h->msg_iovlen, .which = which, .stored = bytes});
    out(d, ", msg_iovlen=%llu", (unsigned long long)h->msg_iovlen);
    if (h->msg_controllen)
        print_control(d, which, h->msg_control, h->msg_controllen);
    out(d, ", msg_controllen=%llu, msg_flags=", (unsigned long long)h->msg_controllen);
    print_msg_flags(d, h->msg_flags);
    out(d, "}");
}

void print_msghdr_in(struct decoder *d, uint64_t value)
{
    struct user_msghdr h;

    if (fetch_in(d, value, &h, sizeof h))
        print_header(d, MEMORY_IN, &h, h.msg_namelen, 0);
}

/* Before the call only the room for a name is of interest. */
void print_msghdr_out(struct decoder *d, uint64_t value)
{
    struct user_msghdr before, after;

    if (!fetch_in(d, value, &before, sizeof before))
        return;
    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, value, &after, sizeof after))
        print_header(d, MEMORY_OUT, &after, before.msg_namelen, (uint64_t)d->call->result);
    else
        out(d, "{msg_namelen=%d}", before.msg_namelen);
}

/* One of several, the n-th; false if it is not known. */
static bool print_one_of_many(struct decoder *d, enum memory which, uint64_t address, bool done)
{
    struct mmsghdr before, m;

    if (!memory_read(d, MEMORY_IN, address, &before.msg_hdr, sizeof before.msg_hdr))
        return false;
    m = before;
    if (done && !memory_read(d, MEMORY_OUT, address + offsetof(struct mmsghdr, msg_len), &m.msg_len, sizeof m.msg_len))
        done = false;
    if (which == MEMORY_OUT && !memory_read(d, MEMORY_OUT, address, &m.msg_hdr, sizeof m.msg_hdr))
        return false;
    out(d, "{msg_hdr=");
    print_header(d, which, &m.msg_hdr, before.msg_hdr.msg_namelen, done ? m.msg_len : 0);
    if (done)
        out(d, ", msg_len=%u", m.msg_len);
    out(d, "}");
    return true;
}

static void print_many(struct decoder *d, enum memory which, uint64_t address, uint64_t count)
{
    uint64_t done = call_succeeded(d) ? (uint64_t)d->call->result : 0;
    struct user_msghdr first;

    if (d->style->addresses || (count && (!address || !memory_read(d, MEMORY_IN, address, &first, sizeof first)))) {
        out_address(d, address);
        return;
    }
    out(d, "[");
    for (uint64_t n = 0; n < count; n++, address += sizeof(struct mmsghdr)) {
        size_t before = d->used;
        out(d, n ? ", " : "");
        if (n < elements_max(d) && print_one_of_many(d, which, address, n < done))
            continue;
        d->used = before;
        out(d, n < elements_max(d) ? ", ... /* %#llx */" : ", ...", (unsigned long long)address);
        break;
    }
    out(d, "]");
}

void print_mmsghdr_in(struct decoder *d, uint64_t value)
{
    print_many(d, MEMORY_IN, value, MIN((uint32_t)d->call->args[2], 1024u));
}

void print_mmsghdr_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_many(d, MEMORY_OUT, value, (uint64_t)d->call->result);
    else
        out_address(d, value);
}

/* recvmmsg: how many, and how much of its time was left. */
void print_result_messages(struct decoder *d)
{
    int64_t left[2];

    out(d, d->call->result ? "%lld" : "%lld (Timeout)", (long long)d->call->result);
    if (d->call->result && d->call->args[4] && memory_read(d, MEMORY_OUT, d->call->args[4], left, sizeof left))
        out(d, " (left {tv_sec=%lld, tv_nsec=%lld})", (long long)left[0], (long long)left[1]);
}
