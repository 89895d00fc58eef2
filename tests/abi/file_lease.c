/*
 * Leases: who may have one, who breaks it, what its holder is told, and that who breaks it waits until it is given up.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "abi_test.h"

static volatile int count, code, band, told_fd, number;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    number = signal;
    code = info->si_code;
    band = (int)info->si_band;
    told_fd = info->si_fd;
    count++;
}

static void show_signal(const char *what, int fd)
{
    printf("%s: %d signals", what, count);
    if (count && code == SI_KERNEL)
        printf(", SIGIO %d of the kernel", number == SIGIO);
    else if (count)
        printf(", code %d band %x fd %s", code, band, told_fd == fd ? "right" : "WRONG");
    printf("\n");
    count = code = band = 0;
}

static int show_open(const char *what, int flags)
{
    int fd = open("f", flags | O_NONBLOCK);

    printf("%s: %s errno %d\n", what, fd < 0 ? "no" : "yes", fd < 0 ? errno : 0);
    return fd;
}

static void show_refused(void)
{
    int rw = open("f", O_CREAT | O_RDWR, 0600), path = open("f", O_PATH), dir = open(".", O_RDONLY), p[2];

    pipe(p);
    show_call(fcntl(rw, F_SETLEASE, 77));
    show_call(fcntl(dir, F_SETLEASE, F_RDLCK));
    show_call(fcntl(p[0], F_SETLEASE, F_RDLCK));
    show_call(fcntl(path, F_SETLEASE, F_RDLCK));
    show_call(fcntl(path, F_GETLEASE));
    show_call(fcntl(p[0], F_GETLEASE));
    show_call(fcntl(rw, F_SETLEASE, F_UNLCK));
    show_call(fcntl(rw, F_SETLEASE, F_RDLCK));
    show_call(fcntl(rw, F_GETLEASE));
    int ro = open("f", O_RDONLY);
    show_call(fcntl(ro, F_SETLEASE, F_RDLCK));
    show_call(fcntl(rw, F_SETLEASE, F_WRLCK));
    close(ro), close(path);
    show_call(fcntl(rw, F_SETLEASE, F_WRLCK));
    show_call(fcntl(rw, F_GETLEASE));
    show_call(fcntl(rw, F_SETLEASE, F_RDLCK));
    close(rw), close(dir), close(p[0]), close(p[1]);
}

static void show_readers(void)
{
    int a = open("f", O_RDONLY), b = open("f", O_RDONLY), fd;

    show_call(fcntl(a, F_SETLEASE, F_WRLCK));
    show_call(fcntl(a, F_SETLEASE, F_RDLCK));
    show("owner", fcntl(a, F_GETOWN) == getpid());
    show_call(fcntl(b, F_SETLEASE, F_RDLCK));
    show_call(fcntl(a, F_GETLEASE));
    fd = show_open("another reader", O_RDONLY);
    close(fd);
    show_signal("which breaks nothing", a);
    show_open("a writer", O_WRONLY);
    show_signal("breaks both", -1);
    show_call(fcntl(a, F_GETLEASE));
    show_open("again", O_RDWR);
    show_signal("they know", -1);
    int c = open("f", O_RDONLY);
    show_call(fcntl(c, F_SETLEASE, F_RDLCK));
    close(c);
    show_call(fcntl(a, F_SETLEASE, F_UNLCK));
    show("owner", fcntl(a, F_GETOWN));
    show_open("one is left", O_WRONLY);
    close(b);
    fd = show_open("none", O_WRONLY);
    show_call(fcntl(a, F_SETLEASE, F_RDLCK));
    close(fd), close(a);
}

static void show_writer(void)
{
    int a = open("f", O_RDONLY), copy = dup(a), fd;

    show_call(fcntl(a, F_SETLEASE, F_WRLCK));
    fcntl(a, F_SETSIG, SIGRTMIN + 2);
    show_call(fcntl(copy, F_GETLEASE));
    show_open("a reader", O_RDONLY);
    show_signal("breaks it", a);
    show_call(fcntl(a, F_GETLEASE));
    show_call(fcntl(a, F_SETLEASE, F_RDLCK));
    fd = show_open("then", O_RDONLY);
    show_call(fcntl(a, F_SETLEASE, F_WRLCK));
    close(fd);
    show_call(fcntl(a, F_SETLEASE, F_WRLCK));
    show_open("a writer who truncates", O_WRONLY | O_TRUNC);
    show_signal("breaks it", a);
    show_call(fcntl(copy, F_GETLEASE));
    show_call(fcntl(copy, F_SETLEASE, F_UNLCK));
    show_call(fcntl(copy, F_GETSIG));
    show_call(fcntl(a, F_SETLEASE, F_WRLCK));
    close(a);
    show_open("its copy has it", O_RDONLY);
    show_signal("told", a);
    close(copy);
    fd = show_open("closed", O_RDWR);
    close(fd);
}

/* A child that waits for the lease: what it does comes after the lease is given up. */
static void show_waiting(const char *what, int (*breaker)(void), int give_up)
{
    int fd = open("f", O_RDONLY), p[2], status;
    char order[3] = "";

    pipe(p);
    fcntl(fd, F_SETLEASE, F_WRLCK);
    fcntl(fd, F_SETSIG, SIGIO);
    pid_t child = fork_clean();
    if (!child) {
        close(fd);
        int result = breaker();
        write(p[1], "b", 1);
        _exit(result < 0 ? errno : 0);
    }
    while (!count)
        usleep(1000);
    show_signal(what, fd);
    write(p[1], "a", 1);
    if (give_up == F_RDLCK || give_up == F_UNLCK)
        show_call(fcntl(fd, F_SETLEASE, give_up));
    else
        close(fd);
    waitpid(child, &status, 0);
    show_status("its end", status);
    read(p[0], order, 2);
    printf("order: %s\n", order);
    close(p[0]), close(p[1]), close(fd);
}

