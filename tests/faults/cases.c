/*
 * See cases.h.  What is opened or made is left to the end of the process: that everything goes then is part of the
 * test.
 */
#include "tests/faults/cases.h"

#include <dirent.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE 4096UL
#define MIB  (1UL << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        if ((long)(call) == -1)                                                                                        \
            return -1;                                                                                                 \
    } while (0)

static int fds[8];

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *at)
{
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A child that ends at once; the fault belongs to the caller alone. */
static int wait_for(pid_t pid)
{
    int status;

    TRY(pid);
    TRY(waitpid(pid, &status, 0));
    return 0;
}

static int do_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return wait_for(pid);
}

static int do_vfork(void)
{
    pid_t pid = vfork();

    if (pid == 0)
        _exit(0);
    return wait_for(pid);
}

static int large_process(void)
{
    static const gid_t groups[] = {1, 2, 3, 4, 5};

    for (int i = 0; i < 20; i++) {
        char *p = mmap(NULL, 4 * PAGE, RW, i & 1 ? ANON : MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED || mprotect(p, PAGE, PROT_READ))
            return -1;
        p[PAGE] = 1;
    }
    for (int i = 0; i < 100; i++)
        if (dup(0) < 0)
            return -1;
    return setgroups(5, groups);
}

static void *thread_body(void *argument)
{
    return NULL;
}

static int do_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, thread_body, NULL);

    if (error) {
        errno = error;
        return -1;
    }
    pthread_join(thread, NULL);
    return 0;
}

static int do_pidfd(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    TRY(pid);
    TRY(syscall(SYS_pidfd_open, pid, 0));
    return wait_for(pid);
}

static int do_exec(void)
{
    char *argv[] = {"fail_nth", "--child", "a", "b", NULL}, *envp[] = {"A=B", NULL};

    return execve("/tests/fail_nth", argv, envp);
}

static int make_script(void)
{
    int fd = open("script", O_CREAT | O_WRONLY, 0755);

    return dprintf(fd, "#!/tests/fail_nth --child\n") < 0 || close(fd);
}

static int do_exec_script(void)
{
    char *argv[] = {"script", NULL};

    return execve("script", argv, NULL);
}

static int do_exec_large(void)
{
    static char text[64 * 1024];
    char *argv[20] = {"fail_nth", "--child"};

    memset(text, 'a', sizeof text - 1);
    for (int i = 2; i < 18; i++)
        argv[i] = text;
    return execve("/tests/fail_nth", argv, NULL);
}

static int do_mmap(void)
{
    char *p = mmap(NULL, 4 * MIB, RW, ANON, -1, 0), *q = mmap(NULL, MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || q == MAP_FAILED)
        return -1;
    TRY(mprotect(p + MIB, MIB, PROT_READ));
    TRY(munmap(p + 3 * MIB, PAGE));
    TRY(mmap(p + PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
    TRY(madvise(p, 2 * PAGE, MADV_DONTFORK));
    TRY(mlock(p, 8 * PAGE));
    TRY(mremap(p + 2 * MIB, MIB, 2 * MIB, MREMAP_MAYMOVE));
    TRY(mremap(q, MIB, 2 * MIB, MREMAP_MAYMOVE));
    return 0;
}

static int do_touch(void)
{
    char *p = mmap(NULL, 4 * MIB, RW, ANON, -1, 0);

    if (p == MAP_FAILED)
        return -1;
    for (size_t at = 0; at < 4 * MIB; at += MIB / 2)
        p[at] = 1;
    TRY(madvise(p, 4 * MIB, MADV_DONTNEED));
    TRY(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE));
    return 0;
}

static int do_huge(void)
{
    char *p = mmap(NULL, 8 * MIB, RW, ANON, -1, 0);

    if (p == MAP_FAILED)
        return -1;
    p = (char *)(((uintptr_t)p + 2 * MIB) & ~(2 * MIB - 1));
    TRY(madvise(p, 4 * MIB, MADV_HUGEPAGE));
    p[0] = 1;
    TRY(mprotect(p + PAGE, PAGE, PROT_READ));
    return do_fork();
}

static int do_brk(void)
{
    return sbrk(MIB) == (void *)-1 ? -1 : 0;
}

static int make_file(void)
{
    fds[0] = open("file", O_CREAT | O_RDWR, 0644);
    return fds[0] < 0 || ftruncate(fds[0], 64 * 1024);
}

static int do_map_file(void)
{
    char *p = mmap(NULL, 64 * 1024, RW, MAP_SHARED, fds[0], 0), *q = mmap(NULL, 64 * 1024, RW, MAP_PRIVATE, fds[0], 0);

    if (p == MAP_FAILED || q == MAP_FAILED)
        return -1;
    TRY(madvise(p, 64 * 1024, MADV_POPULATE_WRITE));
    TRY(madvise(q, 64 * 1024, MADV_POPULATE_WRITE));
    TRY(msync(p, 64 * 1024, MS_SYNC));
    return 0;
}

static int do_memfd(void)
{
    int fd = memfd_create("name", MFD_ALLOW_SEALING);

    TRY(fd);
    TRY(ftruncate(fd, MIB));
    TRY(pwrite(fd, "x", 1, MIB / 2));
    TRY(fallocate(fd, 0, 0, 16 * PAGE));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    return 0;
}

static volatile sig_atomic_t handled;

static void handler(int signal)
{
    handled++;
}

static int do_signals(void)
{
    struct sigaction action = {.sa_handler = handler};
    sigset_t set;
    union sigval value = {.sival_int = 1};

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    TRY(sigaction(SIGUSR1, &action, NULL));
    TRY(sigaction(SIGRTMIN, &action, NULL));
    TRY(sigprocmask(SIG_BLOCK, &set, NULL));
    TRY(kill(getpid(), SIGUSR1));
    for (int i = 0; i < 4; i++)
        TRY(sigqueue(getpid(), SIGRTMIN, value));
    TRY(sigprocmask(SIG_UNBLOCK, &set, NULL));
    return 0;
}

static int do_stack_signal(void)
{
    stack_t stack = {.ss_sp = mmap(NULL, 64 * 1024, RW, ANON, -1, 0), .ss_size = 64 * 1024};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};

    TRY(stack.ss_sp);
    TRY(sigaltstack(&stack, NULL));
    TRY(sigaction(SIGUSR1, &action, NULL));
    TRY(kill(getpid(), SIGUSR1));
    return 0;
}

