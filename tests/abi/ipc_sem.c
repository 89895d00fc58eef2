/*
 * System V semaphores: semget, semop, semtimedop, semctl; waiting, undoing, and what is refused.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "tests/abi/abi_test.h"

#define KEY      0x5472
#define RMID(id) semctl(id, 0, IPC_RMID)
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int op(int id, int number, int change, int flags)
{
    struct sembuf b = {(unsigned short)number, (short)change, (short)flags};

    return semop(id, &b, 1);
}

static int set_value(int id, int number, int value)
{
    return semctl(id, number, SETVAL, (union semun){.val = value});
}

static void show_set(const char *what, int id, int count)
{
    unsigned short values[16] = {0};

    if (semctl(id, 0, GETALL, (union semun){.array = values}))
        printf("%s: GETALL errno %d\n", what, errno);
    printf("%s:", what);
    for (int n = 0; n < count; n++)
        printf(" %d (%d, %d waiting up, %d for zero)", values[n], semctl(id, n, GETPID) == getpid(),
               semctl(id, n, GETNCNT), semctl(id, n, GETZCNT));
    printf("\n");
}

static void show_get(void)
{
    struct semid_ds d;
    struct seminfo info;

    show_call(semget(KEY, 1, 0));
    show_call(semget(KEY, 0, IPC_CREAT | 0600));
    show_call(semget(KEY, -1, IPC_CREAT | 0600));
    show_call(semget(KEY, 32001, IPC_CREAT | 0600));
    int id = SHOW(semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640));
    show_call(semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640));
    show_call(semget(KEY, 4, 0));
    show_call(semget(KEY, 0, 0));
    show_call(semctl(id, 0, IPC_STAT, (union semun){.buf = &d}));
    printf("%lu semaphores, mode %o, uid %u, otime %d ctime %d\n", (unsigned long)d.sem_nsems, d.sem_perm.mode, d.sem_perm.uid,
           d.sem_otime != 0, d.sem_ctime != 0);
    show_call(semctl(id, 0, IPC_STAT, (union semun){.buf = NULL}));
    show_call(semctl(id, 3, GETVAL));
    show_call(semctl(id, -1, GETPID));
    show_call(set_value(id, 3, 1));
    show_call(set_value(id, 0, 32768));
    show_call(set_value(id, 0, -1));
    show_call(set_value(id, 0, 32767));
    show_call(op(id, 0, 1, 0));
    show_call(op(id, 0, -32767, 0));
    show_call(semctl(id, 0, 99));
    show_call(semctl(-1, 0, GETVAL));
    show_call(semctl(4711, 0, GETVAL));
    show_call(semctl(id, 0, SETALL, (union semun){.array = NULL}));
    unsigned short bad[3] = {1, 40000, 1};
    show_call(semctl(id, 0, SETALL, (union semun){.array = bad}));
    show_set("untouched", id, 3);
    semctl(id, 0, IPC_STAT, (union semun){.buf = &d});
    show("otime", d.sem_otime != 0);
    show_call(semctl(0, 0, IPC_INFO, (union semun){.info = &info}));
    printf("%d %d %d %d %d %d %d %d %d %d\n", info.semmap, info.semmni, info.semmns, info.semmnu, info.semmsl,
           info.semopm, info.semume, info.semusz, info.semvmx, info.semaem);
    show_call(semctl(0, 0, SEM_INFO, (union semun){.info = &info}));
    printf("%d %d\n", info.semusz, info.semaem);
    show_call(semctl(id & 0x7fff, 0, SEM_STAT, (union semun){.buf = &d}) == id);
    show_call(semctl(id & 0x7fff, 0, SEM_STAT_ANY, (union semun){.buf = &d}) == id);
    show_call(semctl(100, 0, SEM_STAT, (union semun){.buf = &d}));
}

static void show_operations(void)
{
    int id = semget(KEY, 0, 0);
    struct sembuf all[501] = {{0, 1, 0}}, both[] = {{0, 2, 0}, {1, -1, IPC_NOWAIT}},
                  twice[] = {{0, 1, 0}, {0, -3, IPC_NOWAIT}};
    struct sembuf zero[] = {{2, 0, IPC_NOWAIT}, {2, 1, 0}, {2, 0, IPC_NOWAIT}};
    struct timespec wrong = {0, 1000000000}, soon = {0, 20000000}, negative = {-1, 0};

    show_call(semop(id, all, 0));
    show_call(semop(id, all, 501));
    show_call(semop(id, NULL, 1));
    show_call(semop(-1, all, 1));
    show_call(semop(4711, all, 1));
    show_call(op(id, 3, 1, 0));
    show_call(semop(id, both, 2));
    show_set("all or nothing", id, 3);
    show_call(op(id, 0, 2, 0));
    show_call(semop(id, twice, 2));
    show_call(op(id, 0, -3, IPC_NOWAIT));
    show_call(op(id, 0, 0, IPC_NOWAIT));
    show_set("two", id, 3);
    show_call(semop(id, zero, 2));
    show_call(semop(id, zero, 1));
    show_call(op(id, 2, -1, 0));
    show_call(semop(id, zero, 3));
    show_set("zero", id, 3);
    show_call(semtimedop(id, all, 1, &wrong));
    show_call(semtimedop(id, all, 1, &negative));
    show_call(semtimedop(id, all, 0, &wrong));
    show_call(semtimedop(id, NULL, 1, &wrong));
    show_call(syscall(SYS_semtimedop, id, all, 1, (void *)8));
    struct sembuf down = {1, -1, 0};
    show_call(semtimedop(id, &down, 1, &soon));
    down.sem_flg = IPC_NOWAIT;
    show_call(semtimedop(id, &down, 1, &soon));
    show_call(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){0, 0, 0}}));
}

/* Wait until that many wait. */
static void await(int id, int number, int command, int count)
{
    while (semctl(id, number, command) != count)
        usleep(1000);
}

