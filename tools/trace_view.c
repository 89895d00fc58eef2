/*
 * See tools/trace_view.h.
 */
#include "tools/trace_view.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "abi/syscalls.h"
#include "config.h"
#include "tools/message.h"
#include "tools/trace_log.h"
#include "tools/trace_reader.h"
#include "tools/trace_writer.h"

#define WRITERS_MAX    2u          /* a format, and a summary */
#define KEPT_BYTES_MAX (64u << 20) /* more than the flight recorders of all vCPUs hold */
#define PATHS_MAX      16u         /* of one call, for filters */
#define BATCH_MAX      65536u      /* bytes of text that are let come together */

struct writer {
    const struct trace_writer_ops *ops;
    void *state;
};

struct trace_view {
    struct trace_show show;
    struct trace_reader *reader;
    struct bytes kept;
    struct writer writers[WRITERS_MAX];
    size_t writer_count;
    bool follows;                       /* tasks, descriptors and paths are followed */
    bool started;                       /* the writers have begun */
    unsigned cpus;                      /* of the sandbox; 0: not known */
    const struct trace_writer_ops *own; /* in place of the format; NULL: none */
};

int64_t trace_interval_ns(const struct trace_clock *c, uint64_t from, uint64_t to)
{
    uint64_t ticks = to - from;

    if (!c->hz || to < from)
        return 0;
    return (int64_t)(ticks / c->hz * 1000000000 + ticks % c->hz * 1000000000 / c->hz);
}

int64_t trace_time_ns(const struct trace_clock *c, uint64_t tsc)
{
    return trace_interval_ns(c, c->tsc, tsc);
}

int64_t trace_epoch_ns(const struct trace_clock *c, uint64_t tsc)
{
    return c->start_ns + trace_time_ns(c, tsc);
}

static void show_flush(struct trace_show *s)
{
    if (s->batch.size == 0)
        return;
    s->sink.put(s->sink.context, (const char *)s->batch.data, s->batch.size);
    s->batch.size = 0;
}

char *trace_show_room(struct trace_show *s, size_t n)
{
    return (char *)bytes_reserve(&s->batch, n);
}

void trace_show_wrote(struct trace_show *s, size_t n)
{
    s->batch.size += n;
    if (s->batch.size > BATCH_MAX)
        show_flush(s);
}

void trace_show_put(struct trace_show *s, const char *text, size_t n)
{
    if (n == 0)
        return;
    memcpy(trace_show_room(s, n), text, n);
    trace_show_wrote(s, n);
}

/* Before the return: what an argument was when the call was made. */
static const struct trace_object *object_of(const struct trace_show *s, int fd)
{
    for (size_t i = 0; !s->is_return && i < s->named_count; i++) {
        if (s->named[i].fd == fd)
            return s->named[i].object;
    }
    return s->task ? trace_files_find(s->task->files, fd) : NULL;
}

static size_t descriptor_text(void *context, int fd, char *buffer, size_t size)
{
    const struct trace_show *s = context;

    if (fd == AT_FDCWD && s->task && *s->task->folder->path) {
        buffer[0] = '<';
        size_t n = 1 + trace_path_text(s->task->folder->path, buffer + 1, size - 2);
        buffer[n++] = '>';
        buffer[n] = '\0';
        return n;
    }
    return trace_object_text(object_of(s, fd), s->options->descriptors > 1, buffer, size);
}

static void call_returned_here(void *context)
{
    struct trace_show *s = context;

    s->is_return = true;
}

const struct decode_style *trace_style(struct trace_show *s, const struct trace_call *call)
{
    s->is_return = false;
    if (call_set_has(&s->options->addresses, call->nr))
        return &s->style_addresses;
    return call_set_has(&s->options->whole, call->nr) ? &s->style_whole : &s->style;
}

static void styles_fill(struct trace_show *s)
{
    s->style = s->options->style;
    if (s->options->descriptors) {
        s->style.descriptor = descriptor_text;
        s->style.returned = call_returned_here;
        s->style.context = s;
    }
    s->style_whole = s->style;
    s->style_whole.whole = true;
    s->style_addresses = s->style;
    s->style_addresses.addresses = true;
}

