/*
 * How much execve takes: the last byte that fits and the first that does not, by strings, by pointers, by scripts.
 */
#include <sys/resource.h>

#include "abi_test.h"

static const char *self_path;

/* Run with `count` arguments of `length` bytes each (NULs not counted), and one of `last`. */
static void run(const char *what, const char *path, unsigned long stack, size_t count, size_t length, size_t last)
{
    struct rlimit r = {stack, RLIM_INFINITY};
    char **argv = calloc(count + 4, sizeof *argv), *text = malloc(length + 1), *end = malloc(last + 1);
    int status;

    memset(text, 'a', length);
    text[length] = 0;
    memset(end, 'b', last);
    end[last] = 0;
    argv[0] = "self";
    argv[1] = "count";
    for (size_t i = 0; i < count; i++)
        argv[2 + i] = text;
    argv[2 + count] = end;
    pid_t pid = fork_clean();
    if (!pid) {
        setrlimit(RLIMIT_STACK, &r);
        execve(path, argv, (char *[]){"E=1", NULL});
        printf("%s: errno %d\n", what, errno);
        child_exit(9);
    }
    waitpid(pid, &status, 0);
    show_status(what, status);
    fflush(stdout);
    free(argv);
    free(text);
    free(end);
}

/* Arguments of 100,000 bytes, then one that fills what `limit` leaves up to `over` bytes. */
static void fill(const char *what, unsigned long stack, size_t limit, long over)
{
    size_t fixed = strlen(self_path) + 1 + sizeof "self" + sizeof "count" + sizeof "E=1";
    size_t count = (limit - fixed - 8 * 5 - 1) / (100001 + 8);
    size_t rest = limit - fixed - 8 * (4 + count) - count * 100001 - 1;

    run(what, self_path, stack, count, 100000, rest + over);
}

static void write_script(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        printf("cannot write %s\n", path);
    close(fd);
}

static void show_script_chain(void)
{
    char name[16], text[4200];

    snprintf(text, sizeof text, "#!%s count", self_path);
    write_script("s0", text);
    for (int i = 1; i < 8; i++) {
        snprintf(name, sizeof name, "s%d", i);
        snprintf(text, sizeof text, "#!./s%d", i - 1);
        write_script(name, text);
    }
    for (int i = 3; i < 8; i++) {
        snprintf(name, sizeof name, "./s%d", i);
        run(name, name, 8 << 20, 0, 0, 1);
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "#!./", 4);
    text[300] = 0;
    write_script("long", text);
    run("name cut off", "./long", 8 << 20, 0, 0, 1);
    text[200] = ' ';
    write_script("long", text);
    run("argument cut off", "./long", 8 << 20, 0, 0, 1);
    write_script("blank", "#!      \t   \n");
    run("blanks", "./blank", 8 << 20, 0, 0, 1);
    write_script("relative", "#!s0\n");
    run("relative interpreter", "./relative", 8 << 20, 0, 0, 1);
    write_script("folder", "#!/tmp\n");
    run("interpreter is a folder", "./folder", 8 << 20, 0, 0, 1);
    write_script("carriage", "#!./s0\r\n");
    run("carriage return", "./carriage", 8 << 20, 0, 0, 1);
}

int main(int argc, char **argv)
{
    static char path[4096];
    char directory[] = "/tmp/abi_limits_XXXXXX";

    if (argc > 1 && !strcmp(argv[1], "count")) {
        size_t total = 0;
        for (int i = 1; i < argc; i++)
            total += strlen(argv[i]) + 1;
        printf("%d arguments, %s\n", argc, strchr(argv[0], '/') ? "by script" : "direct");
        printf("last %zu\n", strlen(argv[argc - 1]));
        return 0;
    }
    self_path = readlink("/proc/self/exe", path, sizeof path - 1) > 0 ? path : argv[0];
    if (!mkdtemp(directory) || chdir(directory))
        return 1;
    fill("1 MiB stack, all", 1 << 20, 256 << 10, 0);
    fill("1 MiB stack, one more", 1 << 20, 256 << 10, 1);
    fill("1 MiB of arguments", 8 << 20, 1 << 20, 0);
    fill("8 MiB stack, all", 8 << 20, 2 << 20, 0);
    fill("8 MiB stack, one more", 8 << 20, 2 << 20, 1);
    fill("64 MiB stack, all", 64 << 20, 6 << 20, 0);
    fill("64 MiB stack, one more", 64 << 20, 6 << 20, 1);
    fill("300 KiB stack, all", 300 << 10, 128 << 10, 0);
    fill("300 KiB stack, one more", 300 << 10, 128 << 10, 1);
    run("longest string", self_path, 8 << 20, 0, 0, 131071);
    run("too long a string", self_path, 8 << 20, 0, 0, 131072);
    run("many empty arguments", self_path, 1 << 20, 29000, 0, 0);
    run("too many empty arguments", self_path, 1 << 20, 29200, 0, 0);
    show_script_chain();
    return 0;
}