static int core_limits(void)
{
    struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_CORE, &r);
}

static int do_core(void)
{
    TRY(kill(getpid(), SIGSEGV));
    return 0;
}

static int do_timers(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec when = {.it_value = {.tv_nsec = 1000000}};
    struct sigaction action = {.sa_handler = handler};

    TRY(sigaction(SIGRTMIN, &action, NULL));
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
    TRY(syscall(SYS_timer_settime, (int)(intptr_t)timer, 0, &when, NULL));
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    TRY(fd);
    TRY(timerfd_settime(fd, 0, &when, NULL));
    usleep(3000);
    return 0;
}

static int do_open(void)
{
    char text[200];
    int fd = open("new", O_CREAT | O_RDWR, 0644);

    TRY(fd);
    TRY(write(fd, text, sizeof text));
    TRY(pwrite(fd, text, sizeof text, 3 * MIB));
    TRY(open(".", O_TMPFILE | O_RDWR, 0600));
    TRY(open("new", O_RDONLY | O_PATH));
    TRY(open("/proc/self/fd/0", O_RDONLY));
    TRY(open("/dev/null", O_RDWR));
    TRY(dup2(fd, 900));
    TRY(fcntl(fd, F_DUPFD, 1000));
    return 0;
}

static int touch_file(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR, 0600);

    return fd < 0 ? -1 : close(fd);
}

static int do_names(void)
{
    char name[200], path[400];
    struct stat s;

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    TRY(mkdir("folder", 0755));
    TRY(mkdir(name, 0755));
    TRY(mknod("fifo", S_IFIFO | 0600, 0));
    TRY(symlink("folder", "link"));
    TRY(symlink(name, "long link"));
    snprintf(path, sizeof path, "link/%s", name);
    TRY(touch_file(path));
    TRY(link(path, "other"));
    TRY(rename("other", "another"));
    TRY(renameat2(AT_FDCWD, "another", AT_FDCWD, "fifo", RENAME_EXCHANGE));
    TRY(stat(path, &s));
    TRY(unlink(path));
    TRY(rmdir(name));
    if (!getcwd(path, sizeof path))
        return -1;
    TRY(readlink("link", path, sizeof path));
    TRY(truncate("another", 0) == -1 && errno != EINVAL ? -1 : 0);
    return 0;
}

static int do_readdir(void)
{
    DIR *d = opendir("/proc/self");
    struct dirent *e;

    if (!d)
        return -1;
    errno = 0;
    while ((e = readdir(d)))
        errno = 0;
    return errno ? -1 : 0;
}

