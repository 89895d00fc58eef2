/*
 * /proc/PID/maps, smaps, smaps_rollup and pagemap: what they say of mappings of every kind, how they are read in pieces,
 * who may.  Left out, as kernels differ in it: the soft-dirty bit and "sd" (Debian has them, others need not), rows that
 * came after Linux 6.1 (KSM) or depend on the CPU (ProtectionKey), and whether pages of files are dirty (a file system
 * matter).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/prctl.h>

#include "abi_test.h"

#define PAGE        4096UL
#define STAYING     1500 /* areas that stay while others come and go */
#define CHURNED     32
#define TEXT_MAX    1000000
#define SOFT_DIRTY  (1UL << 55)
#define FRAME_MASK  ((1UL << 55) - 1)

static char text[TEXT_MAX], piece[TEXT_MAX];

static long slurp_some(const char *path, char *to, size_t chunk, size_t most)
{
    int fd = open(path, O_RDONLY);
    long n, total = 0;

    while ((n = read(fd, to + total, chunk < most - total ? chunk : most - total)) > 0)
        total += n;
    to[total] = '\0';
    close(fd);
    return fd < 0 || n < 0 ? -1 : total;
}

static char *map(size_t pages, int prot, int flags, int fd)
{
    char *p = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

    if (p == MAP_FAILED) {
        printf("mmap: errno %d\n", errno);
        exit(1);
    }
    return p;
}

static long slurp(const char *path, char *to, size_t chunk)
{
    return slurp_some(path, to, chunk, TEXT_MAX - 1);
}

/* A mapping that its neighbours cannot become part of. */
static char *map_alone(size_t pages, int prot, int flags, int fd)
{
    char *around = map(pages + 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

    return mmap(around + PAGE, pages * PAGE, prot, flags | MAP_FIXED, fd, 0);
}

/* The part of smaps that is about the area at p; NULL: none. */
static char *area_text(const void *p)
{
    char head[32];

    slurp("/proc/self/smaps", text, 65536);
    sprintf(head, "%08lx-", (unsigned long)p);
    char *at = strncmp(text, head, strlen(head)) ? NULL : text;
    if (!at) {
        sprintf(head, "\n%08lx-", (unsigned long)p);
        at = strstr(text, head);
    }
    return at;
}

static long row(const char *part, const char *name)
{
    char key[32];

    sprintf(key, "\n%s:", name);
    const char *at = part ? strstr(part, key) : NULL;
    return at ? atol(at + strlen(key)) : -1;
}

static void usage(const char *what, const void *p, bool file)
{
    static const char *rows[] = {"Size", "KernelPageSize", "MMUPageSize", "Rss", "Pss", "Referenced", "Anonymous", "LazyFree",
                                 "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb",
                                 "Swap", "SwapPss", "Locked"};
    const char *part = area_text(p);

    printf("%s:", what);
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++)
        printf(" %s %ld", rows[n], row(part, rows[n]));
    long shared = row(part, "Shared_Clean") + row(part, "Shared_Dirty");
    long own = row(part, "Private_Clean") + row(part, "Private_Dirty");
    printf(" shared %ld private %ld", shared, own);
    if (!file)
        printf(" dirty %ld %ld %ld", row(part, "Shared_Dirty"), row(part, "Private_Dirty"), row(part, "Pss_Dirty"));
    printf("\n");
}

static void flags_of(const char *what, const void *p)
{
    char *part = area_text(p), *at = part ? strstr(part, "\nVmFlags:") : NULL, *end = at ? strchr(at + 1, '\n') : NULL;

    if (!end) {
        printf("%s: not in smaps\n", what);
        return;
    }
    *end = '\0';
    printf("%s:", what);
    for (char *word = strtok(at + 9, " "); word; word = strtok(NULL, " "))
        if (strcmp(word, "sd"))
            printf(" %s", word);
    printf("\n");
}

static void touch(char *p, size_t pages)
{
    for (size_t n = 0; n < pages; n++)
        p[n * PAGE] = 1;
}

static int pipe_down[2], pipe_up[2];

static void tell(int fd)
{
    if (write(fd, "", 1) != 1)
        exit(1);
}

static void hear(int fd)
{
    char c;

    if (read(fd, &c, 1) != 1)
        exit(1);
}

static void show_words(const char *what, const char *p, unsigned n)
{
    uint64_t words[16] = {0};
    int fd = open("/proc/self/pagemap", O_RDONLY);
    long got = pread(fd, words, n * 8, (unsigned long)p / PAGE * 8);

    printf("%s: %ld", what, got);
    for (unsigned i = 0; i < n; i++)
        printf(" %lx", (words[i] & ~(SOFT_DIRTY | FRAME_MASK)) >> 56);
    printf("\n");
    close(fd);
}

