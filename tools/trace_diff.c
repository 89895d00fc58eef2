/*
 * See tools/trace_diff.h.  The lines of each task are collected under a name that says whose child it is (1.2: the second
 * child of the first task; 1/1: its first further thread), without what differs from run to run: addresses, numbers of tasks,
 * times, random bytes.
 */
#include "tools/trace_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/sys/tree.h>
#include <sys/syscall.h>

#include "abi/syscalls.h"
#include "tools/line_diff.h"
#include "tools/message.h"
#include "tools/trace_log_file.h"
#include "tools/trace_writer.h"

struct diff_task {
    RB_ENTRY(diff_task) by_tid, by_name;
    uint32_t tid;
    unsigned children, threads;
    bool is_alive;
    char *name, comm[TRACE_COMM_SIZE];
    struct line_list lines;
};

RB_HEAD(tid_tree, diff_task);
RB_HEAD(name_tree, diff_task);

struct collection {
    struct trace_show *show;
    struct tid_tree alive;
    struct name_tree all;
    unsigned strangers; /* tasks that nobody has announced */
    char room[DECODE_LINE_MAX];
};

static int tid_compare(const struct diff_task *a, const struct diff_task *b)
{
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

static int name_compare(const struct diff_task *a, const struct diff_task *b)
{
    return strverscmp(a->name, b->name);
}

RB_PROTOTYPE(tid_tree, diff_task, by_tid, tid_compare)
RB_GENERATE(tid_tree, diff_task, by_tid, tid_compare)
RB_PROTOTYPE(name_tree, diff_task, by_name, name_compare)
RB_GENERATE(name_tree, diff_task, by_name, name_compare)

static void task_end(struct collection *c, struct diff_task *t)
{
    if (t->is_alive)
        RB_REMOVE(tid_tree, &c->alive, t);
    t->is_alive = false;
}

static struct diff_task *task_find(struct collection *c, uint32_t tid)
{
    struct diff_task key = {.tid = tid};

    return RB_FIND(tid_tree, &c->alive, &key);
}

static struct diff_task *task_add(struct collection *c, uint32_t tid, char *name)
{
    struct diff_task *t = task_find(c, tid);

    if (t)
        task_end(c, t);
    t = must_alloc(sizeof *t);
    *t = (struct diff_task){.tid = tid, .name = name, .is_alive = true};
    RB_INSERT(tid_tree, &c->alive, t);
    if (RB_INSERT(name_tree, &c->all, t)) { /* cannot be: names are counted */
        free(t->name);
        t->name = must_format("?%u", ++c->strangers);
        RB_INSERT(name_tree, &c->all, t);
    }
    return t;
}

static struct diff_task *task_get(struct collection *c, uint32_t tid)
{
    struct diff_task *t = task_find(c, tid);

    return t ? t : task_add(c, tid, must_format("%u", ++c->strangers));
}

static void task_fork(struct collection *c, const struct trace_record *r)
{
    const struct trace_task_new_body *body = (const void *)r->body;
    struct diff_task *parent = task_get(c, r->tid);

    if (body->pid == r->pid)
        task_add(c, body->tid, must_format("%s/%u", parent->name, ++parent->threads));
    else
        task_add(c, body->tid, must_format("%s.%u", parent->name, ++parent->children));
}

/* --- what a text says without what changes from run to run --- */

static void mask_task(struct collection *c, struct bytes *to, uint64_t number)
{
    const struct diff_task *t = task_find(c, (uint32_t)number);

    if (t)
        bytes_append_text(to, "TASK%s", t->name);
    else
        bytes_append_text(to, "%d", (int)number);
}

/* 0x and six digits or more, outside of quotes. */
static size_t address_length(const char *text)
{
    size_t n = text[0] == '0' && text[1] == 'x' ? strspn(text + 2, "0123456789abcdef") : 0;

    return n >= 6 ? n + 2 : 0;
}

static bool ends_with(const struct bytes *b, const char *word)
{
    size_t n = strlen(word);

    return b->size >= n && memcmp(b->data + b->size - n, word, n) == 0;
}

static bool number_is_of_task(const struct bytes *before)
{
    return ends_with(before, "si_pid=") || ends_with(before, "l_pid=");
}

static bool number_is_time(const struct bytes *before)
{
    static const char *const words[] = {"si_utime=", "si_stime=", "st_ino=", "stx_ino=", "d_ino=", "st_atime=", "st_mtime=",
                                        "st_ctime=", "_nsec="};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (ends_with(before, words[i]))
            return true;
    }
    return false;
}

