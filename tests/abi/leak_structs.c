/*
 * What lies between the members of structures that the kernel stores: zero, or the program's own bytes as they were, never
 * the kernel's stack.  Each structure is filled before the call, once with each of two values.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/stat.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <ucontext.h>

#include "tests/abi/abi_test.h"

#define SIZE_MAX_HERE 8192
#define FILLS         2

static const unsigned char fills[FILLS] = {0xa5, 0x5a};
static unsigned char area[SIZE_MAX_HERE];

struct range {
    unsigned from, to;
};

static void judge(const char *name, const unsigned char *bytes, struct range r, unsigned char fill)
{
    for (unsigned n = r.from; n < r.to; n++)
        if (bytes[n] && bytes[n] != fill)
            printf("%s: byte %u is %02x\n", name, n, bytes[n]);
}

/* call() stores a structure at `area`; ranges end with one that is empty. */
static void check(const char *name, long (*call)(void), const struct range *ranges)
{
    for (int n = 0; n < FILLS; n++) {
        memset(area, fills[n], sizeof area);
        long result = call();

        if (result < 0)
            printf("%s: errno %d\n", name, errno);
        for (const struct range *r = ranges; r->to; r++)
            judge(name, area, *r, fills[n]);
        if (area[sizeof area - 1] != fills[n])
            printf("%s: more than the structure was stored\n", name);
    }
    printf("%s: looked at\n", name);
}

static int file, ids[2];

static long call_fstat(void)
{
    return syscall(SYS_fstat, file, area);
}

static long call_stat_device(void)
{
    return syscall(SYS_newfstatat, AT_FDCWD, "/dev/null", area, 0);
}

static long call_statx(void)
{
    return syscall(SYS_statx, file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, area);
}

static long call_sysinfo(void)
{
    return syscall(SYS_sysinfo, area);
}

static long call_statfs(void)
{
    return syscall(SYS_fstatfs, file, area);
}

static long call_sigaltstack(void)
{
    return syscall(SYS_sigaltstack, NULL, area);
}

static long call_shmctl(void)
{
    return syscall(SYS_shmctl, ids[0], IPC_STAT, area);
}

static long call_semctl(void)
{
    return syscall(SYS_semctl, ids[1], 0, IPC_STAT, area);
}

static long call_shm_info(void)
{
    return syscall(SYS_shmctl, 0, IPC_INFO, area);
}

static long call_shm_used(void)
{
    return syscall(SYS_shmctl, 0, SHM_INFO, area);
}

static long call_lock(void)
{
    *(struct flock *)area = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    memset(area + 4, 0x77, 4), memset(area + 28, 0x77, 4); /* known bytes: what is read here is stored again */
    long result = fcntl(file, F_GETLK, area);
    for (unsigned n = 4; n < 32; n = n == 7 ? 28 : n + 1)
        area[n] = area[n] == 0x77 ? 0 : area[n];
    return result;
}

static long call_sigtimedwait(void)
{
    sigset_t set;

    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    kill(getpid(), SIGUSR1);
    return syscall(SYS_rt_sigtimedwait, &set, area, NULL, 8);
}

static long call_signalfd(void)
{
    sigset_t set;

    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    int fd = signalfd(-1, &set, 0);
    kill(getpid(), SIGUSR1);
    long n = read(fd, area, sizeof(struct signalfd_siginfo));
    close(fd);
    return n;
}

static long call_waitid(void)
{
    pid_t pid = fork_clean();

    if (!pid)
        _exit(0);
    return syscall(SYS_waitid, P_PID, pid, area, WEXITED, NULL);
}

/* Behind the name of each entry, up to the next one. */
static void directory_entries(void)
{
    for (int n = 0; n < FILLS; n++) {
        int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);

        memset(area, fills[n], sizeof area);
        long size = syscall(SYS_getdents64, fd, area, sizeof area - 1);
        for (long at = 0; at < size;) {
            const struct dirent64 *e = (const struct dirent64 *)(area + at);
            unsigned name_end = (unsigned)at + offsetof(struct dirent64, d_name) + strlen(e->d_name) + 1;

            judge("getdents64", area, (struct range){name_end, (unsigned)at + e->d_reclen}, fills[n]);
            at += e->d_reclen;
        }
        close(fd);
    }
    printf("getdents64: looked at\n");
}

static void after_strings(void)
{
    struct utsname *u = (struct utsname *)area;

    for (int n = 0; n < FILLS; n++) {
        char *const members[] = {u->sysname, u->nodename, u->release, u->version, u->machine, u->domainname};

        memset(area, fills[n], sizeof area);
        show_call(uname(u));
        for (unsigned m = 0; m < 6; m++) {
            unsigned start = (unsigned)(members[m] - (char *)area);

            judge("uname", area, (struct range){start + strlen(members[m]) + 1, start + 65}, fills[n]);
        }
    }
}