static void private_memory(void)
{
    char *p = map_alone(16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    volatile char sink;
    int status;

    usage("untouched", p, false);
    touch(p, 5);
    for (unsigned n = 8; n < 11; n++)
        sink = p[n * PAGE];
    (void)sink;
    usage("5 written, 3 read", p, false);
    show_words("pagemap", p, 12);
    pid_t pid = fork_clean();
    if (!pid) {
        hear(pipe_down[0]);
        touch(p, 2);
        tell(pipe_up[1]);
        hear(pipe_down[0]);
        child_exit(0);
    }
    usage("forked", p, false);
    show_words("pagemap", p, 12);
    tell(pipe_down[1]), hear(pipe_up[0]);
    usage("child wrote 2", p, false);
    show_words("pagemap", p, 12);
    tell(pipe_down[1]), waitpid(pid, &status, 0);
    usage("child gone", p, false);
    mprotect(p, 16 * PAGE, PROT_NONE);
    usage("no access", p, false);
    show_words("pagemap", p, 12);
    mprotect(p, 16 * PAGE, PROT_READ | PROT_WRITE);
    madvise(p, 2 * PAGE, MADV_DONTNEED);
    usage("2 given back", p, false);
    show_call(mlock(p, 16 * PAGE));
    usage("locked", p, false);
    munmap(p, 16 * PAGE);
    show_words("unmapped", p, 12);
}

static void shared_memory(void)
{
    char *p = map_alone(8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    int fd = open("file", O_CREAT | O_RDWR, 0600), status;

    touch(p, 4);
    usage("shared", p, false);
    show_words("pagemap", p, 8);
    pid_t pid = fork_clean();
    if (!pid) {
        touch(p, 3);
        tell(pipe_up[1]);
        hear(pipe_down[0]);
        child_exit(0);
    }
    hear(pipe_up[0]);
    usage("two have 3 of it", p, false);
    show_words("pagemap", p, 8);
    tell(pipe_down[1]), waitpid(pid, &status, 0);
    for (unsigned n = 0; n < 4; n++)
        write(fd, piece, PAGE);
    char *f = map_alone(4, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
    for (unsigned n = 0; n < 4; n++)
        p[0] = f[n * PAGE];
    usage("file read", f, true);
    show_words("pagemap", f, 4);
    f[0] = 1;
    usage("file copied", f, true);
    show_words("pagemap", f, 4);
    char *g = map_alone(4, PROT_READ, MAP_SHARED, fd);
    for (unsigned n = 0; n < 4; n++)
        p[0] = g[n * PAGE];
    usage("mapped twice", g, true);
    show_words("pagemap", g, 4);
    close(fd), unlink("file");
}

static void vm_flags(void)
{
    int fd = open("file", O_CREAT | O_RDWR, 0600), reader = open("file", O_RDONLY);
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    char *p = map_alone(1, rw, anonymous, -1);

    write(fd, "x", 1);
    flags_of("private", p);
    touch(p, 1); /* later kernels take the promise of memory back otherwise */
    mprotect(p, PAGE, PROT_READ);
    flags_of("made read-only", p);
    flags_of("read-only", map_alone(1, PROT_READ, anonymous, -1));
    flags_of("no access", map_alone(1, PROT_NONE, anonymous, -1));
    flags_of("executable", map_alone(1, PROT_READ | PROT_EXEC, anonymous, -1));
    flags_of("unreserved", map_alone(1, rw, anonymous | MAP_NORESERVE, -1));
    flags_of("locked", map_alone(1, rw, anonymous | MAP_LOCKED, -1));
    flags_of("shared", map_alone(1, rw, MAP_SHARED | MAP_ANONYMOUS, -1));
    flags_of("file shared", map_alone(1, rw, MAP_SHARED, fd));
    flags_of("file shared, read only", map_alone(1, PROT_READ, MAP_SHARED, reader));
    flags_of("file private", map_alone(1, rw, MAP_PRIVATE, reader));
    flags_of("file private, read only", map_alone(1, PROT_READ, MAP_PRIVATE, fd));
    const struct {
        const char *name;
        int advice;
    } advices[] = {{"random", MADV_RANDOM}, {"sequential", MADV_SEQUENTIAL}, {"don't fork", MADV_DONTFORK},
                   {"don't dump", MADV_DONTDUMP}, {"wipe on fork", MADV_WIPEONFORK}};
    for (size_t n = 0; n < sizeof advices / sizeof *advices; n++) {
        p = map_alone(1, rw, anonymous, -1);
        madvise(p, PAGE, advices[n].advice);
        flags_of(advices[n].name, p);
    }
    p = map_alone(1, rw, anonymous, -1);
    syscall(SYS_mlock2, p, PAGE, 1 /* MLOCK_ONFAULT */);
    flags_of("locked on fault", p);
    close(fd), close(reader), unlink("file");
}

/* The names of the rows behind the first line. */
static void row_names(const char *what, char *part)
{
    printf("%s:", what);
    for (char *line = strtok(part, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':');
        bool head = strchr(line, '-') && strchr(line, '-') < colon;

        if (!colon || head || !strncmp(line, "KSM", 3) || !strncmp(line, "ProtectionKey", 13))
            continue;
        printf(" %.*s", (int)(colon - line), line);
        if (!strncmp(line, "VmFlags", 7))
            break;
    }
    printf("\n");
}

static void rollup(void)
{
    static const char *rows[] = {"Rss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Referenced",
                                 "Anonymous", "Locked"};
    long sums[8] = {0};
    char perms[8] = "", name[16] = "";

    slurp("/proc/self/smaps", text, 65536);
    slurp("/proc/self/smaps_rollup", piece, 65536);
    for (unsigned n = 0; n < 8; n++) {
        char key[32];

        sprintf(key, "\n%s:", rows[n]);
        for (char *at = text; (at = strstr(at, key)); at++)
            sums[n] += atol(at + strlen(key));
        printf("%s is the sum: %d\n", rows[n], sums[n] == row(piece, rows[n]));
    }
    sscanf(piece, "%*x-%*x %7s 00000000 00:00 0 %15s", perms, name);
    printf("%s %s, name at %ld\n", perms, name, (long)(strchr(piece, '[') - piece));
    long kinds = row(piece, "Pss_Anon") + row(piece, "Pss_File") + row(piece, "Pss_Shmem"), all = row(piece, "Pss");
    CHECK(kinds >= all - 2 && kinds <= all);
    CHECK(row(piece, "Pss_Dirty") <= all);
    row_names("rows of smaps_rollup", piece);
    row_names("rows of smaps", text);
}

/* In pieces, from anywhere: always the same text. */
static void pieces(const char *path)
{
    static const size_t chunks[] = {1 << 20, 4096, 4097, 1000, 37};
    static const long offsets[] = {0, 1, 100, 4095, 4096, 5000, 9999};
    int fd = open(path, O_RDONLY);
    long length = slurp(path, text, chunks[0]);
    bool equal = true;

    for (unsigned n = 1; n < 5; n++)
        equal = equal && slurp(path, piece, chunks[n]) == length && !memcmp(text, piece, length);
    printf("%s: the same in pieces: %d\n", path, equal);
    for (unsigned n = 0; n < 7; n++) {
        long at = offsets[n] % length, got = pread(fd, piece, 300, at);

        equal = equal && got > 0 && !memcmp(piece, text + at, got);
        lseek(fd, at, SEEK_SET);
        got = read(fd, piece, 50);
        long more = read(fd, piece + got, 50);
        equal = equal && got > 0 && more >= 0 && !memcmp(piece, text + at, got + more);
    }
    printf("and from anywhere: %d\n", equal);
    show_call(lseek(fd, 10, SEEK_SET));
    show_call(lseek(fd, 5, SEEK_CUR));
    show_call(lseek(fd, 0, SEEK_END));
    show_call(lseek(fd, -1, SEEK_SET));
    show_call(pread(fd, piece, 10, length));
    show_call(pread(fd, piece, 10, 1L << 40));
    show_call(pread(fd, piece, 0, 0));
    show_call(pread(fd, (void *)16, 10, 0));
    show_call(pread(fd, page_edge() - 10, 20, 0));
    show_call(write(fd, "x", 1));
    close(fd);
}

static volatile bool stop;
static volatile unsigned long rounds;
static char *churned;

static void *churn(void *argument)
{
    for (unsigned n = 0; !stop; n = (n + 7) % CHURNED, rounds++) {
        char *p = churned + n * PAGE;

        switch (rounds % 3) {
        case 0: munmap(p, PAGE); break;
        case 1: mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
        default: mprotect(p, PAGE, PROT_READ | PROT_WRITE); break;
        }
    }
    return NULL;
}

/* How many of the areas that stay a reader finds, in order and whole. */
static unsigned count_staying(const char *path, const char *base, size_t chunk, size_t most)
{
    unsigned found = 0;

    slurp_some(path, text, chunk, most);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *dash;
        unsigned long from = strtoul(line, &dash, 16);

        if (*dash == '-' && (char *)from == base + found * PAGE && strtoul(dash + 1, NULL, 16) == from + PAGE)
            found++;
    }
    return found;
}

static void churning(void)
{
    char *staying = map_alone(STAYING, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    pthread_t t;

    churned = map_alone(CHURNED, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (unsigned n = 0; n < STAYING; n += 2)
        mprotect(staying + n * PAGE, PAGE, PROT_READ | PROT_WRITE);
    pthread_create(&t, NULL, churn, NULL);
    while (!rounds)
        sched_yield();
    show("whole reads", count_staying("/proc/self/maps", staying, 65536, TEXT_MAX - 1));
    show("small reads", count_staying("/proc/self/maps", staying, 150, TEXT_MAX - 1));
    show("smaps", count_staying("/proc/self/smaps", staying, 4096, 100000) > 0);
    stop = true;
    pthread_join(t, NULL);
    CHECK(rounds > 0);
}

static void show_opens(const char *who, int pid, unsigned count)
{
    static const char *names[] = {"maps", "smaps", "smaps_rollup", "pagemap"};

    for (unsigned n = 0; n < count; n++) {
        char path[64];

        sprintf(path, "/proc/%d/%s", pid, names[n]);
        int fd = open(path, O_RDONLY);
        printf("%s %s: %s", who, names[n], fd < 0 ? "refused" : "opened");
        if (fd < 0)
            printf(", errno %d", errno);
        printf("\n");
        close(fd);
    }
}

static void as_nobody(void)
{
    uint64_t word = 1;
    int fd = open("/proc/self/pagemap", O_RDONLY);

    if (pread(fd, &word, 8, (unsigned long)&word / PAGE * 8) != 8)
        show("pagemap", -1);
    printf("root sees frames: %d\n", (word & FRAME_MASK) != 0);
    setresgid(1000, 1000, 1000), setresuid(1000, 1000, 1000);
    pread(fd, &word, 8, (unsigned long)&word / PAGE * 8);
    printf("also later: %d\n", (word & FRAME_MASK) != 0);
    prctl(PR_SET_DUMPABLE, 1);
    fd = open("/proc/self/pagemap", O_RDONLY);
    pread(fd, &word, 8, (unsigned long)&word / PAGE * 8);
    printf("nobody sees frames: %d, the rest: %lx\n", (word & FRAME_MASK) != 0, word >> 56);
    show_opens("of root:", getppid(), 4);
    show_opens("own:", getpid(), 4);
}

static void refused(void)
{
    int fd, rolled, status;
    char path[64];

    show_child("nobody", as_nobody);
    pid_t pid = fork_clean();
    if (!pid)
        for (;;)
            pause();
    sprintf(path, "/proc/%d/maps", pid);
    fd = open(path, O_RDONLY);
    sprintf(path, "/proc/%d/smaps_rollup", pid);
    rolled = open(path, O_RDONLY);
    CHECK(read(fd, piece, 100) > 20);
    kill(pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
    show_call(read(fd, piece, 10)); /* was made before */
    show_call(pread(fd, piece, 100, 0));
    show_call(pread(rolled, piece, 100, 0));
    show_opens("zombie's", pid, 2); /* later kernels refuse the others */
    waitpid(pid, &status, 0);
    show_call(read(fd, piece, 100));
    show_call(pread(fd, piece, 100, 0));
    show_call(pread(rolled, piece, 100, 0));
    close(fd), close(rolled);
}

static void pagemap_edges(void)
{
    uint64_t words[4] = {7, 7, 7, 7};
    int fd = open("/proc/self/pagemap", O_RDONLY);

    show_call(pread(fd, words, 7, 0));
    show_call(pread(fd, words, 8, 4));
    show_call(pread(fd, words, 0, 0));
    show_call(pread(fd, words, 16, 0));
    show("nothing mapped there", words[0] | words[1]);
    show_call(pread(fd, words, 32, 0x7fffffffeUL * 8));
    show_call(pread(fd, words, 16, 0x800000000UL * 8));
    show_call(pread(fd, words, 16, 1L << 62));
    show_call(pread(fd, (void *)16, 16, 0));
    show_call(lseek(fd, 80, SEEK_SET));
    show_call(lseek(fd, 0, SEEK_END));
    show_call(write(fd, words, 8));
    close(fd);
}

int main(void)
{
    touch(text, TEXT_MAX / PAGE), touch(piece, TEXT_MAX / PAGE);
    pipe(pipe_down), pipe(pipe_up);
    private_memory();
    shared_memory();
    vm_flags();
    rollup();
    pieces("/proc/self/maps");
    pieces("/proc/self/smaps");
    pagemap_edges();
    refused();
    churning();
    return 0;
}