static bool is_descriptor(unsigned kind)
{
    return kind == ARG_FD || kind == ARG_DIRFD;
}

/* Remember what the arguments' descriptors are before the call's effects change it. */
static void names_take(struct trace_show *s, const struct trace_call *call)
{
    s->named_count = 0;
    for (unsigned i = 0; call->nr < SYSCALL_COUNT && i < SYSCALL_ARGS_MAX; i++) {
        if (!is_descriptor(syscall_rows[call->nr].kinds[i]) || !s->task)
            continue;
        struct trace_object *object = trace_files_find(s->task->files, (int)call->args[i]);
        if (object)
            object->refs++;
        s->named[s->named_count++] = (struct trace_named_fd){(int)call->args[i], object};
    }
}

static void names_drop(struct trace_show *s)
{
    for (size_t i = 0; i < s->named_count; i++)
        trace_object_put(s->named[i].object);
    s->named_count = 0;
}

/* The paths that a call names, as it says them and resolved, and those of its descriptors. */
struct names {
    const char *paths[PATHS_MAX];
    char *own[PATHS_MAX]; /* of them, those to free */
    size_t path_count, own_count;
    int fds[8];
    size_t fd_count;
};

static void names_add_own(struct names *n, char *path)
{
    if (!path || n->own_count == PATHS_MAX || n->path_count == PATHS_MAX) {
        free(path);
        return;
    }
    n->own[n->own_count++] = path;
    n->paths[n->path_count++] = path;
}

/* A path argument is relative to the descriptor before it, if there is one. */
static void names_add_path(struct trace_show *s, const struct trace_call *call, unsigned i, struct names *n)
{
    const struct syscall_row *row = &syscall_rows[call->nr];
    int dirfd = i > 0 && row->kinds[i - 1] == ARG_DIRFD ? (int)call->args[i - 1] : AT_FDCWD;
    char text[4096];

    if (!trace_call_text(call, false, call->args[i], text, sizeof text))
        return;
    names_add_own(n, must_format("%s", text));
    if (s->task)
        names_add_own(n, trace_path_resolve(s->tasks, s->task, dirfd, text, true));
}

static void names_fill(struct trace_show *s, const struct trace_call *call, struct names *n)
{
    const struct syscall_row *row = call->nr < SYSCALL_COUNT ? &syscall_rows[call->nr] : NULL;

    for (unsigned i = 0; row && i < SYSCALL_ARGS_MAX; i++) {
        if (row->kinds[i] == ARG_PATH)
            names_add_path(s, call, i, n);
    }
    for (size_t i = 0; i < s->named_count; i++) {
        n->fds[n->fd_count++] = s->named[i].fd;
        if (s->named[i].object && n->path_count < PATHS_MAX)
            n->paths[n->path_count++] = s->named[i].object->name;
    }
    if (row && row->result == RESULT_FD && call->returned && call->result >= 0)
        n->fds[n->fd_count++] = (int)call->result;
}

static void facts_fill(struct trace_show *s, const struct trace_call *call, struct filter_facts *f)
{
    uint64_t *field = f->scalars.field;

    field[TRACE_FIELD_NR] = call->nr;
    memcpy(&field[TRACE_FIELD_ARG], call->args, sizeof call->args);
    field[TRACE_FIELD_PID] = call->pid;
    field[TRACE_FIELD_TID] = call->tid;
    field[TRACE_FIELD_VCPU] = call->vcpu;
    f->known = BIT(TRACE_FIELD_CR3) - 1;
    f->known |= BIT(TRACE_FIELD_VCPU);
    if (call->flags & TRACE_NO_TASK) { /* the page of CR3 stands where the task's number would */
        field[TRACE_FIELD_CR3] = (uint64_t)call->tid << PAGE_SHIFT;
        f->known |= BIT(TRACE_FIELD_CR3);
    }
    f->comm = s->task && *s->task->comm ? s->task->comm : NULL;
    f->status = call->status;
    if (!call->returned)
        return;
    field[TRACE_FIELD_RESULT] = (uint64_t)call->result;
    field[TRACE_FIELD_DURATION] = (uint64_t)trace_interval_ns(&s->clock, call->tsc, call->end_tsc);
    f->known |= BIT(TRACE_FIELD_RESULT) | (s->clock.hz ? BIT(TRACE_FIELD_DURATION) : 0);
}

