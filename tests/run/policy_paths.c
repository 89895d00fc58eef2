/*
 * A child that is asked about, and a parent that does what standard input says meanwhile, a word a line, and answers each with a line:
 *
 *     open, both   the child's main thread opens the shared path, or renames it to "/tmp/b"; it says what came of it
 *     connect      the child connects to the unix socket at the shared path
 *     send         the child sends a message without an address on a socketpair
 *     ping         nothing
 *     flip         the shared path becomes "/tmp/other"
 *     signal       SIGUSR1 to the child
 *     kill         SIGKILL to the child, and wait for its end
 *
 * The path is in memory that both share: what the call uses must be what was asked about.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *path;
static volatile sig_atomic_t handled;

static void handler(int signal)
{
    handled += signal == SIGUSR1;
}

static void say(const char *what, const char *how)
{
    char line[256];

    write(1, line, (size_t)snprintf(line, sizeof line, "%s: %s%s\n", what, how, handled ? ", handled" : ""));
}

static const char *result(long value)
{
    return value < 0 ? strerrorname_np(errno) : "good";
}

static void make(const char *name)
{
    int fd = creat(name, 0666);

    write(fd, name, strlen(name));
    close(fd);
}

static const char *read_opened(void)
{
    static char text[64];
    int fd = openat(AT_FDCWD, path, O_RDONLY);

    if (fd < 0)
        return result(fd);
    text[read(fd, text, sizeof text - 1)] = '\0';
    close(fd);
    return text;
}

static const char *try_connect(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, path);
    const char *how = result(connect(fd, (struct sockaddr *)&a, sizeof a));
    close(fd);
    return how;
}

static const char *try_send(void)
{
    struct iovec bytes = {"x", 1};
    struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};
    int pair[2];

    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    const char *how = result(sendmsg(pair[0], &m, 0));
    close(pair[0]);
    close(pair[1]);
    return how;
}

static void child_run(int from)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    char order;

    sigaction(SIGUSR1, &action, NULL);
    while (read(from, &order, 1) == 1) {
        if (order == 'o')
            say("open", read_opened());
        else if (order == 'b')
            say("both", result(rename(path, "/tmp/b")));
        else if (order == 'c')
            say("connect", try_connect());
        else
            say("send", try_send());
    }
    _exit(0);
}

int main(void)
{
    char line[64];
    int pipes[2], status;

    path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    make("/tmp/asked");
    make("/tmp/other");
    strcpy(path, "/tmp/asked");
    pipe(pipes);
    pid_t child = fork();
    if (child == 0) {
        close(pipes[1]);
        child_run(pipes[0]);
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "ping") == 0) {
            say(line, "good");
        } else if (strcmp(line, "flip") == 0) {
            strcpy(path, "/tmp/other");
            say(line, "good");
        } else if (strcmp(line, "signal") == 0) {
            say(line, result(kill(child, SIGUSR1)));
        } else if (strcmp(line, "kill") == 0) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            say(line, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "good" : "bad");
        } else {
            write(pipes[1], line, 1);
        }
    }
    close(pipes[1]);
    return 0;
}
