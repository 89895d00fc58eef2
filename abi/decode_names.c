/*
 * Names of values: how lists of them are printed, and the lists that concern files.
 */
#include "abi/decode_internal.h"

#include <asm/fcntl.h>
#include <linux/close_range.h>
#include <linux/eventpoll.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/random.h>
#include <linux/xattr.h>

#include "abi/splice_flags.h"
#include "lib/mode.h"

/* Linux's own values that its exported headers lack. */
#define MNT_FORCE 1
#define MNT_DETACH 2
#define MNT_EXPIRE 4
#define UMOUNT_NOFOLLOW 8
#define F_OK 0
#define R_OK 4
#define W_OK 2
#define X_OK 1

const char *name_find(const struct name *names, uint64_t value)
{
    for (; names->text; names++) {
        if (names->value == value)
            return names->text;
    }
    return NULL;
}

void out_name(struct decoder *d, const struct name *names, uint64_t value, const char *unknown)
{
    const char *text = name_find(names, value);

    if (d->style->names == DECODE_NUMBERS)
        out_hex(d, value);
    else if (text && d->style->names == DECODE_NAMES)
        out_text(d, text);
    else
        out(d, "%#llx /* %s */", (unsigned long long)value, text ? text : unknown);
}

/* Prints the names of bits in order, `first` is put before the first; returns what is left without a name. */
static uint64_t out_bits(struct decoder *d, const struct name *names, uint64_t value, const char *first)
{
    for (; names->text && value; names++) {
        if (!names->value || (value & names->value) != names->value)
            continue;
        out_text(d, first);
        out_text(d, names->text);
        first = "|";
        value &= ~names->value;
    }
    return value;
}

static void out_named_flags(struct decoder *d, const struct name *names, uint64_t value, const char *unknown)
{
    size_t before = d->used;
    uint64_t rest = out_bits(d, names, value, "");

    if (value == 0)
        out_text(d, names->text && names->value == 0 ? names->text : "0");
    else if (rest == value)
        out(d, unknown ? "%#llx /* %s */" : "%#llx", (unsigned long long)rest, unknown);
    else if (rest)
        out(d, "%s%#llx", d->used > before ? "|" : "", (unsigned long long)rest);
}

void out_flags(struct decoder *d, const struct name *names, uint64_t value, const char *unknown)
{
    bool has_name = value == 0 ? names->text && names->value == 0 : false;

    for (const struct name *n = names; n->text && !has_name; n++)
        has_name = n->value && (value & n->value) == n->value;
    if (d->style->names == DECODE_NUMBERS) {
        out_hex(d, value);
    } else if (d->style->names == DECODE_BOTH && has_name) {
        out(d, "%#llx /* ", (unsigned long long)value);
        out_named_flags(d, names, value, unknown);
        out_text(d, " */");
    } else {
        out_named_flags(d, names, value, unknown);
    }
}

static const struct name access_modes[] = {NAME(O_RDONLY), NAME(O_WRONLY), NAME(O_RDWR), NAME(O_ACCMODE), NAME_END};

static const struct name open_flags[] = {
    NAME(O_CREAT),  NAME(O_EXCL),     NAME(O_NOCTTY),  NAME(O_TRUNC),     NAME(O_APPEND), NAME(O_NONBLOCK),
    NAME(O_SYNC),   NAME(__O_SYNC),   NAME(O_DSYNC),   NAME(O_DIRECT),    {0100000, "O_LARGEFILE"},
    NAME(O_NOFOLLOW), NAME(O_NOATIME), NAME(O_CLOEXEC), NAME(O_PATH),     NAME(O_TMPFILE), NAME(__O_TMPFILE),
    NAME(O_DIRECTORY), NAME(FASYNC),  NAME_END};

bool parts_begin(struct decoder *d, uint64_t value, struct parts *p)
{
    p->before = d->style;
    if (d->style->names != DECODE_NAMES)
        out_hex(d, value);
    if (d->style->names == DECODE_NUMBERS)
        return false;
    if (d->style->names == DECODE_BOTH) {
        out_text(d, " /* ");
        p->style = *d->style;
        p->style.names = DECODE_NAMES;
        d->style = &p->style;
    }
    return true;
}

void parts_end(struct decoder *d, struct parts *p)
{
    d->style = p->before;
    if (d->style->names == DECODE_BOTH)
        out_text(d, " */");
}

void out_open_flags(struct decoder *d, uint64_t value)
{
    if (d->style->names != DECODE_NAMES)
        out(d, d->style->names == DECODE_BOTH ? "%#llx /* " : "%#llx", (unsigned long long)value);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out_text(d, name_find(access_modes, value & O_ACCMODE));
    uint64_t rest = out_bits(d, open_flags, value & ~(uint64_t)O_ACCMODE, "|");
    if (rest)
        out(d, "|%#llx", (unsigned long long)rest);
    out_text(d, d->style->names == DECODE_BOTH ? " */" : "");
}

