/*
 * Printers whose form depends on a command or operation: fcntl, arch_prctl, futex, wait.
 */
#include "abi/decode_internal.h"

#include <asm/fcntl.h>
#include <asm/prctl.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/ptrace.h>

#include "lib/string.h"

#define FUTEX_BITSET_ALL 0xffffffffu

static const struct name lock_types[] = {NAME(F_RDLCK), NAME(F_WRLCK), NAME(F_UNLCK), NAME_END};
static const struct name descriptor_flags[] = {NAME(FD_CLOEXEC), NAME_END};
static const struct name seals[] = {NAME(F_SEAL_SEAL), NAME(F_SEAL_SHRINK), NAME(F_SEAL_GROW), NAME(F_SEAL_WRITE),
                                    NAME(F_SEAL_FUTURE_WRITE), NAME_END};

void print_fcntl_cmd(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        NAME(F_DUPFD),    NAME(F_GETFD),    NAME(F_SETFD),     NAME(F_GETFL),       NAME(F_SETFL),
        NAME(F_GETLK),    NAME(F_SETLK),    NAME(F_SETLKW),    NAME(F_SETOWN),      NAME(F_GETOWN),
        NAME(F_SETSIG),   NAME(F_GETSIG),   NAME(F_SETOWN_EX), NAME(F_GETOWN_EX),   NAME(F_GETOWNER_UIDS),
        NAME(F_OFD_GETLK), NAME(F_OFD_SETLK), NAME(F_OFD_SETLKW), NAME(F_SETLEASE), NAME(F_GETLEASE),
        NAME(F_NOTIFY),   NAME(F_CANCELLK), NAME(F_DUPFD_CLOEXEC), NAME(F_SETPIPE_SZ), NAME(F_GETPIPE_SZ),
        NAME(F_ADD_SEALS), NAME(F_GET_SEALS), NAME_END};

    out_name(d, names, (uint32_t)value, "F_???");
}

static void print_lock(struct decoder *d, uint64_t address, bool stored)
{
    struct flock l;

    if (stored ? !fetch_out(d, address, &l, sizeof l) : !fetch_in(d, address, &l, sizeof l))
        return;
    out(d, "{l_type=");
    out_name(d, lock_types, (uint64_t)l.l_type, "F_???");
    out(d, ", l_whence=");
    print_whence(d, (uint64_t)l.l_whence);
    out(d, ", l_start=%lld, l_len=%lld", (long long)l.l_start, (long long)l.l_len);
    if (stored)
        out(d, ", l_pid=%d", l.l_pid);
    out(d, "}");
}

static void print_owner(struct decoder *d, uint64_t address, bool stored)
{
    static const struct name types[] = {NAME(F_OWNER_TID), NAME(F_OWNER_PID), NAME(F_OWNER_PGRP), NAME_END};
    struct f_owner_ex o;

    if (stored ? !fetch_out(d, address, &o, sizeof o) : !fetch_in(d, address, &o, sizeof o))
        return;
    out(d, "{type=");
    out_name(d, types, (uint32_t)o.type, "F_OWNER_???");
    out(d, ", pid=%d}", o.pid);
}

static const struct name notices[] = {NAME(DN_ACCESS), NAME(DN_MODIFY), NAME(DN_CREATE), NAME(DN_DELETE), NAME(DN_RENAME), NAME(DN_ATTRIB),
                                      NAME(DN_MULTISHOT), NAME_END};

