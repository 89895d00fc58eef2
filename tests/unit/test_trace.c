/*
 * tools/trace_*.c: order, pairing, text in halves, descriptors and paths, logs, formats, summaries, differences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "tests/unit/trace_builder.h"
#include "tools/line_diff.h"
#include "tools/trace_log.h"
#include "tools/trace_reader.h"
#include "tools/trace_view.h"

#define NO_ARGS ((const uint64_t[6]){0})
#define PATH_AT 0x5000ULL

static struct trace_options show;
static struct bytes text;

static void collect(void *context, const char *piece, size_t n)
{
    bytes_append(&text, piece, n);
}

static struct trace_view *view_new(void)
{
    text.size = 0;
    trace_options_complete(&show);
    struct trace_view *v = trace_view_new(&show, (struct trace_sink){.put = collect});
    trace_view_set_clock(v, 1000000, 0, 0);
    return v;
}

/* All records through a view; the text. */
static const char *shown(const struct trace_builder *b)
{
    struct trace_view *v = view_new();

    trace_view_fact(v, "fd.0", "/dev/null", NULL);
    trace_view_fact(v, "link", "/lib", "usr/lib");
    trace_view_feed(v, b->records.data, b->records.size);
    trace_view_finish(v);
    trace_view_free(v);
    trace_options_free(&show);
    trace_options_init(&show);
    show.column = 0;
    bytes_append(&text, "", 1);
    return (const char *)text.data;
}

static int set_up(void **state)
{
    trace_options_init(&show);
    show.column = 0;
    return 0;
}

static void option(int code, const char *argument)
{
    assert_true(trace_option_take(&show, code, argument));
}

static void open_file(struct trace_builder *b, uint32_t tid, const char *path, int64_t fd, uint64_t flags)
{
    build_call(b, tid, SYS_openat, (const uint64_t[6]){0xffffff9c, PATH_AT, flags}, fd, PATH_AT, path);
}

/* Two tasks: a call that was interrupted by another's line comes in halves, one that was not on one line. */
static void halves(void **state)
{
    struct trace_builder b = {.sequence = 0};
    uint64_t wait, open;

    wait = build_entry(&b, 1, SYS_wait4, (const uint64_t[6]){0xffffffff});
    build_fork(&b, 1, 2, 2);
    open = build_entry(&b, 2, SYS_openat, (const uint64_t[6]){0xffffff9c, PATH_AT});
    build_call(&b, 1 + 2, SYS_getpid, NO_ARGS, 3, 0, NULL);
    build_return(&b, 2, SYS_openat, open, 3, PATH_AT, "/a", 0, NULL, 0);
    build_call(&b, 2, SYS_getuid, NO_ARGS, 0, 0, NULL);
    build_exit(&b, 2, 0x100);
    build_return(&b, 1, SYS_wait4, wait, 2, 0, NULL, 0, NULL, 0);
    assert_string_equal(shown(&b), "[pid     1] wait4(-1,  <unfinished ...>\n"
                                   "[pid     2] openat(AT_FDCWD, \"/a\", O_RDONLY <unfinished ...>\n"
                                   "[pid     3] getpid() = 3\n"
                                   "[pid     2] <... openat resumed>) = 3\n"
                                   "[pid     2] getuid() = 0\n"
                                   "[pid     2] +++ exited with 1 +++\n"
                                   "[pid     1] <... wait4 resumed>NULL, 0, NULL) = 2\n");
    bytes_free(&b.records);
}

/* A filter that the entry decides leaves no halves of what is not wanted, and joins what only unwanted calls part. */
static void halves_of_some(void **state)
{
    struct trace_builder b = {.sequence = 0};
    uint64_t first = build_entry(&b, 1, SYS_openat, (const uint64_t[6]){0xffffff9c, PATH_AT});

    build_call(&b, 2, SYS_getpid, NO_ARGS, 2, 0, NULL);
    build_return(&b, 1, SYS_openat, first, 3, PATH_AT, "/a", 0, NULL, 0);
    option('e', "trace=openat");
    assert_string_equal(shown(&b), "[pid     1] openat(AT_FDCWD, \"/a\", O_RDONLY) = 3\n");
    option('z', NULL);
    assert_string_equal(shown(&b), "[pid     2] getpid() = 2\n[pid     1] openat(AT_FDCWD, \"/a\", O_RDONLY) = 3\n");
    bytes_free(&b.records);
}