static int do_proc(void)
{
    static const char *const names[] = {"/proc/meminfo",   "/proc/self/maps",           "/proc/self/status",
                                        "/proc/self/stat", "/proc/self/cmdline",        "/proc/self/mountinfo",
                                        "/proc/cpuinfo",   "/proc/self/environ",        "/proc/self/limits",
                                        "/proc/net/unix",  "/proc/sys/kernel/hostname", "/proc/self/auxv",
                                        "/proc/stat",      "/proc/self/smaps"};
    char text[4096];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int fd = open(names[i], O_RDONLY);
        ssize_t n;

        if (fd < 0 && errno == ENOENT)
            continue;
        TRY(fd);
        while ((n = read(fd, text, sizeof text)) > 0)
            continue;
        TRY(n);
        close(fd);
    }
    TRY(readlink("/proc/self/exe", text, sizeof text));
    TRY(readlink("/proc/self/cwd", text, sizeof text));
    TRY(readlink("/proc/self/fd/0", text, sizeof text));
    return 0;
}

static int do_pipes(void)
{
    static char text[128 * 1024];
    int a[2], b[2];

    TRY(pipe(a));
    TRY(pipe2(b, O_NONBLOCK | O_DIRECT));
    TRY(fcntl(a[1], F_SETPIPE_SZ, MIB));
    TRY(write(a[1], text, sizeof text));
    TRY(write(b[1], text, 100));
    TRY(read(b[0], text, 100));
    TRY(sendfile(a[1], fds[0], NULL, 8192));
    TRY(open("fifo", O_RDWR));
    return 0;
}

static int pipe_files(void)
{
    return make_file() || mkfifo("fifo", 0600);
}

static int do_events(void)
{
    int epoll = epoll_create1(0), inner = epoll_create1(0), event = eventfd(0, 0);
    sigset_t set;
    struct epoll_event e = {.events = EPOLLIN};
    struct pollfd polled[70];

    TRY(epoll);
    TRY(inner);
    TRY(event);
    sigemptyset(&set);
    TRY(signalfd(-1, &set, 0));
    TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e));
    TRY(epoll_ctl(inner, EPOLL_CTL_ADD, event, &e));
    TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, inner, &e));
    TRY(write(event, "12345678", 8));
    TRY(epoll_wait(epoll, &e, 1, 0));
    for (int i = 0; i < 70; i++)
        polled[i] = (struct pollfd){.fd = event, .events = POLLIN};
    TRY(poll(polled, 70, 1));
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(event, &reads);
    TRY(select(900, &reads, NULL, NULL, NULL));
    return 0;
}

/* Binds and listens, connects, accepts, and sends bytes, names and descriptors; both ways of addressing. */
static int do_socket_type(int type, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX}, from;
    socklen_t size = sizeof from;
    int pair[2], listener = socket(AF_UNIX, type, 0), client = socket(AF_UNIX, type, 0), server = listener;
    char text[5000] = "", control[CMSG_SPACE(2 * sizeof(int))] = "";
    struct iovec v = {text, sizeof text};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    TRY(listener);
    TRY(client);
    strcpy(a.sun_path, path);
    if (!*path)
        strcpy(a.sun_path + 1, "abstract");
    TRY(bind(listener, (struct sockaddr *)&a, sizeof a));
    if (type != SOCK_DGRAM)
        TRY(listen(listener, 4));
    TRY(connect(client, (struct sockaddr *)&a, sizeof a));
    if (type != SOCK_DGRAM)
        TRY(server = accept(listener, (struct sockaddr *)&from, &size));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), (int[]){client, listener}, 2 * sizeof(int));
    TRY(sendmsg(client, &m, 0));
    TRY(send(client, text, sizeof text, 0));
    TRY(recvmsg(server, &m, 0));
    TRY(socketpair(AF_UNIX, type, 0, pair));
    TRY(write(pair[0], text, sizeof text));
    TRY(read(pair[1], text, 10));
    return 0;
}

static int do_stream(void)
{
    return do_socket_type(SOCK_STREAM, "name");
}

static int do_datagram(void)
{
    return do_socket_type(SOCK_DGRAM, "name");
}

static int do_seqpacket(void)
{
    return do_socket_type(SOCK_SEQPACKET, "");
}

static int do_ipc(void)
{
    int segment = shmget(IPC_PRIVATE, 64 * 1024, 0600), set = -1, error;
    struct sembuf up = {.sem_num = 1, .sem_op = 1, .sem_flg = SEM_UNDO};

    TRY(segment);
    char *p = shmat(segment, NULL, 0);
    shmctl(segment, IPC_RMID, NULL);
    if (p != (char *)-1)
        set = semget(IPC_PRIVATE, 5, 0600);
    error = set < 0 || semop(set, &up, 1);
    int saved = errno;
    if (set >= 0)
        semctl(set, 0, IPC_RMID);
    errno = saved;
    return error ? -1 : 0;
}

