/*
 * Printers of structures that calls read or store: files, limits, usage, names of the system, sets of CPUs.
 */
#include "abi/decode_internal.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "lib/mode.h"
#include "lib/string.h"

#define DIRENT64_HEADER 19 /* d_ino, d_off, d_reclen, d_type of struct linux_dirent64 */
#define DIRENT_HEADER 18   /* d_ino, d_off, d_reclen of struct linux_dirent */
#define DIRENT_SHOWN 304   /* bytes of the longest entry */
#define GROUPS_MAX 65536u /* NGROUPS_MAX of Linux: more are refused */
#define DIRENT_RECLEN 16   /* offset of d_reclen in both */

static void print_stat_time(struct decoder *d, const char *name, int64_t seconds, uint64_t fraction)
{
    out(d, ", st_%s=%lld", name, (long long)seconds);
    out_date(d, seconds, (int64_t)fraction);
    out(d, ", st_%s_nsec=%llu", name, (unsigned long long)fraction);
}

void print_stat(struct decoder *d, uint64_t value)
{
    struct stat st;

    if (!fetch_out(d, value, &st, sizeof st))
        return;
    out_text(d, "{");
    if (d->style->whole) {
        out_text(d, "st_dev=");
        print_dev(d, st.st_dev);
        out(d, ", st_ino=%llu, ", (unsigned long long)st.st_ino);
    }
    out_text(d, "st_mode=");
    out_mode(d, st.st_mode);
    if (d->style->whole)
        out(d, ", st_nlink=%llu, st_uid=%u, st_gid=%u, st_blksize=%llu, st_blocks=%llu", (unsigned long long)st.st_nlink,
            st.st_uid, st.st_gid, (unsigned long long)st.st_blksize, (unsigned long long)st.st_blocks);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        out_text(d, ", st_rdev=");
        print_dev(d, st.st_rdev);
    } else {
        out_text(d, ", st_size=");
        out_unsigned(d, (uint64_t)st.st_size);
    }
    if (d->style->whole) {
        print_stat_time(d, "atime", (int64_t)st.st_atime, st.st_atime_nsec);
        print_stat_time(d, "mtime", (int64_t)st.st_mtime, st.st_mtime_nsec);
        print_stat_time(d, "ctime", (int64_t)st.st_ctime, st.st_ctime_nsec);
    }
    out_text(d, d->style->whole ? "}" : ", ...}");
}

static void print_statx_time(struct decoder *d, bool is_there, const char *name, const struct statx_timestamp *t)
{
    if (!is_there)
        return;
    out(d, ", stx_%s={tv_sec=%lld, tv_nsec=%u}", name, (long long)t->tv_sec, t->tv_nsec);
    out_date(d, t->tv_sec, t->tv_nsec);
}

static void print_statx_owner(struct decoder *d, const struct statx *st)
{
    if (st->stx_mask & STATX_NLINK)
        out(d, ", stx_nlink=%u", st->stx_nlink);
    if (st->stx_mask & STATX_UID)
        out(d, ", stx_uid=%u", st->stx_uid);
    if (st->stx_mask & STATX_GID)
        out(d, ", stx_gid=%u", st->stx_gid);
}

static void print_statx_rest(struct decoder *d, const struct statx *st, const struct name *attributes)
{
    if (st->stx_mask & STATX_BLOCKS)
        out(d, ", stx_blocks=%llu", (unsigned long long)st->stx_blocks);
    out_text(d, ", stx_attributes_mask=");
    out_flags(d, attributes, st->stx_attributes_mask, "STATX_ATTR_???");
    print_statx_time(d, st->stx_mask & STATX_ATIME, "atime", &st->stx_atime);
    print_statx_time(d, st->stx_mask & STATX_BTIME, "btime", &st->stx_btime);
    print_statx_time(d, st->stx_mask & STATX_CTIME, "ctime", &st->stx_ctime);
    print_statx_time(d, st->stx_mask & STATX_MTIME, "mtime", &st->stx_mtime);
    out(d, ", stx_rdev_major=%u, stx_rdev_minor=%u, stx_dev_major=%u, stx_dev_minor=%u", st->stx_rdev_major,
        st->stx_rdev_minor, st->stx_dev_major, st->stx_dev_minor);
    if (st->stx_mask & STATX_MNT_ID)
        out(d, ", stx_mnt_id=%#llx", (unsigned long long)st->stx_mnt_id);
}