/* While nothing comes, what is held back is shown as it is known. */
static void pauses(void **state)
{
    struct trace_builder b = {.sequence = 0};
    uint64_t first = build_entry(&b, 1, SYS_openat, (const uint64_t[6]){0xffffff9c, PATH_AT});
    struct trace_view *v = view_new();

    build_call(&b, 2, SYS_getpid, NO_ARGS, 2, 0, NULL);
    trace_view_feed(v, b.records.data, b.records.size);
    assert_int_equal(text.size, 0);
    trace_view_pause(v);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "[pid     1] openat(AT_FDCWD, 0x5000, O_RDONLY <unfinished ...>\n[pid     2] getpid() = 2\n");
    b.records.size = text.size = 0;
    build_return(&b, 1, SYS_openat, first, 3, PATH_AT, "/a", 0, NULL, 0);
    trace_view_feed(v, b.records.data, b.records.size);
    trace_view_finish(v);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "[pid     1] <... openat resumed>) = 3\n");
    trace_view_free(v);
    bytes_free(&b.records);
}

/* Records of several vCPUs come in pieces out of order; one that never comes does not hold the others back for ever. */
static void orders(void **state)
{
    struct trace_builder b = {.sequence = 0};
    struct bytes turned = {0};
    size_t at[7] = {0};

    for (unsigned i = 0; i < 3; i++) {
        build_call(&b, 1, SYS_getpid, NO_ARGS, i, 0, NULL);
        at[2 * i + 2] = b.records.size;
    }
    for (int i = 2; i >= 0; i--)
        bytes_append(&turned, b.records.data + at[2 * i], at[2 * i + 2] - at[2 * i]);
    struct trace_builder t = {.records = turned};
    assert_string_equal(shown(&t), "getpid() = 0\ngetpid() = 1\ngetpid() = 2\n");
    t.records.size -= at[2]; /* the first call is lost */
    assert_string_equal(shown(&t), "getpid() = 1\ngetpid() = 2\n");
    trace_records_sort(turned.data, turned.size);
    assert_memory_equal(turned.data, b.records.data, turned.size);
    bytes_free(&turned);
    bytes_free(&b.records);
}

static void descriptors(void **state)
{
    struct trace_builder b = {.sequence = 0};
    int32_t pair[2] = {4, 5};

    open_file(&b, 1, "/lib/../lib/./x", 3, 0);
    build_call(&b, 1, SYS_dup2, (const uint64_t[6]){3, 0}, 0, 0, NULL);
    build_call(&b, 1, SYS_close, (const uint64_t[6]){3}, 0, 0, NULL);
    uint64_t pipe = build_entry(&b, 1, SYS_pipe2, (const uint64_t[6]){0x6000, 02000000});
    build_return(&b, 1, SYS_pipe2, pipe, 0, 0, NULL, 0x6000, pair, sizeof pair);
    build_call(&b, 1, SYS_chdir, (const uint64_t[6]){PATH_AT}, 0, PATH_AT, "/tmp");
    open_file(&b, 1, "f", 3, 0);
    build_call(&b, 1, SYS_rename, (const uint64_t[6]){PATH_AT, PATH_AT + 64}, -2, PATH_AT, "f");
    build_call(&b, 1, SYS_unlink, (const uint64_t[6]){PATH_AT}, 0, PATH_AT, "/tmp/f");
    build_call(&b, 1, SYS_fchdir, (const uint64_t[6]){3}, -20, 0, NULL);
    build_call(&b, 1, SYS_execve, (const uint64_t[6]){PATH_AT}, 0, PATH_AT, "/lib/prog");
    build_call(&b, 1, SYS_fsync, (const uint64_t[6]){4}, -9, 0, NULL);
    option('y', NULL);
    assert_string_equal(shown(&b), "openat(AT_FDCWD</>, \"/lib/../lib/./x\", O_RDONLY) = 3</usr/lib/x>\n"
                                   "dup2(3</usr/lib/x>, 0</dev/null>) = 0</usr/lib/x>\n"
                                   "close(3</usr/lib/x>) = 0\n"
                                   "pipe2([4<pipe:[100]>, 5<pipe:[100]>], O_CLOEXEC) = 0\n"
                                   "chdir(\"/tmp\") = 0\n"
                                   "openat(AT_FDCWD</tmp>, \"f\", O_RDONLY) = 3</tmp/f>\n"
                                   "rename(\"f\", 0x5040) = -1 ENOENT (No such file or directory)\n"
                                   "unlink(\"/tmp/f\") = 0\n"
                                   "fchdir(3</tmp/f>(deleted)) = -1 ENOTDIR (Not a directory)\n"
                                   "execve(\"/lib/prog\", NULL, NULL) = 0\n"
                                   "fsync(4) = -1 EBADF (Bad file descriptor)\n");
    bytes_free(&b.records);
}

