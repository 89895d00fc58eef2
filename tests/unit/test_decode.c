/*
 * The decoders: calls as strace prints them, from arguments and captured memory; and that missing, short or malformed
 * memory becomes an address, never a read outside of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "abi/capture.h"
#include "abi/decode.h"
#include "abi/syscalls.h"

static uint64_t items[512];
static size_t used;

static void capture(uint64_t address, const void *bytes, uint16_t n, uint16_t direction)
{
    struct capture_item *item = (void *)((uint8_t *)items + used);

    *item = (struct capture_item){.address = address, .total = n, .kept = n, .direction = direction};
    memcpy(item->bytes, bytes, n);
    used += ALIGN_UP(sizeof *item + n, 8);
}

static void in(uint64_t address, const void *bytes, uint16_t n)
{
    capture(address, bytes, n, CAPTURE_IN);
}

static void put_out(uint64_t address, const void *bytes, uint16_t n)
{
    capture(address, bytes, n, CAPTURE_OUT);
}

/* Decode with what was captured since the last time. */
#define EXPECT(text, number, value, ...)                                                                               \
    do {                                                                                                               \
        struct decode_call call_ = {.nr = (number), .args = {__VA_ARGS__}, .returned = true, .result = (value),       \
                                    .items = items, .items_size = used};                                               \
        char line_[DECODE_LINE_MAX];                                                                                   \
        size_t n_ = decode_call(&call_, line_, sizeof line_);                                                          \
        assert_string_equal(line_, text);                                                                              \
        assert_int_equal(n_, strlen(text));                                                                            \
        used = 0;                                                                                                      \
    } while (0)

static void scalars_and_errors(void **state)
{
    EXPECT("close(3) = 0", SYS_close, 0, 3);
    EXPECT("close(-1) = -1 EBADF (Bad file descriptor)", SYS_close, -9, (uint64_t)-1);
    EXPECT("brk(NULL) = 0x5000", SYS_brk, 0x5000, 0);
    EXPECT("getpid() = 7", SYS_getpid, 7, 0);
    EXPECT("umask(022) = 000", SYS_umask, 0, 022);
    EXPECT("lseek(3, -5, SEEK_END) = 4294967296", SYS_lseek, 4294967296, 3, (uint64_t)-5, 2);
    EXPECT("mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000", SYS_mmap,
           0x7f0000000000, 0, 8192, 3, 0x22, (uint64_t)-1, 0);
    EXPECT("pause() = ? ERESTARTNOHAND (To be restarted if no handler)", SYS_pause, -514, 0);
    EXPECT("syscall_0x270f(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)", 9999, -38, 1, 2, 3, 4,
           5, 6);
    EXPECT("getppid() = -1 (errno 4000)", SYS_getppid, -4000, 0);
}

static void strings(void **state)
{
    in(0x1000, "/etc/\x01\"\n", 9);
    EXPECT("openat(AT_FDCWD, \"/etc/\\1\\\"\\n\", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644) = 3", SYS_openat, 3,
           (uint64_t)-100, 0x1000, 02000301, 0644);
    in(0x1000, "x", 2);
    EXPECT("open(\"x\", O_RDONLY) = -1 ENOENT (No such file or directory)", SYS_open, -2, 0x1000, 0, 0644);
    EXPECT("open(0x1000, O_RDONLY) = -1 EFAULT (Bad address)", SYS_open, -14, 0x1000, 0, 0);
    EXPECT("open(NULL, O_RDONLY) = -1 EFAULT (Bad address)", SYS_open, -14, 0, 0, 0);
    in(0x2000, "0123456789012345678901234567890123456789", 40);
    EXPECT("write(1, \"01234567890123456789012345678901\"..., 40) = 40", SYS_write, 40, 1, 0x2000, 40);
    put_out(0x2000, "abc", 3);
    EXPECT("read(0, \"abc\", 4096) = 3", SYS_read, 3, 0, 0x2000, 4096);
    EXPECT("read(0, \"\", 4096) = 0", SYS_read, 0, 0, 0x2000, 4096);
    EXPECT("read(0, 0x2000, 4096) = -1 EAGAIN (Resource temporarily unavailable)", SYS_read, -11, 0, 0x2000, 4096);
    put_out(0x3000, "\x01\xff", 2);
    EXPECT("getrandom(\"\\x01\\xff\", 2, GRND_NONBLOCK) = 2", SYS_getrandom, 2, 0x3000, 2, 1);
}

