/*
 * Futex operations that C libraries use seldom: FUTEX_WAKE_OP with all its operations and comparisons, futex_waitv,
 * robust lists by hand, errors of each operation.
 */
#include <linux/futex.h>
#include <stddef.h>
#include <time.h>

#include "abi_test.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static uint32_t *word; /* shared by processes */

static long futex(uint32_t *at, int op, uint32_t value, const void *timeout, uint32_t *at2, uint32_t value3)
{
    return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

static pid_t sleeper(uint32_t *at)
{
    struct timespec limit = {50, 0};
    pid_t child = fork_clean();

    if (child == 0)
        _exit(futex(at, FUTEX_WAIT, *at, &limit, NULL, 0) ? errno : 0);
    return child;
}

static void show_operations(void)
{
    static const uint32_t ops[] = {0, 1, 2, 3, 4, 5, 7, 8 | 0, 8 | 1, 8 | 4};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        word[1] = 0xf0;
        long result = futex(&word[0], FUTEX_WAKE_OP, 1, (void *)1, &word[1], ops[i] << 28 | 5 << 12);
        printf("operation %u: %ld errno %d, the word is %x\n", ops[i], result, result < 0 ? errno : 0, word[1]);
    }
    word[1] = 0;
    show_call(futex(&word[0], FUTEX_WAKE_OP, 1, (void *)1, &word[1], 1 << 28 | 0xfff << 12));
    printf("operands are signed: %x\n", word[1]);
    word[1] = 0;
    show_call(futex(&word[0], FUTEX_WAKE_OP, 1, (void *)1, &word[1], 8u << 28 | 0x025 << 12));
    printf("shifts are taken modulo 32: %x\n", word[1]);
}

static void show_comparisons(void)
{
    static const int against[] = {-1, 5, 6};

    for (uint32_t comparison = 0; comparison < 8; comparison++) {
        for (int i = 0; i < 3; i++) {
            word[0] = 0;
            word[1] = 5;
            pid_t first = sleeper(&word[0]), second = sleeper(&word[1]);
            wait_asleep(first);
            wait_asleep(second);
            long result = futex(&word[0], FUTEX_WAKE_OP, 1, (void *)1, &word[1],
                                1 << 28 | comparison << 24 | 0 << 12 | (against[i] & 0xfff));
            printf("comparison %u of 5 with %d: %ld errno %d\n", comparison, against[i], result,
                   result < 0 ? errno : 0);
            kill(first, SIGKILL);
            kill(second, SIGKILL);
            waitpid(first, NULL, 0);
            waitpid(second, NULL, 0);
        }
    }
}

static long waitv(struct waitv *v, unsigned count, unsigned flags, const struct timespec *t, int clock)
{
    return syscall(SYS_futex_waitv, v, count, flags, t, clock);
}

static void show_waitv(void)
{
    struct waitv v[129];
    struct timespec past = {1, 0}, wrong = {1, -1}, soon;

    for (int i = 0; i < 129; i++)
        v[i] = (struct waitv){.address = (uintptr_t)&word[i], .flags = FUTEX_32, .value = 0};
    memset(word, 0, 129 * sizeof *word);
    show_call(waitv(v, 0, 0, NULL, 0));
    show_call(waitv(v, 129, 0, &past, CLOCK_MONOTONIC));
    show_call(waitv(NULL, 1, 0, NULL, 0));
    show_call(waitv((void *)8, 1, 0, NULL, 0));
    show_call(waitv(v, 1, 1, NULL, 0));
    show_call(waitv(v, 1, 0, &past, CLOCK_BOOTTIME));
    show_call(waitv(v, 1, 0, &wrong, CLOCK_MONOTONIC));
    show_call(waitv(v, 1, 0, (void *)8, CLOCK_MONOTONIC));
    show_call(waitv(v, 128, 0, &past, CLOCK_MONOTONIC));
    show_call(waitv(v, 3, 0, &past, CLOCK_REALTIME));
    v[1].value = 9;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[1].value = 0;
    v[2].flags = 0;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[2].flags = FUTEX_32 | 0x40;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[2].flags = FUTEX_32;
    v[2].reserved = 1;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[2].reserved = 0;
    v[2].address++;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[2].address = 0;
    show_call(waitv(v, 3, 0, NULL, 0));
    v[2].address = (uintptr_t)&word[2];
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_sec += 20;
    pid_t parent = getpid(), waker = fork_clean();
    if (waker == 0) {
        wait_asleep(parent);
        _exit((int)futex(&word[2], FUTEX_WAKE, 7, NULL, NULL, 0));
    }
    show_call(waitv(v, 3, 0, &soon, CLOCK_MONOTONIC));
    int status;
    waitpid(waker, &status, 0);
    show_status("the waker woke", status);
}

