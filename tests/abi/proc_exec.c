/*
 * execve: arguments, environment, auxiliary vector, what is kept and what is reset, and how it refuses.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "abi_test.h"

static const char *self_path;
static void *volatile bad_pointer = (void *)8; /* volatile: the compiler would see through it and warn */
static char *no_env[] = {"ONLY=this", NULL};

static void report(int argc, char **argv, char **envp)
{
    sigset_t blocked;
    struct sigaction action;

    show("argc", argc);
    for (int i = 1; i < argc; i++)
        printf("argv[%d] = '%s'\n", i, argv[i]);
    for (int i = 0; envp[i]; i++)
        printf("envp[%d] = '%s'\n", i, envp[i]);
    show("page size", getauxval(AT_PAGESZ));
    show("clock ticks", getauxval(AT_CLKTCK));
    show("uid", getauxval(AT_UID) == getuid());
    show("secure", getauxval(AT_SECURE));
    show("phdr entry size", getauxval(AT_PHENT));
    show("has program headers", getauxval(AT_PHDR) != 0 && getauxval(AT_PHNUM) > 0);
    show("has entry", getauxval(AT_ENTRY) != 0);
    show("has random bytes", getauxval(AT_RANDOM) != 0);
    printf("platform %s\n", (char *)getauxval(AT_PLATFORM));
    show("sp alignment", (unsigned long)argv % 8);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    show("SIGUSR2 still blocked", sigismember(&blocked, SIGUSR2));
    sigaction(SIGUSR1, NULL, &action);
    show("handler became default", action.sa_handler == SIG_DFL);
    sigaction(SIGHUP, NULL, &action);
    show("ignored stays ignored", action.sa_handler == SIG_IGN);
    show("fd 50 open", fcntl(50, F_GETFD) != -1);
    show("fd 51 open", fcntl(51, F_GETFD) != -1);
}

static void on_signal(int signal)
{
    (void)signal;
}

static void run(const char *what, const char *path, char *const argv[], char *const envp[])
{
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGUSR1, on_signal);
        signal(SIGHUP, SIG_IGN);
        dup2(1, 50);
        dup2(1, 51);
        fcntl(51, F_SETFD, FD_CLOEXEC);
        execve(path, argv, envp);
        printf("%s: execve errno %d\n", what, errno);
        child_exit(9);
    }
    waitpid(child, &status, 0);
    show_status(what, status);
}

static void write_file(const char *path, const char *text, size_t n, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    if (fd < 0 || write(fd, text, n) != (ssize_t)n)
        printf("cannot write %s\n", path);
    fchmod(fd, mode);
    close(fd);
}

static void show_scripts(void)
{
    char line[300];
    char *argv[] = {"script", "one", "two words", NULL};
    int n = snprintf(line, sizeof(line), "#!%s report and more \nrest", self_path);

    write_file("script", line, (size_t)n, 0755);
    run("script", "./script", argv, no_env);
    write_file("nested", "#!./script\n", 11, 0755);
    run("nested script", "./nested", argv, no_env);
    write_file("loop", "#!./loop\n", 9, 0755);
    run("looping script", "./loop", argv, no_env);
    write_file("lost", "#!/no/such/interpreter\n", 23, 0755);
    run("lost interpreter", "./lost", argv, no_env);
    write_file("empty_line", "#!\n", 3, 0755);
    run("no interpreter", "./empty_line", argv, no_env);
}

static void show_errors(void)
{
    char *argv[] = {"x", NULL};
    static char elf[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    run("missing", "./missing", argv, no_env);
    run("empty path", "", argv, no_env);
    run("directory", "/", argv, no_env);
    run("not a directory", "./script/x", argv, no_env);
    write_file("plain", "hello\n", 6, 0755);
    run("text", "./plain", argv, no_env);
    write_file("plain", "", 0, 0755);
    run("empty file", "./plain", argv, no_env);
    write_file("plain", "hello\n", 6, 0644);
    run("not executable", "./plain", argv, no_env);
    write_file("broken", elf, sizeof(elf), 0755);
    run("broken ELF", "./broken", argv, no_env);
    run("bad argv", self_path, (char **)bad_pointer, no_env);
    run("bad argv, missing file", "./missing", (char **)bad_pointer, no_env);
    run("bad path", (char *)bad_pointer, argv, no_env);
}

static void show_large_arguments(void)
{
    static char string[131072], *argv[200];
    char *one[] = {"self", "count", string, NULL};

    memset(string, 'a', sizeof(string) - 1);
    run("longest string", self_path, one, no_env);
    string[sizeof(string) - 1] = 'a';
    run("too long a string", self_path, (char *[]){"self", "count", string, "", NULL}, no_env);
    string[sizeof(string) - 1] = 0;
    argv[0] = "self";
    argv[1] = "count";
    for (int i = 2; i < 12; i++)
        argv[i] = string;
    run("ten long strings", self_path, argv, no_env);
    for (int i = 2; i < 100; i++)
        argv[i] = string;
    run("too much in all", self_path, argv, no_env);
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1 && !strncmp(argv[1], "report", 6)) {
        report(argc, argv, envp);
        return 3;
    }
    if (argc > 1 && !strcmp(argv[1], "count")) {
        size_t total = 0;
        for (int i = 2; i < argc; i++)
            total += strlen(argv[i]);
        show("argument bytes", total);
        return 0;
    }
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    self_path = n > 0 ? path : argv[0];
    char directory[] = "/tmp/abi_exec_XXXXXX";
    if (!mkdtemp(directory) || chdir(directory))
        return 1;
    run("plain", self_path, (char *[]){"self", "report", "", "a b", NULL}, no_env);
    run("empty environment", self_path, (char *[]){"self", "report", NULL}, (char *[]){NULL});
    run("null environment", self_path, (char *[]){"self", "report", NULL}, NULL);
    show_scripts();
    show_errors();
    show_large_arguments();
    if (chdir("/tmp"))
        return 1;
    return 0;
}
