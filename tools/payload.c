/*
 * See tools/payload.h.
 */
#include "tools/payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/boot_image.h"
#include "abi/sandbox_spec.h"
#include "config.h"
#include "tools/archive.h"
#include "tools/boot_image.h"
#include "tools/init_spec.h"
#include "tools/message.h"
#include "tools/root.h"
#include "tools/rules.h"

#define GUEST_KERNEL_MIN MiB(3) /* beside the root: text, page tables, a few processes */
#define MACHINE_BASE MiB(48)    /* the hypervisor, its page tables and rings */
#define MACHINE_EACH MiB(8)     /* more of them for each further sandbox */
#define MEMBERS_MAX (5 * SANDBOX_MAX)

/* Members under construction. */
struct members {
    struct bundle_member items[MEMBERS_MAX];
    const char *paths[MEMBERS_MAX]; /* the file a member is a copy of; NULL: it was made */
    size_t count;
};

static void save_root(const char *path, const struct bytes *root)
{
    FILE *file = fopen(path, "we");

    if (!file || fwrite(root->data, 1, root->size, file) != root->size || fclose(file) != 0)
        fail(EXIT_LAUNCHER, "--save-root %s: %s", path, strerror(errno));
}

/* Where nothing was said: what is usual, more if the root is large. */
static void decide_memory(struct run_options *o, size_t root_size)
{
    if (!o->memory)
        o->memory = MAX(MiB(CONFIG_SANDBOX_MEMORY_MIB), ALIGN_UP(root_size, MiB(1)) + MiB(CONFIG_SANDBOX_SPARE_MIB));
}

struct bytes root_archive(struct run_options *o)
{
    struct archive a = {0};
    char *program = root_build(&a, o);

    init_spec_add(&a, o, program);
    archive_end(&a);
    free(program);
    decide_memory(o, a.bytes.size);
    if (a.bytes.size + GUEST_KERNEL_MIN > o->memory)
        fail(EXIT_LAUNCHER, "--memory %lluM: too little memory, the root alone has %zu KiB",
             (unsigned long long)(o->memory >> 20), a.bytes.size >> 10);
    if (o->save_root)
        save_root(o->save_root, &a.bytes);
    return a.bytes;
}

/* What the gate is told of this sandbox before it starts; nothing: no rule, and everything is recorded. */
static void add_control(struct bundle_member *members, size_t *count, const struct run_options *o, size_t number)
{
    const struct trace_program *sessions[TRACE_SESSIONS_MAX] = {NULL};
    struct rule_list rules = {0};
    struct bytes config = {0};

    if (o->control || o->show.events || o->show.stacks || (o->trace && o->show.filter && !o->trace_binary))
        sessions[0] = run_options_program(o);
    if (!o->rules.count && !sessions[0])
        return;
    for (size_t i = 0; i < o->rules.count; i++) {
        const char *wrong = rule_add_line(&rules, o->rules.items[i]);
        if (wrong)
            fail(EXIT_LAUNCHER, "%s", wrong);
    }
    trace_config_build(&config, sessions, &rules);
    if (config.size > TRACE_CONFIG_SIZE_MAX)
        fail(EXIT_LAUNCHER, "the rules are too long: %zu bytes, %u are possible", config.size, TRACE_CONFIG_SIZE_MAX);
    members[(*count)++] = (struct bundle_member){must_format(TRACE_CONFIG_PREFIX "%zu", number), config.data, config.size};
    rule_list_free(&rules);
    free((void *)(uintptr_t)sessions[0]);
}

void payload_single(struct payload *p, const struct run_options *o, const struct images *images, const struct bytes *root)
{
    struct bundle_member members[3] = {{BUNDLE_KERNEL, images->guest_kernel.data, images->guest_kernel.size},
                                       {BUNDLE_ROOT, root->data, root->size}};
    size_t count = 2;

    add_control(members, &count, o, 0);
    p->bundle = bundle_build(members, count);
    p->command_line = hypervisor_command_line(o);
    p->memory = ALIGN_UP(o->memory + MACHINE_BASE + p->bundle.size, MiB(4));
}

