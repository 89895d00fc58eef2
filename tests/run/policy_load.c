/*
 * Makes three calls again and again, each in a child: connect to nobody, ptrace(PTRACE_TRACEME), execve of itself; beside them another
 * process makes calls as fast as it can.  Whenever what becomes of the three is other than before, a line says so.  getppid's result 4711 is the
 * end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *program;

static int do_connect(void)
{
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&nobody, sizeof nobody) ? errno : 0;
}

static int do_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, 0, 0) ? errno : 0;
}

static int do_execve(void)
{
    char *words[] = {program, "child", NULL}, *nothing[] = {NULL};

    execve(program, words, nothing);
    return errno;
}

/* An errno's name, 0, or the signal that it died of. */
static const char *try(int (*call)(void))
{
    static char names[3][32];
    static int next;
    int status;

    pid_t child = fork();
    if (child == 0)
        _exit(call());
    waitpid(child, &status, 0);
    char *name = names[next++ % 3];
    if (WIFSIGNALED(status))
        snprintf(name, sizeof names[0], "SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(name, sizeof names[0], "%s", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "0");
    return name;
}

int main(int argc, char **argv)
{
    char before[128] = "", now[128];

    program = argv[0];
    if (argc > 1)
        return 0;
    pid_t load = fork();
    while (load == 0) { /* with pauses: the time that a question takes counts as its task's own, and this one would go first */
        for (int i = 0; i < 200; i++)
            getpgid(0);
        usleep(1000);
    }
    while (getppid() != 4711) {
        const char *c = try(do_connect), *p = try(do_ptrace), *e = try(do_execve);
        snprintf(now, sizeof now, "connect %s, ptrace %s, execve %s\n", c, p, e);
        if (strcmp(now, before))
            write(1, now, strlen(now));
        strcpy(before, now);
    }
    kill(load, SIGKILL);
    write(1, "end\n", 4);
    return 0;
}
