/*
 * poll, select and epoll: what is waited for, and what their results say is ready.
 */
#include "abi/decode_internal.h"

#include <asm/errno.h>

#include <asm/poll.h>
#include <linux/eventpoll.h>

static const struct name poll_events[] = {
    NAME(POLLIN), NAME(POLLPRI), NAME(POLLOUT), NAME(POLLERR), NAME(POLLHUP), NAME(POLLNVAL), NAME(POLLRDNORM),
    NAME(POLLRDBAND), NAME(POLLWRNORM), NAME(POLLWRBAND), NAME(POLLMSG), NAME(POLLREMOVE), NAME(POLLRDHUP), NAME_END};

void print_pollfds(struct decoder *d, uint64_t value)
{
    uint32_t count = (uint32_t)d->call->args[d->index + 1];
    struct pollfd p;

    if (count == 0 && value) {
        out(d, "[]");
        return;
    }
    if (!value || !memory_read(d, MEMORY_IN, value, &p, sizeof p)) {
        out_address(d, value);
        return;
    }
    out(d, "[");
    for (uint32_t i = 0; i < count; i++) {
        out(d, i ? ", " : "");
        bool known = memory_read(d, MEMORY_IN, value + i * sizeof p, &p, sizeof p);
        if (!known || i >= elements_max(d)) {
            out(d, known ? "..." : "... /* %#llx */", (unsigned long long)(value + i * sizeof p));
            break;
        }
        out(d, "{fd=");
        out_fd(d, p.fd);
        if (p.fd >= 0) {
            out(d, ", events=");
            out_flags(d, poll_events, (uint16_t)p.events, "POLL???");
        }
        out(d, "}");
    }
    out(d, "]");
}

/* ", left {...}": what ppoll and pselect6 store back. */
static void print_time_left(struct decoder *d, const char *separator)
{
    unsigned index = d->row->result == RESULT_POLL ? 2 : 4;
    int64_t left[2];

    if (d->row->kinds[index] != ARG_TIMESPEC_INOUT && d->row->kinds[index] != ARG_TIMEVAL_INOUT)
        return;
    uint64_t address = d->call->args[index];
    if (!address)
        return;
    out(d, "%sleft ", separator);
    if (!address || !memory_read(d, MEMORY_OUT, address, left, sizeof left))
        out_address(d, address);
    else
        out(d, "{tv_sec=%lld, %s=%lld}", (long long)left[0],
            d->row->kinds[index] == ARG_TIMESPEC_INOUT ? "tv_nsec" : "tv_usec", (long long)left[1]);
}

void print_result_poll(struct decoder *d)
{
    uint32_t count = (uint32_t)d->call->args[1], printed = 0;
    struct pollfd p;

    if (d->call->result == 0) {
        out(d, "0 (Timeout)");
        return;
    }
    out(d, "%lld", (long long)d->call->result);
    size_t number = d->used;
    out(d, " (");
    size_t start = d->used;
    for (uint32_t i = 0; i < count && memory_read(d, MEMORY_OUT, d->call->args[0] + i * sizeof p, &p, sizeof p); i++) {
        if (!p.revents)
            continue;
        out(d, printed ? ", " : "[");
        if (printed++ >= shown_max(d)) {
            out(d, "...");
            break;
        }
        out(d, "{fd=");
        out_fd(d, p.fd);
        out(d, ", revents=");
        out_flags(d, poll_events, (uint16_t)p.revents, "POLL???");
        out(d, "}");
    }
    out(d, printed ? "]" : "");
    print_time_left(d, printed ? ", " : "");
    if (d->used == start && start > number) /* what it stored is not known */
        d->buffer[d->used = number] = '\0';
    else
        out(d, ")");
}

#define FD_SET_BITS 4096 /* of a set as many as are shown */

static size_t fdset_size(const struct decoder *d)
{
    int count = (int)d->call->args[0];

    return count <= 0 ? 0 : ALIGN_UP((size_t)MIN(count, FD_SET_BITS), (size_t)64) / 8;
}

