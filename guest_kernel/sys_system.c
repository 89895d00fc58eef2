/*
 * The system as a whole: its names, its memory and age, its log, its end.
 */
#include <asm/errno.h>
#include <linux/personality.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/init.h"
#include "guest_kernel/names.h"
#include "guest_kernel/process.h"
#include "lib/format.h"
#include "lib/string.h"

static struct spinlock names_lock = SPINLOCK_INIT; /* guards the two names */
static char hostname[__NEW_UTS_LEN + 1] = "trapline";
static char domainname[__NEW_UTS_LEN + 1] = "(none)";

void names_get(struct new_utsname *out)
{
    memset(out, 0, sizeof(*out));
    (void)string_copy(out->sysname, SYSTEM_NAME, sizeof(out->sysname));
    (void)string_copy(out->release, SYSTEM_RELEASE, sizeof(out->release));
    (void)string_copy(out->version, SYSTEM_VERSION, sizeof(out->version));
    (void)string_copy(out->machine, SYSTEM_MACHINE, sizeof(out->machine));
    spin_lock(&names_lock);
    memcpy(out->nodename, hostname, sizeof(hostname));
    memcpy(out->domainname, domainname, sizeof(domainname));
    spin_unlock(&names_lock);
}

static void name_set(char *to, const char *name, size_t length)
{
    spin_lock(&names_lock);
    memset(to, 0, __NEW_UTS_LEN + 1);
    memcpy(to, name, MIN(length, __NEW_UTS_LEN));
    spin_unlock(&names_lock);
}

void hostname_set(const char *name, size_t length)
{
    name_set(hostname, name, length);
}

/* 6.N is 2.6.(60 + N), for programs that know no later one. */
static void rename_release(char *release, size_t size)
{
    const char *rest = SYSTEM_RELEASE;
    unsigned minor = 0;

    for (unsigned dots = 0; *rest && dots < 3; rest++) {
        dots += *rest == '.';
        if (dots == 3 || (*rest != '.' && (*rest < '0' || *rest > '9')))
            break;
        if (dots == 1 && *rest != '.')
            minor = minor * 10 + (unsigned)(*rest - '0');
    }
    (void)format(release, size, "2.6.%u%s", 60 + minor, rest);
}

long sys_uname(const struct syscall_args *args)
{
    uint32_t personality = process_current()->personality;
    struct new_utsname names;

    names_get(&names);
    if ((personality & PER_MASK) == PER_LINUX32)
        (void)string_copy(names.machine, "i686", sizeof(names.machine));
    if (personality & UNAME26)
        rename_release(names.release, sizeof(names.release));
    return put_user(user(args->a[0]), names);
}

static long name_from_user(const struct syscall_args *args, char *to)
{
    char name[__NEW_UTS_LEN];
    int32_t length = (int32_t)args->a[1];

    if (!cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    if (length < 0 || length > __NEW_UTS_LEN)
        return -EINVAL;
    if (copy_from_user(name, user(args->a[0]), (size_t)length))
        return -EFAULT;
    name_set(to, name, (size_t)length);
    return 0;
}

long sys_sethostname(const struct syscall_args *args)
{
    return name_from_user(args, hostname);
}

long sys_setdomainname(const struct syscall_args *args)
{
    return name_from_user(args, domainname);
}

static uint16_t count_threads(void)
{
    uint64_t count = 0;

    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid))
        count += p->thread_count;
    spin_unlock(&process_tree_lock);
    return (uint16_t)MIN(count, UINT16_MAX);
}

long sys_sysinfo(const struct syscall_args *args)
{
    struct memory_stats memory;

    memory_stats(&memory);
    struct sysinfo info = {
        .uptime = (long)(clock_monotonic_ns() / NS_PER_S),
        .totalram = memory.total_pages * PAGE_SIZE,
        .freeram = memory.free_pages * PAGE_SIZE,
        .procs = count_threads(),
        .mem_unit = 1,
    };
    return put_user(user(args->a[0]), info);
}

/* Restart and power-off both end the sandbox: it has no firmware to come back from. */
long sys_reboot(const struct syscall_args *args)
{
    uint32_t magic2 = (uint32_t)args->a[1];

    if (!cred_may(CAP_SYS_BOOT))
        return -EPERM;
    if ((uint32_t)args->a[0] != LINUX_REBOOT_MAGIC1 ||
        (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A && magic2 != LINUX_REBOOT_MAGIC2B &&
         magic2 != LINUX_REBOOT_MAGIC2C))
        return -EINVAL;
    switch ((uint32_t)args->a[2]) {
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:
        return -EINVAL; /* no keyboard */
    case LINUX_REBOOT_CMD_RESTART:
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        init_ended(0);
    default:
        return -EINVAL;
    }
}

/* The kernel's log goes to the host and is not kept here: an empty buffer is the truth. */
long sys_syslog(const struct syscall_args *args)
{
    enum { CLOSE, OPEN, READ, READ_ALL, READ_CLEAR, CLEAR, CONSOLE_OFF, CONSOLE_ON, CONSOLE_LEVEL, UNREAD, BUFFER };
    int type = (int)args->a[0];

    if (type < CLOSE || type > BUFFER)
        return -EINVAL;
    if (!cred_may(CAP_SYSLOG) && type != READ_ALL && type != BUFFER)
        return -EPERM;
    if ((type == READ_ALL || type == READ_CLEAR) && (!args->a[1] || (int)args->a[2] < 0))
        return -EINVAL;
    if (type == READ)
        return -EAGAIN;
    return type == CONSOLE_OFF || type == CONSOLE_ON || type == CONSOLE_LEVEL ? -EPERM : 0;
}