void print_fcntl_arg(struct decoder *d, uint64_t value)
{
    switch ((uint32_t)d->call->args[1]) {
    case F_GETFD: case F_GETFL: case F_GETOWN: case F_GETSIG: case F_GETLEASE: case F_GETPIPE_SZ: case F_GET_SEALS:
        d->skipped = true;
        break;
    case F_SETFD:
        out_flags(d, descriptor_flags, (uint32_t)value, "FD_???");
        break;
    case F_SETFL:
        out_open_flags(d, (uint32_t)value);
        break;
    case F_DUPFD: case F_DUPFD_CLOEXEC: case F_SETOWN: case F_SETPIPE_SZ:
        out(d, "%d", (int)value);
        break;
    case F_SETLK: case F_SETLKW: case F_OFD_SETLK: case F_OFD_SETLKW:
        print_lock(d, value, false);
        break;
    case F_GETLK: case F_OFD_GETLK:
        print_lock(d, value, true);
        break;
    case F_SETOWN_EX:
        print_owner(d, value, false);
        break;
    case F_GETOWN_EX:
        print_owner(d, value, true);
        break;
    case F_SETSIG:
        out_signal(d, value);
        break;
    case F_SETLEASE:
        out_name(d, lock_types, value, "F_???");
        break;
    case F_NOTIFY:
        out_flags(d, notices, (uint32_t)value, "DN_???");
        break;
    case F_ADD_SEALS:
        out_flags(d, seals, value, "F_SEAL_???");
        break;
    default:
        out(d, "%#llx", (unsigned long long)value);
    }
}

void print_result_fcntl(struct decoder *d)
{
    unsigned long long result = (unsigned long long)d->call->result;

    switch ((uint32_t)d->call->args[1]) {
    case F_GETFL:
        out(d, "%#llx (flags ", result);
        out_open_flags(d, result);
        out(d, ")");
        break;
    case F_DUPFD: case F_DUPFD_CLOEXEC:
        out_fd(d, (int)result);
        break;
    case F_GETFD: case F_GET_SEALS:
        if (result == 0) {
            out(d, "0");
            break;
        }
        out(d, "%#llx (%s ", result, (uint32_t)d->call->args[1] == F_GETFD ? "flags" : "seals");
        out_flags(d, (uint32_t)d->call->args[1] == F_GETFD ? descriptor_flags : seals, result, "???");
        out(d, ")");
        break;
    case F_GETLEASE:
        out_hex(d, result);
        out_text(d, " (");
        out_name(d, lock_types, result, "F_???");
        out_text(d, ")");
        break;
    case F_GETSIG:
        out(d, "%llu", result);
        if (result) {
            out(d, " (");
            out_signal(d, result);
            out(d, ")");
        }
        break;
    default:
        out(d, "%lld", (long long)d->call->result);
    }
}

static const struct name arch_operations[] = {NAME(ARCH_SET_GS), NAME(ARCH_SET_FS), NAME(ARCH_GET_FS),
                                              NAME(ARCH_GET_GS), NAME(ARCH_GET_CPUID), NAME(ARCH_SET_CPUID),
                                              NAME(ARCH_GET_XCOMP_SUPP), NAME(ARCH_GET_XCOMP_PERM), NAME(ARCH_REQ_XCOMP_PERM),
                                              NAME(ARCH_GET_XCOMP_GUEST_PERM), NAME(ARCH_REQ_XCOMP_GUEST_PERM),
                                              NAME(ARCH_MAP_VDSO_X32), NAME(ARCH_MAP_VDSO_32), NAME(ARCH_MAP_VDSO_64), NAME_END};

void print_arch_prctl_op(struct decoder *d, uint64_t value)
{
    out_name(d, arch_operations, (uint32_t)value, "ARCH_???");
}

