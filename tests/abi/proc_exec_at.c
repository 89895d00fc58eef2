/*
 * execveat: names relative to a descriptor, descriptors alone, links; and what a set-id program gets.
 */
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "abi_test.h"

static char *no_env[] = {NULL};
static const char *self_path;

static void told(int argc, char **argv)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    struct rlimit r;

    printf("argc %d, name %s\n", argc, strncmp(name, "/dev/fd/", 8) == 0 ? name : strrchr(name, '/') + 1);
    printf("ids %d %d %d %d, secure %lu, dumpable %d\n", getuid(), geteuid(), getgid(), getegid(), getauxval(AT_SECURE),
           prctl(PR_GET_DUMPABLE));
    getrlimit(RLIMIT_STACK, &r);
    printf("stack limit %lu MiB, personality %x\n", (unsigned long)r.rlim_cur >> 20, personality(0xffffffff));
    for (int i = 2; i < argc; i++)
        printf("argument %s\n", strchr(argv[i], '/') && strncmp(argv[i], "/dev/fd/", 8) ? strrchr(argv[i], '/') + 1 : argv[i]);
}

static void run(const char *what, int fd, const char *path, int flags)
{
    int status;
    pid_t pid = fork_clean();

    if (!pid) {
        syscall(SYS_execveat, fd, path, (char *[]){"self", "told", NULL}, no_env, flags);
        printf("%s: errno %d\n", what, errno);
        child_exit(9);
    }
    waitpid(pid, &status, 0);
    show_status(what, status);
    fflush(stdout);
}

static void copy_self(const char *to, uid_t uid, gid_t gid, mode_t mode)
{
    char buffer[65536];
    int in = open(self_path, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t n;

    while ((n = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            printf("cannot copy\n");
    }
    if (fchown(out, uid, gid) != 0 || fchmod(out, mode) != 0)
        printf("cannot give away\n");
    close(in);
    close(out);
}

static void show_descriptors(void)
{
    int dir = open(".", O_RDONLY | O_DIRECTORY), file = open("self", O_RDONLY), path = open("self", O_PATH);

    dup2(dir, 40);
    dup2(file, 41);
    dup2(path, 42);
    run("relative", 40, "self", 0);
    run("relative to a file", 41, "self", 0);
    run("empty path", 41, "", AT_EMPTY_PATH);
    run("empty path, O_PATH", 42, "", AT_EMPTY_PATH);
    run("empty path, not allowed", 41, "", 0);
    run("empty path of a folder", 40, "", AT_EMPTY_PATH);
    run("absolute, bad descriptor", 999, self_path, 0);
    run("relative, bad descriptor", 999, "self", 0);
    run("bad flags", 40, "self", 1);
    run("link", 40, "link", 0);
    run("link, not followed", 40, "link", AT_SYMLINK_NOFOLLOW);
    run("file, not followed", 40, "self", AT_SYMLINK_NOFOLLOW);
    int script = open("script", O_RDONLY), hidden = open("script", O_RDONLY | O_CLOEXEC);
    dup2(script, 43);
    dup3(hidden, 44, O_CLOEXEC);
    run("script", 40, "script", 0);
    run("script by descriptor", 43, "", AT_EMPTY_PATH);
    run("script by a descriptor that goes", 44, "", AT_EMPTY_PATH);
    fcntl(41, F_SETFD, FD_CLOEXEC);
    run("program by a descriptor that goes", 41, "", AT_EMPTY_PATH);
}

static void as_user(const char *what, const char *path, bool no_new_privs)
{
    struct rlimit r = {64 << 20, RLIM_INFINITY};
    int status;
    pid_t pid = fork_clean();

    if (!pid) {
        setrlimit(RLIMIT_STACK, &r);
        personality(ADDR_NO_RANDOMIZE);
        if (setgid(1000) || setuid(1000))
            _exit(8);
        if (no_new_privs)
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execve(path, (char *[]){"self", "told", NULL}, no_env);
        printf("%s: errno %d\n", what, errno);
        child_exit(9);
    }
    waitpid(pid, &status, 0);
    show_status(what, status);
    fflush(stdout);
}

static void show_set_id(void)
{
    chmod(".", 0755);
    as_user("plain", "./self", false);
    copy_self("root", 0, 0, 04755);
    as_user("set-user-id root", "./root", false);
    as_user("the same without new privileges", "./root", true);
    copy_self("other", 2000, 3000, 06755);
    as_user("set-user-id and set-group-id", "./other", false);
    copy_self("own", 1000, 1000, 06755);
    as_user("set-id to its own", "./own", false);
    copy_self("mandatory", 0, 0, 02745);
    as_user("set-group-id without group execution", "./mandatory", false);
    copy_self("unreadable", 0, 0, 0711);
    as_user("not readable", "./unreadable", false);
    chmod("script", 06755);
    as_user("set-user-id script", "./script", false);
    copy_self("private", 0, 0, 0700);
    as_user("not executable", "./private", false);
}

int main(int argc, char **argv)
{
    static char path[4096];
    char directory[] = "/tmp/abi_at_XXXXXX", text[4200];

    if (argc > 1 && !strcmp(argv[1], "told")) {
        told(argc, argv);
        return 0;
    }
    self_path = readlink("/proc/self/exe", path, sizeof path - 1) > 0 ? path : argv[0];
    if (!mkdtemp(directory) || chdir(directory))
        return 1;
    copy_self("self", 0, 0, 0755);
    int n = snprintf(text, sizeof text, "#!%s/self told\n", directory), fd = open("script", O_WRONLY | O_CREAT, 0755);
    if (symlink("self", "link") != 0 || write(fd, text, (size_t)n) != n)
        return 1;
    close(fd);
    show_descriptors();
    show_set_id();
    return 0;
}
