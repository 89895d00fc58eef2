/*
 * vfork, clone, clone3: what is shared, and what is refused.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "abi_test.h"

static volatile int shared;

static void show_vfork(void)
{
    int status;
    fflush(stdout);
    pid_t child = vfork();

    if (!child) {
        shared = 5; /* the parent sees it: memory is shared until exec or exit */
        _exit(6);
    }
    show("vfork: value", shared);
    waitpid(child, &status, 0);
    show_status("vfork child", status);
}

static long raw_clone(unsigned long flags)
{
    fflush(stdout);
    long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

    if (!pid)
        _exit(0);
    return pid;
}

static void show_refusals(void)
{
    show_call(raw_clone(CLONE_THREAD));
    show_call(raw_clone(CLONE_SIGHAND));
    show_call(raw_clone(CLONE_THREAD | CLONE_SIGHAND));
    show_call(raw_clone(CLONE_FS | CLONE_NEWNS));
    struct clone_args args = {.flags = 0, .exit_signal = 200};
    show_call(syscall(SYS_clone3, &args, sizeof(args)));
    args = (struct clone_args){.stack = 4096};
    show_call(syscall(SYS_clone3, &args, sizeof(args)));
    show_call(syscall(SYS_clone3, &args, 8));
    show_call(syscall(SYS_clone3, &args, 8192));
    show_call(syscall(SYS_clone3, NULL, sizeof(args)));
}

static void show_exit_signal(void)
{
    int status;
    pid_t child = (pid_t)raw_clone(0); /* no signal, and only __WALL or __WCLONE wait for it */

    show_call(waitpid(child, &status, WNOHANG));
    show("waited with __WALL", waitpid(child, &status, __WALL) == child);
    show_status("clone child", status);
    struct clone_args args = {.exit_signal = SIGCHLD};
    fflush(stdout);
    child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (!child)
        _exit(4);
    waitpid(child, &status, 0);
    show_status("clone3 child", status);
}

static long clone_as(const pid_t *numbers, size_t count, int code)
{
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)numbers, .set_tid_size = count};

    fflush(stdout);
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (!pid)
        _exit(code);
    return pid;
}

