/*
 * Printers of single calls: kcmp, userfaultfd, memfd_secret, sync_file_range, modify_ldt, ustat.
 */
#include "abi/decode_fields.h"

#include <asm/fcntl.h>
#include <asm/ldt.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <linux/userfaultfd.h>

/* A call that Linux has no more. */
void print_sysctl_args(struct decoder *d, uint64_t value)
{
    struct {
        uint64_t name;
        int32_t nlen;
        uint64_t oldval, oldlenp, newval, newlen;
    } a;

    if (!fetch_in(d, value, &a, sizeof a))
        return;
    out_text(d, "{name=");
    out_address(d, a.name);
    out(d, ", nlen=%d, oldval=", a.nlen);
    out_address(d, a.oldval);
    out_text(d, ", oldlenp=");
    out_address(d, a.oldlenp);
    out_text(d, ", newval=");
    out_address(d, a.newval);
    out(d, ", newlen=%llu}", (unsigned long long)a.newlen);
}

DECODE_VALUES(kcmp_type, "KCMP_???", NAME(KCMP_FILE), NAME(KCMP_VM), NAME(KCMP_FILES), NAME(KCMP_FS), NAME(KCMP_SIGHAND), NAME(KCMP_IO),
              NAME(KCMP_SYSVSEM), NAME(KCMP_EPOLL_TFD))

/* Descriptors of the two tasks, which a reader of this one's calls does not know but for the own. */
void print_kcmp_index(struct decoder *d, uint64_t value)
{
    static const struct field fields[] = {FIELD(struct kcmp_epoll_slot, efd, FIELD_SIGNED), FIELD(struct kcmp_epoll_slot, tfd, FIELD_SIGNED),
                                          FIELD(struct kcmp_epoll_slot, toff, FIELD_UNSIGNED), FIELD_END};
    struct kcmp_epoll_slot slot;

    switch ((uint32_t)d->call->args[2]) {
    case KCMP_FILE:
        out_fd(d, (int)value);
        break;
    case KCMP_EPOLL_TFD:
        if (d->index == 3) {
            out_fd(d, (int)value);
        } else if (fetch_in(d, value, &slot, sizeof slot)) {
            out_text(d, "{");
            out_fields(d, &slot, sizeof slot, fields);
            out_text(d, "}");
        }
        break;
    case KCMP_VM:
    case KCMP_FILES:
    case KCMP_FS:
    case KCMP_SIGHAND:
    case KCMP_IO:
    case KCMP_SYSVSEM:
        d->skipped = true;
        break;
    default:
        out_hex(d, value);
    }
}

DECODE_FLAGS(userfaultfd_flags, "UFFD_???", NAME(UFFD_USER_MODE_ONLY), NAME(O_NONBLOCK), NAME(O_CLOEXEC))

DECODE_FLAGS(secret_flags, NULL, NAME(O_CLOEXEC))

DECODE_FLAGS(sync_range_flags, "SYNC_FILE_RANGE_???", NAME(SYNC_FILE_RANGE_WAIT_BEFORE), NAME(SYNC_FILE_RANGE_WRITE),
             NAME(SYNC_FILE_RANGE_WAIT_AFTER))

/* A descriptor of a segment, the size of which is the next argument. */
void print_segment_descriptor(struct decoder *d, uint64_t value)
{
    struct user_desc u;

    if (d->call->args[d->index + 1] != sizeof u) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &u, sizeof u))
        return;
    out(d, (int)u.entry_number == -1 ? "{entry_number=-1" : "{entry_number=%u", u.entry_number);
    out(d, ", base_addr=%#08x, limit=%#08x, seg_32bit=%u, contents=%u, read_exec_only=%u, limit_in_pages=%u, seg_not_present=%u, ", u.base_addr,
        u.limit, u.seg_32bit, u.contents, u.read_exec_only, u.limit_in_pages, u.seg_not_present);
    out(d, "useable=%u, lm=%u}", u.useable, u.lm);
}
