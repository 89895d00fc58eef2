/*
 * Too much of everything: processes, threads, descriptors, arguments, mappings.  What the limits are and that all of it comes
 * back; the harness counts memory and objects before and after.
 */
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/abi/abi_test.h"

#define FDS        100000
#define THREADS    10000
#define BOMB_LIMIT 40
#define USER       54321
#define PAGE       4096UL

/* Every child forks on, until nobody can; how many there were at once is the limit's matter. */
static void fork_bomb(void)
{
    struct rlimit limit = {BOMB_LIMIT, BOMB_LIMIT};
    int ready[2], count = 0, again = 0;
    char byte;

    show_call(prctl(PR_SET_CHILD_SUBREAPER, 1)); /* all are waited for here */
    show_call(pipe(ready));
    show_call(setrlimit(RLIMIT_NPROC, &limit));
    show_call(setuid(USER));
    pid_t first = getpid();
    for (;;) {
        pid_t pid = fork();

        if (pid < 0) {
            byte = errno == EAGAIN ? 'a' : 'x';
            (void)!write(ready[1], &byte, 1);
            break;
        }
        if (pid == 0 && getpid() != first)
            (void)!write(ready[1], "p", 1);
    }
    if (getpid() != first) {
        pause();
        _exit(0);
    }
    while (count + again < 2 * BOMB_LIMIT - 1 && read(ready[0], &byte, 1) == 1) {
        count += byte == 'p';
        again += byte == 'a';
    }
    show("processes made", count);
    show("refused with EAGAIN", again);
    signal(SIGTERM, SIG_IGN);
    show_call(kill(0, SIGTERM));
    int reaped = 0;
    while (waitpid(-1, NULL, 0) > 0)
        reaped++;
    show("reaped", reaped);
}

static void descriptors(void)
{
    struct rlimit limit = {FDS, FDS};
    int fd, last = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit)) { /* where root itself is bound */
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    const int count = (int)limit.rlim_cur;
    while ((fd = dup(0)) >= 0)
        last = fd;
    show("errno", errno);
    CHECK(last == count - 1);
    show_ok(open("/", O_RDONLY));
    show("close", close(count / 2));
    CHECK(dup(0) == count / 2);
    pid_t pid = fork_clean();
    if (pid == 0)
        child_exit(fcntl(count - 1, F_GETFD) < 0);
    int status;
    waitpid(pid, &status, 0);
    show_status("child with as many", status);
    show_call(syscall(SYS_close_range, 3, ~0U, 0));
}

static int gate; /* threads wait until it is 1 */
static int alive;

/* A thread that needs no memory of its own: it uses no stack, waits for the gate and ends.  Its number or -errno. */
static long start_waiting_thread(void)
{
    register long stack asm("rsi") = 0;
    register int *cleared asm("r10") = NULL;
    register long tls asm("r8") = 0;
    long result = SYS_clone;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 2f\n\t"
                     "1: mov %[futex], %%eax\n\t"
                     "lea %[gate], %%rdi\n\t"
                     "xor %%esi, %%esi\n\t" /* FUTEX_WAIT */
                     "xor %%edx, %%edx\n\t"
                     "xor %%r10d, %%r10d\n\t"
                     "syscall\n\t"
                     "cmpl $0, %[gate]\n\t"
                     "je 1b\n\t"
                     "lock decl %[alive]\n\t"
                     "mov %[exit], %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "2:"
                     : "+a"(result)
                     : "D"(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM), "r"(stack),
                       "d"(0), "r"(cleared), "r"(tls), [futex] "i"(SYS_futex), [exit] "i"(SYS_exit), [gate] "m"(gate),
                       [alive] "m"(alive)
                     : "rcx", "r11", "memory");
    return result;
}

static long thread_count(void)
{
    char line[128];
    long count = -1;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f))
        sscanf(line, "Threads: %ld", &count);
    if (f)
        fclose(f);
    return count;
}

/* As many as there is memory for, if that is less: then it is said as Linux says it. */
static void threads(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    long result = 0, made = 0;

    setrlimit(RLIMIT_NPROC, &limit);
    while (made < THREADS) {
        __atomic_add_fetch(&alive, 1, __ATOMIC_SEQ_CST);
        result = start_waiting_thread();
        if (result < 0)
            break;
        made++;
    }
    CHECK(made == THREADS || result == -EAGAIN || result == -ENOMEM);
    CHECK(made > 500);
    CHECK(thread_count() == made + 1);
    __atomic_sub_fetch(&alive, made < THREADS, __ATOMIC_SEQ_CST);
    __atomic_store_n(&gate, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &gate, FUTEX_WAKE, THREADS, NULL, NULL, 0);
    while (__atomic_load_n(&alive, __ATOMIC_SEQ_CST) || thread_count() != 1)
        usleep(20000); /* they need the CPUs */
    show("left", thread_count());
}

static void arguments(void)
{
    static char text[100 * 1024];
    char *argv[12] = {"bad_limits", "count"};

    memset(text, 'x', sizeof text - 1);
    for (int i = 2; i < 11; i++)
        argv[i] = text;
    execv("/proc/self/exe", argv);
    printf("execv: errno %d\n", errno);
}

static void one_long_argument(void)
{
    static char text[1 << 20];
    char *argv[] = {"bad_limits", "count", text, NULL};

    memset(text, 'x', sizeof text - 1);
    execv("/proc/self/exe", argv);
    printf("execv: errno %d\n", errno);
}

/* mmap, munmap, mprotect, mremap and msync at odd addresses with odd lengths: a table of errnos. */
static void odd_places(void)
{
    static const unsigned long offsets[] = {0, 1, 7, 2048, PAGE - 1};
    static const unsigned long lengths[] = {0, 1, PAGE - 1, PAGE + 1, 1UL << 46, 1UL << 47, ~0UL - PAGE, ~0UL};
    char *base = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            char *at = base + 8 * PAGE + offsets[o];
            unsigned long n = lengths[l];
            int error[7] = {0};

            error[0] = mmap(at, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0;
            error[1] = mmap(at, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED
                           ? errno
                           : 0;
            error[2] = n > 1UL << 40 && n <= 1UL << 47 ? 0 : mprotect(at, n, PROT_READ | PROT_WRITE) ? errno : 0;
            error[3] = mremap(at, n, PAGE, 0) == MAP_FAILED ? errno : 0;
            error[4] = msync(at, n, MS_ASYNC) ? errno : 0;
            error[5] = madvise(at, n, n > 1UL << 40 ? MADV_NORMAL : MADV_DONTNEED) ? errno : 0;
            error[6] = n > 1UL << 40 && n <= 1UL << 47 ? 0 : munmap(at, n) ? errno : 0;
            printf("+%lu %lx:", offsets[o], n);
            for (int i = 0; i < 7; i++)
                printf(" %d", error[i]);
            printf("\n");
            mmap(base, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "count")) {
        size_t bytes = 0;

        for (int i = 0; i < argc; i++)
            bytes += strlen(argv[i]) + 1;
        printf("arguments: %d, bytes %zu\n", argc, bytes);
        return 0;
    }
    show_child("fork bomb", fork_bomb);
    show_child("threads", threads);
    show_child("descriptors", descriptors);
    show_child("arguments", arguments);
    show_child("one long argument", one_long_argument);
    show_child("odd places", odd_places);
    return 0;
}
