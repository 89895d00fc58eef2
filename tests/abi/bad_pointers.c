/*
 * Every implemented call with bad pointers, lengths and descriptors, made from the table of calls: one argument is bad, the
 * others are such as the call may take.  Each argument is tried in a child of its own, and what is shown is the errno
 * (or that the call went through); a child that dies is told of.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "tests/abi/abi_test.h"

#define SYSCALL_ARGS_MAX 6
#define PAGE             4096UL
#define BUFFER           (4 * PAGE)
#define RESULTS_MAX      16
#define UNUSED_FD        1000

enum kind {
#define KIND(name, printer, text) KIND_##name,
#include "abi/syscall_kinds.def"
#undef KIND
    KIND_COUNT
};

enum status { status_none, status_partial, status_full };

struct row {
    int number;
    const char *name;
    const char *kinds; /* as in the table: ARGS(FD, BUF_OUT, SIZE) */
    enum status status;
};
static const struct row rows[] = {
#define SYSCALL(number, name, result, arguments, status, note) {number, #name, #arguments, status_##status},
#include "abi/syscalls.def"
#undef SYSCALL
};

static const char *const kind_names[] = {
#define KIND(name, printer, text) #name,
#include "abi/syscall_kinds.def"
#undef KIND
};

/*
 * Not tried here.  What would change the machine that the test also runs on: its clock, its names, its mounts; calls that
 * do not come back, sleep, or make a process; those whose arguments are known by a command only (they have tests of their
 * own); ranges of memory (bad_limits).  rseq and robust lists are the C library's.  Extended attributes of a file on tmpfs came after
 * Linux 6.1; how large shared memory may be is a matter of how much there is.
 */
static const char *const left_out[] = {
    "reboot", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "mount",
    "umount2", "syslog", "sync", "syncfs", "vhangup", "chroot",
    "rt_sigreturn", "rt_sigsuspend", "pause", "exit", "exit_group", "fork", "vfork", "clone", "clone3", "execve",
    "execveat", "restart_syscall",
    "ioctl", "fcntl", "prctl", "arch_prctl", "ptrace", "shmctl", "semctl",
    "mmap", "munmap", "mremap", "mprotect", "pkey_mprotect", "madvise", "msync", "brk", "remap_file_pages", "mlock", "mlock2",
    "munlock", "shmat", "shmdt",
    "rseq", "set_robust_list", "set_tid_address", "shmget",
};

static bool is_left_out(const char *name)
{
    for (size_t n = 0; n < sizeof left_out / sizeof *left_out; n++)
        if (!strcmp(left_out[n], name))
            return true;
    return strstr(name, "xattr");
}

static enum kind kind_by_name(const char *name, size_t length)
{
    for (int k = 0; k < KIND_COUNT; k++)
        if (strlen(kind_names[k]) == length && !memcmp(kind_names[k], name, length))
            return k;
    printf("no kind %.*s\n", (int)length, name);
    exit(1);
}

/* Of "ARGS(FD, SIZE)": their number. */
static int parse_kinds(const char *text, enum kind *kinds)
{
    int count = 0;

    text += strlen("ARGS(");
    while (count < SYSCALL_ARGS_MAX) {
        size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        if (!length)
            break;
        kinds[count++] = kind_by_name(text, length);
        text += length;
        text += strspn(text, ", ");
    }
    return count;
}

enum role { SCALAR, POINTER, DESCRIPTOR, LENGTH };