static void on_signal(int signal)
{
}

static void show_waiting(void)
{
    int id = semget(KEY, 0, 0), status;
    pid_t child[3];

    /* The first wants more than there is; the second, behind it, does not have to wait for it. */
    for (int n = 0; n < 2; n++) {
        child[n] = fork_clean();
        if (!child[n])
            child_exit(op(id, 0, n ? -1 : -3, 0) ? errno : 0);
        await(id, 0, GETNCNT, n + 1);
    }
    child[2] = fork_clean();
    if (!child[2]) {
        struct sembuf b[] = {{1, 1, 0}, {2, 0, 0}, {0, -1, 0}};
        child_exit(semop(id, b, 3) ? errno : 0);
    }
    await(id, 0, GETNCNT, 3);
    show_set("three wait", id, 3);
    show_call(op(id, 0, 1, 0));
    waitpid(child[1], &status, 0);
    show_status("the second", status);
    show_call(op(id, 0, 1, 0));
    waitpid(child[2], &status, 0);
    show_status("the third", status);
    show_set("one waits", id, 3);
    show_call(op(id, 0, 3, 0));
    waitpid(child[0], &status, 0);
    show_status("the first", status);
    show_set("nobody waits", id, 3);
    /* For zero; and a chain: one's change lets another go on. */
    show_call(set_value(id, 2, 1));
    child[0] = fork_clean();
    if (!child[0]) {
        struct sembuf b[] = {{2, 0, 0}, {1, 4, 0}};
        child_exit(semop(id, b, 2) ? errno : 0);
    }
    await(id, 2, GETZCNT, 1);
    child[1] = fork_clean();
    if (!child[1])
        child_exit(op(id, 1, -5, 0) ? errno : 0);
    await(id, 1, GETNCNT, 1);
    show_set("a chain", id, 3);
    show_call(op(id, 2, -1, 0));
    for (int n = 0; n < 2; n++) {
        waitpid(child[n], &status, 0);
        show_status("chained", status);
    }
    show_set("done", id, 3);
    /* ERANGE meets a waiter, too. */
    show_call(set_value(id, 2, 1));
    child[0] = fork_clean();
    if (!child[0]) {
        struct sembuf b[] = {{2, 0, 0}, {1, 1, 0}};
        child_exit(semop(id, b, 2) ? errno : 0);
    }
    await(id, 2, GETZCNT, 1);
    set_value(id, 1, 32767);
    show_call(set_value(id, 2, 0));
    waitpid(child[0], &status, 0);
    show_status("out of range", status);
    show_call(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){0, 0, 0}}));
    /* A signal ends the wait, whatever SA_RESTART says. */
    child[0] = fork_clean();
    if (!child[0]) {
        struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigaction(SIGUSR1, &a, NULL);
        child_exit(op(id, 0, -1, 0) ? errno : 0);
    }
    await(id, 0, GETNCNT, 1);
    kill(child[0], SIGUSR1);
    waitpid(child[0], &status, 0);
    show_status("a signal", status);
    await(id, 0, GETNCNT, 0);
}

