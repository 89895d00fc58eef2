/*
 * See tools/session.h: how sandboxes ended, in words and as an exit status.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tools/message.h"
#include "tools/session.h"
#include "tools/trace_view.h"

#define EMULATOR_LOG_SHOWN 4096u

static void kept_to_output(void *context, const char *text, size_t n)
{
    named_stream_put(context, text, n);
}

/* The flight recorder: on request, or because the program did not end well. */
static void print_last_records(struct session *s, struct session_sandbox *b)
{
    bool killed = b->ended && b->exit_kind == EXIT_STATUS && WIFSIGNALED(b->exit_value);
    bool crashed = b->ended && b->exit_kind != EXIT_STATUS && b->exit_kind != EXIT_REFUSED;
    struct named_stream stream = {.name = b->name, .output = &s->err};

    trace_view_finish(b->trace);
    output_flush(&s->err);
    if (!b->trace || b->options->trace)
        return;
    if (killed && !b->name)
        message("killed by SIG%s; its last system calls:", sigabbrev_np(WTERMSIG(b->exit_value)));
    if (killed || crashed || b->options->last)
        trace_view_print_kept(b->trace, (struct trace_sink){.put = kept_to_output, .context = &stream});
    output_flush(&s->err);
}

static void print_kept(struct session *s, struct bytes *kept)
{
    if (!s->options->verbose)
        output_put(&s->err, kept->data, kept->size);
    kept->size = 0;
}

static void print_logs(struct session *s, struct session_sandbox *b)
{
    session_guest_log(s, b, (const uint8_t *)"\n", b->guest_line.size > 0);
    print_kept(s, &s->host_log);
    print_kept(s, &b->guest_log);
}

static void print_emulator_log(struct session *s)
{
    struct bytes log = {0};

    if (s->machine->log_fd >= 0 && bytes_read_file(&log, descriptor_path(s->machine->log_fd)) == 0 &&
        (s->options->verbose || !s->ended)) {
        size_t skip = log.size > EMULATOR_LOG_SHOWN ? log.size - EMULATOR_LOG_SHOWN : 0;
        output_put(&s->err, log.data + skip, log.size - skip);
    }
    if (!s->ended && s->options->verbose)
        output_put(&s->err, s->chatter.data, s->chatter.size);
    bytes_free(&log);
}

/* NULL: the program ended. */
static const char *crash_text(const struct session *s, const struct session_sandbox *b)
{
    if (!b->ended)
        return s->machine->has_mailbox ? "the machine stopped without a word of the hypervisor"
                                       : "the guest kernel stopped before its program did";
    switch (b->exit_kind) {
    case EXIT_STATUS:
        return NULL;
    case EXIT_GUEST_CRASH:
        return "the guest kernel crashed";
    case EXIT_HOST_CRASH:
        return "the hypervisor crashed";
    case EXIT_REFUSED:
        return "the sandbox could not be made";
    default:
        return "the hypervisor told an end that is not known";
    }
}

static int status_of(const struct session *s, const struct session_sandbox *b)
{
    if (crash_text(s, b))
        return EXIT_LAUNCHER;
    return WIFSIGNALED(b->exit_value) ? 128 + WTERMSIG(b->exit_value) : WEXITSTATUS(b->exit_value);
}

static void put_text(struct session *s, const char *name, const char *what)
{
    struct bytes line = {0};

    bytes_append_text(&line, "%s: %s\n", name, what);
    output_put(&s->err, line.data, line.size);
    bytes_free(&line);
}

void session_report_end(struct session *s, struct session_sandbox *b)
{
    const char *crash = crash_text(s, b);

    named_stream_finish(&b->out);
    named_stream_finish(&b->err);
    trace_view_finish(b->trace);
    if (crash) {
        char *text = must_format("crashed: %s", crash);
        put_text(s, b->name, b->exit_kind == EXIT_REFUSED && b->ended ? crash : text);
        print_logs(s, b);
    } else if (WIFSIGNALED(b->exit_value)) {
        const char *name = sigabbrev_np(WTERMSIG(b->exit_value));
        put_text(s, b->name, must_format("killed by SIG%s", name ? name : "?"));
    } else {
        put_text(s, b->name, must_format("exited with %d", WEXITSTATUS(b->exit_value)));
    }
}

/* The first that did not end with 0 gives the status. */
static int conclude_several(struct session *s)
{
    int status = 0;

    for (size_t i = 0; i < s->sandbox_count; i++) {
        struct session_sandbox *b = &s->sandboxes[i];
        if (!b->ended)
            session_report_end(s, b);
        if (status == 0)
            status = status_of(s, b);
        print_last_records(s, b);
    }
    if (!s->ended)
        print_emulator_log(s);
    output_flush(&s->err);
    return status;
}

static int conclude_single(struct session *s, struct session_sandbox *b)
{
    const char *crash = crash_text(s, b);

    if (crash) {
        message("%s", crash);
        print_logs(s, b);
        print_emulator_log(s);
        output_flush(&s->err);
    }
    print_last_records(s, b);
    return status_of(s, b);
}

int session_conclude(struct session *s, bool timed_out)
{
    int status;

    for (size_t i = 0; i < s->sandbox_count; i++) {
        named_stream_finish(&s->sandboxes[i].out);
        named_stream_finish(&s->sandboxes[i].err);
    }
    output_flush(&s->out);
    output_flush(&s->err);
    if (timed_out) {
        message("not finished after %g seconds: ended", s->options->timeout);
        status = EXIT_TIMED_OUT;
        for (size_t i = 0; i < s->sandbox_count; i++)
            print_last_records(s, &s->sandboxes[i]);
    } else if (s->sandboxes[0].name) {
        status = conclude_several(s);
    } else {
        status = conclude_single(s, &s->sandboxes[0]);
    }
    return status;
}
