/*
 * Printers of inotify's and fanotify's arguments.
 */
#include "abi/decode_internal.h"

#include <linux/fanotify.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>

DECODE_FLAGS(inotify_init_flags, "IN_???", NAME(IN_NONBLOCK), NAME(IN_CLOEXEC))

DECODE_FLAGS(inotify_mask, "IN_???", NAME(IN_ACCESS), NAME(IN_MODIFY), NAME(IN_ATTRIB), NAME(IN_CLOSE_WRITE), NAME(IN_CLOSE_NOWRITE),
             NAME(IN_OPEN), NAME(IN_MOVED_FROM), NAME(IN_MOVED_TO), NAME(IN_CREATE), NAME(IN_DELETE), NAME(IN_DELETE_SELF),
             NAME(IN_MOVE_SELF), NAME(IN_UNMOUNT), NAME(IN_Q_OVERFLOW), NAME(IN_IGNORED), NAME(IN_ONLYDIR),
             NAME(IN_DONT_FOLLOW), NAME(IN_EXCL_UNLINK), NAME(IN_MASK_CREATE), NAME(IN_MASK_ADD), NAME(IN_ISDIR), NAME(IN_ONESHOT))

#define FAN_CLASSES 0xcu /* the class is a number in these bits */

void print_fanotify_flags(struct decoder *d, uint64_t value)
{
    static const struct name classes[] = {NAME(FAN_CLASS_NOTIF), NAME(FAN_CLASS_CONTENT), NAME(FAN_CLASS_PRE_CONTENT), NAME_END};
    static const struct name flags[] = {
        NAME(FAN_CLOEXEC), NAME(FAN_NONBLOCK), NAME(FAN_UNLIMITED_QUEUE), NAME(FAN_UNLIMITED_MARKS), NAME(FAN_ENABLE_AUDIT),
        NAME(FAN_REPORT_PIDFD), NAME(FAN_REPORT_TID), NAME(FAN_REPORT_FID), NAME(FAN_REPORT_DIR_FID), NAME(FAN_REPORT_NAME),
        NAME(FAN_REPORT_TARGET_FID), NAME_END};
    uint32_t rest = (uint32_t)value & ~FAN_CLASSES;

    out_name(d, classes, value & FAN_CLASSES, "FAN_CLASS_???");
    if (rest) {
        out_text(d, "|");
        out_flags(d, flags, rest, "FAN_???");
    }
}

DECODE_FLAGS(fanotify_mark_flags, "FAN_MARK_???", NAME(FAN_MARK_ADD), NAME(FAN_MARK_REMOVE), NAME(FAN_MARK_DONT_FOLLOW),
             NAME(FAN_MARK_ONLYDIR), NAME(FAN_MARK_MOUNT), NAME(FAN_MARK_IGNORED_MASK), NAME(FAN_MARK_IGNORED_SURV_MODIFY),
             NAME(FAN_MARK_FLUSH), NAME(FAN_MARK_FILESYSTEM), NAME(FAN_MARK_EVICTABLE), NAME(FAN_MARK_IGNORE))

void print_fanotify_mask(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        NAME(FAN_ACCESS), NAME(FAN_MODIFY), NAME(FAN_ATTRIB), NAME(FAN_CLOSE_WRITE), NAME(FAN_CLOSE_NOWRITE), NAME(FAN_OPEN),
        NAME(FAN_MOVED_FROM), NAME(FAN_MOVED_TO), NAME(FAN_CREATE), NAME(FAN_DELETE), NAME(FAN_DELETE_SELF), NAME(FAN_MOVE_SELF),
        NAME(FAN_OPEN_EXEC), NAME(FAN_Q_OVERFLOW), NAME(FAN_FS_ERROR), NAME(FAN_OPEN_PERM), NAME(FAN_ACCESS_PERM),
        NAME(FAN_OPEN_EXEC_PERM), {0x80000, "FAN_DIR_MODIFY"}, NAME(FAN_ONDIR), NAME(FAN_EVENT_ON_CHILD), NAME(FAN_RENAME), NAME_END};

    out_flags(d, names, value, "FAN_???");
}

/* -1 means no folder here, not a wrong one. */
void print_fanotify_dirfd(struct decoder *d, uint64_t value)
{
    if ((int)value != FAN_NOFD || d->style->names == DECODE_NUMBERS)
        print_dirfd(d, value);
    else
        out_text(d, d->style->names == DECODE_BOTH ? "-1 /* FAN_NOFD */" : "FAN_NOFD");
}
