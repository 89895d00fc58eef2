/*
 * Reaching into another process's memory, unsharing, I/O priorities.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "abi_test.h"

static char shared_text[64] = "text of the parent";

static void show_memory(void)
{
    char buffer[64] = {0};
    struct iovec local[2] = {{buffer, 4}, {buffer + 10, 14}}, remote = {shared_text, 18}, bad = {(void *)8, 5};
    int status, go[2];
    char byte = 'g';

    if (pipe(go))
        exit(1);
    pid_t child = fork_clean();
    if (!child) {
        strcpy(shared_text, "text of the child!");
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        child_exit(strcmp(shared_text, "xext of the child!") ? 1 : 0);
    }
    while (!buffer[0] || strcmp(buffer + 10, " of the child!")) { /* until the child has written it */
        if (process_vm_readv(child, local, 2, &remote, 1, 0) != 18)
            break;
    }
    printf("'%s' '%s'\n", buffer, buffer + 10);
    buffer[0] = 'x';
    local[0].iov_len = 1;
    show_call(process_vm_writev(child, local, 1, &remote, 1, 0));
    show_call(process_vm_readv(child, local, 1, &bad, 1, 0));
    show_call(process_vm_readv(child, &bad, 1, &remote, 1, 0));
    show_call(process_vm_readv(child, local, 1, &remote, 1, 1));
    show_call(process_vm_readv(99999999, local, 1, &remote, 1, 0));
    show_call(process_vm_readv(child, local, 0, &remote, 1, 0));
    show_call(process_vm_readv(child, local, 2000, &remote, 1, 0));
    if (write(go[1], &byte, 1) != 1)
        exit(1);
    waitpid(child, &status, 0);
    show_status("child saw the change", status);
    setresuid(1000, 1000, 1000);
    show_call(process_vm_readv(getppid(), local, 1, &remote, 1, 0));
}

static void show_unshare(void)
{
    show_call(unshare(0x1));
    show_call(unshare(CLONE_FS | CLONE_FILES));
    show_call(unshare(CLONE_SYSVSEM));
    show_call(unshare(CLONE_THREAD));
}

static void show_io_priority(void)
{
    show_call(syscall(SYS_ioprio_get, 1, 0));
    show_call(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
    show_call(syscall(SYS_ioprio_get, 1, 0));
    show_call(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 9));
    show_call(syscall(SYS_ioprio_set, 1, 0, 7 << 13));
    show_call(syscall(SYS_ioprio_set, 9, 0, 0));
    show_call(syscall(SYS_ioprio_get, 1, 99999999));
}

int main(void)
{
    int status;

    show_unshare();
    show_io_priority();
    pid_t child = fork_clean();
    if (!child) {
        show_memory();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("memory", status);
    return 0;
}