static void mask_text(struct collection *c, struct bytes *to, const char *text, bool is_time)
{
    bool quoted = false;

    for (size_t n; *text; text += n) {
        size_t digits = strspn(text, "0123456789");
        n = 1;
        if (*text == '"')
            quoted = !quoted;
        if (*text == '\\' && text[1])
            n = 2;
        if (!quoted && address_length(text)) {
            n = address_length(text);
            bytes_append_text(to, "ADDRESS");
        } else if (!quoted && digits > 0 && (is_time || number_is_time(to))) {
            n = digits;
            bytes_append_text(to, "N");
        } else if (!quoted && digits > 0 && number_is_of_task(to)) {
            n = digits;
            mask_task(c, to, strtoul(text, NULL, 10));
        } else {
            n = digits > 0 ? digits : n;
            bytes_append(to, text, n);
        }
    }
}

static bool kind_is_time(unsigned kind)
{
    static const uint16_t kinds[] = {ARG_TIMESPEC_OUT, ARG_TIMEVAL_OUT, ARG_TIME_OUT, ARG_RUSAGE, ARG_TMS, ARG_SYSINFO,
                                    ARG_TIMESPEC_REM, ARG_ITIMERSPEC_OUT, ARG_ITIMERVAL_OUT, ARG_STATFS};

    return syscall_kind_is_in(kind, kinds, ARRAY_SIZE(kinds));
}

static void mask_argument(struct collection *c, struct bytes *to, const struct trace_call *call, const struct decode_call *d,
                          unsigned kind, unsigned i)
{
    size_t n = decode_argument(d, trace_style(c->show, call), i, c->room, sizeof c->room);

    if (n == 0)
        return;
    if (i > 0)
        bytes_append_text(to, ", ");
    if (kind == ARG_PID)
        mask_task(c, to, call->args[i]);
    else if (kind == ARG_BYTES_OUT && call->returned)
        bytes_append_text(to, "RANDOM");
    else
        mask_text(c, to, c->room, kind_is_time(kind));
}

static bool result_is_task(uint64_t nr)
{
    static const uint16_t calls[] = {SYS_getpid, SYS_gettid, SYS_getppid, SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_wait4,
                                     SYS_set_tid_address, SYS_getpgrp, SYS_getpgid, SYS_getsid, SYS_setsid};

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        if (calls[i] == nr)
            return true;
    }
    return false;
}

static void mask_result(struct collection *c, struct bytes *to, const struct trace_call *call, const struct decode_call *d)
{
    c->show->is_return = true;
    decode_result(d, &c->show->style, c->room, sizeof c->room);
    bool is_time = call->nr == SYS_time || call->nr == SYS_times || call->nr == SYS_rt_sigreturn;
    if (call->returned && call->result > 0 && result_is_task(call->nr))
        mask_task(c, to, (uint64_t)call->result);
    else
        mask_text(c, to, c->room, is_time);
}