/* A child has its own copies, a thread shares. */
static void descriptors_of_children(void **state)
{
    struct trace_builder b = {.sequence = 0};
    uint64_t fork;

    open_file(&b, 1, "/a", 3, 0);
    fork = build_entry(&b, 1, SYS_clone, (const uint64_t[6]){17});
    build_fork(&b, 1, 2, 2);
    build_return(&b, 1, SYS_clone, fork, 2, 0, NULL, 0, NULL, 0);
    fork = build_entry(&b, 1, SYS_clone, (const uint64_t[6]){0x3d0f00});
    build_fork(&b, 1, 3, 1);
    build_return(&b, 1, SYS_clone, fork, 3, 0, NULL, 0, NULL, 0);
    build_call(&b, 3, SYS_close, (const uint64_t[6]){3}, 0, 0, NULL);
    build_call(&b, 1, SYS_fsync, (const uint64_t[6]){3}, -9, 0, NULL);
    build_call(&b, 2, SYS_fsync, (const uint64_t[6]){3}, 0, 0, NULL);
    option('y', NULL);
    option('e', "trace=fsync");
    assert_string_equal(shown(&b), "[pid     1] fsync(3) = -1 EBADF (Bad file descriptor)\n[pid     2] fsync(3</a>) = 0\n");
    bytes_free(&b.records);
}

static void give_fact(void *context, const char *key, const char *value, const char *more)
{
    trace_view_fact(context, key, value, more);
}

/* Somebody who comes later is told what is known, with what tasks share, and then knows as much. */
static void snapshots(void **state)
{
    struct trace_builder before = {.sequence = 0}, after;
    uint64_t fork;

    open_file(&before, 1, "/a", 3, 02000000);
    build_call(&before, 1, SYS_dup, (const uint64_t[6]){3}, 4, 0, NULL);
    build_call(&before, 1, SYS_chdir, (const uint64_t[6]){PATH_AT}, 0, PATH_AT, "/lib");
    build_call(&before, 1, SYS_socket, (const uint64_t[6]){1, 1, 0}, 5, 0, NULL);
    fork = build_entry(&before, 1, SYS_clone, (const uint64_t[6]){0x3d0f00});
    build_fork(&before, 1, 3, 1);
    build_return(&before, 1, SYS_clone, fork, 3, 0, NULL, 0, NULL, 0);
    after = (struct trace_builder){.sequence = before.sequence};
    build_call(&after, 3, SYS_fsync, (const uint64_t[6]){4}, 0, 0, NULL);
    build_call(&after, 3, SYS_close, (const uint64_t[6]){3}, 0, 0, NULL);
    build_call(&after, 1, SYS_fsync, (const uint64_t[6]){3}, 0, 0, NULL);
    build_call(&after, 1, SYS_fsync, (const uint64_t[6]){5}, 0, 0, NULL);
    open_file(&after, 3, "b", 7, 0);
    build_call(&after, 1, SYS_unlink, (const uint64_t[6]){PATH_AT}, 0, PATH_AT, "/a");
    build_call(&after, 1, SYS_fsync, (const uint64_t[6]){4}, 0, 0, NULL);

    struct trace_view *follower = trace_view_new(&show, (struct trace_sink){.put = NULL});
    trace_view_set_writer(follower, &trace_follow_ops);
    trace_view_fact(follower, "link", "/lib", "usr/lib");
    trace_view_feed(follower, before.records.data, before.records.size);
    option('y', NULL);
    option('A', NULL);
    struct trace_view *late = view_new();
    trace_view_tell(follower, give_fact, late);
    trace_view_feed(late, after.records.data, after.records.size);
    trace_view_finish(late);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "3     fsync(4</a>) = 0\n3     close(3</a>) = 0\n1     fsync(3) = 0\n"
                                           "1     fsync(5<socket:[100]>) = 0\n"
                                           "3     openat(AT_FDCWD</usr/lib>, \"b\", O_RDONLY) = 7</usr/lib/b>\n"
                                           "1     unlink(\"/a\") = 0\n1     fsync(4</a>(deleted)) = 0\n");
    trace_view_free(late);
    trace_view_free(follower);
    trace_options_free(&show);
    set_up(NULL);
    bytes_free(&before.records);
    bytes_free(&after.records);
}

