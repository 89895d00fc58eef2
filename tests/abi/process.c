/*
 * fork, execve, wait, exit; arguments and environment.
 */
#include <sched.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "tests/abi/abi_test.h"

extern char **environ;

static void exit_7(void)
{
    _exit(7);
}

static void exit_300(void)
{
    _exit(300);
}

static void kill_self(void)
{
    kill(getpid(), SIGTERM);
}

static void abort_self(void)
{
    abort();
}

static void exec_self(const char *how)
{
    char *argv[] = {"process", (char *)how, NULL}, *envp[] = {"A=1", "B=", NULL};

    execve("/proc/self/exe", argv, envp);
    _exit(99);
}

static void exec_arguments(void)
{
    exec_self("show-arguments");
}

static void exec_failures(void)
{
    char *argv[] = {"x", NULL};

    SHOW(execve("/no/such/program", argv, environ));
    SHOW(execve("/tmp", argv, environ));
    close(open("empty", O_WRONLY | O_CREAT, 0755));
    SHOW(execve("empty", argv, environ));
    close(open("plain", O_WRONLY | O_CREAT, 0644));
    SHOW(execve("plain", argv, environ));
    int fd = open("broken", O_WRONLY | O_CREAT, 0755);
    SHOW(write(fd, "\177ELF nonsense", 13));
    close(fd);
    SHOW(execve("broken", argv, environ));
    fd = open("script", O_WRONLY | O_CREAT, 0755);
    SHOW(write(fd, "#!/no/such/interpreter\n", 23));
    close(fd);
    SHOW(execve("script", argv, environ));
    SHOW(execve((char *)1, argv, environ));
    SHOW(execve("/proc/self/exe", (char **)1, environ));
}

static void exec_script(void)
{
    int fd = open("script2", O_WRONLY | O_CREAT, 0755);
    char *argv[] = {"ignored", "an argument", NULL};

    dprintf(fd, "#!/proc/self/exe show-arguments\n");
    close(fd);
    execve("./script2", argv, environ);
    printf("errno %d\n", errno);
}

static void waiting(void)
{
    int status;

    SHOW(waitpid(-1, &status, 0));
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(1);
    }
    SHOW(waitpid(child, &status, WNOHANG));
    SHOW(waitpid(child + 10000, &status, 0));
    SHOW(waitpid(child, &status, 0x7000));
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
    show_status("child", status);
    SHOW(waitpid(child, &status, 0));
    siginfo_t info = {0};
    child = fork();
    if (child == 0)
        _exit(42);
    SHOW(waitid(P_PID, child, &info, WEXITED | WNOWAIT) * 0);
    CHECK(info.si_pid == child);
    printf("code %d status %d signo %d\n", info.si_code, info.si_status, info.si_signo);
    CHECK(wait(&status) == child);
    show_status("again", status);
}

static void orphans(void)
{
    int pipes[2];
    char c;

    if (pipe(pipes))
        return;
    if (fork() == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            while (getppid() == parent && usleep(1000) == 0)
                ;
            _exit(write(pipes[1], "o", 1) == 1 ? 0 : 1);
        }
        _exit(0);
    }
    wait(NULL);
    SHOW(read(pipes[0], &c, 1));
}

static int shared_value;

static void memory_is_copied(void)
{
    shared_value = 1;
    if (fork() == 0) {
        shared_value = 2;
        _exit(0);
    }
    wait(NULL);
    printf("after fork %d\n", shared_value);
    if (vfork() == 0) {
        shared_value = 3;
        _exit(0);
    }
    wait(NULL);
    printf("after vfork %d\n", shared_value);
}

static void many_children(void)
{
    int sum = 0, status;

    for (int i = 0; i < 40; i++) {
        if (fork() == 0)
            _exit(i);
    }
    for (int i = 0; i < 40; i++) {
        if (wait(&status) > 0)
            sum += WEXITSTATUS(status);
    }
    printf("sum %d\n", sum);
}

static void identities(void)
{
    CHECK(getpid() == syscall(SYS_gettid));
    pid_t parent = getpid();
    if (fork() == 0) {
        CHECK(getppid() == parent);
        CHECK(getpgrp() == getpgid(parent));
        CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
        SHOW(setsid());
        _exit(0);
    }
    wait(NULL);
    if (fork() == 0) {
        CHECK(setsid() == getpid());
        CHECK(getsid(0) == getpid());
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    printf("uid %d %d gid %d %d\n", getuid(), geteuid(), getgid(), getegid());
    SHOW(setpgid(99999, 0));
    SHOW(getpgid(99999));
    SHOW(kill(99999, 0));
    SHOW(kill(0, 0));
    SHOW(kill(getpid(), 99));
    SHOW(sched_yield());
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "show-arguments") == 0) {
        for (int i = 0; i < argc; i++)
            printf("argument %d: '%s'\n", i, argv[i]);
        for (char **e = environ; *e; e++)
            printf("environment: '%s'\n", *e);
        return 5;
    }
    for (int i = 0; i < argc; i++)
        printf("argument %d: '%s'\n", i, strrchr(argv[i], '.') ? "-" : argv[i]);
    for (char **e = environ; *e; e++)
        printf("environment: '%s'\n", *e);
    show_child("exit 7", exit_7);
    show_child("exit 300", exit_300);
    show_child("SIGTERM", kill_self);
    show_child("abort", abort_self);
    show_child("execve", exec_arguments);
    show_child("script", exec_script);
    exec_failures();
    waiting();
    show_child("orphans", orphans);
    memory_is_copied();
    many_children();
    identities();
    return 3;
}