static int opens_to_read(void)
{
    return open("f", O_RDONLY);
}

static int opens_to_write(void)
{
    return open("f", O_WRONLY);
}

static int truncates(void)
{
    return truncate("f", 3);
}

static int is_interrupted(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    sigaction(SIGUSR1, &action, NULL);
    kill(getppid(), SIGUSR2);
    return open("f", O_RDWR);
}

static void show_interrupted(void)
{
    int fd = open("f", O_RDONLY), status;

    fcntl(fd, F_SETLEASE, F_RDLCK);
    pid_t child = fork_clean();
    if (!child) {
        close(fd);
        _exit(is_interrupted() < 0 ? errno : 0);
    }
    while (count < 2) /* its own, then the lease's */
        usleep(1000);
    while (!waitpid(child, &status, WNOHANG)) {
        kill(child, SIGUSR1);
        usleep(1000);
    }
    show_status("interrupted", status);
    count = 0;
    show_call(fcntl(fd, F_GETLEASE));
    close(fd);
}

static void show_others(void)
{
    chmod(".", 0777), chmod("f", 0666);
    if (setuid(1000))
        return;
    int fd = open("f", O_RDONLY);
    show_call(fcntl(fd, F_SETLEASE, F_RDLCK));
    show_call(fcntl(fd, F_SETLEASE, F_UNLCK));
    show_call(fcntl(fd, F_GETLEASE));
    close(fd);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGIO, &action, NULL), sigaction(SIGRTMIN + 2, &action, NULL), sigaction(SIGUSR2, &action, NULL);
    show_refused();
    show_readers();
    show_writer();
    show_waiting("to read", opens_to_read, F_RDLCK);
    show_waiting("to write", opens_to_write, F_UNLCK);
    show_waiting("to truncate", truncates, -1);
    show_interrupted();
    show_child("another user", show_others);
    return 0;
}