void print_statx(struct decoder *d, uint64_t value)
{
    static const struct name attributes[] = {
        NAME(STATX_ATTR_COMPRESSED), NAME(STATX_ATTR_IMMUTABLE), NAME(STATX_ATTR_APPEND), NAME(STATX_ATTR_NODUMP),
        NAME(STATX_ATTR_ENCRYPTED), NAME(STATX_ATTR_AUTOMOUNT), NAME(STATX_ATTR_MOUNT_ROOT), NAME(STATX_ATTR_VERITY),
        NAME(STATX_ATTR_DAX), NAME_END};
    struct statx st;

    if (!fetch_out(d, value, &st, sizeof st))
        return;
    out_text(d, "{stx_mask=");
    print_statx_mask(d, st.stx_mask);
    if (d->style->whole)
        out(d, ", stx_blksize=%u", st.stx_blksize);
    out_text(d, ", stx_attributes=");
    out_flags(d, attributes, st.stx_attributes, "STATX_ATTR_???");
    if (d->style->whole)
        print_statx_owner(d, &st);
    if (st.stx_mask & (STATX_TYPE | STATX_MODE)) {
        out_text(d, ", stx_mode=");
        out_mode(d, st.stx_mode);
    }
    if (d->style->whole && (st.stx_mask & STATX_INO))
        out(d, ", stx_ino=%llu", (unsigned long long)st.stx_ino);
    if (st.stx_mask & STATX_SIZE)
        out(d, ", stx_size=%llu", (unsigned long long)st.stx_size);
    if (d->style->whole)
        print_statx_rest(d, &st, attributes);
    out_text(d, d->style->whole ? "}" : ", ...}");
}

void print_statfs(struct decoder *d, uint64_t value)
{
    static const struct name types[] = {NAME(TMPFS_MAGIC), NAME(PROC_SUPER_MAGIC), NAME(DEVPTS_SUPER_MAGIC),
                                        NAME(RAMFS_MAGIC), NAME(SYSFS_MAGIC), NAME(EXT2_SUPER_MAGIC),
                                        NAME(OVERLAYFS_SUPER_MAGIC), NAME(PIPEFS_MAGIC), NAME(SOCKFS_MAGIC), NAME_END};
    static const struct name flags[] = {{0x20, "ST_VALID"},        {1, "ST_RDONLY"},       {2, "ST_NOSUID"},
                                        {4, "ST_NODEV"},           {8, "ST_NOEXEC"},       {16, "ST_SYNCHRONOUS"},
                                        {64, "ST_MANDLOCK"},       {1024, "ST_NOATIME"},   {2048, "ST_NODIRATIME"},
                                        {4096, "ST_RELATIME"},     {8192, "ST_NOSYMFOLLOW"}, NAME_END};
    struct statfs s;

    if (!fetch_out(d, value, &s, sizeof s))
        return;
    out_text(d, "{f_type=");
    out_name(d, types, (uint64_t)s.f_type, "???_MAGIC");
    out(d, ", f_bsize=%llu, f_blocks=%llu, f_bfree=%llu, f_bavail=%llu, f_files=%llu, f_ffree=%llu",
        (unsigned long long)s.f_bsize, (unsigned long long)s.f_blocks, (unsigned long long)s.f_bfree,
        (unsigned long long)s.f_bavail, (unsigned long long)s.f_files, (unsigned long long)s.f_ffree);
    out(d, ", f_fsid={val=[%#x, %#x]}, f_namelen=%llu, f_frsize=%llu", s.f_fsid.val[0], s.f_fsid.val[1],
        (unsigned long long)s.f_namelen, (unsigned long long)s.f_frsize);
    if (s.f_flags & 0x20) {
        out_text(d, ", f_flags=");
        out_flags(d, flags, (uint64_t)s.f_flags, "ST_???");
    }
    out_text(d, "}");
}

