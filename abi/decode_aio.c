/*
 * Printers of asynchronous I/O (io_submit and its kin) and of POSIX message queues.
 */
#include "abi/decode_fields.h"

#include <linux/aio_abi.h>
#include <linux/mqueue.h>

#define SIGSET_BYTES 8u

static const struct name commands[] = {NAME(IOCB_CMD_PREAD), NAME(IOCB_CMD_PWRITE), NAME(IOCB_CMD_FSYNC), NAME(IOCB_CMD_FDSYNC),
                                       {4, "IOCB_CMD_PREADX"}, NAME(IOCB_CMD_POLL), NAME(IOCB_CMD_NOOP), NAME(IOCB_CMD_PREADV),
                                       NAME(IOCB_CMD_PWRITEV), NAME_END};

static void print_control_buffer(struct decoder *d, const struct iocb *cb)
{
    bool is_vector = cb->aio_lio_opcode == IOCB_CMD_PREADV || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;

    out_text(d, ", aio_buf=");
    if (is_vector)
        out_iov(d, &(struct iov_view){.address = cb->aio_buf, .count = cb->aio_nbytes, .which = MEMORY_IN,
                                      .foreign = cb->aio_lio_opcode == IOCB_CMD_PREADV});
    else if (cb->aio_lio_opcode == IOCB_CMD_PWRITE)
        out_buffer(d, MEMORY_IN, cb->aio_buf, cb->aio_nbytes);
    else
        out_address(d, cb->aio_buf);
    if (!is_vector)
        out(d, ", aio_nbytes=%llu", (unsigned long long)cb->aio_nbytes);
    out(d, ", aio_offset=%lld", (long long)cb->aio_offset);
}

static void print_control_block(struct decoder *d, const struct iocb *cb)
{
    static const struct name flags[] = {NAME(IOCB_FLAG_RESFD), NAME(IOCB_FLAG_IOPRIO), NAME_END};
    const char *command = name_find(commands, cb->aio_lio_opcode);

    out_text(d, "{aio_data=");
    out_hex(d, cb->aio_data);
    if (cb->aio_key)
        out(d, ", aio_key=%u", cb->aio_key);
    if (cb->aio_rw_flags) {
        out_text(d, ", aio_rw_flags=");
        print_rwf_flags(d, (uint32_t)cb->aio_rw_flags);
    }
    out_text(d, ", aio_lio_opcode=");
    if (command)
        out_name(d, commands, cb->aio_lio_opcode, NULL);
    else
        out(d, d->style->names == DECODE_NUMBERS ? "%u" : "%u /* IOCB_CMD_??? */", cb->aio_lio_opcode);
    if (cb->aio_flags & IOCB_FLAG_IOPRIO) {
        out_text(d, ", aio_reqprio=");
        print_ioprio(d, (uint16_t)cb->aio_reqprio);
    } else if (cb->aio_reqprio) {
        out(d, ", aio_reqprio=%d", cb->aio_reqprio);
    }
    out_text(d, ", aio_fildes=");
    out_fd(d, (int)cb->aio_fildes);
    if (command && cb->aio_lio_opcode != IOCB_CMD_FSYNC && cb->aio_lio_opcode != IOCB_CMD_FDSYNC)
        print_control_buffer(d, cb);
    if (cb->aio_flags) {
        out_text(d, ", aio_flags=");
        out_flags(d, flags, cb->aio_flags, "IOCB_FLAG_???");
        if (cb->aio_flags & IOCB_FLAG_RESFD) {
            out_text(d, ", aio_resfd=");
            out_fd(d, (int)cb->aio_resfd);
        }
    }
    out_text(d, "}");
}

