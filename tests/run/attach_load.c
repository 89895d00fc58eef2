/*
 * A program that makes numbered calls as fast as it can: lseek(-1, N, 0) and, of another task, fchmod(-1, N), for N = 0
 * up to CALLS: whoever traces it can see what is missing.  Standard output: N, each time that it is a multiple of 500.
 *
 * usage: attach_load CALLS PATH    PATH stays open as descriptor 9 of the first task, which closes it at the end
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_calls(long call, long count)
{
    char line[32];

    for (long n = 0; n < count; n++) {
        syscall(call, -1, n, 0);
        if (call == SYS_lseek && n % 500 == 0)
            write(1, line, (size_t)sprintf(line, "%ld\n", n));
    }
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? atol(argv[1]) : 0;

    if (argc > 2)
        dup2(open(argv[2], O_RDONLY | O_CREAT, 0600), 9);
    pid_t child = fork();
    if (child == 0) {
        make_calls(SYS_fchmod, count);
        _exit(0);
    }
    make_calls(SYS_lseek, count);
    while (wait(NULL) > 0)
        continue;
    close(9);
    return 0;
}
