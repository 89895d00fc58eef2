/*
 * Limits on memory: RLIMIT_AS, _DATA, _STACK, _MEMLOCK, the number of mappings, and what is promised (overcommit).
 * Where 6.1 and younger kernels count differently, only whether a limit was met is shown.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "tests/abi/abi_test.h"

#define PAGE 4096UL
#define MIB  (1UL << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static unsigned long status_kb(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    unsigned long kb = 0;

    while (fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)))
            kb = strtoul(line + strlen(name) + 1, NULL, 10);
    fclose(f);
    return kb;
}

static void limit(int resource, unsigned long bytes)
{
    struct rlimit r = {bytes, bytes};

    show_call(setrlimit(resource, &r));
}

static void address_space(void)
{
    char *p = mmap(NULL, MIB, PROT_NONE, ANON, -1, 0);

    limit(RLIMIT_AS, status_kb("VmSize") * 1024 + MIB);
    show_ok(mmap(NULL, MIB + PAGE, PROT_NONE, ANON, -1, 0));
    show_ok(mmap(NULL, MIB / 2, RW, ANON, -1, 0));
    show_ok(mmap(NULL, MIB, RW, ANON, -1, 0));
    show("in the place of another", mmap(p, MIB, RW, ANON | MAP_FIXED, -1, 0) == p);
    show_ok(mremap(p, PAGE, MIB, MREMAP_MAYMOVE));
    show_ok(mremap(p, MIB, PAGE, 0));
    show_ok(mremap(p, PAGE, MIB, MREMAP_MAYMOVE));
    show_ok(munmap(p, PAGE));
    show("break", sbrk(64 * (long)MIB) != (void *)-1);
    show("malloc", malloc(100 * MIB) != NULL);
}

static void data(void)
{
    limit(RLIMIT_DATA, status_kb("VmData") * 1024 + MIB);
    show_ok(mmap(NULL, 2 * MIB, PROT_READ, ANON, -1, 0));
    show_ok(mmap(NULL, 2 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    show_ok(mmap(NULL, 2 * MIB, RW, ANON | MAP_NORESERVE, -1, 0));
    char *p = mmap(NULL, 2 * MIB, PROT_READ, ANON, -1, 0);
    show_call(mprotect(p, 2 * MIB, RW));
    show_call(mprotect(p, MIB / 2, RW));
    show_call(mprotect(p, MIB / 2, RW));
    show_call(mprotect(p, MIB / 2, PROT_READ));
    show_ok(mmap(NULL, MIB / 2, RW, ANON, -1, 0));
    show("break", sbrk(4 * (long)MIB) != (void *)-1);
}

static void locked(void)
{
    struct rlimit r = {16 * PAGE, 16 * PAGE};
    char *p = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);

    show_call(mlock(p, PAGE));
    show("VmLck", status_kb("VmLck"));
    show_call(setrlimit(RLIMIT_MEMLOCK, &r));
    show_call(mlock(p, 64 * PAGE)); /* root may */
    show("VmLck", status_kb("VmLck"));
    show_call(munlock(p, 64 * PAGE));
    show_call(setuid(1000));
    show_call(mlock(p, 17 * PAGE));
    show_call(mlock(p + 100, 16 * PAGE));
    show_call(mlock(p, 16 * PAGE));
    show_call(mlock(p, 16 * PAGE));
    show_call(mlock(p + 16 * PAGE, PAGE));
    show("VmLck", status_kb("VmLck"));
    show_ok(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
    show_call(munlock(p + PAGE, 2 * PAGE));
    show("VmLck", status_kb("VmLck"));
    show_ok(mmap(NULL, 2 * PAGE, RW, ANON | MAP_LOCKED, -1, 0));
    show_call(syscall(SYS_mlock2, p + PAGE, PAGE, 1));
    show_call(syscall(SYS_mlock2, p + PAGE, PAGE, 2));
    show_call(mlockall(MCL_CURRENT));
    show_call(mlockall(MCL_FUTURE));
    show_ok(mmap(NULL, PAGE, RW, ANON, -1, 0));
    show_ok(mremap(p, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE));
    show_call(munlockall());
    show("VmLck", status_kb("VmLck"));
    show_ok(mmap(NULL, PAGE, RW, ANON, -1, 0));
    r.rlim_cur = 0;
    show_call(setrlimit(RLIMIT_MEMLOCK, &r));
    show_call(mlock(p, PAGE));
    show_call(mlockall(MCL_CURRENT));
    show_call(munlock(p, PAGE));
    show_ok(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
}

static void lock_refusals(void)
{
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);

    munmap(p + 4 * PAGE, PAGE);
    show_call(mlock(p, 8 * PAGE));
    show("VmLck", status_kb("VmLck"));
    show_call(munlock(p, 8 * PAGE));
    show("VmLck", status_kb("VmLck"));
    show_call(mlock(p, -PAGE));
    show_call(mlock((void *)(1UL << 47), PAGE));
    show_call(mlock(p, 0));
    show_call(mprotect(p, PAGE, PROT_NONE));
    show_call(mlock(p, 2 * PAGE));
    show_call(munlockall());
    show("VmLck", status_kb("VmLck"));
    pid_t child = fork_clean();
    mlock(p + PAGE, 2 * PAGE);
    if (!child)
        child_exit(0);
    waitpid(child, NULL, 0);
    child = fork_clean();
    if (!child) {
        show("not inherited", status_kb("VmLck"));
        child_exit(0);
    }
    waitpid(child, NULL, 0);
    show("VmLck", status_kb("VmLck"));
    show_call(munmap(p + PAGE, PAGE));
    show("VmLck", status_kb("VmLck"));
}