/* Names shorter than their room, and control messages that are padded. */
static void messages(void)
{
    int pair[2], on = 1;
    char byte = 'x', out[CMSG_SPACE(sizeof(int))] = "";

    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    for (int n = 0; n < FILLS; n++) {
        struct iovec v = {&byte, 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = out, .msg_controllen = sizeof out};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(c), &file, sizeof file);
        sendmsg(pair[0], &m, 0);
        memset(area, fills[n], sizeof area);
        m.msg_control = area;
        m.msg_controllen = 256;
        m.msg_name = area + 512;
        m.msg_namelen = 110;
        show_call(recvmsg(pair[1], &m, 0));
        printf("control %zu, name %u\n", (size_t)m.msg_controllen, (unsigned)m.msg_namelen);
        for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
            unsigned start = (unsigned)((unsigned char *)c - area);

            printf("type %d length %zu\n", c->cmsg_type, (size_t)c->cmsg_len);
            judge("control message", area, (struct range){start + c->cmsg_len, start + (c->cmsg_len + 7) / 8 * 8}, fills[n]);
            if (c->cmsg_type == SCM_RIGHTS)
                close(*(int *)CMSG_DATA(c));
        }
        judge("behind the control messages", area, (struct range){(unsigned)m.msg_controllen, 512}, fills[n]);
        judge("behind the name", area, (struct range){512 + m.msg_namelen, 1024}, fills[n]);
        struct sockaddr_un *name = (struct sockaddr_un *)area;
        socklen_t length = 100;
        memset(area, fills[n], sizeof area);
        show_call(getsockname(pair[0], (struct sockaddr *)name, &length));
        judge("getsockname", area, (struct range){length, 200}, fills[n]);
    }
    close(pair[0]), close(pair[1]);
}

static unsigned char signal_stack[65536];
static unsigned char fill_now;

/* The siginfo behind the members of kill(), the hole in uc_stack. */
static void handler(int signal, siginfo_t *info, void *context)
{
    unsigned stack = offsetof(ucontext_t, uc_stack) + offsetof(stack_t, ss_flags) + sizeof(int);

    judge("siginfo on the stack", (unsigned char *)info, (struct range){12, 16}, fill_now);
    judge("siginfo on the stack", (unsigned char *)info, (struct range){24, sizeof(siginfo_t)}, fill_now);
    judge("ucontext", context, (struct range){stack, stack + 4}, fill_now);
}

static void signal_frames(void)
{
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&stack, NULL);
    sigaction(SIGUSR2, &action, NULL);
    for (int n = 0; n < FILLS; n++) {
        fill_now = fills[n];
        memset(signal_stack, fill_now, sizeof signal_stack);
        show_call(kill(getpid(), SIGUSR2));
    }
}

int main(void)
{
    sigset_t set;

    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    file = open("file", O_CREAT | O_RDWR, 0600);
    ids[0] = shmget(IPC_PRIVATE, 4096, 0600);
    ids[1] = semget(IPC_PRIVATE, 1, 0600);
    check("stat", call_fstat, (struct range[]){{36, 40}, {120, 144}, {0, 0}});
    check("stat of a device", call_stat_device, (struct range[]){{36, 40}, {120, 144}, {0, 0}});
    check("statx", call_statx, (struct range[]){{30, 32}, {76, 80}, {92, 96}, {108, 112}, {124, 128}, {192, 256}, {0, 0}});
    check("sysinfo", call_sysinfo, (struct range[]){{82, 88}, {108, 112}, {0, 0}});
    check("statfs", call_statfs, (struct range[]){{88, 120}, {0, 0}});
    check("sigaltstack", call_sigaltstack, (struct range[]){{12, 16}, {0, 0}});
    check("shmctl", call_shmctl, (struct range[]){{26, 48}, {96, 112}, {0, 0}});
    check("semctl", call_semctl, (struct range[]){{26, 48}, {56, 64}, {72, 80}, {88, 104}, {0, 0}});
    check("shmctl IPC_INFO", call_shm_info, (struct range[]){{40, 72}, {0, 0}});
    check("shmctl SHM_INFO", call_shm_used, (struct range[]){{4, 8}, {0, 0}});
    check("fcntl F_GETLK", call_lock, (struct range[]){{4, 8}, {28, 32}, {0, 0}});
    check("rt_sigtimedwait", call_sigtimedwait, (struct range[]){{12, 16}, {24, 128}, {0, 0}});
    check("signalfd", call_signalfd, (struct range[]){{20, 128}, {0, 0}});
    check("waitid", call_waitid, (struct range[]){{12, 16}, {28, 128}, {0, 0}});
    directory_entries();
    after_strings();
    messages();
    signal_frames();
    shmctl(ids[0], IPC_RMID, NULL), semctl(ids[1], 0, IPC_RMID);
    close(file), unlink("file");
    return 0;
}
