/*
 * Who owns the files of /proc/PID, and whose memory they show: a process that changed its user, one that runs another
 * program now, one that is no more than a zombie.  Settings of a process that are written in /proc.
 */
#include <elf.h>
#include <sys/prctl.h>

#include "abi_test.h"

static char path[64], buf[65536];

static const char *in_proc(pid_t pid, const char *name)
{
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return path;
}

static void show_owner(pid_t pid, const char *name)
{
    struct stat st = {0};
    int result = stat(in_proc(pid, name), &st);

    printf("%s: %d, %u:%u %o\n", name, result, st.st_uid, st.st_gid, st.st_mode);
}

static void show_owners(const char *when, pid_t pid)
{
    printf("-- %s\n", when);
    show_owner(pid, ""), show_owner(pid, "environ"), show_owner(pid, "status"), show_owner(pid, "mem"), show_owner(pid, "task");
}

/* What a child says when it has come so far, and hears when it may go on. */
struct steps {
    int to_child[2], to_parent[2];
};

static void steps_start(struct steps *s)
{
    if (pipe(s->to_child) || pipe(s->to_parent))
        abort();
}

static void child_reached(const struct steps *s)
{
    char byte = 0;

    fflush(stdout);
    if (write(s->to_parent[1], &byte, 1) != 1 || read(s->to_child[0], &byte, 1) != 1)
        _exit(99);
}

static void parent_waits(const struct steps *s)
{
    char byte;

    if (read(s->to_parent[0], &byte, 1) != 1)
        abort();
}

static void parent_lets_go(const struct steps *s)
{
    char byte = 0;

    if (write(s->to_child[1], &byte, 1) != 1)
        abort();
}

static void show_own_files(void)
{
    show_ok(open("/proc/self/environ", O_RDONLY));
    show_ok(open("/proc/self/mem", O_RDONLY));
    show_ok(open("/proc/self/maps", O_RDONLY));
    show_ok(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
    show_ok(access("/proc/self/fd/0", F_OK));
    show_ok(open("/proc/self/task", O_RDONLY | O_DIRECTORY));
}

static void changes_user(const struct steps *s)
{
    child_reached(s);
    if (setgid(2000) || setuid(1000))
        _exit(98);
    show("dumpable", prctl(PR_GET_DUMPABLE));
    show_own_files();
    child_reached(s);
    prctl(PR_SET_DUMPABLE, 1);
    show_own_files();
    child_reached(s);
    _exit(0);
}

static void show_change_of_user(void)
{
    struct steps s;
    siginfo_t info;

    steps_start(&s);
    pid_t child = fork_clean();
    if (!child)
        changes_user(&s);
    parent_waits(&s);
    show_owners("root's", child);
    parent_lets_go(&s);
    parent_waits(&s);
    show_owners("another user's", child);
    parent_lets_go(&s);
    parent_waits(&s);
    show_owners("and dumpable", child);
    int early = open(in_proc(child, "environ"), O_RDONLY);
    parent_lets_go(&s);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    show_owners("a zombie", child);
    show_call(read(early, buf, sizeof(buf)));
    show_call(waitpid(child, NULL, 0) == child);
    show_call(pread(early, buf, sizeof(buf), 0));
    show_ok(open(in_proc(child, "environ"), O_RDONLY));
    close(early);
}

static void show_environment(const char *what, int fd)
{
    ssize_t n = pread(fd, buf, sizeof(buf), 0);

    printf("%s: %s\n", what, n == 0 ? "nothing" : n > 0 && memmem(buf, (size_t)n, "SECRET=of the second", 20) ? "the second's" : "the first's");
}

/* A file that was opened for one program's memory does not show the next one's. */
static void show_change_of_program(void)
{
    struct steps s;
    char from[16], to[16];

    steps_start(&s);
    snprintf(from, sizeof(from), "%d", s.to_child[0]);
    snprintf(to, sizeof(to), "%d", s.to_parent[1]);
    pid_t child = fork_clean();
    if (!child) {
        child_reached(&s);
        execle("/proc/self/exe", "file_proc_guard", from, to, NULL, (char *[]){"SECRET=of the second", NULL});
        _exit(99);
    }
    parent_waits(&s);
    int before = open(in_proc(child, "environ"), O_RDONLY);
    show_environment("before", before);
    parent_lets_go(&s);
    parent_waits(&s);
    show_environment("opened before, read after", before);
    int after = open(in_proc(child, "environ"), O_RDONLY);
    show_environment("opened after", after);
    show("whole", pread(after, buf, sizeof(buf), 0));
    show("a part", pread(after, buf, 6, 7));
    printf("%.6s\n", buf);
    show("past its end", pread(after, buf, 6, 1000));
    show_call(lseek(after, 0, SEEK_END));
    show_call(pread(after, (void *)16, 6, 0));
    close(before), close(after);
    parent_lets_go(&s);
    waitpid(child, NULL, 0);
}

static void show_auxv(void)
{
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf));
    Elf64_auxv_t last;

    memcpy(&last, buf + n - (ssize_t)sizeof(last), sizeof(last));
    show("whole entries", n % (ssize_t)sizeof(last) == 0);
    show("the last", last.a_type);
    show("read again", read(fd, buf, 8));
    show("a part", pread(fd, buf, 8, 4));
    close(fd);
}

static void write_setting(const char *name, const char *text, size_t n)
{
    int fd = open(name, O_WRONLY);

    errno = 0;
    long result = write(fd, text, n);
    printf("%s \"%.*s\": %ld errno %d\n", name, (int)n, text, result, errno);
    close(fd);
}

static void show_settings(void)
{
    static const char *const names[] = {
        "/proc/self/oom_score_adj", "/proc/self/oom_adj", "/proc/self/coredump_filter", "/proc/self/comm",
        "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_setting(names[i], "", 0);
    write_setting("/proc/self/comm", "another name", 12);
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    puts(name);
    write_setting("/proc/thread-self/comm", "much too long a name for it", 27);
    prctl(PR_GET_NAME, name);
    puts(name);
    pid_t child = fork_clean();
    if (!child) {
        show_call(write(open(in_proc(getppid(), "comm"), O_WRONLY), "not mine", 8));
        child_exit(0);
    }
    waitpid(child, NULL, 0);
    prctl(PR_GET_NAME, name);
    puts(name);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        struct steps s = {{atoi(argv[1]), -1}, {-1, atoi(argv[2])}};
        child_reached(&s);
        return 0;
    }
    show_change_of_user();
    show_change_of_program();
    show_auxv();
    show_settings();
    return 0;
}
