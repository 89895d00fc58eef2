/*
 * Printers of single calls that have forms of their own: openat2, capabilities, personality, I/O priority, the other process's
 * memory, timers, robust lists, reboot, syslog.
 */
#include "abi/decode_internal.h"

#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/openat2.h>
#include <linux/personality.h>
#include <linux/reboot.h>

#include "lib/string.h"

#define RESTART_TEXT 255u
#define O_CREAT_BIT 0100
#define O_TMPFILE_BIT 020000000

/* A pointer, a number that the call stores. */
void print_pointer_out(struct decoder *d, uint64_t value)
{
    uint64_t pointer;

    if (!fetch_out(d, value, &pointer, sizeof pointer))
        return;
    out(d, "[");
    out_address(d, pointer);
    out(d, "]");
}

void print_size_out(struct decoder *d, uint64_t value)
{
    uint64_t size;

    if (fetch_out(d, value, &size, sizeof size))
        out(d, "[%llu]", (unsigned long long)size);
}

void print_int_out(struct decoder *d, uint64_t value)
{
    int32_t number;

    if (fetch_out(d, value, &number, sizeof number))
        out(d, "[%d]", number);
}

void print_mincore(struct decoder *d, uint64_t value)
{
    uint64_t pages = ALIGN_UP(d->call->args[1], PAGE_SIZE) / PAGE_SIZE;
    uint8_t resident;

    if (!value || !call_succeeded(d) || !memory_read(d, MEMORY_OUT, value, &resident, sizeof resident)) {
        out_address(d, value);
        return;
    }
    out(d, "[");
    for (uint64_t i = 0; i < pages; i++) {
        out(d, i ? ", " : "");
        if (i >= shown_max(d) || !memory_read(d, MEMORY_OUT, value + i, &resident, sizeof resident)) {
            out(d, "...");
            break;
        }
        out(d, "%u", resident & 1);
    }
    out(d, "]");
}

void print_open_how(struct decoder *d, uint64_t value)
{
    static const struct name resolve[] = {
        NAME(RESOLVE_NO_XDEV), NAME(RESOLVE_NO_MAGICLINKS), NAME(RESOLVE_NO_SYMLINKS), NAME(RESOLVE_BENEATH),
        NAME(RESOLVE_IN_ROOT), NAME(RESOLVE_CACHED), NAME_END};
    struct open_how how;

    if (d->call->args[d->index + 1] < sizeof how) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &how, sizeof how))
        return;
    out(d, "{flags=");
    out_open_flags(d, how.flags);
    if ((how.flags & (O_CREAT_BIT | O_TMPFILE_BIT)) || how.mode)
        out(d, ", mode=%#03llo", (unsigned long long)how.mode);
    out(d, ", resolve=");
    out_flags(d, resolve, how.resolve, "RESOLVE_???");
    out_struct_rest(d, value, sizeof how, d->call->args[d->index + 1]);
    out(d, "}");
}

static void print_personality_value(struct decoder *d, uint32_t value)
{
    static const struct name types[] = {
        {0, "PER_LINUX"}, {PER_SVR4 & PER_MASK, "PER_SVR4"}, {6, "PER_BSD"}, {8, "PER_LINUX32"}, {15, "PER_OSF4"},
        {16, "PER_HPUX"}, NAME_END};
    static const struct name flags[] = {
        NAME(UNAME26), NAME(ADDR_NO_RANDOMIZE), NAME(FDPIC_FUNCPTRS), NAME(MMAP_PAGE_ZERO), NAME(ADDR_COMPAT_LAYOUT),
        NAME(READ_IMPLIES_EXEC), NAME(ADDR_LIMIT_32BIT), NAME(SHORT_INODE), NAME(WHOLE_SECONDS), NAME(STICKY_TIMEOUTS),
        NAME(ADDR_LIMIT_3GB), NAME_END};

    out_name(d, types, value & PER_MASK, "PER_???");
    if (value & ~(uint32_t)PER_MASK) {
        out(d, "|");
        out_flags(d, flags, value & ~(uint32_t)PER_MASK, NULL);
    }
}

void print_personality(struct decoder *d, uint64_t value)
{
    if ((uint32_t)value == UINT32_MAX)
        out(d, "0xffffffff");
    else
        print_personality_value(d, (uint32_t)value);
}

void print_result_personality(struct decoder *d)
{
    out(d, "%#llx (", (unsigned long long)d->call->result);
    print_personality_value(d, (uint32_t)d->call->result);
    out(d, ")");
}

