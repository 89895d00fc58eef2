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
#define DIRENT_RECLEN 16   /* offset of d_reclen in both */

void print_stat(struct decoder *d, uint64_t value)
{
    struct stat st;

    if (!fetch_out(d, value, &st, sizeof st))
        return;
    out(d, "{st_mode=");
    out_mode(d, st.st_mode);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        out(d, ", st_rdev=");
        print_dev(d, st.st_rdev);
    } else {
        out(d, ", st_size=%llu", (unsigned long long)st.st_size);
    }
    out(d, ", ...}");
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
    out(d, "{stx_mask=");
    print_statx_mask(d, st.stx_mask);
    out(d, ", stx_attributes=");
    out_flags(d, attributes, st.stx_attributes, "STATX_ATTR_???");
    if (st.stx_mask & (STATX_TYPE | STATX_MODE)) {
        out(d, ", stx_mode=");
        out_mode(d, st.stx_mode);
    }
    if (st.stx_mask & STATX_SIZE)
        out(d, ", stx_size=%llu", (unsigned long long)st.stx_size);
    out(d, ", ...}");
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
    out(d, "{f_type=");
    out_name(d, types, (uint64_t)s.f_type, "???_MAGIC");
    out(d, ", f_bsize=%llu, f_blocks=%llu, f_bfree=%llu, f_bavail=%llu, f_files=%llu, f_ffree=%llu",
        (unsigned long long)s.f_bsize, (unsigned long long)s.f_blocks, (unsigned long long)s.f_bfree,
        (unsigned long long)s.f_bavail, (unsigned long long)s.f_files, (unsigned long long)s.f_ffree);
    out(d, ", f_fsid={val=[%#x, %#x]}, f_namelen=%llu, f_frsize=%llu", s.f_fsid.val[0], s.f_fsid.val[1],
        (unsigned long long)s.f_namelen, (unsigned long long)s.f_frsize);
    if (s.f_flags & 0x20) {
        out(d, ", f_flags=");
        out_flags(d, flags, (uint64_t)s.f_flags, "ST_???");
    }
    out(d, "}");
}

/* Directory entries are counted, as strace does by default. */
static void print_entries(struct decoder *d, uint64_t address, unsigned header)
{
    uint64_t size = call_succeeded(d) ? (uint64_t)d->call->result : 0;
    unsigned count = 0;
    uint16_t length;

    out_address(d, address);
    if (!call_succeeded(d) || !address)
        return;
    for (uint64_t at = 0; at < size; at += length, count++) {
        if (!memory_read(d, MEMORY_OUT, address + at + DIRENT_RECLEN, &length, sizeof length) || length < header)
            return;
    }
    out(d, " /* %u entries */", count);
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
    out(d, "{sysname=");
    out_quoted(d, (uint8_t *)u.sysname, strnlen(u.sysname, sizeof u.sysname), false);
    out(d, ", nodename=");
    out_quoted(d, (uint8_t *)u.nodename, strnlen(u.nodename, sizeof u.nodename), false);
    out(d, ", ...}");
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

    if (d->call->returned && d->call->nr == 61 && d->call->result == 0) {
        out_address(d, value);
        return;
    }
    if (fetch_out(d, value, &r, sizeof r))
        out(d, "{ru_utime={tv_sec=%lld, tv_usec=%llu}, ru_stime={tv_sec=%lld, tv_usec=%llu}, ...}",
            (long long)r.ru_utime.tv_sec, (unsigned long long)r.ru_utime.tv_usec, (long long)r.ru_stime.tv_sec,
            (unsigned long long)r.ru_stime.tv_usec);
}

static void print_limit(struct decoder *d, uint64_t value)
{
    if (value == UINT64_MAX)
        out(d, "RLIM64_INFINITY");
    else if (value > 1024 && value % 1024 == 0)
        out(d, "%llu*1024", (unsigned long long)value / 1024);
    else
        out(d, "%llu", (unsigned long long)value);
}

static void print_rlimit(struct decoder *d, const struct rlimit64 *r)
{
    out(d, "{rlim_cur=");
    print_limit(d, r->rlim_cur);
    out(d, ", rlim_max=");
    print_limit(d, r->rlim_max);
    out(d, "}");
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

    if (!address || !d->call->returned || (count && !memory_read(d, which, address, &id, sizeof id))) {
        out_address(d, address);
        return;
    }
    out(d, "[");
    for (uint64_t i = 0; i < count; i++) {
        out(d, i ? ", " : "");
        if (i >= STRING_SHOWN || !memory_read(d, which, address + i * sizeof id, &id, sizeof id)) {
            out(d, "...");
            break;
        }
        out(d, "%u", id);
    }
    out(d, "]");
}

void print_groups_in(struct decoder *d, uint64_t value)
{
    print_groups(d, MEMORY_IN, value, (uint32_t)d->call->args[d->index - 1]);
}

void print_groups_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d) && d->call->args[0] != 0)
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

    if (!address || !d->call->returned || !memory_read(d, which, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    out(d, "[");
    for (size_t i = 0; i < n * 8; i++) {
        if (bytes[i / 8] & (1u << (i % 8))) {
            out(d, "%s%zu", separator, i);
            separator = " ";
        }
    }
    out(d, "]");
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