/* Records of other sessions keep their places, and are not shown. */
static void sessions(void **state)
{
    struct trace_builder b = {.sequence = 0};
    struct trace_record *r;
    size_t second;

    build_call(&b, 1, SYS_getpid, NO_ARGS, 1, 0, NULL);
    second = b.records.size;
    build_call(&b, 1, SYS_getuid, NO_ARGS, 0, 0, NULL);
    for (size_t at = second; at < b.records.size; at += r->size) {
        r = (void *)(b.records.data + at);
        r->sessions = 2;
    }
    struct trace_view *v = view_new();
    trace_view_set_sessions(v, 1);
    trace_view_feed(v, b.records.data, b.records.size);
    trace_view_finish(v);
    trace_view_free(v);
    trace_options_free(&show);
    set_up(NULL);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "getpid() = 1\n");
    bytes_free(&b.records);
}

static void filters(void **state)
{
    struct trace_builder b = {.sequence = 0};

    open_file(&b, 1, "/lib/x", 3, 0);
    build_call(&b, 1, SYS_fsync, (const uint64_t[6]){3}, 0, 0, NULL);
    build_call(&b, 1, SYS_fsync, (const uint64_t[6]){0}, -22, 0, NULL);
    option('P', "/usr/lib/x");
    assert_string_equal(shown(&b), "openat(AT_FDCWD, \"/lib/x\", O_RDONLY) = 3\nfsync(3) = 0\n");
    option('e', "trace-fds=0");
    assert_string_equal(shown(&b), "fsync(0) = -1 EINVAL (Invalid argument)\n");
    option('Z', NULL);
    assert_string_equal(shown(&b), "fsync(0) = -1 EINVAL (Invalid argument)\n");
    option('e', "errno==EINVAL || path~x$");
    assert_string_equal(shown(&b), "openat(AT_FDCWD, \"/lib/x\", O_RDONLY) = 3\nfsync(3) = 0\nfsync(0) = -1 EINVAL (Invalid argument)\n");
    bytes_free(&b.records);
}

static void decorations(void **state)
{
    struct trace_builder b = {.sequence = 1};

    build_call(&b, 7, SYS_write, (const uint64_t[6]){1, PATH_AT, 18}, 18, PATH_AT, "seventeen letters");
    option('T', NULL);
    option('i', NULL);
    option('n', NULL);
    option('A', NULL);
    option('t', NULL);
    option('t', NULL);
    option('t', NULL);
    option('s', "4");
    option('N', NULL);
    option('e', "write=1");
    assert_string_equal(shown(&b), "7     0.001000 [   1] [0000000000401000] write(fd=1, buf=\"seve\"..., count=18) = 18 <0.001000>\n"
                                   " | 00000  73 65 76 65 6e 74 65 65  6e 20 6c 65 74 74 65 72  seventeen letter |\n"
                                   " | 00010  73 00                                             s.               |\n");
    option('a', "40");
    option('x', NULL);
    option('x', NULL);
    option('X', "raw");
    option('e', "raw=none");
    assert_string_equal(shown(&b), "write(1, \"\\x73\\x65\\x76\\x65\\x6e\\x74\\x65\\x65\\x6e\\x20\\x6c\\x65\\x74\\x74\\x65\\x72\\x73\\x00\", 18) = 18\n");
    option('e', "raw=write");
    assert_string_equal(shown(&b), "write(0x1, 0x5000, 0x12) = 18\n");
    bytes_free(&b.records);
}