DECODE_VALUES(ioprio_who, "IOPRIO_WHO_???", NAME(IOPRIO_WHO_PROCESS), NAME(IOPRIO_WHO_PGRP), NAME(IOPRIO_WHO_USER))

static void out_ioprio(struct decoder *d, uint64_t value)
{
    static const struct name classes[] = {NAME(IOPRIO_CLASS_NONE), NAME(IOPRIO_CLASS_RT), NAME(IOPRIO_CLASS_BE),
                                          NAME(IOPRIO_CLASS_IDLE), NAME_END};

    out(d, "IOPRIO_PRIO_VALUE(");
    out_name(d, classes, (uint32_t)value >> IOPRIO_CLASS_SHIFT, "IOPRIO_CLASS_???");
    out(d, ", %u)", (uint32_t)value & ((1u << IOPRIO_CLASS_SHIFT) - 1));
}

void print_ioprio(struct decoder *d, uint64_t value)
{
    if (d->style->names == DECODE_NAMES) {
        out_ioprio(d, value);
        return;
    }
    out(d, "%d", (int)value);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out(d, " /* ");
    out_ioprio(d, value);
    out(d, " */");
}

void print_result_ioprio(struct decoder *d)
{
    out(d, "%lld", (long long)d->call->result);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out(d, " (");
    out_ioprio(d, (uint64_t)d->call->result);
    out(d, ")");
}

void print_result_signal(struct decoder *d)
{
    out(d, "%lld (", (long long)d->call->result);
    out_signal(d, (uint64_t)d->call->result);
    out(d, ")");
}

/* Linux's 41 capabilities, by number. */
static const char *const capabilities[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"};

void out_capability(struct decoder *d, uint64_t number)
{
    if (number < ARRAY_SIZE(capabilities))
        out(d, "CAP_%s", capabilities[number]);
    else
        out(d, "%#llx /* CAP_??? */", (unsigned long long)number);
}

static void out_capabilities(struct decoder *d, uint64_t set)
{
    const char *separator = "";

    for (unsigned i = 0; i < ARRAY_SIZE(capabilities); i++) {
        if (set & BIT(i)) {
            out(d, "%s1<<CAP_%s", separator, capabilities[i]);
            separator = "|";
            set &= ~BIT(i);
        }
    }
    if (set || !*separator)
        out(d, "%s%#llx", separator, (unsigned long long)set);
}

void print_cap_header(struct decoder *d, uint64_t value)
{
    static const struct name versions[] = {NAME(_LINUX_CAPABILITY_VERSION_1), NAME(_LINUX_CAPABILITY_VERSION_2),
                                           NAME(_LINUX_CAPABILITY_VERSION_3), NAME_END};
    struct __user_cap_header_struct h;

    if (!fetch_in(d, value, &h, sizeof h))
        return;
    out(d, "{version=");
    out_name(d, versions, h.version, "_LINUX_CAPABILITY_VERSION_???");
    out(d, ", pid=%d}", h.pid);
}

/* Version 1 has one element of 32 bits each, the others two. */
static void print_cap_data(struct decoder *d, enum memory which, uint64_t address)
{
    struct __user_cap_header_struct h;
    struct __user_cap_data_struct data[2] = {{0}};

    if (!address || !memory_read(d, MEMORY_IN, d->call->args[0], &h, sizeof h) ||
        !memory_read(d, which, address, data, h.version == _LINUX_CAPABILITY_VERSION_1 ? sizeof data[0] : sizeof data)) {
        out_address(d, address);
        return;
    }
    out(d, "{effective=");
    out_capabilities(d, data[0].effective | (uint64_t)data[1].effective << 32);
    out(d, ", permitted=");
    out_capabilities(d, data[0].permitted | (uint64_t)data[1].permitted << 32);
    out(d, ", inheritable=");
    out_capabilities(d, data[0].inheritable | (uint64_t)data[1].inheritable << 32);
    out(d, "}");
}

void print_cap_data_in(struct decoder *d, uint64_t value)
{
    print_cap_data(d, MEMORY_IN, value);
}

void print_cap_data_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_cap_data(d, MEMORY_OUT, value);
    else
        out_address(d, value);
}

