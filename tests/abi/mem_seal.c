/*
 * memfd_create and its seals, /dev/zero, /dev/shm and shared anonymous memory as files.  A file sealed against writing may
 * be mapped shared to be read (Linux 6.7, and the later ones of 6.1).
 */
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "tests/abi/abi_test.h"
#include "tests/abi/touch.h"

#define PAGE 4096UL
#define RW   (PROT_READ | PROT_WRITE)
#ifndef F_ADD_SEALS
#define F_ADD_SEALS         1033
#define F_GET_SEALS         1034
#define F_SEAL_SEAL         1
#define F_SEAL_SHRINK       2
#define F_SEAL_GROW         4
#define F_SEAL_WRITE        8
#define F_SEAL_FUTURE_WRITE 16
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif
#define ALLOW 2u

static int memfd(const char *name, unsigned flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

static void show_refusals(void)
{
    int closed = memfd("closed", 0), open_ = memfd("open", ALLOW), file = open("f", O_RDWR | O_CREAT, 0600);

    show_call(fcntl(closed, F_GET_SEALS));
    show_call(fcntl(closed, F_ADD_SEALS, F_SEAL_SHRINK));
    show_call(fcntl(open_, F_GET_SEALS));
    show_call(fcntl(open_, F_ADD_SEALS, 0x1000));
    show_call(fcntl(open_, F_ADD_SEALS, 0));
    show_call(fcntl(0, F_GET_SEALS));
    show_call(fcntl(-1, F_ADD_SEALS, 0));
    show_call(memfd("x", 0x100));
    show_call(memfd((char *)8, 0));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open_);
    int reader = open(path, O_RDONLY);
    show_call(fcntl(reader, F_ADD_SEALS, F_SEAL_SHRINK));
    show_call(fcntl(reader, F_GET_SEALS));
    close(closed);
    close(open_);
    close(reader);
    close(file);
}

static void show_sizes(void)
{
    int fd = memfd("sizes", ALLOW);
    char buf[3 * PAGE];

    memset(buf, 'x', sizeof buf);
    show_call(ftruncate(fd, PAGE));
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    show_call(ftruncate(fd, PAGE - 1));
    show_call(ftruncate(fd, PAGE + 1));
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    show_call(fcntl(fd, F_GET_SEALS));
    show_call(ftruncate(fd, PAGE + 2));
    show_call(ftruncate(fd, PAGE + 1));
    show_call(pwrite(fd, buf, 10, PAGE - 5));
    show_call(pwrite(fd, buf, 2 * PAGE, 0));
    show_call(pwrite(fd, buf, 2, PAGE));
    show_call(pwrite(fd, buf, 1, PAGE));
    show_call(fallocate(fd, 0, 0, 2 * PAGE));
    show_call(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE));
    show_call(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show_call(pwrite(fd, buf, 10, 0));
    close(fd);
}