static bool filter_wants(struct trace_show *s, const struct trace_call *call)
{
    struct filter_facts facts = {.known = 0};
    struct names names = {.path_count = 0};

    facts_fill(s, call, &facts);
    if (filter_needs_names(s->options->filter)) {
        names_fill(s, call, &names);
        facts.names_known = true;
        facts.paths = names.paths;
        facts.path_count = names.path_count;
        facts.fds = names.fds;
        facts.fd_count = names.fd_count;
    }
    enum truth wanted = filter_test(s->options->filter, &facts);
    for (size_t i = 0; i < names.own_count; i++)
        free(names.own[i]);
    /* What is not known of a call that has ended will never be: it does not hold. */
    return wanted == TRUTH_YES || (wanted == TRUTH_PERHAPS && !call->status);
}

static bool call_wanted(struct trace_show *s, const struct trace_call *call)
{
    return !s->options->filter || filter_wants(s, call);
}

/* Of events that are no calls only the task counts. */
static bool event_wanted(struct trace_show *s, const struct trace_event *e)
{
    struct filter_facts facts = {.known = BIT(TRACE_FIELD_PID) | BIT(TRACE_FIELD_TID)};
    int32_t number;

    if (e->kind == EVENT_SIGNAL) {
        memcpy(&number, e->record->body, sizeof number);
        if (number < 1 || number > 64 || !(s->options->signals & BIT(number - 1)))
            return false;
    }
    if (e->kind == EVENT_MACHINE) {
        const struct trace_machine_body *body = (const void *)e->record->body;
        return !s->options->events_chosen || (body->kind < 32 && s->options->events & BIT(body->kind));
    }
    if (!s->options->filter || e->kind >= EVENT_SWITCH)
        return true;
    facts.scalars.field[TRACE_FIELD_PID] = e->pid;
    facts.scalars.field[TRACE_FIELD_TID] = e->tid;
    facts.comm = s->task && *s->task->comm ? s->task->comm : NULL;
    if (e->kind == EVENT_LONE_END && e->call->nr != ~0ULL) {
        facts.known |= BIT(TRACE_FIELD_NR) | BIT(TRACE_FIELD_RESULT);
        facts.scalars.field[TRACE_FIELD_NR] = e->call->nr;
        facts.scalars.field[TRACE_FIELD_RESULT] = (uint64_t)e->call->result;
    }
    return filter_test(s->options->filter, &facts) != TRUTH_NO;
}

/* The call's effects may change it. */
static void comm_take(struct trace_show *s)
{
    static const char none[sizeof s->comm];

    memcpy(s->comm, s->task ? s->task->comm : none, sizeof s->comm);
}

static void take_entry(struct trace_view *v, struct trace_call *call)
{
    struct trace_show *s = &v->show;

    if (!s->whole_calls && !call_wanted(s, call))
        return;
    for (size_t i = 0; i < v->writer_count; i++) {
        if (v->writers[i].ops->entry)
            v->writers[i].ops->entry(v->writers[i].state, call);
    }
}

static void take_call(struct trace_view *v, struct trace_call *call)
{
    struct trace_show *s = &v->show;

    if (v->follows && s->task)
        names_take(s, call);
    bool wanted = call_wanted(s, call);
    comm_take(s);
    bool maps_first = s->stacks && call->nr != SYS_execve && call->nr != SYS_execveat;
    if (maps_first && s->task)
        trace_stacks_apply(s->stacks, s->tasks, s->task, call);
    if (v->follows && s->task)
        trace_tasks_apply(s->tasks, s->task, call);
    for (size_t i = 0; i < v->writer_count; i++)
        v->writers[i].ops->call(v->writers[i].state, call, wanted);
    if (s->stacks && !maps_first && s->task) /* its stack was the old program's */
        trace_stacks_apply(s->stacks, s->tasks, s->task, call);
    names_drop(s);
}