/* Entries with their names, as far as they were kept. */
static void print_entries_whole(struct decoder *d, uint64_t address, uint64_t size, bool is_64)
{
    static const struct name types[] = {{0, "DT_UNKNOWN"}, {1, "DT_FIFO"}, {2, "DT_CHR"}, {4, "DT_DIR"}, {6, "DT_BLK"},
                                        {8, "DT_REG"}, {10, "DT_LNK"}, {12, "DT_SOCK"}, NAME_END};
    unsigned header = is_64 ? DIRENT64_HEADER : DIRENT_HEADER;
    uint8_t entry[DIRENT_SHOWN];
    struct {
        uint64_t inode, offset;
        uint16_t length;
    } e;

    out_text(d, "[");
    for (uint64_t at = 0; at < size; at += e.length) {
        size_t known = memory_read_some(d, MEMORY_OUT, address + at, entry, MIN((size_t)(size - at), sizeof entry));
        memcpy(&e, entry, sizeof e.inode + sizeof e.offset + sizeof e.length);
        out_text(d, at ? ", " : "");
        if (known < header || e.length < header || e.length > known) {
            out_text(d, "...");
            break;
        }
        out(d, "{d_ino=%llu, d_off=%lld, d_reclen=%u", (unsigned long long)e.inode, (long long)e.offset, e.length);
        if (is_64) {
            out_text(d, ", d_type=");
            out_name(d, types, entry[header - 1], "DT_???");
        }
        out_text(d, ", d_name=");
        out_quoted(d, entry + header, strnlen((char *)entry + header, e.length - header), false);
        if (!is_64) {
            out_text(d, ", d_type=");
            out_name(d, types, entry[e.length - 1], "DT_???");
        }
        out_text(d, "}");
    }
    out_text(d, "]");
}

/* How many entries lie in `size` bytes; -1: not all of them are known. */
static int entries_count(struct decoder *d, uint64_t address, uint64_t size, unsigned header)
{
    uint8_t bytes[DECODE_STRING_LIMIT];
    uint64_t first = 0, known = 0; /* of `bytes` */
    int count = 0;
    uint16_t length;

    for (uint64_t at = 0; at < size; at += length, count++) {
        if (at + DIRENT_RECLEN + sizeof length > first + known) {
            first = at;
            known = memory_read_some(d, MEMORY_OUT, address + at, bytes, (size_t)MIN(size - at, (uint64_t)sizeof bytes));
        }
        if (known < at - first + DIRENT_RECLEN + sizeof length)
            return -1;
        memcpy(&length, bytes + at - first + DIRENT_RECLEN, sizeof length);
        if (length < header)
            return -1;
    }
    return count;
}

/* Directory entries are counted, as strace does by default. */
static void print_entries(struct decoder *d, uint64_t address, unsigned header)
{
    uint64_t size = call_succeeded(d) ? (uint64_t)d->call->result : 0;
    int count;

    if (d->style->addresses) {
        out_address(d, address);
        return;
    }
    if (d->style->whole && call_succeeded(d) && address) {
        print_entries_whole(d, address, size, header == DIRENT64_HEADER);
        return;
    }
    out_address(d, address);
    if (!call_succeeded(d) || !address)
        return;
    count = entries_count(d, address, size, header);
    if (count >= 0)
        out(d, " /* %d entries */", count);
}

void print_dents(struct decoder *d, uint64_t value)
{
    print_entries(d, value, DIRENT_HEADER);
}

void print_dents64(struct decoder *d, uint64_t value)
{
    print_entries(d, value, DIRENT64_HEADER);
}

