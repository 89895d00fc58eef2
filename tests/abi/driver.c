/*
 * Runs every program of a folder, one after the other, each in its own process with a fresh working directory: so that
 * one boot of a sandbox serves many tests.  Prints "== NAME", what the program prints, and how it ended.
 *
 *     driver FOLDER [--room] [--count] [NAME]...
 *
 * --count: objects and pages of the kernel are counted before and after (tests/abi/kernel_counts.h).  What is more
 * after a program and grows when it is run again is said in its output: such a line is a leak.
 * --room: with two pages of environment, for programs that map over the highest page of the stack, trusting in a
 * random address.
 * --bare: a NAME is a program and its arguments, with a space between; without --bare all programs get the same ones.
 */
#include <dirent.h>
#include <ftw.h>

#include "tests/abi/abi_test.h"
#include "tests/abi/kernel_counts.h"

#define PROGRAMS_MAX   256
#define SECONDS_MAX    60
#define POLL_MS        2
#define ROOM           8192
#define ARGUMENTS_MAX  16
#define SETTLE_MS      3000 /* for what ends by itself: orphans, work that the kernel puts off */
#define SETTLE_STEP_MS 20
#define AGAIN          3 /* a leak grows each time; what is kept for next time does so once */

static char room[ROOM] = "LAST=1";
static bool bare;

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_programs(const char *folder, char **names)
{
    size_t count = 0;
    DIR *d = opendir(folder);

    for (struct dirent *e = d ? readdir(d) : NULL; e && count < PROGRAMS_MAX; e = readdir(d)) {
        if (e->d_name[0] != '.')
            names[count++] = strdup(e->d_name);
    }
    if (d)
        closedir(d);
    qsort(names, count, sizeof *names, compare);
    return count;
}

/* Wait for a program; one that hangs is killed with all that it started. */
static void finish(pid_t pid, bool silent)
{
    int status;

    for (unsigned waited = 0; waited < SECONDS_MAX * 1000; waited += POLL_MS) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            kill(-pid, SIGKILL);
            if (!silent)
                show_status("--", status);
            return;
        }
        usleep(POLL_MS * 1000);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    printf("-- hung\n");
}

static pid_t start(const char *folder, char *name, const char *where, bool silent)
{
    char path[512], *argv[ARGUMENTS_MAX] = {name, "one", "", "three words here", NULL};

    pid_t pid = fork();
    if (pid)
        return pid;
    if ((mkdir(where, 0700) != 0 && errno != EEXIST) || chdir(where) != 0 ||
        (silent && !freopen("/dev/null", "w", stdout)))
        _exit(126);
    umask(022);
    setpgid(0, 0);
    for (int n = 0; bare && n < ARGUMENTS_MAX - 1; n++)
        argv[n] = strsep(&name, " ");
    snprintf(path, sizeof path, "%s/%s", folder, argv[0]);
    char *envp[] = {"PATH=/bin", "EMPTY=", room, NULL};
    execve(path, argv, envp);
    _exit(127);
}

/* /tmp itself stays. */
static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *at)
{
    if (at->level == 0)
        return 0;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void run(const char *folder, char *name, bool silent)
{
    char where[512];

    snprintf(where, sizeof where, "/tmp/%.*s.dir", (int)strcspn(name, " "), name);
    pid_t pid = start(folder, name, where, silent);
    if (pid < 0)
        printf("-- cannot run: errno %d\n", errno);
    else
        finish(pid, silent);
}

/* Counts of now, after waiting for them to be no more than before. */
static bool settle(const struct kernel_counts *before, struct kernel_counts *now, unsigned patience_ms)
{
    nftw("/tmp", remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    for (unsigned waited = 0;; waited += SETTLE_STEP_MS) {
        while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans */
            continue;
        kernel_count(now);
        if (!kernel_counts_grew(before, now, NULL) || waited >= patience_ms)
            break;
        usleep(SETTLE_STEP_MS * 1000);
    }
    return kernel_counts_grew(before, now, NULL);
}

/* Run a program; does the kernel have more in use afterwards? */
static bool run_counted(const char *folder, char *name, bool silent)
{
    struct kernel_counts before, after;

    kernel_count(&before);
    run(folder, name, silent);
    return settle(&before, &after, SETTLE_MS / 10); /* who fails here is looked at again */
}

/* One that left something behind, again until it does not: then it was kept for the next time. */
static void run_again(const char *folder, char *name)
{
    struct kernel_counts before, after;

    for (int n = 0; n < AGAIN; n++) {
        kernel_count(&before);
        run(folder, name, true);
        if (!settle(&before, &after, SETTLE_MS))
            return;
    }
    printf("%s leaves behind, each time it is run:", name);
    kernel_counts_grew(&before, &after, stdout);
    printf("\n");
}

int main(int argc, char **argv)
{
    char *names[PROGRAMS_MAX], *grew[PROGRAMS_MAX];
    size_t more = 0;
    int first = 2;
    bool counted = false;

    for (; first < argc && argv[first][0] == '-'; first++) {
        counted = counted || strcmp(argv[first], "--count") == 0;
        bare = bare || strcmp(argv[first], "--bare") == 0;
        if (strcmp(argv[first], "--room") == 0)
            memset(room + strlen(room), '1', sizeof room - 1 - strlen(room));
    }
    size_t count = argc > first ? 0 : list_programs(argv[1], names);
    for (int i = first; i < argc && count < PROGRAMS_MAX; i++)
        names[count++] = argv[i];
    for (size_t i = 0; i < count; i++) {
        printf("== %s\n", names[i]);
        fflush(stdout);
        if (!counted)
            run(argv[1], names[i], false);
        else if (run_counted(argv[1], names[i], false))
            grew[more++] = names[i];
        fflush(stdout);
    }
    printf("== end of %zu programs\n", count);
    for (size_t i = 0; i < more; i++)
        run_again(argv[1], grew[i]);
    return 0;
}