/* Calls that the kernel lacks: what their arguments point to was observed. */
static void absent_calls(void **state)
{
    uint32_t lookup[8] = {3, 0, 0x5000, 0, 0x6000, 0, 4, 0};
    uint64_t program[2] = {2, 0x8000};
    uint8_t filter[16] = {0x20, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0xff, 0x7f};
    uint32_t fields[4] = {1, 0, 5, 0};

    capture(0x1000, lookup, 32, CAPTURE_OBSERVED);
    EXPECT("bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=3, key=0x5000, value=0x6000, flags=BPF_F_LOCK}, 32) = -1 ENOSYS (Function not implemented)",
           SYS_bpf, -38, 1, 0x1000, 32);
    capture(0x1000, lookup, 4, CAPTURE_OBSERVED);
    EXPECT("bpf(BPF_MAP_FREEZE, {map_fd=3}, 4) = -1 ENOSYS (Function not implemented)", SYS_bpf, -38, 22, 0x1000, 4);
    EXPECT("bpf(BPF_MAP_FREEZE, 0x1000, 4) = -1 ENOSYS (Function not implemented)", SYS_bpf, -38, 22, 0x1000, 4);
    EXPECT("bpf(0x63 /* BPF_??? */, 0x1000, 4294967295) = -1 ENOSYS (Function not implemented)", SYS_bpf, -38, 99, 0x1000, (uint64_t)-1);

    capture(0x7000, program, 16, CAPTURE_OBSERVED);
    EXPECT("seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=2, filter=0x8000}) = -1 ENOSYS (Function not implemented)", SYS_seccomp, -38, 1, 0,
           0x7000);
    capture(0x7000, program, 16, CAPTURE_OBSERVED);
    capture(0x8000, filter, 16, CAPTURE_OBSERVED);
    struct decode_style whole = decode_style_plain;
    whole.whole = true;
    struct decode_call call = {.nr = SYS_seccomp, .args = {1, 0, 0x7000}, .returned = true, .result = -38, .items = items, .items_size = used};
    char line[DECODE_LINE_MAX];
    decode_call_as(&call, &whole, false, line, sizeof line);
    used = 0;
    assert_string_equal(line, "seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=2, filter=[BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4), "
                              "BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW)]}) = -1 ENOSYS (Function not implemented)");

    capture(0x1000, fields, 16, CAPTURE_OBSERVED);
    EXPECT("mount_setattr(AT_FDCWD, NULL, AT_RECURSIVE, 0x1000, 32) = -1 ENOSYS (Function not implemented)", SYS_mount_setattr, -38,
           (uint64_t)-100, 0, 0x8000, 0x1000, 32);
    EXPECT("keyctl(KEYCTL_LINK, KEY_SPEC_SESSION_KEYRING, 5) = -1 ENOSYS (Function not implemented)", SYS_keyctl, -38, 8, (uint32_t)-3, 5, 6, 7);
    capture(0x1000, "a", 2, CAPTURE_OBSERVED);
    EXPECT("inotify_add_watch(3, \"a\", IN_ACCESS|IN_ISDIR) = -1 ENOSYS (Function not implemented)", SYS_inotify_add_watch, -38, 3, 0x1000,
           0x40000001);
}

static void socket_options(void **state)
{
    uint32_t one = 1;

    in(0x1000, &one, 4);
    EXPECT("setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0", SYS_setsockopt, 0, 3, 6, 1, 0x1000, 4);
    in(0x1000, &one, 4);
    EXPECT("setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0", SYS_setsockopt, 0, 3, 1, 2, 0x1000, 4);
    EXPECT("setsockopt(3, SOL_IPV6, 0x63 /* IPV6_??? */, 0x1000, 4) = -1 ENOPROTOOPT (Protocol not available)", SYS_setsockopt, -92, 3, 41, 99,
           0x1000, 4);
    in(0x1000, "\x10\0\0\0\7\0\0\0\x0f\0\0\0", 12);
    EXPECT("bind(3, {sa_family=AF_NETLINK, nl_pid=7, nl_groups=0xf}, 12) = 0", SYS_bind, 0, 3, 0x1000, 12);
}