void print_utsname(struct decoder *d, uint64_t value)
{
    struct new_utsname u;

    if (!fetch_out(d, value, &u, sizeof u))
        return;
    out_text(d, "{sysname=");
    out_quoted(d, (uint8_t *)u.sysname, strnlen(u.sysname, sizeof u.sysname), false);
    out_text(d, ", nodename=");
    out_quoted(d, (uint8_t *)u.nodename, strnlen(u.nodename, sizeof u.nodename), false);
    if (!d->style->whole) {
        out_text(d, ", ...}");
        return;
    }
    out_text(d, ", release=");
    out_quoted(d, (uint8_t *)u.release, strnlen(u.release, sizeof u.release), false);
    out_text(d, ", version=");
    out_quoted(d, (uint8_t *)u.version, strnlen(u.version, sizeof u.version), false);
    out_text(d, ", machine=");
    out_quoted(d, (uint8_t *)u.machine, strnlen(u.machine, sizeof u.machine), false);
    out_text(d, ", domainname=");
    out_quoted(d, (uint8_t *)u.domainname, strnlen(u.domainname, sizeof u.domainname), false);
    out_text(d, "}");
}

void print_sysinfo(struct decoder *d, uint64_t value)
{
    struct sysinfo s;

    if (!fetch_out(d, value, &s, sizeof s))
        return;
    out(d, "{uptime=%llu, loads=[%llu, %llu, %llu], totalram=%llu, freeram=%llu, sharedram=%llu, bufferram=%llu, ",
        (unsigned long long)s.uptime, (unsigned long long)s.loads[0], (unsigned long long)s.loads[1],
        (unsigned long long)s.loads[2], (unsigned long long)s.totalram, (unsigned long long)s.freeram,
        (unsigned long long)s.sharedram, (unsigned long long)s.bufferram);
    out(d, "totalswap=%llu, freeswap=%llu, procs=%u, totalhigh=%llu, freehigh=%llu, mem_unit=%u}",
        (unsigned long long)s.totalswap, (unsigned long long)s.freeswap, s.procs, (unsigned long long)s.totalhigh,
        (unsigned long long)s.freehigh, s.mem_unit);
}

/* wait4 fills it only if it found a child. */
void print_rusage(struct decoder *d, uint64_t value)
{
    struct rusage r;

    if (call_returned(d) && d->call->nr == 61 && d->call->result == 0) {
        out_address(d, value);
        return;
    }
    if (!fetch_out(d, value, &r, sizeof r))
        return;
    out(d, "{ru_utime={tv_sec=%lld, tv_usec=%llu}, ru_stime={tv_sec=%lld, tv_usec=%llu}, ", (long long)r.ru_utime.tv_sec,
        (unsigned long long)r.ru_utime.tv_usec, (long long)r.ru_stime.tv_sec, (unsigned long long)r.ru_stime.tv_usec);
    if (!d->style->whole) {
        out_text(d, "...}");
        return;
    }
    out(d, "ru_maxrss=%llu, ru_ixrss=%llu, ru_idrss=%llu, ru_isrss=%llu, ru_minflt=%llu, ru_majflt=%llu, ru_nswap=%llu, ",
        (unsigned long long)r.ru_maxrss, (unsigned long long)r.ru_ixrss, (unsigned long long)r.ru_idrss,
        (unsigned long long)r.ru_isrss, (unsigned long long)r.ru_minflt, (unsigned long long)r.ru_majflt,
        (unsigned long long)r.ru_nswap);
    out(d, "ru_inblock=%llu, ru_oublock=%llu, ru_msgsnd=%llu, ru_msgrcv=%llu, ru_nsignals=%llu, ru_nvcsw=%llu, ru_nivcsw=%llu}",
        (unsigned long long)r.ru_inblock, (unsigned long long)r.ru_oublock, (unsigned long long)r.ru_msgsnd,
        (unsigned long long)r.ru_msgrcv, (unsigned long long)r.ru_nsignals, (unsigned long long)r.ru_nvcsw,
        (unsigned long long)r.ru_nivcsw);
}