static void show_write_seal(void)
{
    int fd = memfd("write", ALLOW);
    char buf[16];

    show_call(ftruncate(fd, 2 * PAGE));
    char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    p[0] = 'a';
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show_call(mprotect(p, PAGE, PROT_READ));
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show_call(munmap(p, PAGE));
    char *private = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show_call(write(fd, "b", 1));
    show_call(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    show_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    show_ok(p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    show_call(mprotect(p, PAGE, RW));
    private[0] = 'c';
    show_call(pread(fd, buf, 1, 0));
    show("still", buf[0]);
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    show("private mapping", p[0]);
    show_call(ftruncate(fd, PAGE));
    close(fd);
}

static void show_future_write(void)
{
    int fd = memfd("future", ALLOW);

    show_call(ftruncate(fd, PAGE));
    char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    show_call(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    p[0] = 'a';
    show_call(write(fd, "b", 1));
    show_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    char *reader = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    show("what the old mapping wrote", reader[0]);
    show_call(mprotect(reader, PAGE, RW));
    p[0] = 'z';
    show("and writes", reader[0]);
    show_call(fcntl(fd, F_GET_SEALS));
    close(fd);
}

static void show_devices(void)
{
    int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), dir = open(".", O_RDONLY), ends[2];
    int reader = open("/dev/zero", O_RDONLY);

    show_call(pipe(ends));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[1], 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
    show_ok(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, 99, 0));
    show_ok(mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | 0x40000, zero, 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, zero, 0));
    show_ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    show_ok(mmap(NULL, 2 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | 0x40000, -1, 0));
    show_ok(mmap(NULL, 2 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | 0x40000 | 17 << 26, -1, 0));
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, zero, PAGE);
    show("zeros", p[0] + p[PAGE]);
    p[PAGE] = 7;
    pid_t child = fork_clean();
    if (!child) {
        p[PAGE]++;
        child_exit(p[PAGE]);
    }
    int status;
    waitpid(child, &status, 0);
    show_status("a private copy", status);
    show("here", p[PAGE]);
    char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, zero, 0);
    child = fork_clean();
    if (!child) {
        s[PAGE + 1] = 9;
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show("shared", s[PAGE + 1]);
    char *again = mmap(NULL, PAGE, RW, MAP_SHARED, zero, 0);
    show("another one", again[1]);
}

/* Shared anonymous memory has the size it was made with. */
static void show_anonymous_end(void)
{
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    p[0] = 1;
    p = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    show("grown", p != MAP_FAILED);
    show("kept", p[0]);
    show("inside", touch(p + 2 * PAGE - 1, true));
    show("behind", touch(p + 2 * PAGE, true));
    show("behind", touch(p + 3 * PAGE, false));
    char *q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
    show("a second view", q[0]);
    q[1] = 5;
    show("of the same", p[1]);
    char maps[256];
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(maps, sizeof maps, f))
        if (strstr(maps, "zero") || strstr(maps, "memfd"))
            printf("%.4s %s", strchr(maps, ' ') + 1, strchr(maps, '/'));
    fclose(f);
}

static void show_posix(void)
{
    struct statfs s;
    int status;

    show_call(statfs("/dev/shm", &s));
    show("tmpfs", s.f_type == 0x01021994);
    show_call(shm_open("/trapline-none", O_RDWR, 0));
    int fd = shm_open("/trapline-test", O_RDWR | O_CREAT | O_EXCL, 0600);
    show_call(ftruncate(fd, PAGE));
    char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    show_call(shm_open("/trapline-test", O_RDWR | O_CREAT | O_EXCL, 0600));
    pid_t child = fork_clean();
    if (!child) {
        int other = shm_open("/trapline-test", O_RDWR, 0);
        strcpy(mmap(NULL, PAGE, RW, MAP_SHARED, other, 0), "from the child");
        child_exit(0);
    }
    waitpid(child, &status, 0);
    printf("%s\n", p);
    show_call(shm_unlink("/trapline-test"));
    show_call(shm_unlink("/trapline-test"));
    sem_t *named = sem_open("/trapline-sem", O_CREAT, 0600, 0), *unnamed = (sem_t *)(p + 64);
    show("sem_open", named != SEM_FAILED);
    show_call(sem_init(unnamed, 1, 1));
    child = fork_clean();
    if (!child) {
        sem_wait(unnamed);
        sem_post(named);
        child_exit(0);
    }
    show_call(sem_wait(named));
    waitpid(child, &status, 0);
    show_call(sem_trywait(unnamed));
    show_call(sem_trywait(named));
    show_call(sem_unlink("/trapline-sem"));
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigaction(SIGBUS, &a, NULL);
    sigaction(SIGSEGV, &a, NULL);
    show_refusals();
    show_sizes();
    show_write_seal();
    show_future_write();
    show_devices();
    show_anonymous_end();
    show_posix();
    return 0;
}
