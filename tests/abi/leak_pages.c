/*
 * Fresh memory is zero, whoever had it before: another process fills memory of every kind and ends first.
 */
#define _GNU_SOURCE
#include <sys/shm.h>

#include "tests/abi/abi_test.h"

#define PAGE  4096UL
#define BYTES (2UL << 20)
#define MARK  0xa5

static bool is_zero(const volatile unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static unsigned char *map(size_t n, int flags, int fd)
{
    unsigned char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (p == MAP_FAILED) {
        printf("mmap: errno %d\n", errno);
        exit(1);
    }
    return p;
}

/* Anonymous, shared, a file's, a pipe's pages, and the stack's. */
static void spoil(void)
{
    static unsigned char page[PAGE];
    unsigned char stack[64 * PAGE];
    int fds[2], file = open("spoil", O_CREAT | O_RDWR, 0600);

    memset(page, MARK, sizeof page);
    memset(stack, MARK, sizeof stack);
    memset(map(BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1), MARK, BYTES);
    memset(map(BYTES, MAP_SHARED | MAP_ANONYMOUS, -1), MARK, BYTES);
    memset(sbrk(64 * PAGE), MARK, 64 * PAGE);
    pipe(fds);
    for (int n = 0; n < 8; n++)
        write(fds[1], page, sizeof page);
    for (int n = 0; n < 512; n++)
        write(file, page, sizeof page);
    unlink("spoil");
    __asm__ volatile("" : : "r"(stack) : "memory");
}

static void fresh_memory(void)
{
    CHECK(is_zero(map(BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1), BYTES));
    CHECK(is_zero(map(BYTES, MAP_SHARED | MAP_ANONYMOUS, -1), BYTES));
    unsigned char *written = map(BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    bool zero = true;
    for (size_t n = 0; n < BYTES; n += PAGE) { /* by a write, which takes another way than a read */
        written[n] = 1;
        zero = zero && is_zero(written + n + 1, PAGE - 1);
    }
    show("around a byte written", zero);
    CHECK(is_zero(sbrk(64 * PAGE), 64 * PAGE));
    unsigned char *here = __builtin_frame_address(0);
    CHECK(is_zero(here - 200 * PAGE, 64 * PAGE)); /* where the stack has not been yet */
    madvise(written, BYTES, MADV_DONTNEED);
    CHECK(is_zero(written, BYTES));
    unsigned char *moved = mremap(written, BYTES, 2 * BYTES, MREMAP_MAYMOVE);
    CHECK(is_zero(moved + BYTES, BYTES));
    int id = shmget(IPC_PRIVATE, BYTES, 0600);
    unsigned char *segment = shmat(id, NULL, 0);
    CHECK(is_zero(segment, BYTES));
    shmdt(segment), shmctl(id, IPC_RMID, NULL);
}

static void files(void)
{
    static unsigned char bytes[3 * PAGE];
    int fd = open("file", O_CREAT | O_RDWR, 0600), memory = memfd_create("m", 0);

    memset(bytes, MARK, sizeof bytes);
    write(fd, bytes, 100);
    unsigned char *p = map(PAGE, MAP_SHARED, fd), *q = map(PAGE, MAP_PRIVATE, fd);
    CHECK(is_zero(p + 100, PAGE - 100)); /* behind the end */
    CHECK(is_zero(q + 100, PAGE - 100));
    q[0] = 1;
    CHECK(is_zero(q + 100, PAGE - 100)); /* in a copy, too */
    pwrite(fd, bytes, sizeof bytes, 0);
    ftruncate(fd, 1000);
    ftruncate(fd, sizeof bytes);
    memset(bytes, 1, sizeof bytes);
    show_call(pread(fd, bytes, sizeof bytes, 0));
    CHECK(is_zero(bytes + 1000, sizeof bytes - 1000)); /* what was cut off does not come back */
    CHECK(is_zero(p + 1000, PAGE - 1000));
    pwrite(fd, "x", 1, 40 * PAGE);
    show_call(pread(fd, bytes, sizeof bytes, 20 * PAGE));
    CHECK(is_zero(bytes, sizeof bytes)); /* a hole */
    show_call(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 500));
    show_call(pread(fd, bytes, 1000, 0));
    show("what is left before the hole", bytes[9] == MARK);
    CHECK(is_zero(bytes + 10, 500));
    show_call(fallocate(memory, 0, 0, BYTES));
    CHECK(is_zero(map(BYTES, MAP_SHARED, memory), BYTES));
    unlink("file");
    close(fd), close(memory);
}

int main(void)
{
    show_child("spoil", spoil);
    show_child("fresh memory", fresh_memory);
    show_child("spoil", spoil);
    show_child("files", files);
    return 0;
}
