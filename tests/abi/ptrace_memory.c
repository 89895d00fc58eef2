/*
 * A tracee's memory: PEEK and POKE, /proc/PID/mem, process_vm_readv; and what else /proc shows of a stopped process.
 */
#include <sys/prctl.h>

#include "tests/abi/ptrace_test.h"

#define PAGE 4096

static char *pages; /* [0] read only, [1] none, [2] shared read only, [3] not mapped */
static long constant = 0x1122334455667788;

static void map_pages(void)
{
    pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mmap(pages + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset(pages, 'a', 3 * PAGE);
    mprotect(pages, PAGE, PROT_READ);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    mprotect(pages + 2 * PAGE, PAGE, PROT_READ);
    munmap(pages + 3 * PAGE, PAGE);
}

static void look_at_pages(void)
{
    raise(SIGSTOP);
    printf("tracee: %c", pages[8]);
    mprotect(pages + PAGE, PAGE, PROT_READ);
    printf(" %c %c %lx\n", pages[PAGE + 8], pages[2 * PAGE + 8], constant);
    errno = 0;
    pages[8] = 1; /* still read only */
}

static void peek_poke(pid_t pid, const char *what, char *at)
{
    unsigned long word = 0;
    long n = trace(PTRACE_PEEKDATA, pid, DATA(at), DATA(&word));

    printf("%s: peek %ld errno %d word %lx", what, n, n < 0 ? errno : 0, word);
    n = trace(PTRACE_POKEDATA, pid, DATA(at), 0x6262626262626262);
    printf(" poke %ld errno %d", n, n < 0 ? errno : 0);
    n = trace(PTRACE_PEEKTEXT, pid, DATA(at), DATA(&word));
    printf(" then %ld %lx mine %s\n", n, word, at[0] == 'b' ? "changed" : "as it was");
}

static void words(void)
{
    pid_t pid = tracee_start(look_at_pages);

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    peek_poke(pid, "read only", pages + 8);
    mprotect(pages + PAGE, PAGE, PROT_READ);
    peek_poke(pid, "none", pages + PAGE + 8);
    peek_poke(pid, "shared read only", pages + 2 * PAGE + 8);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    unsigned long word;
    show_call(trace(PTRACE_PEEKDATA, pid, DATA(pages + 3 * PAGE), DATA(&word)));
    show_call(trace(PTRACE_PEEKDATA, pid, DATA(pages + 3 * PAGE - 4), DATA(&word)));
    show_call(trace(PTRACE_POKEDATA, pid, DATA(pages + 3 * PAGE), 1));
    show_call(trace(PTRACE_PEEKDATA, pid, DATA(pages + PAGE - 3), DATA(&word)));
    show_call(trace(PTRACE_PEEKDATA, pid, 0, DATA(&word)));
    show_call(trace(PTRACE_PEEKDATA, pid, 0xffff800000000000, DATA(&word)));
    show_call(trace(PTRACE_PEEKDATA, pid, ~0UL, DATA(&word)));
    show_call(trace(PTRACE_PEEKDATA, pid, DATA(pages), 8));
    show_call(trace(PTRACE_POKEDATA, pid, DATA(&constant), 0x5566));
    show("mine", constant == 0x1122334455667788);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("goes on", pid);
    tracee_end(pid);
}

/* Code is shared by all processes of the program: a change is the tracee's alone. */
static __attribute__((noinline)) int answer(void)
{
    __asm__ volatile("");
    return 42;
}

static void ask(void)
{
    raise(SIGSTOP);
    child_exit(answer());
}

static void change_code(void)
{
    pid_t pid = tracee_start(ask);
    unsigned long word;

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    trace(PTRACE_PEEKTEXT, pid, DATA(answer), DATA(&word));
    show_call(trace(PTRACE_POKETEXT, pid, DATA(answer), 0xc3000000072ab8)); /* mov $0x72a, %eax */
    trace(PTRACE_POKETEXT, pid, DATA(answer), 0x9090c30000002bb8UL);        /* mov $43, %eax; ret */
    show("mine", answer());
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("changed", pid);
}

static int open_of(pid_t pid, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return open(path, flags);
}

static void mem_file(void)
{
    pid_t pid = tracee_start(look_at_pages);
    char text[3 * PAGE];

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    int fd = open_of(pid, "mem", O_RDWR);
    show("open", fd >= 0);
    show_call(pread(fd, text, 16, (off_t)pages));
    show_call(pread(fd, text, 3 * PAGE, (off_t)pages));
    show_call(pread(fd, text, PAGE, (off_t)pages + 3 * PAGE - 16));
    show_call(pread(fd, text, 16, (off_t)pages + 3 * PAGE));
    show_call(pread(fd, text, 16, 0));
    show_call(pread(fd, text, 0, 0));
    show_call(pread(fd, (char *)8, 16, (off_t)pages));
    show_call(pwrite(fd, "cccc", 4, (off_t)pages + 8));
    show_call(pwrite(fd, "dddd", 4, (off_t)pages + PAGE + 8));
    show_call(pwrite(fd, "eeee", 4, (off_t)pages + 2 * PAGE + 8));
    show_call(pwrite(fd, "ffff", 4, (off_t)pages + 3 * PAGE));
    show_call(pwrite(fd, (char *)8, 4, (off_t)pages));
    show("seek", lseek(fd, (off_t)pages + 8, SEEK_SET) == (off_t)pages + 8);
    show_call(read(fd, text, 2));
    show("moved", lseek(fd, 0, SEEK_CUR) == (off_t)pages + 10);
    show_call(lseek(fd, 0, SEEK_END));
    printf("read %c%c mine %c\n", text[0], text[1], pages[8]);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("goes on", pid);
    tracee_end(pid);
    show_call(pread(fd, text, 16, (off_t)pages));
    close(fd);
}

static void vm_calls(void)
{
    pid_t pid = tracee_start(look_at_pages);
    char text[PAGE];
    struct iovec here = {text, 16}, there = {pages, 16};

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    show_call(process_vm_readv(pid, &here, 1, &there, 1, 0));
    show_call(process_vm_writev(pid, &here, 1, &there, 1, 0));
    there.iov_base = pages + PAGE;
    show_call(process_vm_readv(pid, &here, 1, &there, 1, 0));
    tracee_end(pid);
}

static void pauses(void)
{
    for (;;)
        pause();
}

static void show_text(pid_t pid, const char *name, int words_shown)
{
    char text[4096] = "", *at = text;
    int fd = open_of(pid, name, O_RDONLY);
    long n = read(fd, text, sizeof text - 1);

    printf("%s: %s", name, fd < 0 ? "cannot open" : n < 0 ? "error" : "");
    for (int i = 0; i < words_shown && n > 0; i++) {
        at += strspn(at, " \n");
        int length = (int)strcspn(at, " \n");
        printf(" %.*s", length, at);
        at += length;
    }
    printf("\n");
    close(fd);
}

static void other_files(void)
{
    pid_t pid = child_start(pauses);
    unsigned long mine[128], theirs[128];

    usleep(20000);
    show_text(pid, "syscall", 1);
    show_text(pid, "wchan", 0);
    trace(PTRACE_ATTACH, pid, 0, 0);
    waitpid(pid, NULL, 0);
    show_text(pid, "syscall", 1);
    show_text(getpid(), "syscall", 1);
    int fd = open_of(pid, "auxv", O_RDONLY), own = open("/proc/self/auxv", O_RDONLY);
    long n = read(fd, theirs, sizeof theirs), m = read(own, mine, sizeof mine);
    show("auxv is the same", n == m && n > 16 && !memcmp(mine, theirs, n));
    show("auxv ends", n % 16 == 0 && theirs[n / 8 - 2] == 0);
    show("auxv has AT_PAGESZ", ({ int found = 0; for (int i = 0; i < n / 8; i += 2) found |= theirs[i] == 6 && theirs[i + 1] == PAGE; found; }));
    tracee_end(pid);
}

static void no_access(void)
{
    pid_t pid = child_start(pauses), other = fork_clean();
    char text[64];
    struct iovec here = {text, 16}, there = {pages, 16};

    if (!other) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        show_call(open_of(pid, "mem", O_RDONLY));
        show_call(open_of(pid, "auxv", O_RDONLY));
        show_call(open_of(pid, "environ", O_RDONLY));
        show_call(open_of(pid, "syscall", O_RDONLY));
        show_call(open_of(pid, "maps", O_RDONLY));
        show_call(process_vm_readv(pid, &here, 1, &there, 1, 0));
        child_exit(0);
    }
    waitpid(other, NULL, 0);
    tracee_end(pid);
    show_call(process_vm_readv(99999, &here, 1, &there, 1, 0));
}

int main(void)
{
    map_pages();
    words();
    change_code();
    mem_file();
    vm_calls();
    other_files();
    no_access();
    return 0;
}