/* --- logs --- */

static struct bytes unpacked;
static unsigned facts;

static void take_header(void *context, const struct trace_log_header *h)
{
    assert_int_equal(h->tsc_hz, 5);
}

static void take_fact(void *context, const char *key, const char *value, const char *more)
{
    assert_string_equal(key, "link");
    assert_string_equal(value, "/a");
    assert_string_equal(more, "b");
    facts++;
}

static void take_record(void *context, const struct trace_record *r)
{
    bytes_append(&unpacked, r, r->size);
}

static const struct trace_log_sink log_sink = {take_header, take_fact, take_record, NULL};

static void log_make(struct bytes *log, const struct trace_builder *b)
{
    struct trace_log_header h;
    struct trace_log_state s = {0};
    size_t size;

    trace_log_header_make(&h, 5, 6, 7);
    bytes_append(log, &h, sizeof h);
    trace_log_pack_fact("link", "/a", "b", log);
    for (size_t at = 0; (size = trace_record_check(b->records.data + at, b->records.size - at)); at += size)
        trace_log_pack(&s, (const void *)(b->records.data + at), log);
}

static void logs_read_back(void **state)
{
    struct trace_builder b = {.sequence = 1000};
    struct bytes log = {0};
    struct trace_return_body half = {.result = 0, .nr = UINT64_MAX, .entry_sequence = UINT64_MAX};

    open_file(&b, 1, "/lib/x", 3, UINT64_MAX);
    build_record(&b, TRACE_RETURN, 9, &half, sizeof half);
    build_fork(&b, 9, 10, 9);
    build_record(&b, 4711, 3, "not known", 9);
    b.sequence = 5;
    build_call(&b, UINT32_MAX, UINT64_MAX, (const uint64_t[6]){1, 2, 3}, INT64_MIN, 0, NULL);
    build_record(&b, TRACE_ENTRY, 1, "short", 5); /* no entry at all */
    log_make(&log, &b);
    assert_null(trace_log_read(log.data, log.size, &log_sink));
    assert_int_equal(unpacked.size, b.records.size);
    assert_memory_equal(unpacked.data, b.records.data, unpacked.size);
    assert_int_equal(facts, 1);
    bytes_free(&log);
    bytes_free(&b.records);
    bytes_free(&unpacked);
}

/* Cut anywhere: what comes before the cut is there. */
static void logs_cut_off(void **state)
{
    struct trace_builder b = {.sequence = 0};
    struct bytes log = {0};
    size_t last = 0;

    for (unsigned i = 0; i < 5; i++)
        open_file(&b, i, "/lib/x", 3, 0);
    log_make(&log, &b);
    for (size_t n = 0; n < log.size; n++) {
        unpacked.size = 0;
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, log.data, n);
        char *why = trace_log_read(copy, n, &log_sink);
        assert_true(unpacked.size >= last && unpacked.size < b.records.size);
        assert_memory_equal(unpacked.data, b.records.data, unpacked.size);
        last = unpacked.size;
        free(why);
        free(copy);
    }
    assert_int_equal(last, b.records.size - (sizeof(struct trace_record) + 48 + 0)); /* all but the last return */
    bytes_free(&log);
    bytes_free(&b.records);
    bytes_free(&unpacked);
}

/* In pieces of any size it reads as it does whole. */
static void logs_in_pieces(void **state)
{
    struct trace_builder b = {.sequence = 0};
    struct bytes log = {0};

    for (unsigned i = 0; i < 5; i++)
        open_file(&b, i, "/lib/x", 3, 0);
    log_make(&log, &b);
    for (size_t piece = 1; piece < 200; piece += 7) {
        struct trace_log_reader *r = trace_log_reader_new(&log_sink);
        struct bytes input = {0};
        size_t taken;
        unpacked.size = 0;
        for (size_t at = 0; at < log.size; at += piece) {
            bytes_append(&input, log.data + at, MIN(piece, log.size - at));
            assert_null(trace_log_take(r, input.data, input.size, &taken));
            bytes_consume(&input, taken);
        }
        assert_int_equal(input.size, 0);
        assert_int_equal(unpacked.size, b.records.size);
        assert_memory_equal(unpacked.data, b.records.data, unpacked.size);
        trace_log_reader_free(r);
        bytes_free(&input);
    }
    bytes_free(&log);
    bytes_free(&b.records);
    bytes_free(&unpacked);
}

