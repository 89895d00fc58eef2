/*
 * Signals between threads and processes: queued ones all arrive, blocked ones wait, timers and stops in between.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/stress/stress.h"

static atomic_uint usr1, rt, alarms;

static void on_usr1(int signal)
{
    atomic_fetch_add(&usr1, 1);
}

static void on_rt(int signal)
{
    atomic_fetch_add(&rt, 1);
}

static void on_alarm(int signal)
{
    atomic_fetch_add(&alarms, 1);
}

/* Signals to a thread that computes: each is handled before the next is sent. */
static void *spin(void *stop)
{
    volatile unsigned long work = 0;

    while (!atomic_load((atomic_bool *)stop))
        work = work * 3 + 1;
    return NULL;
}

static unsigned to_a_running_thread(void)
{
    atomic_bool stop = false;
    pthread_t t;
    unsigned sent = 0;

    must(!pthread_create(&t, NULL, spin, &stop));
    for (; stress_goes_on(); sent++) {
        must(!pthread_kill(t, SIGUSR1));
        double limit = seconds_now() + 100;
        while (atomic_load(&usr1) != sent + 1)
            if (seconds_now() > limit)
                wrong("signal %u to a running thread does not arrive", sent);
    }
    atomic_store(&stop, true);
    pthread_join(t, NULL);
    return sent;
}

/* Real-time signals to a child, which sleeps: none is lost. */
static void queued_to_a_child(void)
{
    int fds[2];
    unsigned sent = 0;
    char byte;

    must(!pipe(fds));
    pid_t child = fork();
    must(child >= 0);
    if (!child) {
        write(fds[1], "x", 1);
        close(fds[1]);
        for (;;)
            pause();
    }
    close(fds[1]);
    must(read(fds[0], &byte, 1) == 1);
    while (stress_goes_on()) {
        union sigval value = {.sival_int = (int)sent};
        if (!sigqueue(child, SIGRTMIN + 1, value))
            sent++;
        else
            must(errno == EAGAIN);
        if (sent % 64 == 0) {
            kill(child, SIGSTOP);
            must(waitpid(child, NULL, WUNTRACED) == child);
            kill(child, SIGCONT);
            must(waitpid(child, NULL, WCONTINUED) == child);
        }
    }
    kill(child, SIGKILL);
    int status = 0;
    must(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    printf("signals: %u queued to a sleeping child\n", sent);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct itimerval every = {.it_interval.tv_usec = 2000, .it_value.tv_usec = 2000}, none = {0};

    stress_start(argc, argv);
    signal(SIGUSR1, on_usr1);
    signal(SIGRTMIN + 1, on_rt);
    signal(SIGALRM, on_alarm);
    pid_t pid = fork();
    must(pid >= 0);
    if (!pid) {
        queued_to_a_child();
        _exit(0);
    }
    must(!setitimer(ITIMER_REAL, &every, NULL));
    unsigned sent = to_a_running_thread();
    must(!setitimer(ITIMER_REAL, &none, NULL));
    must_end_well(pid);
    must(atomic_load(&alarms) > 0);
    printf("signals: %u to a running thread, %u alarms\n", sent, atomic_load(&alarms));
    return 0;
}
