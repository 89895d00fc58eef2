/*
 * See tools/session.h: the records of sandboxes on their way to the terminal, a file, and a log.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/cpio.h"
#include "tools/control.h"
#include "tools/message.h"
#include "tools/session.h"
#include "tools/trace_reader.h"
#include "tools/trace_view.h"

/* Where the text of a sandbox's trace goes, with its name in front if there are several. */
struct trace_target {
    const char *name;
    FILE *file; /* NULL: output */
    struct output *output;
    struct session *session;
};

static void named_lines(const struct trace_target *t, const char *text, size_t n)
{
    const char *limit = text + n;

    for (const char *end; text < limit; text = end) {
        const char *newline = memchr(text, '\n', (size_t)(limit - text));
        end = newline ? newline + 1 : limit;
        fprintf(t->file, "%s: %.*s", t->name, (int)(end - text), text);
    }
}

static void text_to_target(void *context, const char *text, size_t n)
{
    const struct trace_target *t = context;
    struct named_stream stream = {.name = t->name, .output = t->output};

    if (!t->file)
        named_stream_put(&stream, text, n);
    else if (t->name)
        named_lines(t, text, n);
    else
        fwrite(text, 1, n, t->file);
    if (t->file && ferror(t->file) && !t->session->trace_file_failed) { /* the sandbox goes on without it */
        t->session->trace_file_failed = true;
        message("--trace-out %s: could not be written: %s", t->session->options->trace_out, strerror(errno));
    }
    bytes_free(&stream.line);
}

/* Who wants to know of a fact: the sandbox's view, and the log. */
static void fact(struct session *s, struct session_sandbox *b, const char *key, const char *value, const char *more)
{
    trace_view_fact(b->trace, key, value, more);
    control_fact(s->server, (unsigned)(b - s->sandboxes), key, value, more);
    if (s->trace_binary)
        trace_log_pack_fact(key, value, more, &s->log_facts);
}

/* The symbolic links of the root, by which the reader of a trace resolves paths. */
static void root_facts(struct session *s, struct session_sandbox *b, const struct bytes *root)
{
    struct cpio_reader r;
    struct cpio_member m;

    cpio_open(&r, root->data, root->size);
    while (cpio_next(&r, &m) == 1) {
        if (!S_ISLNK(m.mode) || m.size > 4095)
            continue;
        char *path = must_format("/%s", m.name + strspn(m.name, "./"));
        char *target = must_format("%.*s", (int)m.size, m.content);
        fact(s, b, "link", path, target);
        free(path);
        free(target);
    }
}

/* The links of the guest kernel's /dev. */
static const char *const device_links[][2] = {{"/dev/fd", "/proc/self/fd"},
                                              {"/dev/stdin", "/proc/self/fd/0"},
                                              {"/dev/stdout", "/proc/self/fd/1"},
                                              {"/dev/stderr", "/proc/self/fd/2"}};

/* What the program begins with; of another kernel's processes nothing is known. */
static void start_facts(struct session *s, struct session_sandbox *b, const struct bytes *root)
{
    const struct run_options *o = b->options;

    char *cpus = must_format("%u", o->cpus);

    fact(s, b, "cpus", cpus, NULL);
    free(cpus);
    if (o->guest_kernel)
        return;
    fact(s, b, "cwd", o->workdir, NULL);
    if (o->program) {
        for (size_t i = 0; o->program[i]; i++)
            fact(s, b, "argument", o->program[i], NULL);
    }
    for (int fd = 0; fd < 3; fd++) { /* guest_kernel/init.c: the terminal, or three ports that look like pipes */
        char *key = must_format("fd.%d", fd), *pipe = must_format("pipe:[%d]", fd + 2);
        fact(s, b, key, o->tty ? "/dev/console" : pipe, NULL);
        free(key);
        free(pipe);
    }
    if (root)
        root_facts(s, b, root);
    for (size_t i = 0; i < ARRAY_SIZE(device_links); i++)
        fact(s, b, "link", device_links[i][0], device_links[i][1]);
    if (o->program)
        fact(s, b, "program", o->executable ? o->executable : o->program[0], NULL);
}

void session_trace_begin(struct session *s, struct session_sandbox *b, FILE *file, const struct bytes *root)
{
    struct trace_sink sink = {0};

    if (b->options->no_trap)
        return;
    if (b->options->trace) {
        struct trace_target *target = must_alloc(sizeof *target);
        *target = (struct trace_target){b->name, file, &s->err, s};
        sink = (struct trace_sink){text_to_target, target, file != NULL};
    }
    b->trace = trace_view_new(&b->options->show, sink);
    trace_view_set_sessions(b->trace, 1);
    start_facts(s, b, root);
}

static void log_start(struct session *s, uint64_t tsc_hz, uint64_t tsc, int64_t start_ns)
{
    struct trace_log_header h;

    if (!s->trace_binary || s->log_started)
        return;
    trace_log_header_make(&h, tsc_hz, tsc, start_ns);
    fwrite(&h, 1, sizeof h, s->trace_binary);
    fwrite(s->log_facts.data, 1, s->log_facts.size, s->trace_binary);
    s->log_started = true;
}

void session_trace_clock(struct session *s, uint64_t tsc_hz, uint64_t tsc)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = t.tv_sec * 1000000000LL + t.tv_nsec;
    for (size_t i = 0; i < s->sandbox_count; i++)
        trace_view_set_clock(s->sandboxes[i].trace, tsc_hz, tsc, now);
    control_set_clock(s->server, (struct control_clock){tsc_hz, tsc, now});
    log_start(s, tsc_hz, tsc, now);
}

static void log_records(struct session *s, const uint8_t *data, size_t n)
{
    struct bytes packed = {0}, aligned = {0};
    size_t size;

    log_start(s, 0, 0, 0);
    bytes_append(&aligned, data, n);
    for (size_t at = 0; (size = trace_record_check(aligned.data + at, n - at)); at += size) {
        const struct trace_record *r = (const void *)(aligned.data + at);
        if (!r->sessions || r->sessions & 1)
            trace_log_pack(&s->log, r, &packed);
    }
    fwrite(packed.data, 1, packed.size, s->trace_binary);
    bytes_free(&packed);
    bytes_free(&aligned);
}

void session_trace_records(struct session *s, struct session_sandbox *b, const uint8_t *data, size_t n)
{
    trace_view_feed(b->trace, data, n);
    if (s->trace_binary)
        log_records(s, data, n);
}

/* A trace in a file can wait longer for what it does not know yet. */
void session_trace_pause(struct session *s, bool is_long)
{
    for (size_t i = 0; i < s->sandbox_count; i++) {
        if (is_long || !s->options->trace_out)
            trace_view_pause(s->sandboxes[i].trace);
    }
    control_pause(s->server);
    if (s->trace_binary)
        fflush(s->trace_binary);
}

void session_trace_end(struct session *s)
{
    for (size_t i = 0; i < s->sandbox_count; i++)
        trace_view_free(s->sandboxes[i].trace);
    log_start(s, 0, 0, 0);
    if (s->trace_file && fclose(s->trace_file) && !s->trace_file_failed)
        fail(EXIT_LAUNCHER, "--trace-out %s: could not be written", s->options->trace_out);
    if (s->trace_file_failed)
        exit(EXIT_LAUNCHER); /* it was said when it happened */
    if (s->trace_binary && fclose(s->trace_binary))
        fail(EXIT_LAUNCHER, "--trace-binary %s: could not be written", s->options->trace_binary);
    s->trace_binary = NULL;
}
