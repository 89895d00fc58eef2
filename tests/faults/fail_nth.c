/*
 * Makes each allocation that a call leads to fail once, in a sandbox whose kernel was built with -Dfail_nth=true:
 * ENOMEM or a relative, or a process that is killed; nothing stays behind, and the same goes well when nothing fails.
 *
 *     fail_nth [NAME]...        only these cases
 *
 * Each attempt is a process of its own: set-up, /proc/fail-nth armed, the calls of the case.  Ends with lines "site
 * ADDRESS..." of where allocations have failed.
 */
#include <stdint.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/faults/cases.h"
#include "tests/abi/kernel_counts.h"

#define ATTEMPTS_MAX   4000
#define SECONDS_MAX    20
#define SETTLE_STEPS   100
#define SETTLE_STEP_US 10000
#define EXIT_WRONG     99 /* an error that is none of no memory */
#define EXIT_FAILED    98

static int control; /* /proc/fail-nth */

static void arm(unsigned n)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%u", n);

    if (pwrite(control, text, (size_t)length, 0) != length) {
        dprintf(1, "fail_nth: /proc/fail-nth: errno %d\n", errno);
        exit(1);
    }
}

static unsigned left(void)
{
    char text[16] = "";

    if (pread(control, text, sizeof text - 1, 0) <= 0)
        return 1;
    return (unsigned)atoi(text);
}

static bool is_shortage(int error)
{
    return error == ENOMEM || error == EAGAIN || error == ENOBUFS || error == ENFILE || error == ENOSPC ||
           error == ENOLCK;
}

static void attempt_in_child(const struct fault_case *c, unsigned n)
{
    alarm(SECONDS_MAX);
    control = open("/proc/fail-nth", O_RDWR); /* a file that parents do not share */
    if (chdir("/tmp/faults") || (c->prepare && c->prepare()))
        _exit(EXIT_FAILED);
    arm(n);
    errno = 0;
    int failed = c->run();
    int error = errno;

    if (failed && n && left()) { /* nothing has failed yet, and yet it went wrong */
        dprintf(1, "%s: errno %d without a fault\n", c->name, error);
        _exit(EXIT_WRONG);
    }
    if (failed && n && !is_shortage(error)) {
        dprintf(1, "%s: allocation %u: errno %d\n", c->name, n, error);
        _exit(EXIT_WRONG);
    }
    _exit(failed ? 1 : 0);
}

/* The wait status of one attempt; *fired: did an allocation fail? */
static int attempt(const struct fault_case *c, unsigned n, bool *fired)
{
    int status = 0;

    mkdir("/tmp/faults", 0777);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        attempt_in_child(c, n);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *fired = n && !left();
    arm(0); /* whatever is left */
    kill(-pid, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    while (!umount2("/tmp/faults/on", MNT_DETACH)) /* not gone with the process */
        continue;
    remove_tree("/tmp/faults");
    return status;
}

/* Counts are what they were, after a while? */
static bool settled(const struct kernel_counts *before, FILE *out)
{
    struct kernel_counts now;

    for (int step = 0; step < SETTLE_STEPS; step++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        kernel_count(&now);
        if (!kernel_counts_grew(before, &now, NULL))
            return true;
        usleep(SETTLE_STEP_US);
    }
    kernel_counts_grew(before, &now, out);
    return false;
}

static bool status_is_fine(const struct fault_case *c, int status, unsigned n, bool fired)
{
    if (WIFSIGNALED(status)) {
        int signal = WTERMSIG(status);

        return signal == c->dies_by || (fired && (signal == SIGKILL || signal == SIGSEGV || signal == SIGBUS));
    }
    int code = WEXITSTATUS(status);

    return code == 0 ? !c->dies_by : fired && code != EXIT_WRONG && code != EXIT_FAILED;
}

/* Every allocation of a case once; the number of them, *wrong: attempts that ended as they should not. */
static unsigned sweep(const struct fault_case *c, unsigned *wrong)
{
    unsigned n = 1;

    for (bool fired = true; fired && n < ATTEMPTS_MAX; n++) {
        int status = attempt(c, n, &fired);

        if (!status_is_fine(c, status, n, fired) && ++*wrong < 8)
            printf("     %s: allocation %u: status %x%s\n", c->name, n, status, fired ? "" : ", nothing failed");
    }
    return n - 2;
}

/* Which allocations leave something behind when they fail? */
static void blame(const struct fault_case *c, unsigned count)
{
    struct kernel_counts before;
    bool fired;

    for (unsigned n = 1; n <= count; n++) {
        kernel_count(&before);
        attempt(c, n, &fired);
        if (settled(&before, NULL))
            continue;
        printf("     %s: allocation %u leaves behind:", c->name, n);
        settled(&before, stdout);
        printf("\n");
    }
}

static bool run_case(const struct fault_case *c)
{
    struct kernel_counts before;
    unsigned count = 0, wrong = 0;
    bool fired, clean = false;
    int status = attempt(c, 0, &fired);

    if (!status_is_fine(c, status, 0, false)) {
        printf("FAIL %s: does not work at all (status %x)\n", c->name, status);
        return false;
    }
    for (int round = 0; round < 2 && !clean; round++) { /* what is there for good after the first one is no leak */
        kernel_count(&before);
        count = sweep(c, &wrong);
        clean = settled(&before, NULL);
    }
    printf("%s %s: %u allocations", wrong || !clean ? "FAIL" : "ok  ", c->name, count);
    if (!clean) {
        printf(", left behind:");
        settled(&before, stdout);
    }
    printf("\n");
    if (!clean)
        blame(c, count);
    return !wrong && clean;
}

static void print_sites(void)
{
    char line[256];
    FILE *f = fopen("/proc/fail-sites", "r");

    while (f && fgets(line, sizeof line, f))
        printf("site %s", line);
    if (f)
        fclose(f);
}

static bool is_named(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return true;
    return !count;
}

/* Those of a table that are named, or all; how many passed. */
static unsigned run_cases(const struct fault_case *table, char **names, int count, unsigned *failed)
{
    unsigned passed = 0;

    for (const struct fault_case *c = table; c->name; c++) {
        if (!is_named(c->name, names, count))
            continue;
        bool good = run_case(c);
        passed += good;
        *failed += !good;
    }
    return passed;
}

int main(int argc, char **argv)
{
    unsigned passed, failed = 0;

    if (argc > 1 && !strcmp(argv[1], "--child"))
        return 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    control = open("/proc/fail-nth", O_RDWR);
    if (control < 0) {
        perror("fail_nth: /proc/fail-nth (a kernel built with -Dfail_nth=true?)");
        return 1;
    }
    passed = run_cases(fault_cases, argv + 1, argc - 1, &failed);
    passed += run_cases(fault_cases_large, argv + 1, argc - 1, &failed);
    print_sites();
    printf("faults: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