void print_open_flags(struct decoder *d, uint64_t value)
{
    out_open_flags(d, (uint32_t)value);
}

void print_open_flags_no_mode(struct decoder *d, uint64_t value)
{
    out_flags(d, open_flags, (uint32_t)value, "O_???");
}

DECODE_FLAGS(at_flags, "AT_???", NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_REMOVEDIR), NAME(AT_SYMLINK_FOLLOW),
      NAME(AT_NO_AUTOMOUNT), NAME(AT_EMPTY_PATH), NAME(AT_RECURSIVE))

DECODE_FLAGS(faccess_flags, "AT_???", NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_EACCESS), NAME(AT_EMPTY_PATH))

DECODE_FLAGS(unlink_flags, "AT_???", NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_REMOVEDIR), NAME(AT_SYMLINK_FOLLOW),
      NAME(AT_NO_AUTOMOUNT), NAME(AT_EMPTY_PATH), NAME(AT_RECURSIVE))

void print_statx_flags(struct decoder *d, uint64_t value)
{
    static const struct name sync_types[] = {NAME(AT_STATX_SYNC_AS_STAT), NAME(AT_STATX_FORCE_SYNC),
                                             NAME(AT_STATX_DONT_SYNC), NAME_END};

    out_flags(d, sync_types, value & AT_STATX_SYNC_TYPE, "AT_???");
    value = (uint32_t)value & ~AT_STATX_SYNC_TYPE;
    if (value) {
        out_text(d, "|");
        print_at_flags(d, value);
    }
}

DECODE_FLAGS(statx_mask, "STATX_???", NAME(STATX_ALL), NAME(STATX_BASIC_STATS), NAME(STATX_TYPE), NAME(STATX_MODE),
      NAME(STATX_NLINK), NAME(STATX_UID), NAME(STATX_GID), NAME(STATX_ATIME), NAME(STATX_MTIME), NAME(STATX_CTIME),
      NAME(STATX_INO), NAME(STATX_SIZE), NAME(STATX_BLOCKS), NAME(STATX_BTIME), NAME(STATX_MNT_ID),
      {0x2000, "STATX_DIOALIGN"})

DECODE_FLAGS(access_mode, "?_OK", NAME(F_OK), NAME(R_OK), NAME(W_OK), NAME(X_OK))

DECODE_VALUES(whence, "SEEK_???", NAME(SEEK_SET), NAME(SEEK_CUR), NAME(SEEK_END), NAME(SEEK_DATA), NAME(SEEK_HOLE))

DECODE_FLAGS(flock_op, "LOCK_???", NAME(LOCK_SH), NAME(LOCK_EX), NAME(LOCK_NB), NAME(LOCK_UN), NAME(LOCK_MAND), NAME(LOCK_RW),
      NAME(LOCK_READ), NAME(LOCK_WRITE))

DECODE_FLAGS(falloc_mode, "FALLOC_FL_???", NAME(FALLOC_FL_KEEP_SIZE), NAME(FALLOC_FL_PUNCH_HOLE),
      NAME(FALLOC_FL_NO_HIDE_STALE), NAME(FALLOC_FL_COLLAPSE_RANGE), NAME(FALLOC_FL_ZERO_RANGE),
      NAME(FALLOC_FL_INSERT_RANGE), NAME(FALLOC_FL_UNSHARE_RANGE))

DECODE_VALUES(fadvice, "POSIX_FADV_???", NAME(POSIX_FADV_NORMAL), NAME(POSIX_FADV_RANDOM), NAME(POSIX_FADV_SEQUENTIAL),
       NAME(POSIX_FADV_WILLNEED), NAME(POSIX_FADV_DONTNEED), NAME(POSIX_FADV_NOREUSE))

DECODE_FLAGS(rename_flags, "RENAME_??", NAME(RENAME_NOREPLACE), NAME(RENAME_EXCHANGE), NAME(RENAME_WHITEOUT))

DECODE_FLAGS(rwf_flags, "RWF_???", {1, "RWF_HIPRI"}, {2, "RWF_DSYNC"}, {4, "RWF_SYNC"}, {8, "RWF_NOWAIT"}, {16, "RWF_APPEND"})

DECODE_FLAGS(splice_flags, "SPLICE_F_???", NAME(SPLICE_F_MOVE), NAME(SPLICE_F_NONBLOCK), NAME(SPLICE_F_MORE),
      NAME(SPLICE_F_GIFT))

DECODE_FLAGS(signalfd_flags, "SFD_???", {O_CLOEXEC, "SFD_CLOEXEC"}, {O_NONBLOCK, "SFD_NONBLOCK"})

