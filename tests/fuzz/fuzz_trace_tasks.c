/*
 * The trace of programs' lives by chance: calls that make, name, hand on and close descriptors, change folders and programs, map
 * files, make tasks.  Whoever follows them believes what a hostile kernel says, so nothing of it may be used before it is looked
 * at.  Shown with what descriptors are, and with stacks; and told as facts, as to somebody who comes later.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/trace_builder.h"
#include "tools/trace_view.h"

#define STEPS_MAX 300u
#define MAPPINGS 0x7f0000000000ULL

/* What a call's arguments and its result are; see argument_make(). */
static const struct step {
    uint16_t nr;
    char arguments[7];
    char result;
} steps[] = {
    {SYS_openat, ".pf", 'd'},       {SYS_open, "pf", 'd'},          {SYS_openat2, ".pH", 'd'},     {SYS_creat, "p", 'd'},
    {SYS_close, "d", '0'},          {SYS_close_range, "ddc", '0'},  {SYS_dup, "d", 'd'},           {SYS_dup2, "dd", 'd'},
    {SYS_dup3, "ddf", 'd'},         {SYS_fcntl, "dcd", 'd'},        {SYS_fcntl, "dCd", 'd'},       {SYS_ioctl, "dI", 'd'},
    {SYS_pipe2, "Ff", '0'},         {SYS_socket, "ATc", 'd'},       {SYS_socketpair, "ATcF", '0'}, {SYS_bind, "dSL", '0'},
    {SYS_connect, "dSL", '0'},      {SYS_getsockname, "dsl", '0'},  {SYS_getpeername, "dsl", '0'}, {SYS_accept4, "dslf", 'd'},
    {SYS_recvmsg, "dMc", 'c'},      {SYS_eventfd2, "cf", 'd'},      {SYS_epoll_create1, "f", 'd'}, {SYS_signalfd4, "dH", 'd'},
    {SYS_pidfd_open, "c", 'd'},     {SYS_memfd_create, "pc", 'd'},  {SYS_chdir, "p", '0'},         {SYS_fchdir, "d", '0'},
    {SYS_getcwd, "W", 'c'},         {SYS_execve, "p", '0'},         {SYS_execveat, ".p", '0'},     {SYS_unlinkat, ".pc", '0'},
    {SYS_rename, "pq", '0'},        {SYS_renameat2, ".p.qc", '0'},  {SYS_symlinkat, "p.q", '0'},   {SYS_unshare, "U", '0'},
    {SYS_mmap, "cPccdP", 'X'},      {SYS_munmap, "XP", '0'},        {SYS_clone, "U", 'c'},         {SYS_brk, "X", 'X'},
    {SYS_read, "dpc", 'c'},         {SYS_inotify_init1, "f", 'd'},  {SYS_timerfd_create, "cf", 'd'}, {SYS_prctl, "Np", '0'},
};

static const char *const paths[] = {"/proc/self/exe", "/proc/self/fd/3", "/a/b", "a", "../c", "/l/x", "l", "", ".", "/", "/proc/1/fd/4",
                                    "/bin/sh", "b/../../a/./l//", "/nowhere"};

struct chance {
    const uint8_t *data;
    size_t size, at;
};

static unsigned next(struct chance *c)
{
    return c->at < c->size ? c->data[c->at++] : 0;
}

static void item_put(struct bytes *items, uint16_t direction, uint64_t address, const void *bytes, size_t n)
{
    struct capture_item item = {.address = address, .total = (uint32_t)n, .kept = (uint16_t)n, .direction = direction};

    bytes_append(items, &item, sizeof item);
    bytes_append(items, bytes, n);
    bytes_align(items, 8);
}

static uint64_t path_put(struct chance *c, struct bytes *items, uint16_t direction, uint64_t address)
{
    const char *path = paths[next(c) % ARRAY_SIZE(paths)];

    item_put(items, direction, address, path, strlen(path) + (next(c) % 16 != 0)); /* seldom without its end */
    return address;
}

static uint64_t socket_address_put(struct chance *c, struct bytes *items, uint16_t direction, uint64_t address)
{
    static const sa_family_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    uint8_t bytes[128];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next(c);
    if (next(c) % 8)
        memcpy(bytes, &families[next(c) % ARRAY_SIZE(families)], sizeof families[0]);
    item_put(items, direction, address, bytes, next(c) % sizeof bytes);
    return address;
}

static uint64_t message_put(struct chance *c, struct bytes *items, uint64_t address)
{
    struct {
        struct msghdr m;
        struct cmsghdr c;
        int32_t fds[4];
    } message = {.m = {.msg_control = (void *)(uintptr_t)(address + sizeof message.m), .msg_controllen = next(c) % 64},
                 .c = {.cmsg_level = SOL_SOCKET, .cmsg_type = next(c) % 4 ? SCM_RIGHTS : SCM_CREDENTIALS, .cmsg_len = next(c) % 48}};

    for (size_t i = 0; i < ARRAY_SIZE(message.fds); i++)
        message.fds[i] = (int)(next(c) % 12) - 1;
    item_put(items, CAPTURE_OUT, address, &message, sizeof message - next(c) % 8);
    return address;
}

static uint64_t words_put(struct chance *c, struct bytes *items, uint16_t direction, uint64_t address, size_t n)
{
    int32_t words[6];

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        words[i] = (int32_t)(next(c) % 12);
    item_put(items, direction, address, words, n);
    return address;
}