void print_sigevent(struct decoder *d, uint64_t value)
{
    static const struct name kinds[] = {{0, "SIGEV_SIGNAL"}, {1, "SIGEV_NONE"}, {2, "SIGEV_THREAD"},
                                        {4, "SIGEV_THREAD_ID"}, NAME_END};
    struct {
        uint64_t value;
        int32_t signo, notify, tid;
        uint64_t attributes;
    } e;

    if (!fetch_in(d, value, &e, sizeof e))
        return;
    out(d, "{");
    if (e.value) {
        out(d, "sigev_value={sival_int=%d, sival_ptr=%#llx}, ", (int32_t)e.value, (unsigned long long)e.value);
    }
    out(d, "sigev_signo=");
    if (signal_name((unsigned)e.signo))
        out_signal(d, (uint32_t)e.signo);
    else
        out(d, "%u", (unsigned)e.signo);
    out(d, ", sigev_notify=");
    out_name(d, kinds, (uint32_t)e.notify, "SIGEV_???");
    if (e.notify == 4)
        out(d, ", sigev_notify_thread_id=%d", e.tid);
    if (e.notify == 2) { /* the C library's business */
        uint64_t function;
        memcpy(&function, &e.tid, sizeof function);
        out(d, ", sigev_notify_function=%#llx, sigev_notify_attributes=%#llx", (unsigned long long)function,
            (unsigned long long)e.attributes);
    }
    out(d, "}");
}

DECODE_VALUES(reboot_magic, "LINUX_REBOOT_MAGIC_???", NAME(LINUX_REBOOT_MAGIC1), NAME(LINUX_REBOOT_MAGIC2),
              NAME(LINUX_REBOOT_MAGIC2A), NAME(LINUX_REBOOT_MAGIC2B), NAME(LINUX_REBOOT_MAGIC2C))

DECODE_VALUES(reboot_cmd, "LINUX_REBOOT_CMD_???", NAME(LINUX_REBOOT_CMD_RESTART), NAME(LINUX_REBOOT_CMD_HALT),
              NAME(LINUX_REBOOT_CMD_CAD_ON), NAME(LINUX_REBOOT_CMD_CAD_OFF), NAME(LINUX_REBOOT_CMD_POWER_OFF),
              NAME(LINUX_REBOOT_CMD_RESTART2), NAME(LINUX_REBOOT_CMD_SW_SUSPEND), NAME(LINUX_REBOOT_CMD_KEXEC))

void print_reboot_arg(struct decoder *d, uint64_t value)
{
    if ((uint32_t)d->call->args[2] == LINUX_REBOOT_CMD_RESTART2)
        out_limited_string(d, value, RESTART_TEXT);
    else
        d->skipped = true;
}

enum { SYSLOG_READ = 2, SYSLOG_READ_CLEAR = 4, SYSLOG_CONSOLE_LEVEL = 8, SYSLOG_ACTIONS = 11 };

void print_syslog_action(struct decoder *d, uint64_t value)
{
    static const char *const names[] = {"CLOSE", "OPEN", "READ", "READ_ALL", "READ_CLEAR", "CLEAR", "CONSOLE_OFF",
                                        "CONSOLE_ON", "CONSOLE_LEVEL", "SIZE_UNREAD", "SIZE_BUFFER"};

    out(d, "%d /* SYSLOG_ACTION_%s */", (int)value, (uint32_t)value < ARRAY_SIZE(names) ? names[(uint32_t)value] : "???");
}

/* Which of the other two arguments mean something depends on the action. */
static bool syslog_ignores(const struct decoder *d)
{
    uint32_t action = (uint32_t)d->call->args[0];

    return action < SYSLOG_ACTIONS && !(action >= SYSLOG_READ && action <= SYSLOG_READ_CLEAR) &&
           action != SYSLOG_CONSOLE_LEVEL;
}

void print_syslog_buffer(struct decoder *d, uint64_t value)
{
    uint32_t action = (uint32_t)d->call->args[0];

    if (syslog_ignores(d))
        d->skipped = true;
    else if (action >= SYSLOG_READ && action <= SYSLOG_READ_CLEAR)
        print_buffer_out(d, value);
    else
        out_address(d, value);
}

static void print_log_level(struct decoder *d, int level)
{
    static const char *const names[] = {"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG", "DEBUG+1"};

    out_signed(d, level);
    if (d->style->names != DECODE_NUMBERS)
        out(d, " /* LOGLEVEL_%s */", (uint32_t)level < ARRAY_SIZE(names) ? names[level] : "???");
}

void print_syslog_length(struct decoder *d, uint64_t value)
{
    if (syslog_ignores(d))
        d->skipped = true;
    else if ((uint32_t)d->call->args[0] == SYSLOG_CONSOLE_LEVEL)
        print_log_level(d, (int)value);
    else
        out_signed(d, (int)value);
}
