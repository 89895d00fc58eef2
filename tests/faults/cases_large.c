/*
 * Cases of what is too large to be kept in place, and of calls that few programs make; see cases.h.
 */
#include "tests/faults/cases.h"

#include <elf.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#define PAGE   4096UL
#define LARGE  (2UL << 20)
#define MANY   200
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        if ((long)(call) == -1)                                                                                        \
            return -1;                                                                                                 \
    } while (0)

static uint32_t pi_word;

static void *pi_owner(void *argument)
{
    syscall(SYS_futex, &pi_word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    pause();
    return NULL;
}

static int pi_prepare(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, pi_owner, NULL))
        return -1;
    while (!__atomic_load_n(&pi_word, __ATOMIC_ACQUIRE))
        sched_yield();
    return 0;
}

/* An errno that is what the call is to end with. */
static int expect(long result, int error)
{
    return result == -1 && errno == error ? 0 : result == -1 ? -1 : 0;
}

static int do_futexes(void)
{
    struct timespec past = {0, 1};
    uint32_t word = 0;
    struct futex_waitv wait[3];

    for (int i = 0; i < 3; i++)
        wait[i] = (struct futex_waitv){.uaddr = (uintptr_t)&word, .flags = FUTEX_32};
    TRY(expect(syscall(SYS_futex_waitv, wait, 3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT));
    TRY(expect(syscall(SYS_futex, &pi_word, FUTEX_LOCK_PI_PRIVATE, 0, &past, NULL, 0), ETIMEDOUT));
    return 0;
}

#define LONG_NAME "a name that is longer than what a directory entry keeps in place"

static int do_long_names(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}, peer;
    socklen_t length = sizeof(peer);
    int fd;

    TRY(fd = open(LONG_NAME, O_CREAT | O_RDWR, 0600));
    TRY(rename(LONG_NAME, LONG_NAME " too"));
    TRY(rename(LONG_NAME " too", "short"));
    TRY(rename("short", LONG_NAME));
    TRY(symlink(LONG_NAME, LONG_NAME " link"));
    TRY(mkdir(LONG_NAME " folder", 0700));
    TRY(fd = socket(AF_UNIX, SOCK_DGRAM, 0));
    TRY(bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family))); /* a name of the kernel's choice */
    TRY(getsockname(fd, (struct sockaddr *)&peer, &length));
    return 0;
}

static int polled[MANY][2], set;

static int many_pipes(void)
{
    for (int i = 0; i < MANY; i++)
        if (pipe(polled[i]))
            return -1;
    set = epoll_create1(0);
    return set < 0;
}

static int do_polled(void)
{
    struct pollfd p[2 * MANY];
    struct epoll_event events[MANY], event = {.events = EPOLLIN | EPOLLOUT};
    int master, slave, pair[2];

    for (int i = 0; i < 2 * MANY; i++)
        p[i] = (struct pollfd){.fd = polled[i / 2][0], .events = POLLIN};
    struct timespec soon = {0, 1};
    TRY(ppoll(p, 2 * MANY, &soon, NULL));
    TRY(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
    TRY(master = posix_openpt(O_RDWR | O_NOCTTY));
    TRY(unlockpt(master));
    TRY(slave = open(ptsname(master), O_RDWR | O_NOCTTY));
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, master, &event));
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, slave, &event));
    for (int i = 0; i < 40; i++)
        TRY(epoll_ctl(set, EPOLL_CTL_ADD, polled[i][1], &event));
    TRY(epoll_wait(set, events, MANY, 0));
    return 0;
}

static int do_messages(void)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(100 * sizeof(int))];
    } control = {.header = {CMSG_LEN(100 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    char byte = 1;
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int pair[2];

    for (int i = 0; i < 100; i++)
        memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &polled[i][0], sizeof(int));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    TRY(sendmsg(pair[0], &m, 0));
    m.msg_controllen = sizeof(control);
    TRY(recvmsg(pair[1], &m, 0));
    return 0;
}

static int do_semaphores(void)
{
    unsigned short values[MANY] = {0};
    struct sembuf operations[MANY];
    int id;

    for (int i = 0; i < MANY; i++)
        operations[i] = (struct sembuf){.sem_num = (unsigned short)i, .sem_op = 1};
    TRY(id = semget(IPC_PRIVATE, MANY, 0600));
    int result = semctl(id, 0, SETALL, values);
    result = result == -1 ? -1 : semctl(id, 0, GETALL, values);
    result = result == -1 ? -1 : semop(id, operations, MANY);
    int error = errno;
    semctl(id, 0, IPC_RMID);
    errno = error;
    return result;
}

static int do_memory_files(void)
{
    static const char *const names[] = {"/proc/self/pagemap", "/proc/self/environ", "/proc/self/auxv", "/proc/self/smaps",
                                        "/proc/self/smaps_rollup", "/proc/self/maps"};
    uint64_t buf[64];
    int fd;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        TRY(fd = open(names[i], O_RDONLY));
        TRY(read(fd, buf, sizeof(buf)));
    }
    TRY(fd = open("/proc/self/mem", O_RDWR));
    TRY(pread(fd, buf, 8, (off_t)(uintptr_t)names));
    TRY(pwrite(fd, &buf[0], 8, (off_t)(uintptr_t)&buf[1]));
    return 0;
}

