/*
 * ptrace: what a tracer is told of new threads, execve and ends; who may wait for whom; the end of the tracer.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include "tests/abi/ptrace_test.h"

static char *self;

/* What each task has reported, in its own order: that of different tasks is chance. */
static struct {
    pid_t pid;
    char text[1000];
} tasks[8];
static int task_count;

static int task_of(pid_t pid)
{
    for (int i = 0; i < task_count; i++)
        if (tasks[i].pid == pid)
            return i;
    tasks[task_count].pid = pid;
    tasks[task_count].text[0] = '\0';
    return task_count++;
}

static void note(pid_t pid, int status)
{
    char *text = tasks[task_of(pid)].text;
    unsigned long message = 0;
    int event = status >> 16;
    size_t n = strlen(text);

    if (WIFEXITED(status)) {
        sprintf(text + n, "exited %d. ", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        sprintf(text + n, "killed by %d. ", WTERMSIG(status));
    } else {
        n += sprintf(text + n, "signal %d event %d", WSTOPSIG(status), event);
        if (event && trace(PTRACE_GETEVENTMSG, pid, 0, DATA(&message)) != 0)
            sprintf(text + n, " errno %d. ", errno);
        else if (event == PTRACE_EVENT_EXIT || event == PTRACE_EVENT_STOP)
            sprintf(text + n, " message %lx. ", message);
        else if (event)
            sprintf(text + n, " message %c. ", 'A' + task_of((pid_t)message));
        else
            strcpy(text + n, ". ");
    }
}

/* Let all tasks go on until there are none. */
static void follow(pid_t first, long options)
{
    int status;
    pid_t pid;

    task_count = 0;
    task_of(first);
    if (options >= 0)
        show("SETOPTIONS", trace(PTRACE_SETOPTIONS, first, 0, options));
    trace(PTRACE_CONT, first, 0, 0);
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        note(pid, status);
        int signal = WSTOPSIG(status);
        if (WIFSTOPPED(status))
            trace(PTRACE_CONT, pid, 0, status >> 16 || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
    }
    for (int i = 0; i < task_count; i++)
        printf("%c: %s\n", 'A' + i, tasks[i].text);
    fflush(stdout);
}

static void fork_once(void)
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(5);
    waitpid(pid, &status, 0);
    _exit(6);
}

static void vfork_once(void)
{
    int status;
    pid_t pid = vfork();

    if (!pid)
        _exit(5);
    waitpid(pid, &status, 0);
    _exit(6);
}

static void exec_once(void)
{
    char *argv[] = {self, "nothing", NULL};

    execv(self, argv);
    _exit(99);
}

static void *end_thread(void *arg)
{
    return NULL;
}

static void thread_once(void)
{
    pthread_t t;

    pthread_create(&t, NULL, end_thread, NULL);
    pthread_join(t, NULL);
    usleep(100000); /* the thread's end is told before the process's begins */
    _exit(7);
}

static void *exec_thread(void *arg)
{
    usleep(100000); /* until the other events have been told */
    exec_once();
    return NULL;
}

static void exec_from_thread(void)
{
    pthread_t t;

    pthread_create(&t, NULL, exec_thread, NULL);
    for (;;)
        pause();
}

static void *end_process(void *arg)
{
    usleep(200000);
    _exit(8);
}

static void leader_ends_first(void)
{
    pthread_t t;

    pthread_create(&t, NULL, end_process, NULL);
    syscall(SYS_exit, 9);
}

static void *pause_thread(void *arg)
{
    for (;;)
        pause();
    return NULL;
}

static void group_exit(void)
{
    pthread_t t;

    pthread_create(&t, NULL, pause_thread, NULL);
    usleep(100000);
    _exit(4);
}

static void untraced_clone(void)
{
    int status;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);

    if (!pid)
        _exit(5);
    waitpid(pid, &status, 0);
    _exit(6);
}

static void odd_signal_clone(void)
{
    int status;

    signal(SIGUSR1, SIG_IGN);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
    if (!pid)
        _exit(5);
    waitpid(pid, &status, __WCLONE);
    _exit(6);
}

static void die(void)
{
    raise(SIGTERM);
}

static void event_stops(void)
{
    static const struct {
        const char *what;
        void (*body)(void);
    } bodies[] = {
        {"fork", fork_once}, {"vfork", vfork_once}, {"exec", exec_once}, {"thread", thread_once},
        {"exec from a thread", exec_from_thread}, {"leader first", leader_ends_first}, {"group exit", group_exit},
        {"CLONE_UNTRACED", untraced_clone}, {"clone with SIGUSR1", odd_signal_clone}, {"death by signal", die},
    };
    const long all = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                     PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT;

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        printf("- %s\n", bodies[i].what);
        follow(tracee_start(bodies[i].body), all);
        printf("- %s, no options\n", bodies[i].what);
        follow(tracee_start(bodies[i].body), 0);
    }
}