/* One argument by its letter; what it points to goes to the items. */
static uint64_t argument_make(struct chance *c, char letter, uint64_t address, struct bytes *items)
{
    static const uint32_t flags[] = {0, O_CLOEXEC, O_CREAT, O_TMPFILE | O_RDWR, O_NOFOLLOW};

    switch (letter) {
    case '.': return next(c) % 3 ? (uint64_t)AT_FDCWD : next(c) % 8;
    case 'd': return next(c) % 32 ? next(c) % 10 : (uint64_t)-1;
    case 'f': return flags[next(c) % ARRAY_SIZE(flags)];
    case 'p': case 'q': return path_put(c, items, CAPTURE_IN, address);
    case 'W': return path_put(c, items, CAPTURE_OUT, address);
    case 'S': return socket_address_put(c, items, CAPTURE_IN, address);
    case 's': return socket_address_put(c, items, CAPTURE_OUT, address);
    case 'L': return next(c) % 140;
    case 'l': return words_put(c, items, CAPTURE_OUT, address, 4);
    case 'F': return words_put(c, items, CAPTURE_OUT, address, 8);
    case 'H': return words_put(c, items, CAPTURE_IN, address, 24);
    case 'M': return message_put(c, items, address);
    case 'A': return next(c) % 18;
    case 'T': return next(c) % 6 + (next(c) % 2 ? SOCK_CLOEXEC : 0);
    case 'C': return F_DUPFD_CLOEXEC;
    case 'I': return next(c) % 2 ? 0x5450 + next(c) % 2 : 0x5441;
    case 'U': return (uint64_t)next(c) << (next(c) % 3 * 8);
    case 'N': return 15; /* PR_SET_NAME */
    case 'P': return next(c) % 8 * 4096u;
    case 'X': return MAPPINGS + next(c) % 16 * 4096u;
    default: return next(c) % 8;
    }
}

static int64_t result_make(struct chance *c, char letter)
{
    struct bytes nothing = {0};

    if (next(c) % 16 == 0)
        return -(int64_t)next(c);
    return letter == '0' ? 0 : (int64_t)argument_make(c, letter, 0, &nothing);
}

/* Registers that point into the mappings, and a stack with addresses of there. */
static void stack_put(struct chance *c, struct trace_builder *b, uint32_t tid)
{
    struct {
        struct trace_stack_body body;
        uint64_t words[24];
    } s = {.body = {.rip = MAPPINGS + next(c) * 512u, .rsp = 0x7ffe0000, .rbp = 0x7ffe0000 + next(c), .size = sizeof s.words}};

    for (size_t i = 0; i < ARRAY_SIZE(s.words); i++)
        s.words[i] = next(c) % 4 ? MAPPINGS + next(c) * 256u : next(c) % 2 ? next(c) % 12 : 0x7ffe0000 + next(c) % 192;
    if (next(c) % 4 == 0)
        s.words[2] = 4, s.words[3] = 56; /* AT_PHENT */
    build_record(b, TRACE_STACK, tid, &s, sizeof s - next(c) % 2 * 64);
}

static void call_put(struct chance *c, struct trace_builder *b, uint32_t tid)
{
    const struct step *step = &steps[next(c) % ARRAY_SIZE(steps)];
    uint64_t args[6] = {0}, address = 0x10000;
    struct trace_return_body end = {.nr = step->nr};
    struct bytes whole = {0};

    bytes_append(&whole, &end, sizeof end);
    for (size_t i = 0; step->arguments[i]; i++, address += 0x1000)
        args[i] = argument_make(c, step->arguments[i], address, &whole);
    if (next(c) % 4 == 0)
        stack_put(c, b, tid);
    end.entry_sequence = build_entry(b, tid, step->nr, args);
    end.result = result_make(c, step->result);
    memcpy(whole.data, &end, sizeof end);
    if (step->nr == SYS_clone && end.result > 0)
        build_fork(b, tid, (uint32_t)end.result, next(c) % 2 ? (uint32_t)end.result : tid);
    if (next(c) % 16)
        build_record(b, TRACE_RETURN, tid, whole.data, whole.size);
    bytes_free(&whole);
}

static void take_text(void *context, const char *text, size_t n)
{
    if (n == 0)
        abort();
}

/* Somebody who comes later, and sees the same records again. */
static void take_fact(void *later, const char *key, const char *value, const char *more)
{
    trace_view_fact(later, key, value, more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chance c = {data, size, 0};
    struct trace_builder b = {0};
    struct trace_options show;

    trace_options_init(&show);
    for (const char *letters = "yyk"; *letters; letters++)
        trace_option_take(&show, *letters, NULL);
    show.format = (enum trace_format)(next(&c) % 3);
    trace_options_complete(&show);
    for (unsigned i = 0; i < STEPS_MAX && c.at < c.size; i++) {
        if (next(&c) % 32)
            call_put(&c, &b, 1 + next(&c) % 4);
        else
            build_exit(&b, 1 + next(&c) % 4, 0);
    }
    struct trace_view *view = trace_view_new(&show, (struct trace_sink){.put = take_text});
    trace_view_set_clock(view, 1000000, 0, 0);
    trace_view_fact(view, "cwd", "/a", NULL);
    trace_view_fact(view, "link", "/l", "a/b");
    trace_view_fact(view, "link", "/a/l", "../l");
    trace_view_fact(view, "program", "/proc/self/exe", NULL);
    trace_view_feed(view, b.records.data, b.records.size);
    struct trace_view *later = trace_view_new(&show, (struct trace_sink){.put = take_text});
    trace_view_tell(view, take_fact, later);
    trace_view_feed(later, b.records.data, b.records.size);
    trace_view_finish(later);
    trace_view_free(later);
    trace_view_finish(view);
    trace_view_free(view);
    trace_options_free(&show);
    bytes_free(&b.records);
    return 0;
}
