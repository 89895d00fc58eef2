/*
 * See tools/terminal.h.  A guard, a process of its own that waits for the launcher's end at a pipe, gives the terminal
 * back if the launcher is killed.
 */
#include "tools/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tools/message.h"
#include "tools/session.h"

#define OUT_KEY   0x1d /* Ctrl-] */
#define OUT_COUNT 3
#define OUT_NS    1000000000LL

static struct termios before;
static bool taken;
static pid_t guard = -1;
static int guard_pipe = -1;

/* Nothing but the terminal and the pipe stays open, so that nobody waits for the guard to close something. */
static noreturn void guard_run(int pipe_end)
{
    sigset_t all;
    char done;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid(); /* out of the terminal's job control */
    dup2(pipe_end, STDOUT_FILENO);
    close_range(STDERR_FILENO, ~0u, 0);
    ssize_t n;
    do {
        n = read(STDOUT_FILENO, &done, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    _exit(0);
}

static void guard_start(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        fail(EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(errno));
    guard = fork();
    if (guard < 0)
        fail(EXIT_LAUNCHER, "cannot fork: %s", strerror(errno));
    if (guard == 0) {
        close(ends[1]);
        guard_run(ends[0]);
    }
    close(ends[0]);
    guard_pipe = ends[1];
}

static void guard_end(void)
{
    if (guard <= 0)
        return;
    /* If it is gone already there is nobody to tell. */
    if (write(guard_pipe, "", 1) == 1)
        waitpid(guard, NULL, 0);
    close(guard_pipe);
    guard = -1;
}

void terminal_take_again(void)
{
    struct termios raw = before;

    if (!taken)
        return;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void terminal_give_back(void)
{
    if (taken)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void terminal_end(void)
{
    terminal_give_back();
    guard_end();
}

bool terminal_take(void)
{
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    guard_start();
    atexit(terminal_end);
    taken = true;
    terminal_take_again();
    return true;
}

bool terminal_wants_out(const uint8_t *bytes, size_t n)
{
    static int64_t first_ns;
    static unsigned count;

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != OUT_KEY) {
            count = 0;
            continue;
        }
        if (count == 0 || now_ns() - first_ns > OUT_NS) {
            count = 0;
            first_ns = now_ns();
        }
        if (++count == OUT_COUNT)
            return true;
    }
    return false;
}