/* Options are inherited; a seized tracee's children begin with an event stop. */
static void seized_fork(void)
{
    pid_t pid = tracee_start(fork_once);
    int status;

    trace(PTRACE_DETACH, pid, 0, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    show_call(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
    wait_show("seized", pid);
    kill(pid, SIGCONT);
    follow(pid, -1);
}

/* A third process traces; the parent sees only what is its own. */
static void foreign_tracer(void)
{
    int to[2], from[2], status;
    char c;

    pipe(to);
    pipe(from);
    pid_t child = child_start(group_exit);
    pid_t tracer = fork_clean();
    if (!tracer) {
        trace(PTRACE_SEIZE, child, 0, 0);
        write(from[1], "x", 1);
        read(to[0], &c, 1);
        waitpid(child, &status, 0);
        show_status("tracer sees", status);
        fflush(stdout);
        write(from[1], "x", 1);
        read(to[0], &c, 1);
        child_exit(0);
    }
    read(from[0], &c, 1);
    usleep(60000);
    show_call(waitpid(child, &status, WNOHANG));
    write(to[1], "x", 1);
    read(from[0], &c, 1);
    printf("parent gets its child: %d\n", waitpid(child, &status, 0) == child);
    show_status("parent sees", status);
    write(to[1], "x", 1);
    waitpid(tracer, &status, 0);
    close(to[0]);
    close(to[1]);
    close(from[0]);
    close(from[1]);
}

static void spin(void)
{
    for (;;)
        usleep(1000);
}

/* The tracer ends: its tracees go on, or die. */
static void tracer_ends(int options)
{
    int ready[2], status;
    char c;

    pipe(ready);
    pid_t child = child_start(spin);
    pid_t tracer = fork_clean();
    if (!tracer) {
        trace(PTRACE_SEIZE, child, 0, options);
        trace(PTRACE_INTERRUPT, child, 0, 0);
        waitpid(child, &status, 0);
        write(ready[1], "x", 1);
        _exit(0);
    }
    read(ready[0], &c, 1);
    waitpid(tracer, &status, 0);
    usleep(20000);
    show("child has ended", waitpid(child, &status, WNOHANG) == child);
    if (options)
        show_status("child", status);
    else
        tracee_end(child);
    close(ready[0]);
    close(ready[1]);
}

static pid_t other_child;

static void *wait_in_thread(void *arg)
{
    int status;
    siginfo_t info;
    long options = *(long *)arg;

    errno = 0;
    pid_t got = waitpid(other_child, &status, (int)options);
    printf("thread waits with %lx: %d errno %d\n", options, got == other_child, got < 0 ? errno : 0);
    printf("thread may not ask: %ld\n", trace(PTRACE_GETSIGINFO, other_child, 0, DATA(&info)) == -1 ? (long)errno : 0);
    return NULL;
}

static void wait_flags(void)
{
    pthread_t t;
    long options[] = {__WNOTHREAD | WNOHANG, WNOHANG, __WNOTHREAD | WNOHANG};
    siginfo_t info;
    int status;

    other_child = tracee_start(die);
    trace(PTRACE_CONT, other_child, 0, 0);
    memset(&info, 0, sizeof info);
    show("waitid keeps it", waitid(P_PID, other_child, &info, WSTOPPED | WNOWAIT));
    printf("  code %d status %d\n", info.si_code, info.si_status);
    for (int i = 0; i < 3; i++) {
        pthread_create(&t, NULL, wait_in_thread, &options[i]);
        pthread_join(t, NULL);
    }
    show_call(waitpid(other_child, &status, WNOHANG));
    trace(PTRACE_CONT, other_child, 0, SIGTERM);
    memset(&info, 0, sizeof info);
    show("waitid of the end", waitid(P_PID, other_child, &info, WEXITED));
    printf("  code %d status %d\n", info.si_code, info.si_status);
    show("waitid without WEXITED", waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) == -1 ? errno : 0);
}

/* CLONE_PTRACE: the new task is traced whatever the options. */
static void clone_ptrace(void)
{
    int status;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0);

    if (!pid)
        _exit(5);
    waitpid(pid, &status, 0);
    _exit(6);
}

static void traceme_twice(void)
{
    show_call(trace(PTRACE_TRACEME, 0, 0, 0));
}

static void permissions(void)
{
    pid_t pid = child_start(spin);

    usleep(10000);
    pid_t other = fork_clean();
    if (!other) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        show_call(trace(PTRACE_ATTACH, pid, 0, 0));
        show_call(trace(PTRACE_SEIZE, pid, 0, 0));
        pid_t mine = child_start(spin);
        show_call(trace(PTRACE_ATTACH, mine, 0, 0)); /* who changes its ids may not be looked into */
        tracee_end(mine);
        prctl(PR_SET_DUMPABLE, 1);
        mine = child_start(spin);
        show_call(trace(PTRACE_ATTACH, mine, 0, 0));
        waitpid(mine, NULL, 0);
        tracee_end(mine);
        child_exit(0);
    }
    waitpid(other, NULL, 0);
    tracee_end(pid);
}

int main(int argc, char **argv)
{
    char path[512];

    if (argc > 1 && !strcmp(argv[1], "nothing"))
        return 11;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    self = path;
    setsid();
    event_stops();
    seized_fork();
    foreign_tracer();
    tracer_ends(0);
    tracer_ends(PTRACE_O_EXITKILL);
    wait_flags();
    follow(tracee_start(clone_ptrace), 0);
    follow(tracee_start(traceme_twice), 0);
    permissions();
    return 0;
}