static int splice_files(void)
{
    int fd = open("spliced", O_CREAT | O_RDWR, 0600);

    return fd < 0 || ftruncate(fd, 8 * PAGE) || many_pipes();
}

static int do_splices(void)
{
    static char bytes[3 * PAGE];
    struct iovec v = {bytes, sizeof(bytes)};
    int file, zero;

    TRY(file = open("spliced", O_RDWR));
    TRY(zero = open("/dev/zero", O_RDONLY));
    TRY(splice(file, NULL, polled[0][1], NULL, 3 * PAGE, 0));
    TRY(splice(zero, NULL, polled[1][1], NULL, 3 * PAGE, 0));
    TRY(vmsplice(polled[2][1], &v, 1, 0));
    TRY(tee(polled[0][0], polled[3][1], PAGE, 0));
    TRY(splice(polled[0][0], NULL, file, NULL, 3 * PAGE, 0));
    return 0;
}

static int do_full_terminal(void)
{
    static char bytes[16384];
    struct termios raw = {.c_cc[VMIN] = 1};
    int master, slave;

    memset(bytes, 'x', sizeof(bytes));
    TRY(master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
    TRY(unlockpt(master));
    TRY(slave = open(ptsname(master), O_RDWR | O_NOCTTY));
    TRY(tcsetattr(slave, TCSANOW, &raw));
    TRY(write(master, bytes, sizeof(bytes)));
    (void)!write(master, bytes, sizeof(bytes)); /* EAGAIN: it is full, and stays so */
    TRY(close(slave));
    return 0;
}

/* A program whose interpreter does not exist. */
static int make_dynamic(void)
{
    static const char interpreter[] = "/nowhere/ld.so";
    struct {
        Elf64_Ehdr head;
        Elf64_Phdr segments[2];
        char path[sizeof(interpreter)];
    } image = {
        .head = {.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = 1, .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2},
        .segments = {{.p_type = PT_INTERP, .p_filesz = sizeof(interpreter), .p_memsz = sizeof(interpreter)},
                     {.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = PAGE, .p_memsz = PAGE, .p_align = PAGE}},
    };
    int fd = open("dynamic", O_CREAT | O_WRONLY, 0755);

    memcpy(image.head.e_ident, ELFMAG "\2\1\1", 7);
    image.segments[0].p_offset = (Elf64_Off)(image.path - (char *)&image);
    memcpy(image.path, interpreter, sizeof(interpreter));
    return fd < 0 || write(fd, &image, sizeof(image)) != sizeof(image) || ftruncate(fd, PAGE) || close(fd);
}

static int do_dynamic(void)
{
    char *argv[] = {"dynamic", NULL};

    return expect(execve("dynamic", argv, NULL), ENOENT);
}

static int do_collapse(void)
{
    char *p = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    TRY(p == MAP_FAILED ? -1 : 0);
    p = (char *)(((uintptr_t)p + LARGE - 1) & ~(LARGE - 1));
    TRY(madvise(p, LARGE, MADV_NOHUGEPAGE));
    p[0] = p[PAGE] = 1;
    TRY(madvise(p, LARGE, MADV_HUGEPAGE));
    TRY(madvise(p, LARGE, MADV_COLLAPSE));
    return 0;
}

static int do_registers(void)
{
    static char area[8192];
    int status;
    pid_t pid = traced_child();

    TRY(pid);
    TRY(waitpid(pid, &status, 0));
    for (int i = 0; i < 2; i++) {
        struct iovec v = {area, sizeof(area)};
        TRY(ptrace(PTRACE_GETREGSET, pid, i ? NT_PRFPREG : NT_X86_XSTATE, &v));
        TRY(ptrace(PTRACE_SETREGSET, pid, i ? NT_PRFPREG : NT_X86_XSTATE, &v));
    }
    TRY(ptrace(PTRACE_GETFPREGS, pid, NULL, area));
    TRY(ptrace(PTRACE_SETFPREGS, pid, NULL, area));
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    TRY(waitpid(pid, &status, 0));
    return 0;
}

const struct fault_case fault_cases_large[] = {
    {"futexes", do_futexes, pi_prepare},
    {"long_names", do_long_names},
    {"polled", do_polled, many_pipes},
    {"messages", do_messages, many_pipes},
    {"semaphores", do_semaphores},
    {"memory_files", do_memory_files},
    {"splices", do_splices, splice_files},
    {"full_terminal", do_full_terminal},
    {"exec_dynamic", do_dynamic, make_dynamic},
    {"collapse", do_collapse},
    {"registers", do_registers},
    {NULL},
};