static void print_limit(struct decoder *d, uint64_t value)
{
    bool has_name = value == UINT64_MAX || (value > 1024 && value % 1024 == 0);
    enum decode_names names = has_name ? (enum decode_names)d->style->names : DECODE_NUMBERS;

    if (names != DECODE_NAMES)
        out_unsigned(d, value);
    if (names == DECODE_NUMBERS)
        return;
    out_text(d, names == DECODE_BOTH ? " /* " : "");
    if (value == UINT64_MAX)
        out_text(d, "RLIM64_INFINITY");
    else
        out(d, "%llu*1024", (unsigned long long)value / 1024);
    out_text(d, names == DECODE_BOTH ? " */" : "");
}

static void print_rlimit(struct decoder *d, const struct rlimit64 *r)
{
    out_text(d, "{rlim_cur=");
    print_limit(d, r->rlim_cur);
    out_text(d, ", rlim_max=");
    print_limit(d, r->rlim_max);
    out_text(d, "}");
}

void print_rlimit_in(struct decoder *d, uint64_t value)
{
    struct rlimit64 r;

    if (fetch_in(d, value, &r, sizeof r))
        print_rlimit(d, &r);
}

void print_rlimit_out(struct decoder *d, uint64_t value)
{
    struct rlimit64 r;

    if (fetch_out(d, value, &r, sizeof r))
        print_rlimit(d, &r);
}

static void print_groups(struct decoder *d, enum memory which, uint64_t address, uint64_t count)
{
    uint32_t id;

    if (!address || (which == MEMORY_OUT && !call_returned(d)) || (count && !memory_read(d, which, address, &id, sizeof id))) {
        out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (uint64_t i = 0; i < count; i++) {
        out_text(d, i ? ", " : "");
        bool known = memory_read(d, which, address + i * sizeof id, &id, sizeof id);
        if (!known || i >= elements_max(d)) {
            out(d, known ? "..." : "... /* %#llx */", (unsigned long long)(address + i * sizeof id));
            break;
        }
        print_uid(d, id);
    }
    out_text(d, "]");
}

void print_groups_in(struct decoder *d, uint64_t value)
{
    uint32_t count = (uint32_t)d->call->args[d->index - 1];

    if (count > GROUPS_MAX)
        out_address(d, value);
    else
        print_groups(d, MEMORY_IN, value, count);
}

void print_groups_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d) && value && d->call->result == 0)
        out_text(d, "[]");
    else if (call_succeeded(d) && d->call->args[0] != 0)
        print_groups(d, MEMORY_OUT, value, (uint64_t)d->call->result);
    else
        out_address(d, value);
}

void print_sched_param_in(struct decoder *d, uint64_t value)
{
    int32_t priority;

    if (fetch_in(d, value, &priority, sizeof priority))
        out(d, "[%d]", priority);
}

void print_sched_param_out(struct decoder *d, uint64_t value)
{
    int32_t priority;

    if (fetch_out(d, value, &priority, sizeof priority))
        out(d, "[%d]", priority);
}

static void print_cpus(struct decoder *d, enum memory which, uint64_t address, uint64_t size)
{
    uint8_t bytes[128];
    size_t n = (size_t)MIN(size, (uint64_t)sizeof bytes);
    const char *separator = "";

    if (!address || (which == MEMORY_OUT && !call_returned(d)) || !memory_read(d, which, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (size_t i = 0; i < n * 8; i++) {
        if (bytes[i / 8] & (1u << (i % 8))) {
            out(d, "%s%zu", separator, i);
            separator = " ";
        }
    }
    out_text(d, "]");
}

void print_cpuset_in(struct decoder *d, uint64_t value)
{
    print_cpus(d, MEMORY_IN, value, d->call->args[d->index - 1]);
}

void print_cpuset_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_cpus(d, MEMORY_OUT, value, (uint64_t)d->call->result);
    else
        out_address(d, value);
}
