/*
 * Runs every program of a folder, one after the other, each in its own process with a fresh working directory: so that one
 * boot of a sandbox serves many tests.  Prints "== NAME", what the program prints, and how it ended.
 *
 *     driver FOLDER [--room] [NAME]...
 *
 * --room: with two pages of environment, for programs that map over the highest page of the stack, trusting in a
 * random address.
 */
#include <dirent.h>

#include "tests/abi/abi_test.h"

#define PROGRAMS_MAX 256
#define SECONDS_MAX 60
#define POLL_MS 2
#define ROOM 8192

static char room[ROOM] = "LAST=1";

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
static void finish(pid_t pid)
{
    int status;

    for (unsigned waited = 0; waited < SECONDS_MAX * 1000; waited += POLL_MS) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            kill(-pid, SIGKILL);
            show_status("--", status);
            return;
        }
        usleep(POLL_MS * 1000);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    printf("-- hung\n");
}

static void run(const char *folder, char *name)
{
    char path[512], where[512];

    printf("== %s\n", name);
    fflush(stdout);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(where, sizeof where, "/tmp/%s.dir", name);
    pid_t pid = fork();
    if (pid == 0) {
        if ((mkdir(where, 0700) != 0 && errno != EEXIST) || chdir(where) != 0)
            _exit(126);
        umask(022);
        setpgid(0, 0);
        char *argv[] = {name, "one", "", "three words here", NULL};
        char *envp[] = {"PATH=/bin", "EMPTY=", room, NULL};
        execve(path, argv, envp);
        _exit(127);
    }
    if (pid < 0)
        printf("-- cannot run: errno %d\n", errno);
    else
        finish(pid);
}

int main(int argc, char **argv)
{
    char *names[PROGRAMS_MAX];
    int first = argc > 2 && strcmp(argv[2], "--room") == 0 ? 3 : 2;
    size_t count = argc > first ? 0 : list_programs(argv[1], names);

    if (first == 3)
        memset(room + strlen(room), '1', sizeof room - 1 - strlen(room));
    for (int i = first; i < argc && count < PROGRAMS_MAX; i++)
        names[count++] = argv[i];
    for (size_t i = 0; i < count; i++)
        run(argv[1], names[i]);
    printf("== end of %zu programs\n", count);
    return 0;
}