static void logs_of_later_versions(void **state)
{
    struct trace_builder b = {.sequence = 0};
    struct bytes log = {0};
    struct trace_log_header *h;

    build_call(&b, 1, SYS_getpid, NO_ARGS, 1, 0, NULL);
    log_make(&log, &b);
    bytes_append(&log, "\x03\x2a" "ab", 4); /* a tag of which nothing is known */
    assert_null(trace_log_read(log.data, log.size, &log_sink));
    assert_int_equal(unpacked.size, b.records.size);
    h = (void *)log.data;
    h->version++;
    char *why = trace_log_read(log.data, log.size, &log_sink);
    assert_non_null(why);
    free(why);
    why = trace_log_read("no log at all, but long enough", 30, &log_sink);
    assert_string_equal(why, "this is no trace log");
    free(why);
    bytes_free(&log);
    bytes_free(&b.records);
    bytes_free(&unpacked);
}

static void summaries(void **state)
{
    struct trace_builder b = {.sequence = 0};

    open_file(&b, 1, "/a", 3, 0);
    open_file(&b, 1, "/b", -2, 0);
    build_call(&b, 1, SYS_getpid, NO_ARGS, 1, 0, NULL);
    option('c', NULL);
    assert_string_equal(shown(&b), "% time     seconds  usecs/call     calls    errors syscall\n"
                                   "------ ----------- ----------- --------- --------- ----------------\n"
                                   " 66.67    0.002000        1000         2         1 openat\n"
                                   " 33.33    0.001000        1000         1           getpid\n"
                                   "------ ----------- ----------- --------- --------- ----------------\n"
                                   "100.00    0.003000        1000         3         1 total\n");
    option('c', NULL);
    option('S', "name");
    option('U', "calls,max-time");
    show.summary_by = SUMMARY_BY_PATH;
    assert_string_equal(shown(&b), "    calls  longest path\n"
                                   "--------- -------- ----------------\n"
                                   "        1 0.001000 /a\n"
                                   "        1 0.001000 /b\n"
                                   "--------- -------- ----------------\n"
                                   "        2 0.001000 total\n");
    bytes_free(&b.records);
}

static char edits[64];

static void take_edit(void *context, char sign, const char *line)
{
    strncat(edits, &sign, 1);
    strcat(edits, line);
}

static void differences(void **state)
{
    static const struct {
        const char *a, *b, *edits;
    } cases[] = {{"abc", "abc", ""}, {"abc", "axc", "-b+x"}, {"", "ab", "+a+b"}, {"ab", "", "-a-b"}, {"abcd", "bd", "-a-c"},
                 {"xabz", "abyz", "-x+y"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct line_list a = {0}, b = {0};
        for (const char *c = cases[i].a; *c; c++)
            line_list_add(&a, strndup(c, 1));
        for (const char *c = cases[i].b; *c; c++)
            line_list_add(&b, strndup(c, 1));
        *edits = '\0';
        assert_int_equal(line_diff(&a, &b, take_edit, NULL), strlen(cases[i].edits) / 2);
        assert_string_equal(edits, cases[i].edits);
        line_list_free(&a);
        line_list_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves), cmocka_unit_test(halves_of_some), cmocka_unit_test(pauses), cmocka_unit_test(orders),
        cmocka_unit_test(descriptors), cmocka_unit_test(descriptors_of_children), cmocka_unit_test(filters),
        cmocka_unit_test(decorations), cmocka_unit_test(logs_read_back), cmocka_unit_test(logs_cut_off), cmocka_unit_test(logs_in_pieces), cmocka_unit_test(snapshots), cmocka_unit_test(sessions),
        cmocka_unit_test(logs_of_later_versions), cmocka_unit_test(summaries), cmocka_unit_test(differences)};

    return cmocka_run_group_tests(tests, set_up, NULL);
}