static void collect_call(void *writer, struct trace_call *call, bool wanted)
{
    struct collection *c = writer;
    const struct syscall_row *row = call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name ? &syscall_rows[call->nr] : NULL;
    struct decode_call d = trace_decode(call);
    struct diff_task *t = task_get(c, call->tid);
    struct bytes line = {0};

    if (!wanted)
        return;
    if (c->show->task)
        memcpy(t->comm, c->show->task->comm, sizeof t->comm);
    if (row)
        bytes_append_text(&line, "%s(", row->name);
    else
        bytes_append_text(&line, "syscall_%llu(", (unsigned long long)call->nr);
    for (unsigned i = 0; row && i < syscall_row_arity(row); i++)
        mask_argument(c, &line, call, &d, row->kinds[i], i);
    bytes_append_text(&line, ") = ");
    mask_result(c, &line, call, &d);
    bytes_append(&line, "", 1);
    line_list_add(&t->lines, (char *)line.data);
}

static void collect_text(struct collection *c, uint32_t tid)
{
    struct bytes line = {0};

    mask_text(c, &line, c->room, false);
    bytes_append(&line, "", 1);
    line_list_add(&task_get(c, tid)->lines, (char *)line.data);
}

static void collect_other(void *writer, const struct trace_event *e)
{
    struct collection *c = writer;
    const struct trace_task_exit_body *body = e->record ? (const void *)e->record->body : NULL;

    if (e->kind == EVENT_SIGNAL) {
        decode_siginfo(body, c->room, sizeof c->room);
        collect_text(c, e->tid);
    } else if (e->kind == EVENT_TASK_NEW) {
        task_fork(c, e->record);
    } else if (e->kind == EVENT_TASK_EXIT) {
        decode_task_exit(body->wait_status, c->room, sizeof c->room);
        collect_text(c, e->tid);
        task_end(c, task_get(c, e->tid));
    }
}

static void *collect_begin(struct trace_show *show)
{
    struct collection *c = show->sink.context;

    c->show = show;
    return c;
}

static void collect_nothing(void *writer)
{
}

static const struct trace_writer_ops collect_ops = {collect_begin, NULL, collect_call, collect_other, NULL, collect_nothing,
                                                    collect_nothing};

static struct collection *collect(const struct trace_options *show, const char *path)
{
    struct collection *c = must_alloc(sizeof *c);

    *c = (struct collection){.strangers = 0};
    struct trace_view *view = trace_view_new(show, (struct trace_sink){.context = c});
    trace_view_set_writer(view, &collect_ops);
    char *why = trace_log_view(path, view);
    if (why)
        message("%s: %s; it was read up to there", path, why);
    free(why);
    trace_view_finish(view);
    trace_view_free(view);
    return c;
}

static void collection_free(struct collection *c)
{
    struct diff_task *t;

    while ((t = RB_MIN(name_tree, &c->all))) {
        RB_REMOVE(name_tree, &c->all, t);
        line_list_free(&t->lines);
        free(t->name);
        free(t);
    }
    free(c);
}

/* A task's heading comes before its first difference. */
struct report {
    const struct diff_task *task;
    bool headed;
};

static void report_line(void *context, char sign, const char *line)
{
    struct report *r = context;

    if (!r->headed)
        printf("@@ task %s %s\n", r->task->name, r->task->comm);
    r->headed = true;
    printf("%c%s\n", sign, line);
}

static size_t task_diff(const struct diff_task *a, const struct diff_task *b)
{
    static const struct line_list nothing;
    struct report r = {.task = a ? a : b};

    return line_diff(a ? &a->lines : &nothing, b ? &b->lines : &nothing, report_line, &r);
}

int trace_diff(const struct trace_options *show, const char *path_a, const char *path_b)
{
    struct collection *a = collect(show, path_a), *b = collect(show, path_b);
    struct diff_task *t;
    size_t different = 0, tasks = 0, lines = 0;

    RB_FOREACH (t, name_tree, &a->all) {
        different += task_diff(t, RB_FIND(name_tree, &b->all, t));
        lines += t->lines.count;
        tasks++;
    }
    RB_FOREACH (t, name_tree, &b->all) {
        if (!RB_FIND(name_tree, &a->all, t))
            different += task_diff(NULL, t);
    }
    printf("%zu lines of %zu tasks, %zu differ\n", lines, tasks, different);
    collection_free(a);
    collection_free(b);
    return different > 0;
}
