/*
 * vfork, clone, clone3: what is shared, and what is refused.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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

int main(void)
{
    show_vfork();
    show_refusals();
    show_exit_signal();
    show_threads();
    show_exit_with_threads();
    return 0;
}