static struct robust_list_head list;
static struct {
    struct robust_list next;
    uint32_t futex;
} * entries;

static void dies_with_list(void)
{
    uint32_t tid = (uint32_t)getpid();

    list.futex_offset = offsetof(typeof(*entries), futex);
    list.list.next = &entries[0].next;
    entries[0].next.next = &entries[1].next;
    entries[1].next.next = &entries[2].next;
    entries[2].next.next = (void *)((uintptr_t)&entries[3].next | 1); /* a priority-inheriting one */
    entries[3].next.next = &entries[4].next;
    entries[4].next.next = &list.list;
    list.list_op_pending = &entries[5].next;
    entries[0].futex = tid;
    entries[1].futex = tid | FUTEX_WAITERS;
    entries[2].futex = tid + 1;
    entries[3].futex = tid | FUTEX_WAITERS;
    entries[4].futex = 0;
    entries[5].futex = tid;
    show_call(syscall(SYS_set_robust_list, &list, sizeof list));
}

static void show_entries(const char *what)
{
    printf("%s:", what);
    for (int i = 0; i < 6; i++)
        printf(" %x", entries[i].futex & ~FUTEX_TID_MASK);
    printf("\n");
}

static void by_execve(void)
{
    char *argv[] = {"/proc/self/exe", "end", NULL};

    dies_with_list();
    fflush(stdout);
    execve("/proc/self/exe", argv, NULL);
}

static void circle(void)
{
    list.futex_offset = offsetof(typeof(*entries), futex);
    list.list.next = &entries[0].next;
    entries[0].next.next = &entries[1].next;
    entries[1].next.next = &entries[0].next;
    syscall(SYS_set_robust_list, &list, sizeof list);
}

static void astray(void)
{
    list.list.next = (void *)8;
    syscall(SYS_set_robust_list, &list, sizeof list);
}

static void show_robust(void)
{
    void *head;
    size_t size;

    entries = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show_child("a robust list", dies_with_list);
    show_entries("after its end");
    memset(entries, 0, 4096);
    show_child("execve", by_execve);
    show_entries("after execve");
    show_child("a list without end", circle);
    show_child("a list out of memory", astray);
    show_call(syscall(SYS_set_robust_list, &list, 23));
    show_call(syscall(SYS_get_robust_list, 99999, &head, &size));
    show_call(syscall(SYS_get_robust_list, 0, &head, NULL));
    show_call(syscall(SYS_get_robust_list, 0, &head, &size));
    show("its size", size);
}

static void show_errors(void)
{
    uint32_t own = 0;
    uint32_t *odd = (void *)((uintptr_t)&own + 1);

    show_call(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0));
    show_call(futex(odd, FUTEX_WAIT, 1, NULL, NULL, 0));
    show_call(futex(&own, FUTEX_WAKE_OP, 1, NULL, odd, 0));
    show_call(futex(&own, FUTEX_WAKE_OP, 1, NULL, (void *)8, 0));
    show_call(futex(&own, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, NULL, (void *)8, 0));
    show_call(futex(&own, FUTEX_REQUEUE, -1, NULL, &own, 0));
    show_call(futex(&own, FUTEX_CMP_REQUEUE, 1, NULL, (void *)8, 0));
    show_call(futex(&own, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    show_call(futex(&own, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, ~0u));
    show_call(futex(&own, FUTEX_WAIT_BITSET, 0, (void *)8, NULL, ~0u));
    show_call(futex(&own, FUTEX_FD, 0, NULL, NULL, 0));
    show_call(futex(&own, 14, 0, NULL, NULL, 0));
    uint32_t *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show_call(futex(read_only, FUTEX_WAIT, 1, NULL, NULL, 0));
    show_call(futex(read_only, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show_call(futex(read_only, FUTEX_WAIT, 1, NULL, NULL, 0));
    show_call(futex(&own, FUTEX_WAKE_OP, 1, NULL, read_only, 0));
    struct timespec past = {0, 0};
    show_call(futex(&own, FUTEX_WAIT_BITSET, 0, &past, NULL, ~0u));
    show_call(futex(&own, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, ~0u));
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return 0;
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show_operations();
    show_comparisons();
    show_waitv();
    show_robust();
    show_errors();
    return 0;
}
