/*
 * trapline run: see tools/run_options.c for its options, docs/building.md for its manners.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/manifest.h"
#include "tools/control.h"
#include "tools/message.h"
#include "tools/payload.h"
#include "tools/session.h"
#include "tools/terminal.h"

static FILE *open_trace_file(const char *option, const char *path)
{
    FILE *file = fopen(path, "we");

    if (!file)
        fail(EXIT_LAUNCHER, "%s %s: %s", option, path, strerror(errno));
    return file;
}

/* Before the traces begin: it is told what they are told of the start. */
static void open_control(struct session *s)
{
    struct control_sandbox *sandboxes = must_alloc(s->sandbox_count * sizeof *sandboxes);

    if (machine_choose(s->options) == MACHINE_QEMU)
        fail(EXIT_LAUNCHER, "--control: this machine has no hypervisor to be told anything");
    for (size_t i = 0; i < s->sandbox_count; i++) {
        const struct session_sandbox *b = &s->sandboxes[i];
        sandboxes[i] = (struct control_sandbox){b->name, &b->options->rules, run_options_program(b->options)};
    }
    s->server = control_open(s->options->control, &s->machine->mailbox, sandboxes, s->sandbox_count);
}

static void open_traces(struct session *s, const struct bytes *root)
{
    s->trace_file = s->options->trace_out ? open_trace_file("--trace-out", s->options->trace_out) : NULL;
    if (s->options->control)
        open_control(s);
    if (s->options->trace_binary)
        s->trace_binary = open_trace_file("--trace-binary", s->options->trace_binary);
    for (size_t i = 0; i < s->sandbox_count; i++)
        session_trace_begin(s, &s->sandboxes[i], s->trace_file, root);
}

static void add_sandbox(struct session *s, const char *name, const struct run_options *o, const struct bytes *kernel)
{
    s->sandboxes = must_realloc(s->sandboxes, (s->sandbox_count + 1) * sizeof *s->sandboxes);
    s->sandboxes[s->sandbox_count++] = (struct session_sandbox){.name = name,
                                                                .options = o,
                                                                .kernel = kernel,
                                                                .out = {.name = name, .output = &s->out},
                                                                .err = {.name = name, .output = &s->err}};
}

static void read_manifest(struct manifest *m, const struct run_options *o)
{
    struct bytes text = {0};
    int error = bytes_read_file(&text, o->manifest);

    if (error)
        fail(EXIT_LAUNCHER, "--manifest %s: %s", o->manifest, strerror(-error));
    const char *wrong = manifest_parse(m, (char *)text.data, text.size, o->manifest, o);
    if (wrong)
        fail(EXIT_LAUNCHER, "%s", wrong);
    bytes_free(&text);
}

static void start_hypervisor(struct session *s, enum machine_kind kind, const struct payload *payload)
{
    if (kind == MACHINE_KVM)
        machine_start_kvm(s->machine, s->options, s->images, payload);
    else
        machine_start_bochs(s->machine, s->options, s->images, payload);
}

static void start_several(struct session *s)
{
    static const struct bytes no_kernel;
    struct manifest m;
    struct payload payload = {0};

    read_manifest(&m, s->options);
    for (size_t i = 0; i < m.count; i++)
        add_sandbox(s, m.sections[i].name, &m.sections[i].options,
                    m.sections[i].is_kernel ? &no_kernel : &s->images->guest_kernel);
    open_traces(s, NULL);
    payload_manifest(&payload, s->options, s->images, &m, s->options->manifest);
    start_hypervisor(s, machine_choose(s->options), &payload);
    payload_free(&payload);
}

static void start_single(struct session *s, struct run_options *o)
{
    struct bytes root = root_archive(o);
    struct payload payload = {0};

    add_sandbox(s, NULL, s->options, &s->images->guest_kernel);
    open_traces(s, &root);
    enum machine_kind kind = machine_choose(s->options);
    if (kind == MACHINE_QEMU) {
        machine_start_qemu(s->machine, s->options, s->images, &root);
    } else {
        payload_single(&payload, s->options, s->images, &root);
        start_hypervisor(s, kind, &payload);
        payload_free(&payload);
    }
    bytes_free(&root);
}

int command_run(int argc, char **argv)
{
    struct run_options options;
    struct images images = {0};
    struct machine machine;

    run_options_parse(&options, argc, argv);
    images_find(&images, options.guest_kernel);
    struct session session = {
        .options = &options, .images = &images, .machine = &machine, .out.fd = STDOUT_FILENO, .err.fd = STDERR_FILENO};
    if (options.timeout > 0)
        session.deadline_ns = now_ns() + (int64_t)(options.timeout * 1e9);
    if (options.manifest)
        start_several(&session);
    else
        start_single(&session, &options);
    if (options.tty && terminal_take())
        session.err.raw = isatty(STDERR_FILENO);
    int status = session_run(&session);
    control_close(session.server);
    session_trace_end(&session);
    return status;
}