/* Sets of parts of the processor's state, or the number of one: the meaning stands behind it. */
static void print_processor_features(struct decoder *d, uint32_t operation, uint64_t value)
{
    static const char *const parts[] = {"FP", "SSE", "YMM", "BNDREGS", "BNDCSR", "OPMASK", "ZMM_Hi256", "Hi16_ZMM", "PT_UNIMPLEMENTED_SO_FAR",
                                        "PKRU", "PASID", [15] = "LBR", [17] = "XTILE_CFG", [18] = "XTILE_DATA"};
    static const struct name sets[] = {{3, "XFEATURE_MASK_FPSSE"}, {1, "XFEATURE_MASK_FP"}, {2, "XFEATURE_MASK_SSE"}, {4, "XFEATURE_MASK_YMM"},
                                       {8, "XFEATURE_MASK_BNDREGS"}, {16, "XFEATURE_MASK_BNDCSR"}, {0xe0, "XFEATURE_MASK_AVX512"},
                                       {0x100, "XFEATURE_MASK_PT"}, {0x200, "XFEATURE_MASK_PKRU"}, {0x400, "XFEATURE_MASK_PASID"},
                                       {0x60000, "XFEATURE_MASK_XTILE"}, NAME_END};
    struct decode_style both = *d->style;
    const struct decode_style *style = d->style;
    uint64_t set;

    if (operation == ARCH_REQ_XCOMP_PERM || operation == ARCH_REQ_XCOMP_GUEST_PERM) {
        out_hex(d, value);
        if (style->names != DECODE_NUMBERS)
            out(d, " /* XFEATURE_%s */", value < ARRAY_SIZE(parts) && parts[value] ? parts[value] : "???");
        return;
    }
    if (!fetch_out(d, value, &set, sizeof set))
        return;
    both.names = style->names == DECODE_NUMBERS ? DECODE_NUMBERS : DECODE_BOTH;
    d->style = &both;
    out_text(d, "[");
    out_flags(d, sets, set, "XFEATURE_MASK_???");
    out_text(d, "]");
    d->style = style;
}

void print_arch_prctl_arg(struct decoder *d, uint64_t value)
{
    uint32_t operation = (uint32_t)d->call->args[0];
    uint64_t base;

    if (operation == ARCH_GET_CPUID)
        d->skipped = true;
    else if (operation >= ARCH_GET_XCOMP_SUPP && operation <= ARCH_REQ_XCOMP_GUEST_PERM)
        print_processor_features(d, operation, value);
    else if (operation != ARCH_GET_FS && operation != ARCH_GET_GS)
        out(d, "%#llx", (unsigned long long)value);
    else if (fetch_out(d, value, &base, sizeof base))
        out_text(d, "["), out_address(d, base), out_text(d, "]");
}

static const struct name futex_operations[] = {
    NAME(FUTEX_WAIT), NAME(FUTEX_WAKE), NAME(FUTEX_FD), NAME(FUTEX_REQUEUE), NAME(FUTEX_CMP_REQUEUE), NAME(FUTEX_WAKE_OP),
    NAME(FUTEX_LOCK_PI), NAME(FUTEX_UNLOCK_PI), NAME(FUTEX_TRYLOCK_PI), NAME(FUTEX_WAIT_BITSET),
    NAME(FUTEX_WAKE_BITSET), NAME(FUTEX_WAIT_REQUEUE_PI), NAME(FUTEX_CMP_REQUEUE_PI), NAME(FUTEX_LOCK_PI2), NAME_END};

/* Operations whose time may be one of the clock of the day. */
static bool futex_has_clock(uint32_t command)
{
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_LOCK_PI2;
}