static void fragments(void **state)
{
    /* A string that was copied in two pieces, the second one first. */
    in(0x1004, "two", 4);
    in(0x1000, "one ", 4);
    EXPECT("chdir(\"one two\") = 0", SYS_chdir, 0, 0x1000);
    /* A short one without an end is none, as strace has it; of a long one only a beginning was kept. */
    in(0x1000, "one", 3);
    EXPECT("chdir(0x1000) = 0", SYS_chdir, 0, 0x1000);
    char text[300], expected[400];
    memset(text, 'x', sizeof text);
    in(0x1000, text, sizeof text);
    snprintf(expected, sizeof expected, "chdir(\"%.300s\"...) = 0", text);
    EXPECT(expected, SYS_chdir, 0, 0x1000);
    /* What was merely seen lies below what the call read, and says nothing of what it stored. */
    capture(0x1000, "read", 5, CAPTURE_IN);
    capture(0x1000, "seen", 5, CAPTURE_OBSERVED);
    EXPECT("chdir(\"read\") = 0", SYS_chdir, 0, 0x1000);
    capture(0x1000, "seen", 5, CAPTURE_OBSERVED);
    EXPECT("read(0, 0x1000, 4096) = 4", SYS_read, 4, 0, 0x1000, 4096);
    uint64_t vector[3] = {0x2000, 0x2100, 0};
    in(0x1000, vector, sizeof vector);
    in(0x2000, "ls", 3);
    in(0x2100, "-l", 3);
    in(0x3000, "/bin/ls", 8);
    in(0x4000, vector, sizeof vector);
    EXPECT("execve(\"/bin/ls\", [\"ls\", \"-l\"], 0x4000 /* 2 vars */) = 0", SYS_execve, 0, 0x3000, 0x1000, 0x4000);
    struct {
        uint64_t base, length;
    } iov[2] = {{0x2000, 3}, {0x2100, 2}};
    in(0x1000, iov, sizeof iov);
    in(0x2000, "abc", 3);
    in(0x2100, "de", 2);
    EXPECT("writev(1, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"de\", iov_len=2}], 2) = 5", SYS_writev, 5, 1, 0x1000, 2);
}

static void structures(void **state)
{
    uint32_t status = 7 << 8, killed = 9;
    int32_t pair[2] = {3, 4};

    put_out(0x1000, &status, 4);
    EXPECT("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 7}], WNOHANG, NULL) = 5", SYS_wait4, 5, (uint64_t)-1, 0x1000, 1, 0);
    put_out(0x1000, &killed, 4);
    EXPECT("wait4(5, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL) = 5", SYS_wait4, 5, 5, 0x1000, 0, 0);
    EXPECT("wait4(-1, 0x1000, 0, NULL) = -1 ECHILD (No child processes)", SYS_wait4, -10, (uint64_t)-1, 0x1000, 0, 0);
    put_out(0x1000, pair, 8);
    EXPECT("pipe2([3, 4], O_CLOEXEC) = 0", SYS_pipe2, 0, 0x1000, 02000000);
    uint64_t action[4] = {1, 0x14000000, 0x416390, ~0x180000000ull};
    in(0x1000, action, sizeof action);
    EXPECT("rt_sigaction(SIGINT, {sa_handler=SIG_IGN, sa_mask=~[RTMIN RT_1], sa_flags=SA_RESTORER|SA_RESTART, "
           "sa_restorer=0x416390}, NULL, 8) = 0", SYS_rt_sigaction, 0, 2, 0x1000, 0, 8);
    uint64_t limits[2] = {8192 * 1024, UINT64_MAX};
    put_out(0x1000, limits, sizeof limits);
    EXPECT("prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0", SYS_prlimit64, 0, 0, 3,
           0, 0x1000);
    EXPECT("clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x5ec690) = 2",
           SYS_clone, 2, 0x1200011, 0, 0, 0x5ec690, 0);
    EXPECT("fcntl(1, F_GETFL) = 0x8802 (flags O_RDWR|O_NONBLOCK|O_LARGEFILE)", SYS_fcntl, 0x8802, 1, 3, 0);
    EXPECT("fcntl(1, F_SETFD, FD_CLOEXEC) = 0", SYS_fcntl, 0, 1, 2, 1);
    struct {
        int32_t fd;
        int16_t events, revents;
    } f = {0, 1, 0}, ready = {0, 1, 1};
    in(0x1000, &f, 8);
    put_out(0x1000, &ready, 8);
    EXPECT("poll([{fd=0, events=POLLIN}], 1, -1) = 1 ([{fd=0, revents=POLLIN}])", SYS_poll, 1, 0x1000, 1, (uint64_t)-1);
    in(0x1000, &f, 8);
    EXPECT("poll([{fd=0, events=POLLIN}], 1, 5) = 0 (Timeout)", SYS_poll, 0, 0x1000, 1, 5);
}