static enum role role_of(enum kind k)
{
    switch (k) {
    case KIND_FD:
    case KIND_DIRFD:
        return DESCRIPTOR;
    case KIND_SIZE:
        return LENGTH;
    case KIND_INT: case KIND_UINT: case KIND_LONG: case KIND_ULONG: case KIND_HEX: case KIND_HEX32: case KIND_ADDR:
    case KIND_UNUSED: case KIND_PID: case KIND_UID: case KIND_SIG: case KIND_OFF: case KIND_MODE: case KIND_OPEN_MODE:
    case KIND_MKNOD_MODE: case KIND_MKNOD_DEV: case KIND_DEV: case KIND_FACCESS_FLAGS: case KIND_PERSONALITY:
    case KIND_IOPRIO_WHO: case KIND_IOPRIO: case KIND_STATX_FLAGS: case KIND_STATX_MASK: case KIND_RUSAGE_WHO:
    case KIND_RLIMIT_RES: case KIND_ITIMER: case KIND_TFD_FLAGS: case KIND_TIMER_FLAGS: case KIND_TIMERFD_FLAGS:
    case KIND_CLOCKID: case KIND_OPEN_FLAGS: case KIND_FD_FLAGS: case KIND_AT_FLAGS: case KIND_UNLINK_FLAGS:
    case KIND_ACCESS_MODE: case KIND_WHENCE: case KIND_FLOCK_OP: case KIND_FALLOC_MODE: case KIND_FADVICE:
    case KIND_RENAME_FLAGS: case KIND_RWF_FLAGS: case KIND_SPLICE_FLAGS: case KIND_XATTR_FLAGS: case KIND_MFD_FLAGS:
    case KIND_CLOSE_RANGE_FLAGS: case KIND_EPOLL_FLAGS: case KIND_EPOLL_OP: case KIND_EVENTFD_FLAGS: case KIND_PROT:
    case KIND_MMAP_FLAGS: case KIND_MADVICE: case KIND_MLOCKALL_FLAGS: case KIND_GRND_FLAGS: case KIND_UNSHARE_FLAGS:
    case KIND_WAIT_OPTIONS: case KIND_WAITID_TYPE: case KIND_SIGHOW: case KIND_MEMBARRIER_OP: case KIND_MEMBARRIER_FLAGS:
    case KIND_MEMBARRIER_CPU: case KIND_PKEY_RIGHTS: case KIND_PIDFD_FLAGS: case KIND_PRIO_WHICH: case KIND_SCHED_POLICY:
    case KIND_FUTEX_OP: case KIND_FUTEX_VALUE: case KIND_FUTEX_ADDR2: case KIND_FUTEX_VALUE3: case KIND_IPC_KEY:
    case KIND_IPC_FLAGS: case KIND_SHM_FLAGS: case KIND_SOCK_FAMILY: case KIND_SOCK_TYPE: case KIND_SOCK_PROTOCOL:
    case KIND_SOCK_FLAGS: case KIND_SOCK_LEVEL: case KIND_SOCK_OPTION: case KIND_MSG_FLAGS: case KIND_SHUT_HOW:
        return SCALAR;
    default:
        return POINTER;
    }
}

/* NULL there means to wait for ever. */
static bool is_timeout(enum kind k)
{
    return k == KIND_TIMESPEC_IN || k == KIND_TIMESPEC_INOUT || k == KIND_TIMEVAL_INOUT || k == KIND_FUTEX_TIMEOUT;
}

static int file_fd, folder_fd, pipes[2], sockets[2], epoll_fd, timer_fd;
static char *buffers[SYSCALL_ARGS_MAX]; /* each of BUFFER bytes, behind which there is nothing */
static char *read_only, *no_access;

static bool begins(const char *name, const char *start)
{
    return !strncmp(name, start, strlen(start));
}

static bool is_socket_call(const char *name)
{
    static const char *const names[] = {"connect", "accept", "send", "recv", "shutdown", "bind", "listen", "getsock",
                                        "setsock", "getpeer"};

    if (!strcmp(name, "sendfile"))
        return false;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (begins(name, names[n]))
            return true;
    return false;
}

static long good_fd(const char *name, int position)
{
    if (is_socket_call(name))
        return sockets[0];
    if (begins(name, "epoll_"))
        return position ? pipes[0] : epoll_fd;
    if (begins(name, "timerfd_"))
        return timer_fd;
    if (begins(name, "signalfd"))
        return -1;
    if (begins(name, "getdents") || !strcmp(name, "fchdir"))
        return folder_fd;
    if (!strcmp(name, "vmsplice") || (!strcmp(name, "splice") && position == 2))
        return pipes[1];
    if (!strcmp(name, "tee"))
        return pipes[position ? 1 : 0];
    return file_fd;
}

static long good_scalar(enum kind k, const char *name, int position)
{
    switch (k) {
    case KIND_INT:
        return !strcmp(name, "setsockopt") ? 4 : is_socket_call(name) ? 16 : 1;
    case KIND_UINT:
    case KIND_ULONG:
        return begins(name, "getdents") ? 256 : begins(name, "sched_") ? 48 * (position == 2) : 1;
    case KIND_ADDR: return (long)buffers[position];
    case KIND_PID: return begins(name, "rt_") || begins(name, "process_") ? getpid() : 0;
    case KIND_UID: return -1;
    case KIND_SIG: return SIGUSR1;
    case KIND_RLIMIT_RES: return 4;          /* RLIMIT_CORE */
    case KIND_OPEN_FLAGS: return O_RDWR;
    case KIND_WAIT_OPTIONS: return WNOHANG | WEXITED * begins(name, "waitid");
    case KIND_EPOLL_OP: return EPOLL_CTL_ADD;
    case KIND_SPLICE_FLAGS: return 2;        /* not to wait */
    case KIND_SOCK_LEVEL: return SOL_SOCKET;
    case KIND_SOCK_OPTION: return SO_REUSEADDR;
    case KIND_SOCK_FAMILY: return AF_UNIX;
    case KIND_SOCK_TYPE: return SOCK_STREAM;
    case KIND_MSG_FLAGS: return MSG_DONTWAIT | MSG_NOSIGNAL;
    case KIND_FLOCK_OP: return 8;            /* LOCK_UN */
    case KIND_PROT: return PROT_READ;
    default: return 0;
    }
}

