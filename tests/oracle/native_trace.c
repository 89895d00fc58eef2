/*
 * Runs a program on this machine's Linux under ptrace and prints its system calls through our own decoders, so that they
 * can be compared with strace's output of the same program: the decoders' oracle, without a sandbox.
 *
 *     native_trace [--addresses] OUTPUT PROGRAM [ARGUMENT]...
 *
 * --addresses: structures are shown by their addresses alone, as by -e verbose=none.
 *
 * A sandbox's guest kernel records what it copies from and to user memory.  Here nobody does, so every argument that
 * points to readable memory is read at entry (IN) and again at return (OUT), and so is what its first words point to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "abi/capture.h"
#include "abi/decode.h"

#define TASKS 1024
#define ITEMS_MAX (1u << 20)
#define RANGE 4096u     /* bytes read at an argument */
#define SIGNAL_FRAME 440u /* Linux's struct rt_sigframe on x86-64 */
#define WORDS_DEEP 128u /* of them, words that are followed if they look like pointers */
#define WORDS_DEEPER 8u /* the same where these point to */

struct traced {
    pid_t tid;
    bool inside;
    struct decode_call call;
    size_t used;
    uint64_t items[ITEMS_MAX / 8];
};

static struct traced *tasks[TASKS];
static struct decode_style style;
static FILE *output;

static struct traced *find_task(pid_t tid)
{
    size_t i = 0;

    while (i < TASKS && tasks[i] && tasks[i]->tid != tid)
        i++;
    if (i == TASKS)
        exit(125);
    if (!tasks[i]) {
        tasks[i] = calloc(1, sizeof **tasks);
        tasks[i]->tid = tid;
    }
    return tasks[i];
}

static size_t add_item(struct traced *t, uint64_t address, uint16_t direction, size_t size)
{
    struct capture_item *item = (void *)((uint8_t *)t->items + t->used);
    size_t to_page_end = MIN(4096 - address % 4096, size);

    if (address < 4096 || ITEMS_MAX - t->used < sizeof *item + 2 * RANGE)
        return 0;
    /* Up to the end of the page, then the next page too if it is there. */
    struct iovec local = {item->bytes, size}, remote[2] = {{(void *)(uintptr_t)address, to_page_end},
                                                           {(void *)(uintptr_t)(address + to_page_end), size - to_page_end}};
    ssize_t n = process_vm_readv(t->tid, &local, 1, remote, 2, 0);
    if (n <= 0)
        return 0;
    *item = (struct capture_item){.address = address, .total = (uint32_t)n, .kept = (uint16_t)n, .direction = direction};
    t->used += ALIGN_UP(sizeof *item + (size_t)n, (size_t)8);
    return (size_t)n;
}

/* What is at an address, and what its first words point to, and so on. */
static void follow(struct traced *t, uint64_t address, uint16_t direction, unsigned words_deep, unsigned depth)
{
    uint64_t words[WORDS_DEEP];
    size_t at = t->used;
    size_t n = add_item(t, address, direction, RANGE);

    memcpy(words, (uint8_t *)t->items + at + sizeof(struct capture_item), MIN(n, sizeof words));
    for (size_t j = 0; depth && j < MIN(n / 8, words_deep) && t->used < ITEMS_MAX / 2; j++)
        follow(t, words[j], direction, MIN(words_deep, WORDS_DEEPER), depth - 1);
}

/* Messages of sockets point to vectors, and these to bytes. */
static unsigned depth_of(uint64_t nr)
{
    return nr == SYS_sendmsg || nr == SYS_recvmsg || nr == SYS_sendmmsg || nr == SYS_recvmmsg ? 2 : 1;
}

static void capture(struct traced *t, uint16_t direction)
{
    for (unsigned i = 0; i < 6; i++)
        follow(t, t->call.args[i], direction, WORDS_DEEP, depth_of(t->call.nr));
}

static void on_syscall_stop(struct traced *t)
{
    struct ptrace_syscall_info info;
    char line[DECODE_LINE_MAX];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        t->call = (struct decode_call){.nr = info.entry.nr};
        memcpy(t->call.args, info.entry.args, sizeof t->call.args);
        t->used = 0;
        t->inside = true;
        capture(t, CAPTURE_IN);
        if (info.entry.nr == SYS_rt_sigreturn)
            add_item(t, info.stack_pointer - 8, CAPTURE_IN, SIGNAL_FRAME);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->inside) {
        capture(t, CAPTURE_OUT);
        t->call.returned = true;
        t->call.result = info.exit.rval;
        t->call.items = t->items;
        t->call.items_size = t->used;
        decode_call_as(&t->call, &style, false, line, sizeof line);
        fprintf(output, "[%d] %s\n", t->tid, line);
        t->inside = false;
    }
}

static void on_end(struct traced *t, int status)
{
    char line[DECODE_LINE_MAX];

    if (t->inside) {
        decode_call_as(&t->call, &style, false, line, sizeof line);
        fprintf(output, "[%d] %s\n", t->tid, line);
    }
    t->inside = false;
    decode_task_exit((uint32_t)status, line, sizeof line);
    fprintf(output, "[%d] %s\n", t->tid, line);
}

static int on_signal(struct traced *t, int number)
{
    siginfo_t info;
    char line[DECODE_LINE_MAX];

    if (ptrace(PTRACE_GETSIGINFO, t->tid, 0, &info) == 0) {
        decode_siginfo(&info, line, sizeof line);
        fprintf(output, "[%d] %s\n", t->tid, line);
    }
    return number;
}

static int trace_all(pid_t first)
{
    int status, result = 0;

    for (pid_t tid = wait4(-1, &status, __WALL, NULL); tid > 0; tid = wait4(-1, &status, __WALL, NULL)) {
        struct traced *t = find_task(tid);
        int forward = 0;

        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            on_end(t, status);
            if (tid == first)
                result = status;
            continue;
        }
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            on_syscall_stop(t);
        else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP)
            forward = on_signal(t, WSTOPSIG(status));
        ptrace(PTRACE_SYSCALL, tid, 0, forward);
    }
    return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

int main(int argc, char **argv)
{
    int status;

    style = decode_style_plain;
    if (argc > 1 && strcmp(argv[1], "--addresses") == 0) {
        style.addresses = true;
        argc--, argv++;
    }
    if (argc < 3 || !(output = fopen(argv[1], "we")))
        return 125;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, child, 0, 0);
    return trace_all(child);
}
