/*
 * Processes that come and go on all CPUs: trees of children, each with its own copy of memory, waited for by the right one.
 */
#include <sched.h>

#include "tests/stress/stress.h"

#define PAGES 32

static uint32_t memory[PAGES][1024];

/* A tree of `depth`: each child finds what its parent wrote, and what it writes itself is seen by nobody else. */
static void tree(unsigned depth, uint32_t mark)
{
    pid_t children[2];

    for (unsigned i = 0; i < PAGES; i++)
        memory[i][i] = mark + i;
    if (!depth)
        return;
    for (unsigned c = 0; c < 2; c++) {
        children[c] = fork();
        must(children[c] >= 0);
        if (children[c])
            continue;
        for (unsigned i = 0; i < PAGES; i++)
            must(memory[i][i] == mark + i);
        tree(depth - 1, mark * 3 + c);
        _exit((int)((mark + c) & 0x7f));
    }
    sched_yield();
    for (unsigned c = 2; c-- > 0;) {
        int status = -1;
        must(waitpid(children[c], &status, 0) == children[c]);
        must(WIFEXITED(status) && WEXITSTATUS(status) == ((mark + c) & 0x7f));
    }
    for (unsigned i = 0; i < PAGES; i++)
        must(memory[i][i] == mark + i);
}

/* A child that execs, and one that vforks. */
static void exec_one(char *self)
{
    char *const arguments[] = {self, "child", NULL};
    pid_t pid = vfork();

    must(pid >= 0);
    if (!pid) {
        execv(self, arguments);
        _exit(99);
    }
    int status = -1;
    must(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(int argc, char **argv)
{
    unsigned rounds = 0;

    if (argc > 1 && !strcmp(argv[1], "child"))
        return 7;
    stress_start(argc, argv);
    for (; stress_goes_on(); rounds++) {
        tree(3, rounds + 1);
        exec_one("/proc/self/exe");
        must(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    }
    printf("forks: %u trees of 15 processes\n", rounds);
    return 0;
}
