/*
 * Printers of io_uring's calls.
 */
#include "abi/decode_fields.h"

#include <linux/io_uring.h>

#include "lib/string.h"

static const struct name setup_flags[] = {
    NAME(IORING_SETUP_IOPOLL), NAME(IORING_SETUP_SQPOLL), NAME(IORING_SETUP_SQ_AFF), NAME(IORING_SETUP_CQSIZE), NAME(IORING_SETUP_CLAMP),
    NAME(IORING_SETUP_ATTACH_WQ), NAME(IORING_SETUP_R_DISABLED), NAME(IORING_SETUP_SUBMIT_ALL), NAME(IORING_SETUP_COOP_TASKRUN),
    NAME(IORING_SETUP_TASKRUN_FLAG), NAME(IORING_SETUP_SQE128), NAME(IORING_SETUP_CQE32), NAME_END};
static const struct name features[] = {
    NAME(IORING_FEAT_SINGLE_MMAP), NAME(IORING_FEAT_NODROP), NAME(IORING_FEAT_SUBMIT_STABLE), NAME(IORING_FEAT_RW_CUR_POS),
    NAME(IORING_FEAT_CUR_PERSONALITY), NAME(IORING_FEAT_FAST_POLL), NAME(IORING_FEAT_POLL_32BITS), NAME(IORING_FEAT_SQPOLL_NONFIXED),
    NAME(IORING_FEAT_EXT_ARG), NAME(IORING_FEAT_NATIVE_WORKERS), NAME(IORING_FEAT_RSRC_TAGS), NAME(IORING_FEAT_CQE_SKIP),
    NAME(IORING_FEAT_LINKED_FILE), NAME_END};

/* What was asked for, and where the rings are, if they were made. */
static void print_ring_offsets(struct decoder *d, const struct io_uring_params *p)
{
    static const struct field counts[] = {FIELD(struct io_uring_params, sq_entries, FIELD_UNSIGNED),
                                          FIELD(struct io_uring_params, cq_entries, FIELD_UNSIGNED),
                                          FIELD(struct io_uring_params, features, FIELD_FLAGS, features, "IORING_FEAT_???"), FIELD_END};
    static const struct field submission[] = {
        FIELD(struct io_sqring_offsets, head, FIELD_UNSIGNED), FIELD(struct io_sqring_offsets, tail, FIELD_UNSIGNED),
        FIELD(struct io_sqring_offsets, ring_mask, FIELD_UNSIGNED), FIELD(struct io_sqring_offsets, ring_entries, FIELD_UNSIGNED),
        FIELD(struct io_sqring_offsets, flags, FIELD_UNSIGNED), FIELD(struct io_sqring_offsets, dropped, FIELD_UNSIGNED),
        FIELD(struct io_sqring_offsets, array, FIELD_UNSIGNED), FIELD(struct io_sqring_offsets, resv1, FIELD_PADDING),
        FIELD(struct io_sqring_offsets, resv2, FIELD_PADDING), FIELD_END};
    static const struct field completion[] = {
        FIELD(struct io_cqring_offsets, head, FIELD_UNSIGNED), FIELD(struct io_cqring_offsets, tail, FIELD_UNSIGNED),
        FIELD(struct io_cqring_offsets, ring_mask, FIELD_UNSIGNED), FIELD(struct io_cqring_offsets, ring_entries, FIELD_UNSIGNED),
        FIELD(struct io_cqring_offsets, overflow, FIELD_UNSIGNED), FIELD(struct io_cqring_offsets, cqes, FIELD_UNSIGNED),
        FIELD(struct io_cqring_offsets, flags, FIELD_UNSIGNED), FIELD(struct io_cqring_offsets, resv1, FIELD_PADDING),
        FIELD(struct io_cqring_offsets, resv2, FIELD_PADDING), FIELD_END};

    out_text(d, ", ");
    out_fields(d, p, sizeof *p, counts);
    out_text(d, ", sq_off={");
    out_fields(d, &p->sq_off, sizeof p->sq_off, submission);
    out_text(d, "}, cq_off={");
    out_fields(d, &p->cq_off, sizeof p->cq_off, completion);
    out_text(d, "}");
}

