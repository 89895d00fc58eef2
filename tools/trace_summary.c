/*
 * Counts and times of a trace, as strace's -c and -C print them: by call, or by path, descriptor or process; with a
 * histogram of the times for those who want one.  The time of a call is what the clock says from its entry to its return.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/sys/tree.h>

#include "abi/syscalls.h"
#include "tools/message.h"
#include "tools/trace_writer.h"

#define BUCKETS 40u /* of powers of two of nanoseconds: the last one begins at 9 minutes */
#define ROWS_MAX 1000000u

struct row {
    RB_ENTRY(row) node;
    char *name;
    uint64_t calls, errors;
    int64_t total, shortest, longest; /* nanoseconds */
    uint64_t buckets[BUCKETS];
};

RB_HEAD(row_tree, row);

struct summary {
    struct trace_show *show;
    struct row_tree rows;
    size_t count;
    struct row *by_number[SYSCALL_COUNT]; /* found before */
};

enum column { COLUMN_PERCENT, COLUMN_TOTAL, COLUMN_SHORTEST, COLUMN_LONGEST, COLUMN_AVERAGE, COLUMN_CALLS, COLUMN_ERRORS,
              COLUMN_NAME, COLUMN_NONE, COLUMN_COUNT = COLUMN_NONE };

static const struct {
    const char *name;
    enum column column;
} words[] = {
    {"time-percent", COLUMN_PERCENT}, {"time", COLUMN_PERCENT}, {"total-time", COLUMN_TOTAL}, {"time-total", COLUMN_TOTAL},
    {"min-time", COLUMN_SHORTEST}, {"shortest", COLUMN_SHORTEST}, {"time-min", COLUMN_SHORTEST},
    {"max-time", COLUMN_LONGEST}, {"longest", COLUMN_LONGEST}, {"time-max", COLUMN_LONGEST},
    {"avg-time", COLUMN_AVERAGE}, {"time-avg", COLUMN_AVERAGE}, {"calls", COLUMN_CALLS}, {"count", COLUMN_CALLS},
    {"errors", COLUMN_ERRORS}, {"error", COLUMN_ERRORS}, {"name", COLUMN_NAME}, {"syscall", COLUMN_NAME},
    {"syscall-name", COLUMN_NAME}, {"none", COLUMN_NONE}, {"nothing", COLUMN_NONE},
};

static const struct {
    const char *title;
    int width; /* negative: to the left */
} columns[COLUMN_COUNT] = {
    [COLUMN_PERCENT] = {"% time", 6}, [COLUMN_TOTAL] = {"seconds", 11}, [COLUMN_SHORTEST] = {"shortest", 8},
    [COLUMN_LONGEST] = {"longest", 8}, [COLUMN_AVERAGE] = {"usecs/call", 11}, [COLUMN_CALLS] = {"calls", 9},
    [COLUMN_ERRORS] = {"errors", 9}, [COLUMN_NAME] = {"syscall", -16},
};

static int row_compare(const struct row *a, const struct row *b)
{
    return strcmp(a->name, b->name);
}

RB_PROTOTYPE(row_tree, row, node, row_compare)
RB_GENERATE(row_tree, row, node, row_compare)

static enum column word_find(const char *text, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strlen(words[i].name) == n && strncmp(words[i].name, text, n) == 0)
            return words[i].column;
    }
    fail(EXIT_LAUNCHER, "summary: there is no column '%.*s'", (int)n, text);
}

static struct row *row_get(struct summary *s, const char *name)
{
    struct row key = {.name = (char *)(uintptr_t)name};
    struct row *r = RB_FIND(row_tree, &s->rows, &key);

    if (r)
        return r;
    if (s->count >= ROWS_MAX) {
        key.name = "(others)";
        r = RB_FIND(row_tree, &s->rows, &key);
        if (r)
            return r;
        name = key.name;
    }
    r = must_alloc(sizeof *r);
    *r = (struct row){.name = must_format("%s", name), .shortest = INT64_MAX};
    RB_INSERT(row_tree, &s->rows, r);
    s->count++;
    return r;
}

static unsigned bucket_of(int64_t ns)
{
    unsigned bits = ns > 0 ? 64 - (unsigned)__builtin_clzll((unsigned long long)ns) : 0;

    return MIN(bits, BUCKETS - 1);
}

static void row_add(struct row *r, const struct trace_call *call, int64_t ns)
{
    r->calls++;
    r->errors += call->status == CALL_FAILED;
    if (!call->returned)
        return;
    r->total += ns;
    r->shortest = MIN(r->shortest, ns);
    r->longest = MAX(r->longest, ns);
    r->buckets[bucket_of(ns)]++;
}

static struct row *row_of_call(struct summary *s, const struct trace_call *call)
{
    char name[32];

    if (call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name) {
        if (!s->by_number[call->nr])
            s->by_number[call->nr] = row_get(s, syscall_rows[call->nr].name);
        return s->by_number[call->nr];
    }
    snprintf(name, sizeof name, "syscall_%#llx", (unsigned long long)call->nr);
    return row_get(s, name);
}