static void unfinished_and_denied(void **state)
{
    char line[256];
    struct decode_call call = {.nr = SYS_exit_group, .args = {5}};

    decode_call(&call, line, sizeof line);
    assert_string_equal(line, "exit_group(5) = ?");
    call = (struct decode_call){.nr = SYS_pause};
    decode_call(&call, line, sizeof line);
    assert_string_equal(line, "pause() = ?");
    call = (struct decode_call){.nr = SYS_getuid, .returned = true, .answered = true, .result = -1};
    decode_call(&call, line, sizeof line);
    assert_string_equal(line, "getuid() = -1 EPERM (Operation not permitted) (DENIED)");
}

static void signals_and_ends(void **state)
{
    int32_t info[32] = {17, 0, 1, 0, 42, 0, 3};
    char line[256];

    decode_siginfo(info, line, sizeof line);
    assert_string_equal(line, "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=42, si_uid=0, si_status=3, "
                              "si_utime=0, si_stime=0} ---");
    decode_task_exit(0x300, line, sizeof line);
    assert_string_equal(line, "+++ exited with 3 +++");
    decode_task_exit(0x8b, line, sizeof line);
    assert_string_equal(line, "+++ killed by SIGSEGV (core dumped) +++");
}

static void short_buffers(void **state)
{
    char line[DECODE_LINE_MAX];

    in(0x1000, "some/path", 10);
    for (size_t size = 1; size < 80; size++) {
        char *exact = malloc(size); /* ASan watches its end */
        struct decode_call call = {.nr = SYS_rename, .args = {0x1000, 0x1000}, .returned = true, .items = items, .items_size = used};
        size_t n = decode_call(&call, exact, size);
        assert_true(n < size && exact[n] == '\0');
        free(exact);
    }
    struct decode_call call = {.nr = SYS_getpid, .returned = true};
    assert_int_equal(decode_call(&call, line, 0), 0);
    used = 0;
}

static void malformed_items(void **state)
{
    struct capture_item *item = (void *)items;

    /* An item that claims more than there is hides itself and what follows. */
    *item = (struct capture_item){.address = 0x1000, .total = 1000, .kept = 1000, .direction = CAPTURE_IN};
    used = sizeof *item + 16;
    EXPECT("chdir(0x1000) = 0", SYS_chdir, 0, 0x1000);
    used = 7;
    EXPECT("chdir(0x1000) = 0", SYS_chdir, 0, 0x1000);
    in(UINT64_MAX - 3, "abcdefg", 8);
    EXPECT("chdir(\"cdefg\") = 0", SYS_chdir, 0, UINT64_MAX - 1);
}

static void the_table(void **state)
{
    assert_int_equal(syscall_number("openat"), SYS_openat);
    assert_int_equal(syscall_number("nonsense"), -1);
    assert_null(syscall_name(400));
    assert_null(syscall_name(UINT64_MAX));
    assert_int_equal(syscall_row_arity(&syscall_rows[SYS_mmap]), 6);
    assert_int_equal(syscall_row_arity(&syscall_rows[SYS_getpid]), 0);
    for (unsigned number = 1; number <= 133; number++) {
        if (error_name(number))
            assert_string_equal(error_text(number), strerror((int)number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_and_errors), cmocka_unit_test(strings), cmocka_unit_test(absent_calls), cmocka_unit_test(socket_options), cmocka_unit_test(fragments),
        cmocka_unit_test(structures), cmocka_unit_test(unfinished_and_denied), cmocka_unit_test(signals_and_ends),
        cmocka_unit_test(short_buffers), cmocka_unit_test(malformed_items), cmocka_unit_test(the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