void print_futex_op(struct decoder *d, uint64_t value)
{
    uint32_t operation = (uint32_t)value;
    uint32_t command = operation & (uint32_t)FUTEX_CMD_MASK;
    const char *name = name_find(futex_operations, command);

    if (!name || (operation & FUTEX_CLOCK_REALTIME && !futex_has_clock(command)) ||
        operation & ~(uint32_t)(0x7f | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
        out(d, "%#x /* FUTEX_??? */", operation);
        return;
    }
    const char *private = command == FUTEX_FD ? "|FUTEX_PRIVATE_FLAG" : "_PRIVATE";
    out(d, "%s%s%s", name, operation & FUTEX_PRIVATE_FLAG ? private : "",
        operation & FUTEX_CLOCK_REALTIME ? "|FUTEX_CLOCK_REALTIME" : "");
}

static uint32_t futex_command(const struct decoder *d)
{
    return (uint32_t)d->call->args[1] & (uint32_t)FUTEX_CMD_MASK;
}

static bool futex_is_known(const struct decoder *d)
{
    return name_find(futex_operations, futex_command(d)) != NULL;
}

void print_futex_value(struct decoder *d, uint64_t value)
{
    uint32_t command = futex_command(d);

    if (command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 || command == FUTEX_UNLOCK_PI ||
        command == FUTEX_TRYLOCK_PI)
        d->skipped = true;
    else
        out(d, "%u", (uint32_t)value);
}

void print_futex_timeout(struct decoder *d, uint64_t value)
{
    switch (futex_command(d)) {
    case FUTEX_WAIT: case FUTEX_WAIT_BITSET: case FUTEX_LOCK_PI: case FUTEX_LOCK_PI2: case FUTEX_WAIT_REQUEUE_PI:
        print_timespec_in(d, value);
        break;
    case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE: case FUTEX_CMP_REQUEUE_PI: case FUTEX_WAKE_OP:
        out(d, "%u", (uint32_t)value);
        break;
    default:
        if (futex_is_known(d))
            d->skipped = true;
        else
            out_address(d, value);
    }
}

void print_futex_address2(struct decoder *d, uint64_t value)
{
    switch (futex_command(d)) {
    case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE: case FUTEX_CMP_REQUEUE_PI: case FUTEX_WAKE_OP: case FUTEX_WAIT_REQUEUE_PI:
        out_address(d, value);
        break;
    default:
        if (futex_is_known(d))
            d->skipped = true;
        else
            out_address(d, value);
    }
}

void print_futex_value3(struct decoder *d, uint64_t value)
{
    uint32_t value3 = (uint32_t)value;

    switch (futex_command(d)) {
    case FUTEX_WAIT_BITSET: case FUTEX_WAKE_BITSET:
        if (value3 == FUTEX_BITSET_ALL)
            out(d, "FUTEX_BITSET_MATCH_ANY");
        else
            out(d, "%#x", value3);
        break;
    case FUTEX_CMP_REQUEUE: case FUTEX_CMP_REQUEUE_PI:
        out(d, "%u", value3);
        break;
    case FUTEX_WAKE_OP:
        out_futex_wake_op(d, value3);
        break;
    default:
        if (futex_is_known(d))
            d->skipped = true;
        else
            out_hex(d, value3);
    }
}

/* With PTRACE_O_TRACESYSGOOD a call's stop has bit 7. */
static void out_stop_signal(struct decoder *d, uint32_t number)
{
    out_signal(d, number & 0x7f);
    if (number & 0x80)
        out(d, " | 0x80");
}

static void out_stop_event(struct decoder *d, uint32_t event)
{
    static const struct name names[] = {NAME(PTRACE_EVENT_FORK), NAME(PTRACE_EVENT_VFORK), NAME(PTRACE_EVENT_CLONE),
                                        NAME(PTRACE_EVENT_EXEC), NAME(PTRACE_EVENT_VFORK_DONE), NAME(PTRACE_EVENT_EXIT),
                                        NAME(PTRACE_EVENT_SECCOMP), NAME(PTRACE_EVENT_STOP), NAME_END};

    out_name(d, names, event, "PTRACE_EVENT_???");
    out(d, " << 16");
}

void print_wait_status(struct decoder *d, uint64_t value)
{
    uint32_t status;

    if (call_succeeded(d) && d->call->result == 0) {
        out_address(d, value);
        return;
    }
    if (!fetch_out(d, value, &status, sizeof status))
        return;
    if ((status & 0xff) == 0x7f) {
        out(d, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        out_stop_signal(d, (status >> 8) & 0xff);
        out(d, "}");
        if (status >> 16)
            out(d, " | ");
        if (status >> 16)
            out_stop_event(d, status >> 16);
        out(d, "]");
    } else if ((status & 0xffff) == 0xffff) {
        out(d, "[{WIFCONTINUED(s)}]");
    } else if (status & 0x7f) {
        out(d, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        out_signal(d, status & 0x7f);
        out(d, "%s}]", status & 0x80 ? " && WCOREDUMP(s)" : "");
    } else {
        out(d, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]", (status >> 8) & 0xff);
    }
}