/* A number that was free a moment ago. */
static pid_t free_number(void)
{
    pid_t child = fork_clean();

    if (!child)
        _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void show_number_refusals(void)
{
    pid_t me = getpid(), numbers[33] = {0}, negative = -1, large = 1 << 30;

    show_call(clone_as(&me, 1, 0));
    show_call(clone_as(numbers, 1, 0));
    show_call(clone_as(&negative, 1, 0));
    show_call(clone_as(&large, 1, 0));
    numbers[0] = me;
    show_call(clone_as(numbers, 32, 0)); /* there are not that many nested process namespaces */
    show_call(clone_as(numbers, 33, 0));
    show_call(clone_as(numbers, 0, 0));
    show_call(clone_as(NULL, 1, 0));
    show_call(clone_as((void *)16, 1, 0));
}

static void refused_without_right(void)
{
    pid_t number = free_number();

    show_call(setuid(1000));
    show_call(clone_as(&number, 1, 0));
}

/* Linux's selftest of this, clone3_cap_checkpoint_restore, reaches into a libcap that is not Debian's any more. */
static void given_with_one_right(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t bit = 1U << (CAP_CHECKPOINT_RESTORE - 32);
    struct __user_cap_data_struct data[2] = {{.permitted = 1 << CAP_SETUID, .effective = 1 << CAP_SETUID},
                                             {.permitted = bit, .effective = bit}};
    pid_t number = free_number();

    show_call(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    show_call(syscall(SYS_capset, &header, data));
    show_call(setuid(1000));
    show_call(clone_as(&number, 1, 0)); /* permitted, but not effective */
    data[0].permitted = data[0].effective = 0;
    show_call(syscall(SYS_capset, &header, data));
    long pid = clone_as(&number, 1, 0);
    show("has the number", pid == number || errno == EEXIST);
    show("not refused", pid > 0 || errno != EPERM);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
}

/* The number of a group whose first process is gone is not free. */
static void show_number_of_group(void)
{
    int hold[2], status;
    char byte;

    show_call(pipe(hold));
    pid_t leader = fork_clean();
    if (!leader) {
        close(hold[1]);
        setpgid(0, 0);
        if (!fork())
            _exit((int)read(hold[0], &byte, 1)); /* until the other end is closed */
        _exit(0);
    }
    waitpid(leader, &status, 0);
    show_call(clone_as(&leader, 1, 0));
    close(hold[1]);
}

/* Numbers given in turn leave out one that was given out of turn. */
static void show_number_in_turn(void)
{
    int status, same = 0;
    pid_t wanted = free_number() + 40;
    long pid;

    while ((pid = clone_as(&wanted, 1, 7)) == -1 && errno == EEXIST)
        wanted++; /* other processes of this machine */
    show("has the number", pid == wanted);
    for (int i = 0; i < 100; i++) { /* while the first is not waited for */
        pid_t child = fork_clean();
        if (!child)
            _exit(0);
        same += child == wanted;
        waitpid(child, &status, 0);
    }
    show("given twice", same);
    show("waited for", waitpid(wanted, &status, 0) == wanted);
    show_status("with a number of its own", status);
    pid = clone_as(&wanted, 1, 8);
    show("the number again", pid == wanted || errno == EEXIST);
    if (pid == wanted)
        waitpid(wanted, &status, 0);
}

static void show_numbers(void)
{
    show_number_refusals();
    show_child("without the right", refused_without_right);
    show_child("with one right", given_with_one_right);
    show_number_of_group();
    show_number_in_turn();
}

static void on_signal(int signal)
{
    shared = signal;
}

static void show_handler(const char *what, int signal)
{
    struct sigaction action;

    sigaction(signal, NULL, &action);
    printf("%s: %s, flags %lx\n", what, action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : "handled",
           (unsigned long)action.sa_flags & ~0x04000000UL);
}

static int handler_child(void *argument)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

    if (argument)
        sigaction(SIGUSR1, &action, NULL);
    kill((pid_t)syscall(SYS_getpid), SIGUSR2); /* raise() would look in the memory that is its parent's */
    show("seen by the child's handler", shared);
    show_call(unshare(CLONE_SIGHAND));
    show_call(unshare(CLONE_VM));
    show_call(unshare(CLONE_THREAD));
    fflush(stdout); /* its buffer is its parent's */
    if (argument)
        _exit(3);
    execl("/proc/self/exe", "proc_clone", "show handlers", NULL);
    _exit(99);
}

/* Memory is shared: the parent does nothing meanwhile. */
static void run_with_handlers(unsigned long flags, void *argument)
{
    static char stack[65536] __attribute__((aligned(16)));
    int status;

    fflush(stdout);
    pid_t child = clone(handler_child, stack + sizeof(stack), (int)(CLONE_VM | CLONE_VFORK | SIGCHLD | flags), argument);
    show("waited for", waitpid(child, &status, 0) == child);
    show_status("child with handlers", status);
    show_handler("SIGUSR1", SIGUSR1);
    show_handler("SIGUSR2", SIGUSR2);
    show_handler("SIGHUP", SIGHUP);
}

/* Processes that share signal handlers and nothing else of signals. */
static void show_shared_handlers(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};

    signal(SIGHUP, SIG_IGN);
    sigaction(SIGUSR2, &action, NULL);
    run_with_handlers(CLONE_SIGHAND, "sets another"); /* SA_RESETHAND in the child is seen here */
    shared = 0;
    raise(SIGUSR1);
    show("seen by the handler of the child's making", shared);
    sigaction(SIGUSR2, &action, NULL);
    run_with_handlers(0, "sets another"); /* a copy of its own */
    run_with_handlers(CLONE_SIGHAND, NULL); /* execve ends the sharing */
    show_call(unshare(CLONE_SIGHAND | CLONE_VM));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int whose, counter;

static void *player(void *argument)
{
    int me = (int)(long)argument;

    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        while (whose != me)
            pthread_cond_wait(&turn, &lock);
        counter++;
        whose = !me;
        pthread_cond_broadcast(&turn);
        pthread_mutex_unlock(&lock);
    }
    return (void *)(long)(me + 10);
}

static void show_threads(void)
{
    pthread_t threads[2];
    void *result;

    for (long i = 0; i < 2; i++)
        show("pthread_create", pthread_create(&threads[i], NULL, player, (void *)i));
    for (int i = 0; i < 2; i++) {
        show("pthread_join", pthread_join(threads[i], &result));
        show("thread's result", (long)result);
    }
    show("counter", counter);
}

static void *sleeper(void *argument)
{
    pause();
    return argument;
}

static void show_exit_with_threads(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        pthread_t thread;
        for (int i = 0; i < 3; i++)
            pthread_create(&thread, NULL, sleeper, NULL);
        child_exit(12);
    }
    waitpid(child, &status, 0);
    show_status("process with sleeping threads", status);
    child = fork_clean();
    if (!child) {
        pthread_t thread;
        pthread_create(&thread, NULL, sleeper, NULL);
        usleep(1000);
        kill(getpid(), SIGTERM);
        pause();
    }
    waitpid(child, &status, 0);
    show_status("killed with threads", status);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "show handlers")) {
        show_handler("after execve, SIGUSR1", SIGUSR1);
        show_handler("after execve, SIGUSR2", SIGUSR2);
        show_handler("after execve, SIGHUP", SIGHUP);
        return 0;
    }
    show_vfork();
    show_refusals();
    show_exit_signal();
    show_numbers();
    show_shared_handlers();
    show_threads();
    show_exit_with_threads();
    return 0;
}
