/*
 * See tools/manifest.h.  A line is "[name]", "key = value", a comment that starts with '#', or blank.
 */
#include "tools/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "abi/sandbox_spec.h"
#include "tools/message.h"
#include "tools/option_values.h"
#include "tools/rules.h"

#define WEIGHT_DEFAULT 100
#define WEIGHT_MAX 10000
#define CAP_MAX (100 * CPUS_MAX)
#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Setters return NULL or why the value will not do; the value stays valid as long as the launcher. */
static const char *set_kind(struct manifest_section *s, const char *value)
{
    s->is_kernel = strcmp(value, "kernel") == 0;
    return s->is_kernel || strcmp(value, "linux-abi") == 0 ? NULL : "not one of linux-abi, kernel";
}

static const char *set_program(struct manifest_section *s, const char *value)
{
    s->options.executable = value;
    return *value ? NULL : "a path is needed";
}

static const char *set_argv(struct manifest_section *s, const char *value)
{
    s->options.program = manifest_words(value);
    if (!s->options.program)
        return "a quote is not closed";
    return s->options.program[0] ? NULL : "at least one word is needed";
}

static const char *set_kernel(struct manifest_section *s, const char *value)
{
    s->kernel = value;
    return *value ? NULL : "a path is needed";
}

static const char *set_initrd(struct manifest_section *s, const char *value)
{
    s->initrd = value;
    return *value ? NULL : "a path is needed";
}

static const char *set_cmdline(struct manifest_section *s, const char *value)
{
    s->cmdline = value;
    return NULL;
}

static const char *set_root(struct manifest_section *s, const char *value)
{
    s->options.root = value;
    return *value ? NULL : "a path is needed";
}

static const char *set_add(struct manifest_section *s, const char *value)
{
    string_list_add(&s->options.added, value);
    return *value ? NULL : "a path is needed";
}

static const char *set_env(struct manifest_section *s, const char *value)
{
    string_list_add(&s->options.environment, value);
    return value_environment(value);
}

static const char *set_workdir(struct manifest_section *s, const char *value)
{
    s->options.workdir = value;
    return *value == '/' ? NULL : "not an absolute path";
}

static const char *set_user(struct manifest_section *s, const char *value)
{
    return value_user(value, &s->options.uid, &s->options.gid);
}

static const char *set_memory(struct manifest_section *s, const char *value)
{
    return value_memory(value, &s->options.memory);
}

static const char *set_cpus(struct manifest_section *s, const char *value)
{
    return value_number(value, 1, CPUS_MAX, &s->options.cpus);
}

static const char *set_weight(struct manifest_section *s, const char *value)
{
    return value_number(value, 1, WEIGHT_MAX, &s->weight);
}

static const char *set_cap(struct manifest_section *s, const char *value)
{
    return value_number(value, 0, CAP_MAX, &s->cap);
}

static const char *set_trap(struct manifest_section *s, const char *value)
{
    s->options.no_trap = strcmp(value, "off") == 0;
    return s->options.no_trap || strcmp(value, "on") == 0 ? NULL : "not one of on, off";
}

static const char *set_trace(struct manifest_section *s, const char *value)
{
    s->options.trace = strcmp(value, "stream") == 0;
    s->options.no_records = strcmp(value, "off") == 0;
    return s->options.trace || s->options.no_records || strcmp(value, "ring") == 0 ? NULL : "not one of off, ring, stream";
}

static const char *set_deny(struct manifest_section *s, const char *value)
{
    const char *word = NULL;
    const char *wrong = value_deny(value, &word);

    if (!wrong)
        string_list_add(&s->options.denied, word);
    return wrong;
}

static const char *set_rule(struct manifest_section *s, const char *kind, const char *value)
{
    struct rule_list scratch = {0};
    const char *line = must_format("%s %s", kind, value), *wrong = rule_add_line(&scratch, line);

    rule_list_free(&scratch);
    if (!wrong)
        string_list_add(&s->options.rules, line);
    return wrong;
}

static const char *set_policy(struct manifest_section *s, const char *value)
{
    return set_rule(s, "policy", value);
}

static const char *set_inject(struct manifest_section *s, const char *value)
{
    return set_rule(s, "inject", value);
}