static void add_process(struct summary *s, const struct trace_call *call, int64_t ns)
{
    char name[64];

    snprintf(name, sizeof name, "%u %.15s", call->pid, s->show->task ? s->show->task->comm : "");
    row_add(row_get(s, name), call, ns);
}

static void add_descriptors(struct summary *s, const struct trace_call *call, int64_t ns)
{
    char name[4500], text[4400];

    for (size_t i = 0; i < s->show->named_count; i++) {
        if (s->show->named[i].fd < 0)
            continue;
        const struct trace_object *object = s->show->named[i].object;
        text[0] = '\0';
        if (object)
            trace_object_text(object, false, text, sizeof text);
        snprintf(name, sizeof name, "%u: %d%s", call->pid, s->show->named[i].fd, text);
        row_add(row_get(s, name), call, ns);
    }
}

/* Paths among the arguments, and those of descriptors. */
static void add_paths(struct summary *s, const struct trace_call *call, int64_t ns)
{
    const struct syscall_row *row = call->nr < SYSCALL_COUNT ? &syscall_rows[call->nr] : NULL;
    char text[4096];

    for (unsigned i = 0; row && i < SYSCALL_ARGS_MAX; i++) {
        if (row->kinds[i] != ARG_PATH || !trace_call_text(call, false, call->args[i], text, sizeof text) || !*text)
            continue;
        int dirfd = i > 0 && row->kinds[i - 1] == ARG_DIRFD ? (int)call->args[i - 1] : -100;
        char *path = s->show->task ? trace_path_resolve(s->show->tasks, s->show->task, dirfd, text, true) : NULL;
        row_add(row_get(s, path ? path : text), call, ns);
        free(path);
    }
    for (size_t i = 0; i < s->show->named_count; i++) {
        const struct trace_object *object = s->show->named[i].object;
        if (object && object->is_path && row && row->kinds[0] == ARG_FD)
            row_add(row_get(s, object->name), call, ns);
    }
}

static void summary_call(void *writer, struct trace_call *call, bool wanted)
{
    struct summary *s = writer;

    if (!wanted)
        return;
    int64_t ns = trace_interval_ns(&s->show->clock, call->tsc, call->end_tsc);
    switch (s->show->options->summary_by) {
    case SUMMARY_BY_PATH: add_paths(s, call, ns); break;
    case SUMMARY_BY_DESCRIPTOR: add_descriptors(s, call, ns); break;
    case SUMMARY_BY_PROCESS: add_process(s, call, ns); break;
    default: row_add(row_of_call(s, call), call, ns); break;
    }
}

static int64_t average(const struct row *r)
{
    return r->calls ? r->total / (int64_t)r->calls : 0;
}

static enum column sort_column;

static int order(uint64_t a, uint64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

static int sort_compare(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    int by = 0;

    switch (sort_column) {
    case COLUMN_SHORTEST: by = order((uint64_t)x->shortest, (uint64_t)y->shortest); break;
    case COLUMN_LONGEST: by = order((uint64_t)x->longest, (uint64_t)y->longest); break;
    case COLUMN_AVERAGE: by = order((uint64_t)average(x), (uint64_t)average(y)); break;
    case COLUMN_CALLS: by = order(x->calls, y->calls); break;
    case COLUMN_ERRORS: by = order(x->errors, y->errors); break;
    case COLUMN_NAME: case COLUMN_NONE: break;
    default: by = order((uint64_t)x->total, (uint64_t)y->total); break;
    }
    return by ? by : strcmp(x->name, y->name);
}

static void out(struct summary *s, const char *text)
{
    trace_show_put(s->show, text, strlen(text));
}

static size_t chosen_columns(const struct summary *s, enum column chosen[COLUMN_COUNT + 1])
{
    const char *list = s->show->options->summary_columns;
    size_t count = 0;
    bool has_name = false;

    if (!list)
        list = "time-percent,total-time,avg-time,calls,errors";
    while (*list && count < COLUMN_COUNT) {
        size_t n = strcspn(list, ",");
        chosen[count] = word_find(list, n);
        has_name = has_name || chosen[count] == COLUMN_NAME;
        count += chosen[count] != COLUMN_NONE;
        list += n + (list[n] == ',');
    }
    if (!has_name)
        chosen[count++] = COLUMN_NAME;
    return count;
}

static const char *row_title(const struct summary *s)
{
    static const char *const titles[] = {"syscall", "path", "descriptor", "process"};

    return titles[s->show->options->summary_by];
}

/* One cell, without the space before it. */
static char *cell(const struct row *r, const struct row *total, enum column c)
{
    switch (c) {
    case COLUMN_PERCENT:
        return must_format("%.2f", total->total ? 100.0 * (double)r->total / (double)total->total : 0.0);
    case COLUMN_TOTAL:
        return must_format("%.6f", (double)r->total / 1e9);
    case COLUMN_SHORTEST:
        return must_format("%.6f", r->shortest == INT64_MAX ? 0.0 : (double)r->shortest / 1e9);
    case COLUMN_LONGEST:
        return must_format("%.6f", (double)r->longest / 1e9);
    case COLUMN_AVERAGE:
        return must_format("%lld", (long long)(average(r) / 1000));
    case COLUMN_CALLS:
        return must_format("%llu", (unsigned long long)r->calls);
    case COLUMN_ERRORS:
        return r->errors ? must_format("%llu", (unsigned long long)r->errors) : must_format("%s", "");
    default:
        return must_format("%s", r->name);
    }
}

static void line_out(struct summary *s, const enum column *chosen, size_t count, const struct row *r, const struct row *total)
{
    struct bytes line = {0};

    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        const char *title = chosen[i] == COLUMN_NAME ? row_title(s) : columns[chosen[i]].title;
        char *text = r ? cell(r, total, chosen[i]) : must_format("%s", title);
        bytes_append_text(&line, "%s%*s", i ? " " : "", last && columns[chosen[i]].width < 0 ? 0 : columns[chosen[i]].width, text);
        free(text);
    }
    bytes_append(&line, "\n", 2);
    out(s, (char *)line.data);
    bytes_free(&line);
}