static void take_other(struct trace_view *v, const struct trace_event *e)
{
    struct trace_show *s = &v->show;

    comm_take(s);
    if (e->kind == EVENT_TASK_NEW)
        trace_tasks_fork(s->tasks, e->record, e->call);
    if (e->kind == EVENT_TASK_NEW && s->stacks)
        trace_stacks_fork(s->stacks, e->pid, ((const struct trace_task_new_body *)(const void *)e->record->body)->pid);
    if (event_wanted(s, e)) {
        for (size_t i = 0; i < v->writer_count; i++)
            v->writers[i].ops->other(v->writers[i].state, e);
    }
    if (e->kind == EVENT_TASK_EXIT && s->stacks && e->tid == e->pid)
        trace_stacks_exit(s->stacks, e->pid);
    if (e->kind == EVENT_TASK_EXIT)
        trace_tasks_exit(s->tasks, e->tid);
}

static void take_event(void *context, const struct trace_event *e)
{
    struct trace_view *v = context;
    bool has_task = e->kind <= EVENT_TASK_EXIT;

    v->show.task = has_task ? trace_task_get(v->show.tasks, e->tid, e->pid) : NULL;
    if (e->kind == EVENT_CALL) {
        take_call(v, e->call);
    } else if (e->kind == EVENT_ENTRY) {
        take_entry(v, e->call);
    } else {
        take_other(v, e);
    }
    v->show.task = NULL; /* it may be gone when the next event comes */
}

static void writers_begin(struct trace_view *v)
{
    static const struct trace_writer_ops *const formats[] = {[TRACE_FORMAT_TEXT] = &trace_text_ops,
                                                             [TRACE_FORMAT_JSON] = &trace_json_ops,
                                                             [TRACE_FORMAT_CHROME] = &trace_chrome_ops,
                                                             [TRACE_FORMAT_BINARY] = &trace_binary_ops};
    const struct trace_options *o = v->show.options;

    v->started = true;
    styles_fill(&v->show);
    v->show.whole_calls = !filter_is_for_entries(o->filter);
    if (v->own)
        v->writers[v->writer_count++].ops = v->own;
    else if (!o->summary_only)
        v->writers[v->writer_count++].ops = formats[o->format];
    if (!v->own && (o->summary || o->summary_only))
        v->writers[v->writer_count++].ops = &trace_summary_ops;
    for (size_t i = 0; i < v->writer_count; i++)
        v->writers[i].state = v->writers[i].ops->begin(&v->show);
}

struct trace_view *trace_view_new(const struct trace_options *options, struct trace_sink sink)
{
    struct trace_view *v = must_alloc(sizeof *v);

    *v = (struct trace_view){.show = {.options = options, .sink = sink}};
    v->show.tasks = trace_tasks_new();
    v->reader = trace_reader_new(take_event, v);
    v->follows = trace_options_follow(options);
    v->show.stacks = options->stacks ? trace_stacks_new(options->stack_root ? options->stack_root : "") : NULL;
    return v;
}

void trace_view_set_writer(struct trace_view *v, const struct trace_writer_ops *ops)
{
    v->own = ops;
    v->follows = true;
}

/* Without a place to go, records are kept. */
static bool is_kept(const struct trace_view *v)
{
    return !v->show.sink.put && !v->own;
}

static void *follow_begin(struct trace_show *s)
{
    return s;
}

static void follow_call(void *writer, struct trace_call *call, bool wanted)
{
}

static void follow_other(void *writer, const struct trace_event *event)
{
}

static void follow_end(void *writer)
{
}

const struct trace_writer_ops trace_follow_ops = {follow_begin, NULL,       follow_call, follow_other,
                                                  NULL,         follow_end, follow_end};

void trace_view_set_sessions(struct trace_view *v, uint32_t sessions)
{
    if (v)
        trace_reader_set_sessions(v->reader, sessions);
}

void trace_view_tell(struct trace_view *v,
                     void (*tell)(void *context, const char *key, const char *value, const char *more), void *context)
{
    trace_tasks_tell(v->show.tasks, tell, context);
}

