/*
 * The vector registers of two processes that give way to each other thousands of times, by system calls and by the
 * clock; of what a new program and a new child find in them.  What the CPU has is used (SSE, AVX, AVX-512 with its mask
 * registers); nothing that is printed depends on it.
 */
#include "tests/abi/abi_test.h"

#define ROUNDS 2000
#define SPINS  60000
#define LANES  8 /* words of 64 bits in a register */

struct state { /* 32 vector registers, 8 mask registers */
    uint64_t vector[32][LANES], mask[8];
};

static enum { SSE, AVX, AVX512 } level;

static void find_level(void)
{
    level = __builtin_cpu_supports("avx512bw") ? AVX512 : __builtin_cpu_supports("avx") ? AVX : SSE;
}

static unsigned registers_used(void)
{
    return level == AVX512 ? 32 : 16;
}

static unsigned lanes_used(void)
{
    return level == AVX512 ? 8 : level == AVX ? 4 : 2;
}

#define EACH16(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define EACH_HIGH(op) op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) op(29) \
    op(30) op(31)
#define EACH_MASK(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_SSE(n) "movups " #n "*64(%0), %%xmm" #n "\n\t"
#define LOAD_AVX(n) "vmovups " #n "*64(%0), %%ymm" #n "\n\t"
#define LOAD_512(n) "vmovups " #n "*64(%0), %%zmm" #n "\n\t"
#define LOAD_MASK(n) "kmovq 2048+" #n "*8(%0), %%k" #n "\n\t"
#define STORE_SSE(n) "movups %%xmm" #n ", " #n "*64(%1)\n\t"
#define STORE_AVX(n) "vmovups %%ymm" #n ", " #n "*64(%1)\n\t"
#define STORE_512(n) "vmovups %%zmm" #n ", " #n "*64(%1)\n\t"
#define STORE_MASK(n) "kmovq %%k" #n ", 2048+" #n "*8(%1)\n\t"

/* Those that this file's code could use itself. */
#define VECTORS                                                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",                                                \
        "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Load, do `between` (a system call whose number is in rax, or a loop of rcx rounds), store. */
#define LOAD_DO_STORE(between, load, store)                                                                            \
    __asm__ volatile(load between store                                                                                \
                     : "+r"(in), "+r"(out), "+a"(number), "+c"(spins)                                                  \
                     : "D"(0), "S"(0)                                                                                  \
                     : "r11", "memory", VECTORS)

#define SPIN "1: pause\n\tdec %%rcx\n\tjnz 1b\n\t"
#define CALL "syscall\n\t"

#define BY_LEVEL(between)                                                                                              \
    switch (level) {                                                                                                   \
    case SSE:                                                                                                          \
        LOAD_DO_STORE(between, EACH16(LOAD_SSE), EACH16(STORE_SSE));                                                   \
        break;                                                                                                         \
    case AVX:                                                                                                          \
        LOAD_DO_STORE(between, EACH16(LOAD_AVX), EACH16(STORE_AVX));                                                   \
        break;                                                                                                         \
    default:                                                                                                           \
        LOAD_DO_STORE(between, EACH16(LOAD_512) EACH_HIGH(LOAD_512) EACH_MASK(LOAD_MASK),                              \
                      EACH16(STORE_512) EACH_HIGH(STORE_512) EACH_MASK(STORE_MASK));                                   \
    }

static void over_call(const struct state *in, struct state *out, long number)
{
    long spins = 0;

    BY_LEVEL(CALL)
}

static void over_spins(const struct state *in, struct state *out, long spins)
{
    long number = 0;

    BY_LEVEL(SPIN)
}

static void fill(struct state *s, uint64_t seed)
{
    for (unsigned r = 0; r < 32; r++)
        for (unsigned lane = 0; lane < LANES; lane++)
            s->vector[r][lane] = seed << 32 | r << 8 | lane;
    for (unsigned r = 0; r < 8; r++)
        s->mask[r] = seed << 32 | 0xff00 | r;
}

/* Registers that are not what they were. */
static unsigned differences(const struct state *a, const struct state *b)
{
    unsigned count = 0;

    for (unsigned r = 0; r < registers_used(); r++)
        count += memcmp(a->vector[r], b->vector[r], lanes_used() * 8) != 0;
    for (unsigned r = 0; level == AVX512 && r < 8; r++)
        count += a->mask[r] != b->mask[r];
    return count;
}

/* Words of the register file that carry the seed. */
static unsigned words_of(const struct state *s, uint64_t seed)
{
    unsigned count = 0;

    for (unsigned r = 0; r < registers_used(); r++)
        for (unsigned lane = 0; lane < lanes_used(); lane++)
            count += s->vector[r][lane] >> 32 == seed;
    for (unsigned r = 0; level == AVX512 && r < 8; r++)
        count += s->mask[r] >> 32 == seed;
    return count;
}

static unsigned keep_own(uint64_t seed)
{
    struct state mine, seen = {0};
    unsigned wrong = 0;

    fill(&mine, seed);
    for (int n = 0; n < ROUNDS; n++) {
        fill(&mine, seed + n % 16);
        over_call(&mine, &seen, SYS_sched_yield);
        wrong += differences(&mine, &seen);
    }
    for (int n = 0; n < 8; n++) {
        over_spins(&mine, &seen, SPINS);
        wrong += differences(&mine, &seen);
    }
    return wrong;
}

static void two_processes(void)
{
    pid_t pids[3];

    for (int n = 0; n < 3; n++) {
        pids[n] = fork_clean();
        if (!pids[n])
            child_exit(keep_own(0x1000 * (n + 1)) ? 1 : 0);
    }
    for (int n = 0; n < 3; n++) {
        int status;

        waitpid(pids[n], &status, 0);
        show_status("kept its own", status);
    }
}

/* A child has its parent's registers, as after any system call. */
static void in_a_child(void)
{
    struct state mine, seen = {0};
    int status;

    fill(&mine, 0x7777);
    fflush(stdout);
    pid_t parent = getpid();
    over_call(&mine, &seen, SYS_fork);
    if (getpid() != parent)
        _exit(differences(&mine, &seen) ? 1 : 0);
    show("parent's changed", differences(&mine, &seen));
    wait(&status);
    show_status("child's", status);
}

#define SECRET 0x5ec2e7UL

/* Another program starts without. */
static void in_a_new_program(void)
{
    static char *const argv[] = {"leak_registers", "look", NULL};
    struct state mine, seen;

    fill(&mine, SECRET);
    over_call(&mine, &seen, SYS_getpid);
    execv("/proc/self/exe", argv);
    printf("execv: errno %d\n", errno);
}

static void look(void)
{
    struct state seen = {0};
    struct state *out = &seen;

    switch (level) {
    case SSE:
        __asm__ volatile(EACH16(STORE_SSE) : : "r"(0), "r"(out) : "memory");
        break;
    case AVX:
        __asm__ volatile(EACH16(STORE_AVX) : : "r"(0), "r"(out) : "memory");
        break;
    default:
        __asm__ volatile(EACH16(STORE_512) EACH_HIGH(STORE_512) EACH_MASK(STORE_MASK) : : "r"(0), "r"(out) : "memory");
    }
    show("words of the program before", words_of(&seen, SECRET));
}

int main(int argc, char **argv)
{
    find_level();
    if (argc == 2 && !strcmp(argv[1], "look")) {
        look();
        return 0;
    }
    show_child("several processes", two_processes);
    show_child("child", in_a_child);
    show_child("new program", in_a_new_program);
    return 0;
}