/* The descriptors in a set: returns how many were printed, each with the separator that fits. */
static unsigned print_set_members(struct decoder *d, const uint8_t *set, const char *first)
{
    int count = MIN((int)d->call->args[0], FD_SET_BITS);
    unsigned printed = 0;

    for (int fd = 0; fd < count; fd++) {
        if (!(set[fd / 8] & (1u << (fd % 8))))
            continue;
        out(d, "%s", printed++ ? " " : first);
        out_fd(d, fd);
    }
    return printed;
}

void print_fdset(struct decoder *d, uint64_t value)
{
    uint8_t set[FD_SET_BITS / 8] = {0};
    size_t size = fdset_size(d);

    /* Of a set that is larger than the task's table of descriptors the kernel reads no more than that. */
    size_t known = size && value ? memory_read_some(d, MEMORY_IN, value, set, size) : 0;
    if (known < sizeof(uint64_t) || (known < size && call_returned(d) && d->call->result == -EFAULT)) {
        out_address(d, value);
        return;
    }
    out(d, "[");
    print_set_members(d, set, "");
    out(d, "]");
}

void print_result_select(struct decoder *d)
{
    static const char *const names[] = {"in [", "out [", "except ["};
    uint8_t set[FD_SET_BITS / 8];
    bool any = false;

    if (d->call->result == 0) {
        out(d, "0 (Timeout)");
        return;
    }
    out(d, "%lld (", (long long)d->call->result);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t address = d->call->args[i + 1];
        size_t before = d->used;

        if (!address || !memory_read(d, MEMORY_OUT, address, set, fdset_size(d)))
            continue;
        out(d, any ? ", " : "");
        if (print_set_members(d, set, names[i])) {
            out(d, "]");
            any = true;
        } else {
            d->used = before;
        }
    }
    print_time_left(d, any ? ", " : "");
    out(d, ")");
}

static void print_epoll(struct decoder *d, uint32_t events, uint64_t data)
{
    static const struct name names[] = {
        {1, "EPOLLIN"}, {2, "EPOLLPRI"}, {4, "EPOLLOUT"}, {8, "EPOLLERR"}, {16, "EPOLLHUP"}, {32, "EPOLLNVAL"},
        {64, "EPOLLRDNORM"}, {128, "EPOLLRDBAND"}, {256, "EPOLLWRNORM"}, {512, "EPOLLWRBAND"}, {1024, "EPOLLMSG"},
        {0x2000, "EPOLLRDHUP"}, {1u << 28, "EPOLLEXCLUSIVE"}, {1u << 29, "EPOLLWAKEUP"}, {1u << 30, "EPOLLONESHOT"},
        {1u << 31, "EPOLLET"}, NAME_END};

    out(d, "{events=");
    out_flags(d, names, events, "EPOLL???");
    out(d, ", data={u32=%u, u64=%llu}}", (uint32_t)data, (unsigned long long)data);
}

void print_epoll_event(struct decoder *d, uint64_t value)
{
    struct epoll_event e;

    if ((uint32_t)d->call->args[1] == EPOLL_CTL_DEL)
        out_address(d, value);
    else if (fetch_in(d, value, &e, sizeof e))
        print_epoll(d, e.events, e.data);
}

void print_epoll_events(struct decoder *d, uint64_t value)
{
    uint64_t count = call_succeeded(d) ? (uint64_t)d->call->result : 0;
    struct epoll_event e;

    if (!call_succeeded(d) || !value || (count && d->style->addresses)) {
        out_address(d, value);
        return;
    }
    out(d, "[");
    for (uint64_t i = 0; i < count; i++) {
        out(d, i ? ", " : "");
        if (i >= shown_max(d) || !memory_read(d, MEMORY_OUT, value + i * sizeof e, &e, sizeof e)) {
            out(d, "...");
            break;
        }
        print_epoll(d, e.events, e.data);
    }
    out(d, "]");
}