void trace_view_fact(struct trace_view *v, const char *key, const char *value, const char *more)
{
    if (!v)
        return;
    trace_tasks_fact(v->show.tasks, key, value, more);
    if (strcmp(key, "cpus") == 0)
        v->cpus = (unsigned)strtoul(value, NULL, 10);
    if (v->cpus == 1 && strcmp(key, "cpus") == 0)
        trace_reader_start(v->reader, UINT64_MAX);
    if (v->show.options->format == TRACE_FORMAT_BINARY)
        trace_log_pack_fact(key, value, more, &v->show.facts);
}

void trace_view_set_clock(struct trace_view *v, uint64_t hz, uint64_t tsc, int64_t start_ns)
{
    if (v)
        v->show.clock = (struct trace_clock){hz, tsc, start_ns};
}

/* What a sandbox streams though nobody shows it (--control) must not grow for ever: the older half goes. */
static void kept_limit(struct trace_view *v)
{
    size_t at = 0, size;

    if (v->kept.size <= KEPT_BYTES_MAX)
        return;
    while (at < v->kept.size / 2 && (size = trace_record_check(v->kept.data + at, v->kept.size - at)))
        at += size;
    bytes_consume(&v->kept, at ? at : v->kept.size);
}

void trace_view_feed(struct trace_view *v, const void *data, size_t n)
{
    if (!v || n == 0)
        return;
    if (is_kept(v)) {
        bytes_append(&v->kept, data, n);
        kept_limit(v);
        return;
    }
    if (!v->started)
        writers_begin(v);
    trace_reader_feed(v->reader, data, n);
    show_flush(&v->show);
}

void trace_view_note(struct trace_view *v, const char *text)
{
    struct trace_event e = {.kind = EVENT_DAMAGE, .text = text};

    if (!v || is_kept(v))
        return;
    if (!v->started)
        writers_begin(v);
    trace_reader_go_on(v->reader);
    take_event(v, &e);
    show_flush(&v->show);
}

void trace_view_pause(struct trace_view *v)
{
    if (!v || !v->started)
        return;
    trace_reader_go_on(v->reader);
    for (size_t i = 0; i < v->writer_count; i++) {
        if (v->writers[i].ops->pause)
            v->writers[i].ops->pause(v->writers[i].state);
    }
    show_flush(&v->show);
}

void trace_view_finish(struct trace_view *v)
{
    if (!v || is_kept(v))
        return;
    if (!v->started)
        writers_begin(v);
    trace_reader_finish(v->reader);
    for (size_t i = 0; i < v->writer_count; i++)
        v->writers[i].ops->finish(v->writers[i].state);
    show_flush(&v->show);
}

/* As many as flight recorders hold. */
static void kept_last(struct trace_view *v, size_t most)
{
    size_t count = 0, at, size;

    for (at = 0; (size = trace_record_check(v->kept.data + at, v->kept.size - at)); at += size)
        count++;
    for (at = 0; count > most; count--)
        at += trace_record_check(v->kept.data + at, v->kept.size - at);
    bytes_consume(&v->kept, at);
}

void trace_view_print_kept(struct trace_view *v, struct trace_sink sink)
{
    if (!v)
        return;
    v->show.sink = sink;
    trace_records_sort(v->kept.data, v->kept.size);
    kept_last(v, (size_t)CONFIG_RECORDER_RECORDS * MAX(v->cpus, 1u));
    if (v->kept.size >= sizeof(struct trace_record))
        trace_reader_start(v->reader, ((const struct trace_record *)(const void *)v->kept.data)->sequence);
    trace_view_feed(v, v->kept.data, v->kept.size);
    trace_view_finish(v);
}

void trace_view_free(struct trace_view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->writer_count; i++)
        v->writers[i].ops->free(v->writers[i].state);
    trace_reader_free(v->reader);
    trace_tasks_free(v->show.tasks);
    trace_stacks_free(v->show.stacks);
    bytes_free(&v->kept);
    bytes_free(&v->show.facts);
    bytes_free(&v->show.batch);
    free(v);
}