/* Pointers to control blocks; their count is the argument before. */
void print_control_blocks(struct decoder *d, uint64_t value)
{
    int64_t count = (int64_t)d->call->args[1];
    uint64_t address = value, pointer;
    struct iocb cb;

    if (count < 0 || !address || (count && !memory_read(d, MEMORY_IN, address, &pointer, sizeof pointer))) {
        out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (int64_t i = 0; i < count; i++, address += sizeof pointer) {
        out_text(d, i ? ", " : "");
        if (i >= shown_max(d)) {
            out_text(d, "...");
            break;
        }
        if (!memory_read(d, MEMORY_IN, address, &pointer, sizeof pointer)) {
            out(d, "... /* %#llx */", (unsigned long long)address);
            break;
        }
        if (fetch_in(d, pointer, &cb, sizeof cb))
            print_control_block(d, &cb);
    }
    out_text(d, "]");
}

/* io_cancel's one block: what it is for. */
void print_control_cancelled(struct decoder *d, uint64_t value)
{
    static const struct name *const names = commands;
    struct iocb cb;

    if (!fetch_in(d, value, &cb, sizeof cb))
        return;
    out_text(d, "{aio_data=");
    out_hex(d, cb.aio_data);
    out_text(d, ", aio_lio_opcode=");
    out_name(d, names, cb.aio_lio_opcode, "IOCB_CMD_???");
    if (cb.aio_reqprio)
        out(d, ", aio_reqprio=%d", cb.aio_reqprio);
    out_text(d, ", aio_fildes=");
    out_fd(d, (int)cb.aio_fildes);
    out_text(d, "}");
}

static void print_event(struct decoder *d, const void *element)
{
    const struct io_event *e = element;

    out_text(d, "{data=");
    out_hex(d, e->data);
    out_text(d, ", obj=");
    out_hex(d, e->obj);
    out(d, ", res=%lld, res2=%lld}", (long long)e->res, (long long)e->res2);
}

void print_aio_events(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        out_array(d, &(struct array_view){value, (uint64_t)d->call->result, sizeof(struct io_event), MEMORY_OUT, print_event});
    else
        out_address(d, value);
}

/* {sigmask=[...], sigsetsize=N} */
void print_aio_sigset(struct decoder *d, uint64_t value)
{
    struct {
        uint64_t mask, size;
    } s;
    uint64_t set;

    if (!fetch_in(d, value, &s, sizeof s))
        return;
    out_text(d, "{sigmask=");
    if (s.size == SIGSET_BYTES && s.mask && memory_read(d, MEMORY_IN, s.mask, &set, sizeof set))
        out_signal_set(d, set);
    else
        out_address(d, s.mask);
    out(d, ", sigsetsize=%llu}", (unsigned long long)s.size);
}

/* --- message queues --- */

static void print_queue_attr(struct decoder *d, const struct mq_attr *a)
{
    static const struct name flags[] = {{04000, "O_NONBLOCK"}, NAME_END};

    out_text(d, "{mq_flags=");
    if (a->mq_flags == 04000)
        out_flags(d, flags, (uint64_t)a->mq_flags, "O_???");
    else
        out_hex(d, (uint64_t)a->mq_flags);
    out(d, ", mq_maxmsg=%lld, mq_msgsize=%lld, mq_curmsgs=%lld}", (long long)a->mq_maxmsg, (long long)a->mq_msgsize,
        (long long)a->mq_curmsgs);
}

void print_queue_attr_in(struct decoder *d, uint64_t value)
{
    struct mq_attr a;

    if (fetch_in(d, value, &a, sizeof a))
        print_queue_attr(d, &a);
}

/* mq_open's, if it makes a queue. */
void print_queue_attr_new(struct decoder *d, uint64_t value)
{
    if (d->call->args[1] & 0100) /* O_CREAT */
        print_queue_attr_in(d, value);
    else
        d->skipped = true;
}

void print_queue_attr_out(struct decoder *d, uint64_t value)
{
    struct mq_attr a;

    if (fetch_out(d, value, &a, sizeof a))
        print_queue_attr(d, &a);
}
