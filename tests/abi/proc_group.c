/*
 * Process groups and sessions: setpgid, setsid, kill to a group.
 */
#include <signal.h>
#include <stdlib.h>

#include "abi_test.h"

static void leader(void)
{
    show("setsid gives my pid", setsid() == getpid());
    show("group is my pid", getpgrp() == getpid());
    show("session is my pid", getsid(0) == getpid());
    show_call(setsid());
    show_call(setpgid(0, 0));
    show_call(setpgid(0, -1));
    show_call(setpgid(99999999, 0));
    show_call(setpgid(getppid(), 0));
    show_call(getpgid(99999999));
    show_call(getsid(99999999));
    show_call(kill(99999999, 0));
    show_call(kill(0, 0));
    show_call(kill(getpid(), 65));
    show_call(kill(getpid(), -1));

    int status, ready[2];
    char byte = 'x';
    if (pipe(ready))
        child_exit(1);
    pid_t a = fork_clean();
    if (!a) {
        if (setpgid(0, 0) || write(ready[1], &byte, 1) != 1)
            child_exit(1);
        pause();
        child_exit(1);
    }
    if (read(ready[0], &byte, 1) != 1)
        child_exit(1);
    show("child leads its group", getpgid(a) == a);
    show("child in my session", getsid(a) == getpid());
    pid_t b = fork_clean();
    if (!b) {
        pause();
        child_exit(1);
    }
    show_call(setpgid(b, a));
    show("second child joined", getpgid(b) == a);
    show_call(setpgid(b, 99999999));
    show_call(kill(-a, SIGTERM));
    waitpid(a, &status, 0);
    show_status("first", status);
    waitpid(b, &status, 0);
    show_status("second", status);
    show_call(kill(-a, 0));
    child_exit(7);
}

int main(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child)
        leader();
    waitpid(child, &status, 0);
    show_status("leader", status);
    return 0;
}