static int do_locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};

    TRY(flock(fds[0], LOCK_EX));
    TRY(fcntl(fds[0], F_SETLK, &lock));
    lock.l_start = 14;
    lock.l_len = 2;
    lock.l_type = F_UNLCK;
    TRY(fcntl(fds[0], F_SETLK, &lock));
    lock.l_type = F_RDLCK;
    TRY(fcntl(fds[0], F_OFD_SETLK, &lock) == -1 && errno != EAGAIN ? -1 : 0);
    return 0;
}

static int do_lease(void)
{
    int fd = open("/tmp/lease", O_CREAT | O_RDONLY, 0600), error = fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK), saved = errno;

    if (fd >= 0)
        close(fd);
    unlink("/tmp/lease");
    errno = saved;
    return error ? -1 : 0;
}

static int do_terminal(void)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);

    TRY(master);
    TRY(unlockpt(master));
    char *name = ptsname(master);
    if (!name)
        return -1;
    int slave = open(name, O_RDWR | O_NOCTTY);
    TRY(slave);
    TRY(write(master, "line\n", 5));
    TRY(write(slave, "answer\n", 7));
    return 0;
}

static int do_mount(void)
{
    TRY(mkdir("on", 0755));
    TRY(mount("none", "on", "tmpfs", 0, "size=1m"));
    TRY(touch_file("on/file"));
    TRY(mount("on", "on", NULL, MS_BIND, NULL));
    TRY(umount("on"));
    return 0;
}

static int do_attributes(void)
{
    static const gid_t groups[] = {1, 2, 3};
    struct sched_param parameter = {.sched_priority = 1};
    uint64_t deadline[6] = {48 | 6UL << 32, 0, 0, 1000000, 10000000, 10000000}; /* struct sched_attr: SCHED_DEADLINE */

    TRY(setgroups(3, groups));
    TRY(setresuid(-1, -1, -1));
    TRY(prctl(PR_SET_NAME, "name"));
    TRY(sched_setscheduler(0, SCHED_RR, &parameter));
    TRY(syscall(SYS_sched_setattr, 0, deadline, 0));
    TRY(setuid(1000));
    return 0;
}

static int do_vectors(void)
{
    static char bytes[200][16];
    struct iovec v[200], w[200];

    for (int i = 0; i < 200; i++)
        v[i] = w[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    TRY(writev(fds[0], v, 200));
    TRY(preadv(fds[0], v, 200, 0));
    TRY(process_vm_readv(getpid(), v, 200, w, 200, 0));
    return 0;
}

pid_t traced_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(0);
    }
    return pid;
}

static int do_ptrace(void)
{
    int status;
    pid_t pid = traced_child();

    TRY(pid);
    TRY(waitpid(pid, &status, 0));
    char area[4096];
    struct iovec v = {area, sizeof area};
    TRY(ptrace(PTRACE_GETREGSET, pid, 0x202, &v));         /* NT_X86_XSTATE */
    TRY(ptrace(PTRACE_POKEUSER, pid, 848 + 7 * 8, 0x400)); /* DR7 */
    TRY(ptrace(PTRACE_PEEKTEXT, pid, &fds, NULL) == -1 && errno ? -1 : 0);
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    TRY(waitpid(pid, &status, 0));
    return 0;
}

const struct fault_case fault_cases[] = {
    {"fork", do_fork},
    {"fork_large", do_fork, large_process},
    {"vfork", do_vfork},
    {"thread", do_thread},
    {"pidfd", do_pidfd},
    {"exec", do_exec},
    {"exec_script", do_exec_script, make_script},
    {"exec_large", do_exec_large},
    {"mmap", do_mmap},
    {"touch", do_touch},
    {"huge", do_huge},
    {"brk", do_brk},
    {"map_file", do_map_file, make_file},
    {"memfd", do_memfd},
    {"signals", do_signals},
    {"stack_signal", do_stack_signal},
    {"core", do_core, core_limits, SIGSEGV},
    {"timers", do_timers},
    {"open", do_open},
    {"names", do_names},
    {"readdir", do_readdir},
    {"proc", do_proc},
    {"pipes", do_pipes, pipe_files},
    {"events", do_events},
    {"stream", do_stream},
    {"datagram", do_datagram},
    {"seqpacket", do_seqpacket},
    {"ipc", do_ipc},
    {"locks", do_locks, make_file}, {"lease", do_lease},
    {"terminal", do_terminal},
    {"mount", do_mount},
    {"attributes", do_attributes},
    {"vectors", do_vectors, make_file},
    {"ptrace", do_ptrace},
    {NULL},
};