void print_uring_params(struct decoder *d, uint64_t value)
{
    static const struct field asked[] = {FIELD(struct io_uring_params, resv, FIELD_WORDS), FIELD_END};
    struct io_uring_params p, after;

    if (!fetch_in(d, value, &p, sizeof p))
        return;
    out_text(d, "{flags=");
    out_flags(d, setup_flags, p.flags, "IORING_SETUP_???");
    out_text(d, ", sq_thread_cpu=");
    out_hex(d, p.sq_thread_cpu);
    out(d, ", sq_thread_idle=%u", p.sq_thread_idle);
    if (p.flags & IORING_SETUP_ATTACH_WQ) {
        out_text(d, ", wq_fd=");
        out_fd(d, (int)p.wq_fd);
    }
    out_more_fields(d, &p, sizeof p, asked);
    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, value, &after, sizeof after))
        print_ring_offsets(d, &after);
    out_text(d, "}");
}

DECODE_FLAGS(uring_enter_flags, "IORING_ENTER_???", NAME(IORING_ENTER_GETEVENTS), NAME(IORING_ENTER_SQ_WAKEUP),
             NAME(IORING_ENTER_SQ_WAIT), NAME(IORING_ENTER_EXT_ARG), NAME(IORING_ENTER_REGISTERED_RING))

DECODE_VALUES(uring_register_op, "IORING_REGISTER_???", NAME(IORING_REGISTER_BUFFERS), NAME(IORING_UNREGISTER_BUFFERS),
              NAME(IORING_REGISTER_FILES), NAME(IORING_UNREGISTER_FILES), NAME(IORING_REGISTER_EVENTFD), NAME(IORING_UNREGISTER_EVENTFD),
              NAME(IORING_REGISTER_FILES_UPDATE), NAME(IORING_REGISTER_EVENTFD_ASYNC), NAME(IORING_REGISTER_PROBE),
              NAME(IORING_REGISTER_PERSONALITY), NAME(IORING_UNREGISTER_PERSONALITY), NAME(IORING_REGISTER_RESTRICTIONS),
              NAME(IORING_REGISTER_ENABLE_RINGS), NAME(IORING_REGISTER_FILES2), NAME(IORING_REGISTER_FILES_UPDATE2),
              NAME(IORING_REGISTER_BUFFERS2), NAME(IORING_REGISTER_BUFFERS_UPDATE), NAME(IORING_REGISTER_IOWQ_AFF),
              NAME(IORING_UNREGISTER_IOWQ_AFF), NAME(IORING_REGISTER_IOWQ_MAX_WORKERS), NAME(IORING_REGISTER_RING_FDS),
              NAME(IORING_UNREGISTER_RING_FDS), NAME(IORING_REGISTER_PBUF_RING), NAME(IORING_UNREGISTER_PBUF_RING))

static void print_ring_fd(struct decoder *d, const void *element)
{
    out_fd(d, *(const int32_t *)element);
}

/* What the operation takes: descriptors and buffers; what else there is, by its address. */
void print_uring_register_arg(struct decoder *d, uint64_t value)
{
    uint32_t count = (uint32_t)d->call->args[3];

    switch ((uint32_t)d->call->args[1]) {
    case IORING_REGISTER_BUFFERS:
        out_iov(d, &(struct iov_view){.address = value, .count = count, .which = MEMORY_IN, .foreign = true});
        break;
    case IORING_REGISTER_FILES:
    case IORING_REGISTER_EVENTFD:
    case IORING_REGISTER_EVENTFD_ASYNC:
        out_array(d, &(struct array_view){value, count, sizeof(int32_t), MEMORY_IN, print_ring_fd});
        break;
    default:
        out_address(d, value);
    }
}
