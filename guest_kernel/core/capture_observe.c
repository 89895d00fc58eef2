/*
 * What a traced call could have read and did not: it failed before, or had no use for it (write to /dev/null).  So that
 * the trace shows what a tracer inside would, it is read as the call ends and told as observed (abi/capture.h); nothing
 * is decided on it, and what the call did read is told apart.  Only kinds of arguments that are read; a piece of each.
 */
#include <asm/unistd_64.h>

#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/trap.h"
#include "guest_kernel/core/user.h"
#include "lib/string.h"

#define PIECE    256u  /* bytes of an object; of a text as many pieces as it has, */
#define ABSENT_LEAST 512u /* of what a call points to that is not here: structures may be large */
#define TEXT_MAX 4096u /* up to this */
#define WORDS    16u   /* of a vector that are followed */

#define IS_TEXT(k) ((k) == ARG_PATH || (k) == ARG_STR || (k) == ARG_MOUNT_TYPE || (k) == ARG_MOUNT_DATA || (k) == ARG_MFD_NAME || (k) == ARG_REBOOT_ARG)
#define IS_VECTOR(k)                                                                                                   \
    ((k) == ARG_BUF_IN || (k) == ARG_XATTR_IN || (k) == ARG_IOV_IN || (k) == ARG_IOV_OUT || (k) == ARG_IOV_FOREIGN || (k) == ARG_ARGV || (k) == ARG_ENVP ||         \
     (k) == ARG_MSGHDR_IN || (k) == ARG_MMSGHDR_IN || (k) == ARG_GROUPS_IN || (k) == ARG_SEMBUFS ||                    \
     (k) == ARG_POLLFDS || (k) == ARG_FUTEX_WAITV || (k) == ARG_CPUSET_IN || (k) == ARG_FDSET)
#define IS_TIME(k)                                                                                                     \
    ((k) == ARG_TIMESPEC_IN || (k) == ARG_TIMESPEC_INOUT || (k) == ARG_TIMESPEC_PAIR || (k) == ARG_TIMEVAL_IN ||       \
     (k) == ARG_TIMEVAL_INOUT || (k) == ARG_TIMEVAL_PAIR || (k) == ARG_TIMEZONE_IN || (k) == ARG_ITIMERVAL_IN ||          \
     (k) == ARG_ITIMERSPEC_IN || (k) == ARG_UTIMBUF || (k) == ARG_FUTEX_TIMEOUT)
#define IS_STRUCT(k)                                                                                                   \
    ((k) == ARG_OFF_IN || (k) == ARG_OFF_INOUT || (k) == ARG_OPEN_HOW || (k) == ARG_CAP_HEADER ||                      \
     (k) == ARG_CAP_DATA_IN || (k) == ARG_SIGEVENT || (k) == ARG_RLIMIT_IN || (k) == ARG_EPOLL_EVENT ||                \
     (k) == ARG_SIGSET_IN || (k) == ARG_SIGSET_ARG6 || (k) == ARG_SIGACTION_IN || (k) == ARG_SIGINFO_IN ||             \
     (k) == ARG_STACK_IN || (k) == ARG_SCHED_PARAM_IN || (k) == ARG_SCHED_ATTR_IN || (k) == ARG_CLONE_ARGS ||          \
     (k) == ARG_SOCKADDR_IN || (k) == ARG_SOCKLEN_INOUT || (k) == ARG_SOCKOPT_IN)
#define IS_BY_COMMAND(k)                                                                                               \
    ((k) == ARG_FCNTL_ARG || (k) == ARG_IOCTL_ARG || (k) == ARG_PRCTL_ARG || (k) == ARG_PRCTL_REST || (k) == ARG_SHM_ARG ||                    \
     (k) == ARG_SEM_ARG || (k) == ARG_PTRACE_ADDR || (k) == ARG_PTRACE_DATA)
#define ARGUMENT_COUNTS(k) (IS_TEXT(k) || IS_VECTOR(k) || IS_TIME(k) || IS_STRUCT(k) || IS_BY_COMMAND(k))
#include "abi/argument_bits.h"

/* A call that is not here has read nothing: all its arguments that are addresses are told. */
#define ALL_none    0x3f
#define ALL_partial 0
#define ALL_full    0

const uint8_t capture_reads[SYSCALL_COUNT] = {
#define SYSCALL(nr, name, result, args, status, note) [nr] = (args) | ALL_##status,
#include "abi/syscalls.def"
#undef SYSCALL
};