static void undo_some(void)
{
    int id = semget(KEY, 0, 0);

    show_call(op(id, 0, 5, SEM_UNDO));
    show_call(op(id, 0, -2, SEM_UNDO));
    show_call(op(id, 1, 7, SEM_UNDO));
    show_call(set_value(id, 1, 4)); /* forgets what is to be undone */
    show_call(op(id, 2, -1, SEM_UNDO | IPC_NOWAIT));
    show_set("in the child", id, 3);
    if (!fork_clean()) { /* nothing to be undone for this one */
        show_call(op(id, 2, 3, 0));
        child_exit(0);
    }
    wait(NULL);
}

static void *thread_ups(void *argument)
{
    int id = semget(KEY, 0, 0);

    show_call(op(id, 0, 1, SEM_UNDO));
    return NULL;
}

static void undo_by_threads(void)
{
    pthread_t t;

    pthread_create(&t, NULL, thread_ups, NULL);
    pthread_join(t, NULL);
    show_set("the thread is gone", semget(KEY, 0, 0), 3);
    show_call(unshare(CLONE_SYSVSEM));
    show_set("unshared", semget(KEY, 0, 0), 3);
}

static void undo_wakes(void)
{
    show_call(op(semget(KEY, 0, 0), 1, -4, SEM_UNDO));
    show_call(op(semget(KEY, 0, 0), 2, 20000, SEM_UNDO));
    show_call(op(semget(KEY, 0, 0), 2, -10000, 0));
    for (int n = 0; n < 5; n++)
        show_call(op(semget(KEY, 0, 0), 0, 20000, SEM_UNDO | IPC_NOWAIT));
}

static void show_undo(void)
{
    int id = semget(KEY, 0, 0), status;

    show_child("undoing", undo_some);
    show_set("undone", id, 3);
    show_child("threads", undo_by_threads);
    show_set("undone", id, 3);
    pid_t child = fork_clean();
    if (!child)
        child_exit(op(id, 1, -8, 0) ? errno : 0);
    await(id, 1, GETNCNT, 1);
    show_child("clamped", undo_wakes);
    show_set("undone", id, 3);
    show_call(op(id, 1, 4, 0));
    waitpid(child, &status, 0);
    show_status("waited for it", status);
}

static void show_remove(void)
{
    int id = semget(KEY, 0, 0), status;
    pid_t child = fork_clean();

    if (!child) {
        op(id, 1, 1, SEM_UNDO);
        child_exit(op(id, 0, -30000, 0) ? errno : 0);
    }
    await(id, 0, GETNCNT, 1);
    show_call(RMID(id));
    waitpid(child, &status, 0);
    show_status("removed under a waiter", status);
    show_call(RMID(id));
    show_call(op(id, 0, 1, 0));
    int again = semget(KEY, 1, IPC_CREAT | 0600);
    show("another number", again != id);
    show_call(semctl(id, 0, GETVAL));
    show_call(RMID(again));
}

static void as_user(void)
{
    int id = semget(KEY + 1, 0, 0);
    struct semid_ds d;

    setgid(1000);
    setuid(1000);
    show_call(semctl(id, 0, GETVAL));
    show_call(set_value(id, 0, 1));
    show_call(set_value(id, 9, 1));
    show_call(semctl(id, 9, GETVAL));
    show_call(op(id, 0, 0, 0));
    show_call(op(id, 0, 1, 0));
    show_call(op(id, 9, 1, 0));
    show_call(semctl(id, 0, IPC_STAT, (union semun){.buf = &d}));
    show_call(semctl(id, 0, IPC_SET, (union semun){.buf = &d}));
    show_call(RMID(id));
    show_call(semget(KEY + 1, 0, 0222));
    show_call(semget(KEY + 2, 0, 0444));
    show_call(semctl(semget(KEY + 2, 0, 0), 0, GETVAL));
}

static void show_permissions(void)
{
    int id = semget(KEY + 1, 1, IPC_CREAT | 0604), shut = semget(KEY + 2, 1, IPC_CREAT | 0600);
    char line[128];

    show_child("another user", as_user);
    FILE *f = fopen("/proc/sysvipc/sem", "r");
    while (fgets(line, sizeof line, f))
        printf("%.50s| %zu\n", line, strlen(line));
    fclose(f);
    show_call(RMID(id));
    show_call(RMID(shut));
}

int main(void)
{
    show_get();
    show_operations();
    show_waiting();
    show_undo();
    show_remove();
    show_permissions();
    return 0;
}
