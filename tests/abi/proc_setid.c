/*
 * Set-user-id programs, execveat, parent-death signals, orphaned process groups.  Started as root.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi_test.h"

static char self[4096], directory[] = "/tmp/abi_setid_XXXXXX";

static int report(char **argv)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;

    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    printf("%s: uids %u %u %u gids %u %u %u\n", argv[0], r, e, s, gr, ge, gs);
    show("secure", getauxval(AT_SECURE));
    show("AT_EUID agrees", getauxval(AT_EUID) == e);
    show("dumpable", prctl(PR_GET_DUMPABLE));
    printf("executable name %s\n", strrchr((char *)getauxval(AT_EXECFN), '/'));
    return 0;
}

static void copy_self(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
    static char buffer[65536];
    int in = open(self, O_RDONLY), out = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t n;

    while ((n = read(in, buffer, sizeof(buffer))) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            exit(1);
    }
    close(in);
    close(out);
    if (chown(name, uid, gid) || chmod(name, mode))
        exit(1);
}

static void run_as(const char *what, const char *program, uid_t uid, int no_new_privs)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        if (no_new_privs)
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
            child_exit(1);
        execl(program, what, "report", NULL);
        printf("%s: errno %d\n", what, errno);
        child_exit(2);
    }
    waitpid(child, &status, 0);
    show_status(what, status);
}

static void show_set_ids(void)
{
    copy_self("plain", 0755, 0, 0);
    run_as("plain program", "./plain", 1000, 0);
    copy_self("setuid", 04755, 7, 8);
    run_as("set-user-id", "./setuid", 1000, 0);
    run_as("set-user-id, no new privileges", "./setuid", 1000, 1);
    copy_self("setgid", 02755, 7, 8);
    run_as("set-group-id", "./setgid", 1000, 0);
    copy_self("setboth", 06755, 0, 0);
    run_as("both", "./setboth", 1000, 0);
    copy_self("locked", 02744, 7, 8);
    run_as("not executable for others", "./locked", 1000, 0);
    copy_self("owner", 0700, 0, 0);
    run_as("for its owner", "./owner", 1000, 0);
    run_as("run by root", "./owner", 0, 0);
}

static void exec_at(const char *what, int fd, const char *path, int flags)
{
    char *argv[] = {"execveat", "report", NULL}, *envp[] = {NULL};
    int status;
    pid_t child = fork_clean();

    if (!child) {
        syscall(SYS_execveat, fd, path, argv, envp, flags);
        printf("%s: errno %d\n", what, errno);
        child_exit(2);
    }
    waitpid(child, &status, 0);
    show_status(what, status);
}

static void show_execveat(void)
{
    int dir = open(".", O_RDONLY | O_DIRECTORY), file = open("plain", O_RDONLY), path = open("plain", O_PATH);

    if (symlink("plain", "link"))
        exit(1);
    exec_at("relative to a directory", dir, "plain", 0);
    exec_at("the descriptor itself", path, "", AT_EMPTY_PATH);
    exec_at("empty path", file, "", 0);
    exec_at("link", dir, "link", 0);
    exec_at("link not followed", dir, "link", AT_SYMLINK_NOFOLLOW);
    exec_at("bad descriptor", 99, "plain", 0);
    exec_at("not a directory", file, "plain", 0);
    exec_at("bad flags", dir, "plain", 0x8000);
    close(dir);
    close(file);
    close(path);
}

static volatile int got;

static void on_signal(int signal)
{
    got = signal;
}

/* The grandchild tells through a pipe what it got when its parent died. */
static void show_parent_death(void)
{
    int fds[2], ready[2], answer = 0;
    char byte = 'r';

    if (pipe(fds) || pipe(ready))
        exit(1);
    pid_t child = fork_clean();
    if (!child) {
        if (!fork()) {
            signal(SIGUSR1, on_signal);
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            if (write(ready[1], &byte, 1) != 1)
                _exit(1);
            for (int i = 0; i < 1000 && !got; i++)
                usleep(1000);
            answer = got;
            if (write(fds[1], &answer, sizeof(answer)) < 0)
                _exit(1);
            _exit(0);
        }
        if (read(ready[0], &byte, 1) != 1)
            _exit(1);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    if (read(fds[0], &answer, sizeof(answer)) != sizeof(answer))
        answer = -1;
    show("parent's death was told by", answer);
}

/* A stopped child whose group is orphaned by its parent's end gets SIGHUP, then SIGCONT. */
static void show_orphaned_group(void)
{
    int fds[2], answer = 0;

    if (pipe(fds))
        exit(1);
    pid_t child = fork_clean();
    if (!child) {
        pid_t grandchild = fork();
        if (!grandchild) {
            setpgid(0, 0);
            signal(SIGHUP, on_signal);
            raise(SIGSTOP);
            answer = got;
            if (write(fds[1], &answer, sizeof(answer)) < 0)
                _exit(1);
            _exit(0);
        }
        waitpid(grandchild, NULL, WUNTRACED);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(fds[1]);
    if (read(fds[0], &answer, sizeof(answer)) != sizeof(answer))
        answer = -1;
    show("orphaned group was told by", answer);
}

static void show_all(void)
{
    show_set_ids();
    show_execveat();
    show_parent_death();
    setsid(); /* so that this process is the one whose end orphans the group, whoever started the test */
    show_orphaned_group();
    child_exit(0);
}

int main(int argc, char **argv)
{
    int status;

    if (argc > 1)
        return report(argv);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0 || !mkdtemp(directory) || chmod(directory, 0755) || chdir(directory))
        return 1;
    pid_t child = fork_clean();
    if (!child)
        show_all();
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