static void ruler_out(struct summary *s, const enum column *chosen, size_t count)
{
    char line[256];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t width = (size_t)abs(columns[chosen[i]].width);
        n += (size_t)snprintf(line + n, sizeof line - n, "%s", i ? " " : "");
        memset(line + n, '-', width);
        n += width;
    }
    memcpy(line + n, "\n", 2);
    out(s, line);
}

static void total_add(struct row *total, const struct row *r)
{
    total->calls += r->calls;
    total->errors += r->errors;
    total->total += r->total;
    total->shortest = MIN(total->shortest, r->shortest);
    total->longest = MAX(total->longest, r->longest);
    for (size_t i = 0; i < BUCKETS; i++)
        total->buckets[i] += r->buckets[i];
}

/* "32.8us": a bound of a bucket. */
static void time_text(int64_t ns, char *to, size_t size)
{
    if (ns < 1000)
        snprintf(to, size, "%lldns", (long long)ns);
    else if (ns < 1000000)
        snprintf(to, size, "%.1fus", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(to, size, "%.1fms", (double)ns / 1e6);
    else
        snprintf(to, size, "%.1fs", (double)ns / 1e9);
}

static void histogram_out(struct summary *s, const struct row *r)
{
    uint64_t most = 0;
    char line[160], low[16], high[16], bar[41];

    for (size_t i = 0; i < BUCKETS; i++)
        most = MAX(most, r->buckets[i]);
    if (most == 0)
        return;
    snprintf(line, sizeof line, "\n%.120s\n", r->name);
    out(s, line);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (!r->buckets[i])
            continue;
        size_t n = (size_t)((r->buckets[i] * (sizeof bar - 1) + most - 1) / most);
        time_text(i ? 1LL << (i - 1) : 0, low, sizeof low);
        time_text(1LL << i, high, sizeof high);
        memset(bar, '#', n);
        bar[n] = '\0';
        snprintf(line, sizeof line, "  %8s to %8s %9llu %s\n", low, high, (unsigned long long)r->buckets[i], bar);
        out(s, line);
    }
}

static struct row **rows_sorted(struct summary *s)
{
    const char *by = s->show->options->summary_sort;
    struct row **list = must_alloc((s->count + 1) * sizeof(struct row *)), *r;
    size_t n = 0;

    RB_FOREACH (r, row_tree, &s->rows)
        list[n++] = r;
    sort_column = by ? word_find(by, strlen(by)) : COLUMN_TOTAL;
    if (sort_column != COLUMN_NONE)
        qsort(list, n, sizeof *list, sort_compare);
    return list;
}

static void summary_finish(void *writer)
{
    struct summary *s = writer;
    enum column chosen[COLUMN_COUNT + 1];
    size_t count = chosen_columns(s, chosen);
    struct row total = {.name = "total", .shortest = INT64_MAX}, **list = rows_sorted(s);

    for (size_t i = 0; i < s->count; i++)
        total_add(&total, list[i]);
    line_out(s, chosen, count, NULL, NULL);
    ruler_out(s, chosen, count);
    for (size_t i = 0; i < s->count; i++)
        line_out(s, chosen, count, list[i], &total);
    ruler_out(s, chosen, count);
    line_out(s, chosen, count, &total, &total);
    for (size_t i = 0; s->show->options->histogram && i < s->count; i++)
        histogram_out(s, list[i]);
    free(list);
}

static void summary_other(void *writer, const struct trace_event *event)
{
}

static void *summary_begin(struct trace_show *show)
{
    struct summary *s = must_alloc(sizeof *s);

    memset(s, 0, sizeof *s);
    s->show = show;
    return s;
}

static void summary_free(void *writer)
{
    struct summary *s = writer;
    struct row *r;

    while ((r = RB_MIN(row_tree, &s->rows))) {
        RB_REMOVE(row_tree, &s->rows, r);
        free(r->name);
        free(r);
    }
    free(s);
}

const struct trace_writer_ops trace_summary_ops = {summary_begin, NULL, summary_call, summary_other, NULL, summary_finish,
                                                   summary_free};
