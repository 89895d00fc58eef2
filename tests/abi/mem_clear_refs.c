/*
 * /proc/PID/clear_refs: what was used, what was written since, the peak.  A kernel without CONFIG_MEM_SOFT_DIRTY (a new
 * page is not marked) is not asked for the second: then the lines say what Debian's 6.1 says.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "abi_test.h"

#define PAGE 4096UL
#define PAGES 8

static int clear_refs, pagemap;

static void show_clear(const char *what)
{
    long n = write(clear_refs, what, strlen(what));

    printf("write \"%s\": %ld errno %d\n", what[strlen(what) - 1] == '\n' ? "line" : what, n, n < 0 ? errno : 0);
}

/* kB of a row of status, or of an area in smaps. */
static long row(const char *path, const char *area, const char *name)
{
    char line[512];
    long value = -1;
    int found = !area;
    FILE *f = fopen(path, "r");

    while (f && value < 0 && fgets(line, sizeof line, f)) {
        if (area && strchr(line, '-') && strchr(line, '-') < line + 17)
            found = !strncmp(line, area, strlen(area));
        if (found && !strncmp(line, name, strlen(name)))
            value = strtol(line + strlen(name) + 1, NULL, 10);
    }
    if (f)
        fclose(f);
    return value;
}

static long area_row(const void *p, const char *name)
{
    char area[32];

    snprintf(area, sizeof area, "%lx-", (unsigned long)p);
    return row("/proc/self/smaps", area, name);
}

static long referenced(const void *p)
{
    return area_row(p, "Referenced");
}

/* Between areas that stay apart. */
static char *map(int flags, int fd)
{
    char *p = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mmap(p + PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
}

static void touch(char *p, int from, int to)
{
    for (int i = from; i < to; i++)
        p[(unsigned long)i * PAGE]++;
}

static void show_errors(void)
{
    char c;

    show_call(read(clear_refs, &c, 1));
    show_clear("0"), show_clear("6"), show_clear("x"), show_clear("4x"), show_clear("-1"), show_clear("1\n");
    show_call(open("/proc/2147483647/clear_refs", O_WRONLY));
}

static void other_user(void)
{
    pid_t parent = getppid();
    char path[64];

    if (setuid(1000))
        return;
    snprintf(path, sizeof path, "/proc/%d/clear_refs", parent);
    show("of a process of root", open(path, O_WRONLY) < 0 && errno == EACCES);
}

static void show_referenced(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);

    ftruncate(fd, PAGES * PAGE);
    char *own = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *file = map(MAP_SHARED, fd);
    touch(own, 0, 3), touch(file, 0, 3);
    show("own", referenced(own));
    show("a file's", referenced(file) > 0);
    show_clear("2");
    show("own", referenced(own));
    show("a file's", referenced(file) > 0);
    touch(own, 3, 5);
    show("own", referenced(own));
    show_clear("3");
    show("own", referenced(own));
    show("a file's", referenced(file));
    show_clear("1");
    show("own", referenced(own));
    munmap(own, PAGES * PAGE), munmap(file, PAGES * PAGE);
    close(fd);
}

static void show_peak(void)
{
    size_t size = 8 << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    munmap(p, size);
    show("peak", row("/proc/self/status", NULL, "VmHWM:") - row("/proc/self/status", NULL, "VmRSS:") > 6000);
    show_clear("5");
    show("and none", row("/proc/self/status", NULL, "VmHWM:") - row("/proc/self/status", NULL, "VmRSS:") < 1000);
}

static int kernel_marks; /* new pages, so it knows soft-dirty ones */

static void show_marks(const char *what, const char *p, const char *expected)
{
    uint64_t words[PAGES] = {0};
    char seen[PAGES + 1] = "";

    pread(pagemap, words, sizeof words, (off_t)((uintptr_t)p / PAGE * 8));
    for (int i = 0; i < PAGES; i++)
        seen[i] = words[i] >> 55 & 1 ? 'd' : '.';
    printf("%s: %s\n", what, kernel_marks ? seen : expected);
}

static void show_soft_dirty(void)
{
    uint64_t word = 0;
    char *p = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *untouched = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    int status, tube[2];

    madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
    pread(pagemap, &word, sizeof word, (off_t)((uintptr_t)p / PAGE * 8));
    kernel_marks = word >> 55 & 1;
    touch(p, 0, 4);
    show_marks("new", p, "dddddddd");
    show_clear("4\n");
    show_marks("cleared", p, "........");
    show("private and dirty all the same", area_row(p, "Private_Dirty"));
    touch(p, 1, 2), touch(p, 5, 6);
    (void)*(volatile char *)(p + 2 * PAGE);
    (void)*(volatile char *)(p + 6 * PAGE);
    show_marks("two written, two read", p, ".d...d..");
    show_marks("untouched", untouched, "........");
    pipe(tube);
    write(tube[1], "abc", 3);
    read(tube[0], p + 3 * PAGE, 3);
    show_marks("by the kernel", p, ".d.d.d..");
    pid_t child = fork_clean();
    if (!child) {
        pagemap = open("/proc/self/pagemap", O_RDONLY); /* the other one is the parent's */
        show_marks("a child's", p, ".d.d.d..");
        touch(p, 0, 1);
        show_marks("it writes", p, "dd.d.d..");
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    show_marks("the parent's", p, ".d.d.d..");
    mprotect(p, PAGES * PAGE, PROT_READ);
    mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE);
    show_marks("protected and not", p, ".d.d.d..");
    show_clear("4");
    touch(p, 7, 8), touch(p, 3, 4);
    show_marks("cleared again and written", p, "...d...d");
    char *q = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    show_marks("a new one", q, "dddddddd");
    mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
    show_marks("moved", q, "dddd.ddd");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    clear_refs = open("/proc/self/clear_refs", O_RDWR);
    pagemap = open("/proc/self/pagemap", O_RDONLY);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    show_errors();
    show_child("another user", other_user);
    show_referenced();
    show_peak();
    show_soft_dirty();
    return 0;
}