/* Every second page of it read only: each is a mapping of its own. */
static void many_maps(void)
{
    long pages = 70000, n = 0;
    char *p = mmap(NULL, (size_t)pages * PAGE, RW, ANON | MAP_NORESERVE, -1, 0);

    while (n < pages && !mprotect(p + n * PAGE, PAGE, PROT_READ))
        n += 2;
    show("errno", errno);
    show("so many", n > 65400 && n <= 65531);
    show_call(munmap(p + PAGE, PAGE));
    show_call(munmap(p + 3 * PAGE, PAGE));
    show("another takes its place", mprotect(p + n * PAGE, PAGE, PROT_READ) ? errno : 0);
    while (mmap(NULL, PAGE, n++ & 1 ? PROT_NONE : PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        continue;
    show("mmap", errno);
    show("in the middle of one", munmap(p + 69000 * PAGE, PAGE) ? errno : 0);
    show("mremap", mremap(p + 64 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? errno : 0);
    show("fork", fork_clean() ? (wait(NULL), 0) : (_exit(0), 1));
    show("all go", munmap(p, (size_t)pages * PAGE));
    show("and there is room", mmap(NULL, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
}

static void promises(void)
{
    unsigned long total = (unsigned long)sysconf(_SC_PHYS_PAGES) * PAGE, much = total * 2 & ~(PAGE - 1);
    char *p;

    show_ok(mmap(NULL, much, RW, ANON, -1, 0));
    show_ok(mmap(NULL, much, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    show_ok(mmap(NULL, much, PROT_READ, ANON, -1, 0));
    show_ok(p = mmap(NULL, much, RW, ANON | MAP_NORESERVE, -1, 0));
    show_call(munmap(p, much));
    show_ok(mmap(NULL, much, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    show_ok(p = mmap(NULL, much, PROT_NONE, ANON, -1, 0));
    show_call(mprotect(p, much, RW));
    show_call(mprotect(p, much / 4, RW));
    show_call(munmap(p, much));
    show_ok(p = mmap(NULL, total / 2 & ~(PAGE - 1), RW, ANON, -1, 0));
    show_ok(mremap(p, total / 2 & ~(PAGE - 1), much, MREMAP_MAYMOVE));
    show_call(shmget(IPC_PRIVATE, much, 0600));
    show("malloc", malloc(much) != NULL);
    int fd = (int)syscall(SYS_memfd_create, "large", 0);
    show_call(ftruncate(fd, (long)much));
}

int main(void)
{
    show_child("address space", address_space);
    show_child("data", data);
    show_child("locked", locked);
    show_child("refusals", lock_refusals);
    show_child("many maps", many_maps);
    show_child("promises", promises);
    return 0;
}
