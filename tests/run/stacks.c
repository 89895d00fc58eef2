/*
 * A program whose stacks at two calls are known: main, outer, inner, write; main, qsort, compare, getppid.  Then a call under a signal.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    static int calls;

    if (calls++ == 0)
        syscall(SYS_getppid);
    return *(const int *)a - *(const int *)b;
}

__attribute__((noinline)) static int inner(int n)
{
    char bytes[64];

    memset(bytes, n, sizeof bytes);
    write(1, "in\n", 3);
    return bytes[3];
}

__attribute__((noinline)) static int outer(int n)
{
    return inner(n + 1) + 1;
}

static void handler(int number)
{
    volatile long group = syscall(SYS_getpgid, number); /* so that it is no tail call */

    (void)group;
}

int main(int argc, char **argv)
{
    int numbers[] = {3, 2, 1}, sum = outer(argc);

    qsort(numbers, 3, sizeof numbers[0], compare);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    return sum == 1000;
}
