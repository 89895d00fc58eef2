/*
 * Where execve puts things: at random by default, fixed where personality(2) or the system say so; what the auxiliary
 * vector tells about it; how far the stack grows.
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "abi_test.h"

enum place { STACK, MMAP, BREAK, VDSO, ENV, PLACES };

static const char *const names[PLACES] = {"stack", "mmap", "break", "vdso", "environment"};
static const char *self_path;

static void tell(void)
{
    extern char **environ;
    char local;
    unsigned long places[PLACES] = {(unsigned long)&local, (unsigned long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                                    (unsigned long)sbrk(0), getauxval(AT_SYSINFO_EHDR), (unsigned long)environ[0]};

    if (write(1, places, sizeof places) != sizeof places)
        _exit(1);
}

/* The places of a new process. */
static void ask(unsigned long places[PLACES])
{
    int pipes[2], status;

    memset(places, 0, PLACES * sizeof *places);
    if (pipe(pipes) != 0)
        return;
    pid_t pid = fork_clean();
    if (!pid) {
        dup2(pipes[1], 1);
        execve(self_path, (char *[]){"self", "tell", NULL}, (char *[]){"A=1", NULL});
        _exit(1);
    }
    close(pipes[1]);
    if (read(pipes[0], places, PLACES * sizeof *places) != PLACES * sizeof *places)
        printf("nothing told\n");
    close(pipes[0]);
    waitpid(pid, &status, 0);
}

/* Of many processes, are any two the same at all?  (By chance they never are.) */
static void compare(const char *what)
{
    unsigned long first[PLACES], next[PLACES];
    bool same[PLACES] = {true, true, true, true, true};

    ask(first);
    for (int i = 0; i < 8; i++) {
        ask(next);
        for (int p = 0; p < PLACES; p++)
            same[p] = same[p] && first[p] == next[p];
    }
    for (int p = 0; p < PLACES; p++)
        printf("%s: %s %s\n", what, names[p], same[p] ? "fixed" : "random");
    printf("%s: break %s\n", what, first[BREAK] < 0x500000000 ? "near the program" : "elsewhere");
    printf("%s: stack %s\n", what, first[STACK] > 0x7fe000000000 ? "at the top" : "elsewhere");
    printf("%s: pages aligned %d\n", what, !((first[MMAP] | first[VDSO]) & 4095));
    printf("%s: mappings below the stack %d\n", what, first[MMAP] < first[STACK]);
}

static void show_setting(void)
{
    char text[16] = "";
    int fd = open("/proc/sys/kernel/randomize_va_space", O_RDONLY);

    show("setting read", read(fd, text, sizeof text - 1));
    printf("setting %s", text);
    close(fd);
}

static void show_personality(void)
{
    show("personality", personality(0xffffffff));
    show("set", personality(ADDR_NO_RANDOMIZE));
    compare("not randomised");
    show("kept", personality(0xffffffff));
    show("any word", personality(0x12345678));
    show("any word kept", personality(0xffffffff));
    personality(READ_IMPLIES_EXEC);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = (char)0xc3;
    ((void (*)(void))p)();
    printf("what may be read may be run\n");
    personality(0);
}

static void run_faulting(void)
{
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = (char)0xc3;
    ((void (*)(void))p)();
}

/* What there is in the vector, in order; newer kernels say more about rseq. */
static void show_vector(void)
{
    extern char **environ;
    char **e = environ;

    while (*e)
        e++;
    printf("vector:");
    for (Elf64_auxv_t *a = (Elf64_auxv_t *)(e + 1); a->a_type != AT_NULL; a++) {
        if (a->a_type != 27 && a->a_type != 28)
            printf(" %lu", a->a_type);
    }
    printf("\n");
    show("program headers' size", getauxval(AT_PHENT));
    show("flags", getauxval(AT_FLAGS));
    show("clock ticks", getauxval(AT_CLKTCK));
    show("random bytes on the stack", getauxval(AT_RANDOM) > (unsigned long)&e);
    show("platform on the stack", getauxval(AT_PLATFORM) > getauxval(AT_RANDOM));
    show("strings above the platform", (unsigned long)environ[0] > getauxval(AT_PLATFORM));
    show("name is the last string", getauxval(AT_EXECFN) > (unsigned long)environ[0]);
    show("interpreter", getauxval(AT_BASE));
    show("least signal stack", getauxval(AT_MINSIGSTKSZ) > 600);
}

static int __attribute__((noinline)) descend(int pages)
{
    volatile char frame[4096];

    frame[0] = (char)pages;
    return pages ? descend(pages - 1) + frame[0] : 0;
}

static void grow_to(unsigned long limit, int pages)
{
    struct rlimit r = {limit, RLIM_INFINITY};

    setrlimit(RLIMIT_STACK, &r);
    descend(pages);
}

static void grow_within(void)
{
    grow_to(4 << 20, 900);
}

static void grow_beyond(void)
{
    grow_to(4 << 20, 1100);
}

static void grow_far(void)
{
    grow_to(32 << 20, 6000);
}

/* A mapping stands in the stack's way: the gap of 256 pages below the stack stays free. */
static void grow_against(int prot)
{
    char *here = (char *)((unsigned long)__builtin_frame_address(0) & ~4095UL), *wall = here - (400 << 12);

    if (mmap(wall, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != wall)
        printf("no wall\n");
    fflush(stdout);
    for (int page = 1; page < 399; page += prot ? 10 : 1) {
        *(volatile char *)(here - (page << 12)) = 1;
        if (page == 101 || page == 131 || page == 398)
            printf("page %d below\n", page), fflush(stdout);
    }
}

static void grow_against_memory(void)
{
    grow_against(PROT_READ);
}

static void grow_against_guard(void)
{
    grow_against(PROT_NONE);
}

static void grow_in_one_jump(void)
{
    char *here = (char *)__builtin_frame_address(0);

    *(volatile char *)(here - (7 << 20)) = 1;
}

int main(int argc, char **argv)
{
    static char path[4096];

    if (argc > 1 && !strcmp(argv[1], "tell")) {
        tell();
        return 0;
    }
    self_path = readlink("/proc/self/exe", path, sizeof path - 1) > 0 ? path : argv[0];
    show_vector();
    show_setting();
    compare("by default");
    show_child("personality", show_personality);
    show_child("what may only be read", run_faulting);
    show_child("within the limit", grow_within);
    show_child("beyond the limit", grow_beyond);
    show_child("far", grow_far);
    show_child("against memory", grow_against_memory);
    show_child("against a guard", grow_against_guard);
    show_child("in one jump", grow_in_one_jump);
    return 0;
}