static long good_value(enum kind k, const char *name, int position)
{
    char *buffer = buffers[position];

    switch (role_of(k)) {
    case DESCRIPTOR:
        return k == KIND_DIRFD ? AT_FDCWD : good_fd(name, position);
    case LENGTH:
        return begins(name, "rt_sig") || begins(name, "signalfd") || strstr(name, "poll") ? 8 : !strcmp(name, "openat2") ? 24 : 64;
    case SCALAR:
        return good_scalar(k, name, position);
    default:
        memset(buffer, 0, BUFFER);
        if (k == KIND_PATH || k == KIND_STR)
            strcpy(buffer, k == KIND_STR ? "user.name" : position > 1 || (position == 1 && begins(name, "rename")) ? "other" : "file");
        if (k == KIND_SOCKLEN_INOUT)
            *(int *)buffer = 16;
        return (long)buffer;
    }
}

static struct shared {
    long results[RESULTS_MAX];
    int count;
} *shared;

static long call(const struct row *r, const long *a)
{
    errno = 0;
    long result = syscall(r->number, a[0], a[1], a[2], a[3], a[4], a[5]);

    return result == -1 ? -errno : result;
}

static void try_value(const struct row *r, const enum kind *kinds, int count, int position, long bad)
{
    long a[SYSCALL_ARGS_MAX] = {0};

    for (int n = 0; n < count; n++)
        a[n] = good_value(kinds[n], r->name, n);
    a[position] = bad;
    lseek(file_fd, 0, SEEK_SET);
    shared->results[shared->count] = call(r, a);
    shared->count++;
}

static void try_position(const struct row *r, const enum kind *kinds, int count, int position)
{
    enum kind k = kinds[position];
    const long good = good_value(k, r->name, position);
    char *end = buffers[position] + BUFFER;
    const long pointers[] = {0, 8, (long)no_access, (long)(end - 1), (long)read_only, 1L << 47, (long)0xffff888000000000, -1,
                             (long)0xffffffff81000000};
    const long descriptors[] = {-1, UNUSED_FD, -0x7fffffff - 1, 0x7fffffff, (1L << 40) | (good & 0xffffffff)};
    const long lengths[] = {0, 1L << 20, 0x7fffffff, 1L << 31, 1L << 32, 1L << 46, (long)(1UL << 63), -1};

    signal(SIGUSR1, SIG_IGN);
    switch (role_of(k)) {
    case POINTER:
        for (size_t n = is_timeout(k); n < sizeof pointers / sizeof *pointers; n++)
            try_value(r, kinds, count, position, pointers[n]);
        break;
    case DESCRIPTOR:
        for (size_t n = 0; n < sizeof descriptors / sizeof *descriptors; n++)
            try_value(r, kinds, count, position, descriptors[n]);
        break;
    default:
        for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++)
            try_value(r, kinds, count, position, lengths[n]);
    }
}

static void try_argument(const struct row *r, const enum kind *kinds, int count, int position)
{
    int status;

    shared->count = 0;
    pid_t pid = fork_clean();
    if (!pid) {
        alarm(10);
        try_position(r, kinds, count, position);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("%s, %s %d:", r->name, kind_names[kinds[position]], position + 1);
    for (int n = 0; n < shared->count; n++) {
        if (shared->results[n] < 0)
            printf(" %ld", -shared->results[n]);
        else
            printf(" ok");
    }
    printf("\n");
    if (status)
        show_status(r->name, status);
}

static void set_up(void)
{
    for (int n = 0; n < SYSCALL_ARGS_MAX; n++) {
        char *p = mmap(NULL, BUFFER + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        buffers[n] = mmap(p + PAGE, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    no_access = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    file_fd = open("file", O_CREAT | O_RDWR, 0600);
    (void)!write(file_fd, buffers[0], 8192);
    folder_fd = open(".", O_RDONLY | O_DIRECTORY);
    (void)!pipe(pipes);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
}

int main(void)
{
    set_up();
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        enum kind kinds[SYSCALL_ARGS_MAX];
        int count = rows[n].status != status_none && !is_left_out(rows[n].name) ? parse_kinds(rows[n].kinds, kinds) : 0;

        for (int position = 0; position < count; position++)
            if (role_of(kinds[position]) != SCALAR)
                try_argument(&rows[n], kinds, count, position);
    }
    return 0;
}