static const bool is_absent[SYSCALL_COUNT] = {
#define SYSCALL(nr, name, result, args, status, note) [nr] = ALL_##status,
#include "abi/syscalls.def"
#undef SYSCALL
};

/* Is the byte at this address among those that the call read or that were observed before? */
static bool is_told(const struct capture_buffer *b, uint64_t address)
{
    for (size_t at = 0; at + sizeof(struct capture_item) <= MIN((size_t)b->used, sizeof b->items);) {
        const struct capture_item *item = (const struct capture_item *)(const void *)(b->items + at);

        if (item->direction != CAPTURE_OUT && address - item->address < item->kept)
            return true;
        at += ALIGN_UP(sizeof *item + item->kept, (size_t)8);
    }
    return false;
}

/* A piece, or as much as there is of a text; if `again`, beside what the call read of it. */
static void observe(const struct task *t, uint64_t address, bool again)
{
    size_t least = is_absent[t->call_nr] ? ABSENT_LEAST : 0;

    uint8_t bytes[PIECE];

    if (address < PAGE_SIZE || (!again && is_told(t->capture, address)))
        return;
    for (size_t done = 0, n; done < TEXT_MAX; done += n) {
        n = peek_user_some(bytes, user(address + done), sizeof bytes);
        if (n)
            capture_append(address + done, bytes, n, CAPTURE_OBSERVED);
        if (n < sizeof bytes || (memchr(bytes, 0, n) && done + n >= least))
            return;
    }
}

/* Levels of pointers below an argument. */
static unsigned depth_of(uint64_t nr)
{
    switch (nr) {
    case __NR_io_submit:
        return 2;
    case __NR_clone3:
    case __NR_prctl:
    case __NR_setsockopt:
    case __NR_writev:
    case __NR_pwritev:
    case __NR_pwritev2:
    case __NR_vmsplice:
    case __NR_process_vm_writev:
    case __NR_execve:
    case __NR_execveat:
        return 1;
    case __NR_sendmsg:
    case __NR_sendmmsg:
        return 2;
    default:
        return is_absent[nr] ? 1 : 0;
    }
}

/* Of a vector the call has perhaps read a part: where it found something wrong, it stopped. */
static void follow(const struct task *t, uint64_t address, unsigned depth, bool failed)
{
    uint64_t words[WORDS], inner[WORDS];
    size_t n = depth ? peek_user_some(words, user(address), sizeof words) / sizeof *words : 0;

    observe(t, address, depth && failed);
    for (size_t i = 0; i < n; i++) {
        observe(t, words[i], false);
        size_t m = depth > 1 ? peek_user_some(inner, user(words[i]), sizeof inner) / sizeof *inner : 0;
        for (size_t j = 0; j < m; j++)
            observe(t, inner[j], false);
    }
}

/* Most calls with something to read have one such argument, and read it. */
void capture_observe_begin(struct task *t)
{
    static const uint16_t places[SYSCALL_ARGS_MAX] = {offsetof(struct pt_regs, rdi), offsetof(struct pt_regs, rsi),
                                                      offsetof(struct pt_regs, rdx), offsetof(struct pt_regs, r10),
                                                      offsetof(struct pt_regs, r8),  offsetof(struct pt_regs, r9)};
    unsigned reads = capture_reads[t->call_nr];

    if (!(reads & (reads - 1)) && !depth_of(t->call_nr)) {
        const uint8_t *place = (const uint8_t *)t->regs + places[__builtin_ctz(reads)];
        t->capture_unread = *(const uint64_t *)(const void *)place;
        if (t->capture_unread < PAGE_SIZE) /* observe() would not look there */
            return;
    }
    __atomic_fetch_or(&t->work, TASK_OBSERVE, __ATOMIC_RELAXED);
}

/* The registers are those of the call's entry still, but for execve's and sigreturn's that went well. */
void capture_observe(struct task *t, const struct pt_regs *regs)
{
    const uint64_t args[SYSCALL_ARGS_MAX] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};

    if (t->call_nr >= SYSCALL_COUNT || !t->capture || !capture_active())
        return;
    for (unsigned i = 0; i < SYSCALL_ARGS_MAX; i++)
        if (capture_reads[t->call_nr] & BIT(i))
            follow(t, args[i], depth_of(t->call_nr), (long)regs->rax < 0);
}