enum key_number {
    KEY_KIND, KEY_PROGRAM, KEY_ARGV, KEY_ROOT, KEY_ADD, KEY_ENV, KEY_WORKDIR, KEY_USER, KEY_KERNEL, KEY_INITRD, KEY_CMDLINE,
    KEY_MEMORY, KEY_CPUS, KEY_WEIGHT, KEY_CAP, KEY_TRAP, KEY_TRACE, KEY_DENY, KEY_POLICY, KEY_INJECT,
};

enum key_use { USE_BOTH, USE_PROGRAM, USE_KERNEL }; /* which kinds a key is for */

static const struct key {
    const char *name;
    const char *(*set)(struct manifest_section *s, const char *value);
    enum key_use use;
    bool repeats;
} keys[] = {
    [KEY_KIND] = {"kind", set_kind, USE_BOTH, false},
    [KEY_PROGRAM] = {"program", set_program, USE_PROGRAM, false},
    [KEY_ARGV] = {"argv", set_argv, USE_PROGRAM, false},
    [KEY_ROOT] = {"root", set_root, USE_PROGRAM, false},
    [KEY_ADD] = {"add", set_add, USE_PROGRAM, true},
    [KEY_ENV] = {"env", set_env, USE_PROGRAM, true},
    [KEY_WORKDIR] = {"workdir", set_workdir, USE_PROGRAM, false},
    [KEY_USER] = {"user", set_user, USE_PROGRAM, false},
    [KEY_KERNEL] = {"kernel", set_kernel, USE_KERNEL, false},
    [KEY_INITRD] = {"initrd", set_initrd, USE_KERNEL, false},
    [KEY_CMDLINE] = {"cmdline", set_cmdline, USE_KERNEL, false},
    [KEY_MEMORY] = {"memory", set_memory, USE_BOTH, false},
    [KEY_CPUS] = {"cpus", set_cpus, USE_BOTH, false},
    [KEY_WEIGHT] = {"weight", set_weight, USE_BOTH, false},
    [KEY_CAP] = {"cap", set_cap, USE_BOTH, false},
    [KEY_TRAP] = {"trap", set_trap, USE_BOTH, false},
    [KEY_TRACE] = {"trace", set_trace, USE_BOTH, false},
    [KEY_DENY] = {"deny", set_deny, USE_BOTH, true},
    [KEY_POLICY] = {"policy", set_policy, USE_BOTH, true},
    [KEY_INJECT] = {"inject", set_inject, USE_BOTH, true},
};

struct parser {
    struct manifest *manifest;
    const struct run_options *defaults;
    const char *file;
    unsigned line;
    unsigned key_lines[ARRAY_SIZE(keys)]; /* where the section at hand has this key; 0: not */
};

static const char *wrong_at(const struct parser *p, unsigned line, const char *what, const char *why)
{
    return must_format("%s:%u: %s%s%s", p->file, line, what, *what ? ": " : "", why);
}

static struct manifest_section *section_at_hand(const struct parser *p)
{
    return p->manifest->count ? &p->manifest->sections[p->manifest->count - 1] : NULL;
}

/* What can only be said when a section is whole. */
static const char *finish_section(struct parser *p)
{
    struct manifest_section *s = section_at_hand(p);

    if (!s)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (p->key_lines[i] && keys[i].use == (s->is_kernel ? USE_PROGRAM : USE_KERNEL))
            return wrong_at(p, p->key_lines[i], keys[i].name, s->is_kernel ? "not for kind kernel" : "only for kind kernel");
    }
    if (s->is_kernel && !s->kernel)
        return wrong_at(p, s->line, s->name, "its kernel is not named");
    if (!s->is_kernel && !s->options.program && !s->options.executable)
        return wrong_at(p, s->line, s->name, "its program is not named");
    if (s->options.no_trap && ((p->key_lines[KEY_TRACE] && s->options.trace) || p->key_lines[KEY_DENY]))
        return wrong_at(p, s->line, s->name, "without trapping nothing can be traced or denied");
    if (s->options.no_trap) { /* what the command line asks of all, this one does without */
        s->options.trace = false;
        s->options.denied.count = 0;
    }
    if (!s->is_kernel && !s->options.program) {
        char **argv = must_alloc(2 * sizeof *argv);
        argv[0] = (char *)s->options.executable;
        argv[1] = NULL;
        s->options.program = argv;
    }
    return NULL;
}