DECODE_FLAGS(xattr_flags, "XATTR_???", NAME(XATTR_CREATE), NAME(XATTR_REPLACE))

static uint64_t mount_flags_plain(uint64_t flags)
{
    return (flags & MS_MGC_MSK) == MS_MGC_VAL ? flags & ~(uint64_t)MS_MGC_MSK : flags;
}

/* An old magic number in the upper half is shown apart. */
void print_mount_flags(struct decoder *d, uint64_t value)
{
    static const struct name magic[] = {NAME(MS_MGC_VAL), NAME_END};
    static const struct name names[] = {
        NAME(MS_RDONLY), NAME(MS_NOSUID), NAME(MS_NODEV), NAME(MS_NOEXEC), NAME(MS_SYNCHRONOUS), NAME(MS_REMOUNT),
        NAME(MS_MANDLOCK), NAME(MS_DIRSYNC), NAME(MS_NOSYMFOLLOW), NAME(MS_NOATIME), NAME(MS_NODIRATIME), NAME(MS_BIND),
        NAME(MS_MOVE), NAME(MS_REC), NAME(MS_SILENT), NAME(MS_POSIXACL), NAME(MS_UNBINDABLE), NAME(MS_PRIVATE),
        NAME(MS_SLAVE), NAME(MS_SHARED), NAME(MS_RELATIME), NAME(MS_KERNMOUNT), NAME(MS_I_VERSION), NAME(MS_STRICTATIME),
        NAME(MS_LAZYTIME), {1u << 26, "MS_SUBMOUNT"}, {1u << 27, "MS_NOREMOTELOCK"}, {1u << 28, "MS_NOSEC"},
        {1u << 29, "MS_BORN"}, {1u << 30, "MS_ACTIVE"}, {1u << 31, "MS_NOUSER"}, NAME_END};

    if ((value & MS_MGC_MSK) == MS_MGC_VAL) {
        out_name(d, magic, MS_MGC_VAL, "");
        value &= ~(uint64_t)MS_MGC_MSK;
        if (!value)
            return;
        out_text(d, "|");
    }
    out_flags(d, names, value, "MS_???");
}

#define MS_PROPAGATION (MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)

/* Which of these mount looks at depends on the flags: the others may point anywhere. */
void print_mount_type(struct decoder *d, uint64_t value)
{
    if (mount_flags_plain(d->call->args[d->index + 1]) & (MS_REMOUNT | MS_BIND | MS_MOVE | MS_PROPAGATION))
        out_address(d, value);
    else
        print_string(d, value);
}

void print_mount_data(struct decoder *d, uint64_t value)
{
    uint64_t flags = mount_flags_plain(d->call->args[d->index - 1]);

    if (!(flags & MS_REMOUNT) && (flags & (MS_BIND | MS_MOVE | MS_PROPAGATION)))
        out_address(d, value);
    else
        print_string(d, value);
}

DECODE_FLAGS(umount_flags, "MNT_???", NAME(MNT_FORCE), NAME(MNT_DETACH), NAME(MNT_EXPIRE), NAME(UMOUNT_NOFOLLOW))

void print_mfd_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(MFD_CLOEXEC), NAME(MFD_ALLOW_SEALING), NAME(MFD_HUGETLB), NAME_END};
    uint32_t flags = (uint32_t)value, shift = flags >> MFD_HUGE_SHIFT, rest = flags & ((1u << MFD_HUGE_SHIFT) - 1);
    struct parts p;

    if (!shift) {
        out_flags(d, names, flags, "MFD_???");
        return;
    }
    if (!parts_begin(d, flags, &p))
        return;
    if (rest) {
        out_flags(d, names, rest, "MFD_???");
        out_text(d, "|");
    }
    out(d, "%u<<MFD_HUGE_SHIFT", shift);
    parts_end(d, &p);
}

DECODE_FLAGS(close_range_flags, "CLOSE_RANGE_???", NAME(CLOSE_RANGE_UNSHARE), NAME(CLOSE_RANGE_CLOEXEC))

DECODE_FLAGS(epoll_flags, "EPOLL_???", NAME(EPOLL_CLOEXEC))

DECODE_VALUES(epoll_op, "EPOLL_CTL_???", NAME(EPOLL_CTL_ADD), NAME(EPOLL_CTL_DEL), NAME(EPOLL_CTL_MOD))

DECODE_FLAGS(eventfd_flags, "EFD_???", {1, "EFD_SEMAPHORE"}, {O_CLOEXEC, "EFD_CLOEXEC"}, {O_NONBLOCK, "EFD_NONBLOCK"})

DECODE_FLAGS(grnd_flags, "GRND_???", NAME(GRND_NONBLOCK), NAME(GRND_RANDOM), NAME(GRND_INSECURE))