/* `data` stays valid until the bundle is built.  At least a page, so that it lies page aligned in the bundle. */
static const char *add_made(struct members *m, const char *name, struct bytes *data)
{
    if (data->size < PAGE_SIZE)
        bytes_align(data, PAGE_SIZE);
    m->items[m->count++] = (struct bundle_member){name, data->data, data->size};
    return name;
}

/* The file at `path`, once, whoever names it. */
static const char *add_file(struct members *m, const char *kind, const char *path)
{
    struct bytes content = {0};

    for (size_t i = 0; i < m->count; i++) {
        if (m->paths[i] && strcmp(m->paths[i], path) == 0)
            return m->items[i].name;
    }
    int error = bytes_read_file(&content, path);
    if (error)
        fail(EXIT_LAUNCHER, "%s %s: %s", kind, path, strerror(-error));
    m->paths[m->count] = path;
    return add_made(m, must_format("%s/%zu", kind, m->count), &content);
}

static void spec_put(struct bytes *spec, const char *key, const char *value)
{
    bytes_append_text(spec, "%s=%s", key, value);
    bytes_append(spec, "", 1);
}

static void spec_put_number(struct bytes *spec, const char *key, unsigned long long value)
{
    bytes_append_text(spec, "%s=%llu", key, value);
    bytes_append(spec, "", 1);
}

static void spec_put_trapping(struct bytes *spec, const struct run_options *o)
{
    spec_put_number(spec, "trap", !o->no_trap);
    spec_put(spec, "trace", trace_mode(o));
    spec_put_number(spec, "last", o->last);
    if (o->denied.count)
        spec_put(spec, "deny", string_list_join(&o->denied, ','));
    if (o->toggle)
        spec_put_number(spec, "toggle", o->toggle);
}

static void add_section(struct members *m, struct manifest_section *s, size_t number)
{
    struct run_options *o = &s->options;
    struct bytes spec = {0}, root = {0};

    spec_put(&spec, "name", s->name);
    spec_put(&spec, "kind", s->is_kernel ? "kernel" : "linux-abi");
    if (s->is_kernel) {
        spec_put(&spec, "kernel", add_file(m, "kernel", s->kernel));
        if (s->initrd)
            spec_put(&spec, "initrd", add_file(m, "initrd", s->initrd));
        spec_put(&spec, "cmdline", s->cmdline ? s->cmdline : "");
        decide_memory(o, 0);
    } else {
        root = root_archive(o);
        spec_put(&spec, "kernel", BUNDLE_KERNEL);
        spec_put(&spec, "initrd", add_made(m, must_format("root/%zu", number), &root));
        spec_put(&spec, "cmdline", guest_command_line(o));
    }
    spec_put_number(&spec, "memory", o->memory);
    spec_put_number(&spec, "cpus", o->cpus);
    spec_put_number(&spec, "weight", s->weight);
    spec_put_number(&spec, "cap", s->cap);
    spec_put_trapping(&spec, o);
    add_control(m->items, &m->count, o, number);
    m->items[m->count++] = (struct bundle_member){must_format(SANDBOX_SPEC_PREFIX "%zu", number), spec.data, spec.size};
}

void payload_manifest(struct payload *p, const struct run_options *o, const struct images *images,
                      const struct manifest *m, const char *file)
{
    static struct members members;
    uint64_t memory = MACHINE_BASE;

    members.items[members.count++] = (struct bundle_member){BUNDLE_KERNEL, images->guest_kernel.data,
                                                            images->guest_kernel.size};
    for (size_t i = 0; i < m->count; i++) {
        message_about(must_format("%s:%u: %s", file, m->sections[i].line, m->sections[i].name));
        add_section(&members, &m->sections[i], i);
        memory += m->sections[i].options.memory + MACHINE_EACH;
    }
    message_about(NULL);
    p->bundle = bundle_build(members.items, members.count);
    p->command_line = hypervisor_command_line(o);
    p->memory = ALIGN_UP(memory + p->bundle.size, MiB(4));
}

void payload_free(struct payload *p)
{
    bytes_free(&p->bundle);
    free(p->command_line);
}