static const char *take_section(struct parser *p, char *line)
{
    struct manifest *m = p->manifest;
    const char *wrong = finish_section(p);
    char *end = strchr(line, ']');

    if (wrong)
        return wrong;
    if (!end || end[1])
        return wrong_at(p, p->line, line, "a section is [name]");
    *end = '\0';
    const char *name = line + 1;
    size_t n = strlen(name);
    if (n == 0 || n > SANDBOX_NAME_MAX || strspn(name, NAME_LETTERS) != n)
        return wrong_at(p, p->line, name, "a name is 1 to 31 letters, digits, '.', '_' and '-'");
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->sections[i].name, name) == 0)
            return wrong_at(p, p->line, name, "there is a section of this name already");
    }
    if (m->count == SANDBOX_MAX)
        return wrong_at(p, p->line, name, must_format("more than %d sandboxes", SANDBOX_MAX));
    m->sections = must_realloc(m->sections, (m->count + 1) * sizeof *m->sections);
    m->sections[m->count++] = (struct manifest_section){.name = must_format("%s", name), .line = p->line,
                                                        .weight = WEIGHT_DEFAULT, .options = *p->defaults};
    struct run_options *o = &section_at_hand(p)->options;
    o->environment = o->added = o->denied = o->rules = (struct string_list){0};
    for (size_t i = 0; i < p->defaults->denied.count; i++)
        string_list_add(&o->denied, p->defaults->denied.items[i]);
    for (size_t i = 0; i < p->defaults->rules.count; i++)
        string_list_add(&o->rules, p->defaults->rules.items[i]);
    memset(p->key_lines, 0, sizeof p->key_lines);
    return NULL;
}

static const char *take_setting(struct parser *p, char *line)
{
    struct manifest_section *s = section_at_hand(p);
    char *equals = strchr(line, '=');

    if (!equals)
        return wrong_at(p, p->line, line, "neither [name] nor key = value");
    if (!s)
        return wrong_at(p, p->line, "", "a setting before the first [name]");
    char *value = equals + 1 + strspn(equals + 1, " \t");
    *equals = '\0';
    line[strcspn(line, " \t")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i].name, line) != 0)
            continue;
        if (p->key_lines[i] && !keys[i].repeats)
            return wrong_at(p, p->line, line, must_format("set in line %u already", p->key_lines[i]));
        p->key_lines[i] = p->line;
        const char *wrong = keys[i].set(s, must_format("%s", value));
        return wrong ? wrong_at(p, p->line, must_format("%s = %s", line, value), wrong) : NULL;
    }
    return wrong_at(p, p->line, line, "there is no such key");
}

/* `line` ends in NUL and is ours to change. */
static const char *take_line(struct parser *p, char *line)
{
    size_t n;

    line += strspn(line, " \t\r");
    n = strlen(line);
    while (n > 0 && strchr(" \t\r", line[n - 1]))
        line[--n] = '\0';
    if (n == 0 || *line == '#')
        return NULL;
    return *line == '[' ? take_section(p, line) : take_setting(p, line);
}

const char *manifest_parse(struct manifest *m, const char *text, size_t n, const char *file,
                           const struct run_options *defaults)
{
    struct parser p = {.manifest = m, .defaults = defaults, .file = file, .line = 1};
    const char *wrong = NULL;

    *m = (struct manifest){0};
    for (size_t at = 0; at < n && !wrong; p.line++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - (text + at)) : n - at;
        char *line = must_alloc(length + 1);

        memcpy(line, text + at, length);
        line[length] = '\0';
        wrong = strlen(line) == length ? take_line(&p, line) : wrong_at(&p, p.line, "", "a NUL byte");
        free(line);
        at += length + 1;
    }
    if (!wrong)
        wrong = finish_section(&p);
    if (!wrong && m->count == 0)
        wrong = wrong_at(&p, p.line, "", "no sandbox is described");
    return wrong;
}
