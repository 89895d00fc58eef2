/*
 * See tools/trace_options.h.
 */
#include "tools/trace_options.h"

#include <stdlib.h>
#include <string.h>

#include "tools/message.h"
#include "tools/trace_stack.h"
#include "tools/trace_tasks.h"

enum { CODE_FORMAT = TRACE_OPTION_FIRST, CODE_DECODE_FDS, CODE_DURATIONS, CODE_STAMPS, CODE_HEX, CODE_QUIET, CODE_BY, CODE_HISTOGRAM, CODE_EVENTS, CODE_STACK_ROOT, CODE_SIGNAL, CODE_STATUS, CODE_ABBREV, CODE_RAW, CODE_READ, CODE_WRITE };

static const struct option long_options[] = {
    {"trace-format", required_argument, NULL, CODE_FORMAT},
    {"trace-events", required_argument, NULL, CODE_EVENTS},
    {"stack-trace", no_argument, NULL, 'k'},
    {"stack-root", required_argument, NULL, CODE_STACK_ROOT},
    {"columns", required_argument, NULL, 'a'},
    {"signal", required_argument, NULL, CODE_SIGNAL},
    {"status", required_argument, NULL, CODE_STATUS},
    {"abbrev", required_argument, NULL, CODE_ABBREV},
    {"raw", required_argument, NULL, CODE_RAW},
    {"read", required_argument, NULL, CODE_READ},
    {"write", required_argument, NULL, CODE_WRITE},
    {"summary-only", no_argument, NULL, 'c'},
    {"summary", no_argument, NULL, 'C'},
    {"instruction-pointer", no_argument, NULL, 'i'},
    {"syscall-number", no_argument, NULL, 'n'},
    {"argument-names", no_argument, NULL, 'N'},
    {"arg-names", no_argument, NULL, 'N'},
    {"trace-path", required_argument, NULL, 'P'},
    {"quiet", optional_argument, NULL, CODE_QUIET},
    {"relative-timestamps", no_argument, NULL, 'r'},
    {"string-limit", required_argument, NULL, 's'},
    {"summary-sort-by", required_argument, NULL, 'S'},
    {"absolute-timestamps", optional_argument, NULL, CODE_STAMPS},
    {"syscall-times", optional_argument, NULL, CODE_DURATIONS},
    {"summary-by", required_argument, NULL, CODE_BY},
    {"summary-histogram", no_argument, NULL, CODE_HISTOGRAM},
    {"summary-columns", required_argument, NULL, 'U'},
    {"no-abbrev", no_argument, NULL, 'v'},
    {"summary-wall-clock", no_argument, NULL, 'w'},
    {"strings-in-hex", optional_argument, NULL, CODE_HEX},
    {"const-print-style", required_argument, NULL, 'X'},
    {"decode-fds", optional_argument, NULL, CODE_DECODE_FDS},
    {"successful-only", no_argument, NULL, 'z'},
    {"failed-only", no_argument, NULL, 'Z'},
    {"always-show-pid", no_argument, NULL, 'A'},
};

const char trace_option_usage[] =
    "Which calls (docs/trace-format.md, \"Filters\"; as in strace(1)):\n"
    "  -e QUALIFIER                  trace=FILTER, signal=SET, status=SET, trace-fds=SET, path=, fd=, pid=, comm=;\n"
    "                                read=SET, write=SET, raw=SET, abbrev=SET, verbose=SET; or a FILTER\n"
    "      --signal, --status, --read, --write, --raw, --abbrev SET   the same\n"
    "  -P, --trace-path PATH         calls that name this path, or a descriptor of it\n"
    "  -z, --successful-only   -Z, --failed-only\n"
    "      --trace-events LIST       what is below the calls too: exits, ept, interrupts, devices, all, none\n"
    "How they are shown:\n"
    "      --trace-format FORMAT     text (default), json (a line for each event), chrome (for Perfetto), binary (a log)\n"
    "  -y, --decode-fds              what descriptors are; -yy: sockets' addresses, devices, pidfds, signalfds too\n"
    "  -s, --string-limit N          bytes of a string, elements of an array; default 32\n"
    "  -v, --no-abbrev               structures with all their fields\n"
    "  -x, --strings-in-hex          strings that are no text in hexadecimal; -xx: all\n"
    "  -X STYLE                      constants: abbrev (names, default), raw (numbers), verbose (both)\n"
    "  -N, --argument-names          with the arguments' names\n"
    "  -n, --syscall-number          with the calls' numbers\n"
    "  -k, --stack-trace             with the program's stack at each call\n"
    "      --stack-root DIR          where the files that -k needs are, if not on this machine as in the sandbox\n"
    "  -i, --instruction-pointer     with the address of the instruction after the call\n"
    "  -T, --syscall-times[=UNIT]    with the time that each call took\n"
    "      --absolute-timestamps[=FORMAT]   with the time of day; FORMAT: time, time,us, unix,us\n"
    "  -r, --relative-timestamps     with the time since the line before\n"
    "  -A, --always-show-pid         the task's number in each line\n"
    "  -a, --columns N               column of the results; default 40\n"
    "  -q, --quiet                   no notes about the trace; -qq: no ends of tasks either\n"
    "Summaries:\n"
    "  -c, --summary-only            only a table of calls, their errors and times; -C, --summary: it too\n"
    "      --summary-by KEY          a row for each call (default), path, fd or process\n"
    "      --summary-histogram       and how long they took, by powers of two\n"
    "  -S, --summary-sort-by KEY     time, min-time, max-time, avg-time, calls, errors, name, nothing\n"
    "  -U, --summary-columns LIST    of time-percent, total-time, min-time, max-time, avg-time, calls, errors, name\n";

struct option *trace_options_join(const struct option *others, size_t count)
{
    struct option *all = must_alloc((count + ARRAY_SIZE(long_options) + 1) * sizeof *all);

    memcpy(all, others, count * sizeof *all);
    memcpy(all + count, long_options, sizeof long_options);
    all[count + ARRAY_SIZE(long_options)] = (struct option){0};
    return all;
}

void trace_options_init(struct trace_options *o)
{
    *o = (struct trace_options){.signals = UINT64_MAX, .column = 40, .duration_digits = 6, .style = decode_style_plain};
}

static noreturn void refuse(const char *option, const char *argument, const char *why)
{
    fail(EXIT_LAUNCHER, "%s %s: %s", option, argument, why);
}

static struct filter *filter_of(const char *option, const char *text)
{
    char *why;
    struct filter *f = filter_parse(text, &why);

    if (!f)
        refuse(option, text, why);
    return f;
}

void trace_option_filter(struct trace_options *o, const char *text)
{
    filter_free(o->calls);
    o->calls = filter_of("--trace", text);
}

static void take_places(struct trace_options *o, const char *text)
{
    char *whole = must_format("fd=%s", text);

    o->places = filter_or(o->places, filter_of("-e trace-fds", whole));
    free(whole);
}

/* A comma list of descriptors, or all. */
static void take_dumped(const char *text, bool *all, int **fds, size_t *count)
{
    char *copy = must_format("%s", text), *rest = copy, *item, *end;

    *all = strcmp(text, "all") == 0;
    *count = 0;
    while (!*all && strcmp(text, "none") && (item = strsep(&rest, ","))) {
        long fd = strtol(item, &end, 10);
        if (end == item || *end || fd < 0 || fd > INT32_MAX)
            refuse("-e read or write", text, "not a list of descriptors");
        *fds = must_realloc(*fds, (*count + 1) * sizeof **fds);
        (*fds)[(*count)++] = (int)fd;
    }
    free(copy);
}

static void take_signals(struct trace_options *o, const char *text)
{
    char *why;

    if (!filter_parse_signals(text, &o->signals, &why))
        refuse("-e signal", text, why);
}

static void take_statuses(struct trace_options *o, const char *text)
{
    char *why;

    if (!filter_parse_statuses(text, &o->statuses, &why))
        refuse("-e status", text, why);
    o->statuses_chosen = true; /* none of them too */
}

/* A set of calls, by the same words as a filter; `invert`: those that are not in it. */
static void take_set(const char *option, const char *text, struct call_set *set, bool invert)
{
    struct filter *f = filter_of(option, text);

    *set = (struct call_set){{0}};
    for (uint64_t nr = 0; nr < TRACE_PROGRAM_CALLS; nr++) {
        struct filter_facts facts = {.known = BIT(TRACE_FIELD_NR)};
        facts.scalars.field[TRACE_FIELD_NR] = nr;
        if ((filter_test(f, &facts) == TRUTH_YES) != invert)
            call_set_add(set, nr);
    }
    filter_free(f);
}

/* The text after "KEY=" if the qualifier has one of these keys. */
static const char *value_of(const char *qualifier, const char *keys)
{
    const char *equals = strchr(qualifier, '=');
    size_t n = equals ? (size_t)(equals - qualifier) : 0;

    for (const char *key = keys; n > 0 && *key; key += strcspn(key, " "), key += *key == ' ') {
        if (strcspn(key, " ") == n && strncmp(key, qualifier, n) == 0)
            return equals + 1;
    }
    return NULL;
}

static void take_qualifier(struct trace_options *o, const char *text)
{
    const char *value;

    if ((value = value_of(text, "trace t trace-set")))
        trace_option_filter(o, value);
    else if ((value = value_of(text, "signal signals s")))
        take_signals(o, value);
    else if ((value = value_of(text, "status")))
        take_statuses(o, value);
    else if ((value = value_of(text, "trace-fds trace-fd fds fd")))
        take_places(o, value);
    else if ((value = value_of(text, "read reads r")))
        take_dumped(value, &o->reads.all, &o->reads.fds, &o->reads.count);
    else if ((value = value_of(text, "write writes w")))
        take_dumped(value, &o->writes.all, &o->writes.fds, &o->writes.count);
    else if ((value = value_of(text, "raw x")))
        take_set("-e raw", value, &o->raw, false);
    else if ((value = value_of(text, "abbrev a")))
        take_set("-e abbrev", value, &o->whole, true);
    else if ((value = value_of(text, "verbose v")))
        take_set("-e verbose", value, &o->addresses, true);
    else if (strpbrk(text, "=<>&~|("))
        o->condition = filter_and(o->condition, filter_of("-e", text));
    else
        trace_option_filter(o, text);
}

static unsigned number_of(const char *option, const char *text, unsigned max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n > max)
        refuse(option, text, "not a number, or too large");
    return (unsigned)n;
}

/* Which of the words it is, from 0 on. */
static unsigned word_of(const char *option, const char *text, const char *const *words)
{
    unsigned i = 0;

    while (words[i] && strcmp(words[i], text))
        i++;
    if (!words[i])
        refuse(option, text, "not one of the words that --help lists");
    return i;
}

static void take_durations(struct trace_options *o, const char *unit)
{
    static const char *const units[] = {"s", "ms", "us", "ns", NULL};

    o->durations = true;
    o->duration_digits = unit ? 3 * word_of("--syscall-times", unit, units) : 6;
}

static void take_stamps(struct trace_options *o, const char *format)
{
    static const char *const formats[] = {"none", "time", "time,us", "unix,us", NULL};

    o->stamp = format ? (enum trace_stamp)word_of("--absolute-timestamps", format, formats) : STAMP_TIME;
}

static void take_hex(struct trace_options *o, const char *which)
{
    static const char *const words[] = {"none", "non-ascii", "all", NULL};

    o->style.hex = which ? (uint8_t)word_of("--strings-in-hex", which, words) : DECODE_HEX_ALWAYS;
}

static void take_descriptors(struct trace_options *o, const char *which)
{
    static const char *const words[] = {"none", "path", "all", NULL};

    o->descriptors = which ? word_of("--decode-fds", which, words) : MIN(o->descriptors + 1, 2);
}

static void take_format(struct trace_options *o, const char *format)
{
    static const char *const formats[] = {"text", "json", "chrome", "binary", NULL};

    o->format = (enum trace_format)word_of("--trace-format", format, formats);
}

static void take_summary_by(struct trace_options *o, const char *key)
{
    static const char *const keys[] = {"call", "path", "fd", "process", NULL};

    o->summary_by = (enum trace_summary_by)word_of("--summary-by", key, keys);
}

/* In the order of enum trace_machine_kind. */
static void take_events(struct trace_options *o, const char *list)
{
    static const char *const kinds[] = {"none", "exits", "ept", "interrupts", "devices", "all", NULL};
    char *copy = must_format("%s", list), *rest = copy, *item;

    o->events_chosen = true;
    while ((item = strsep(&rest, ","))) {
        unsigned kind = word_of("--trace-events", item, kinds);
        o->events = kind == 0 ? 0 : kinds[kind + 1] ? o->events | (unsigned)BIT(kind) : TRACE_PROGRAM_EVENTS;
    }
    free(copy);
}

static void take_names(struct trace_options *o, const char *style)
{
    static const char *const styles[] = {"abbrev", "raw", "verbose", NULL};

    o->style.names = (uint8_t)word_of("-X", style, styles);
}

bool trace_option_take(struct trace_options *o, int code, const char *argument)
{
    switch (code) {
    case CODE_FORMAT: take_format(o, argument); break;
    case CODE_DECODE_FDS: take_descriptors(o, argument); break;
    case CODE_DURATIONS: take_durations(o, argument); break;
    case CODE_STAMPS: take_stamps(o, argument); break;
    case CODE_HEX: take_hex(o, argument); break;
    case CODE_EVENTS: take_events(o, argument); break;
    case CODE_BY: take_summary_by(o, argument); break;
    case CODE_HISTOGRAM: o->histogram = true; break;
    case CODE_QUIET: o->quiet = MAX(o->quiet, argument ? number_of("--quiet", argument, 3) : 1); break;
    case 'a': o->column = number_of("-a", argument, 500); break;
    case 'A': o->always_pid = true; break;
    case 'c': o->summary_only = true; break;
    case 'C': o->summary = true; break;
    case 'e': take_qualifier(o, argument); break;
    case 'i': o->pointers = true; break;
    case 'k': o->stacks = true; break;
    case CODE_STACK_ROOT: o->stack_root = argument; break;
    case 'n': o->numbers = true; break;
    case 'N': o->style.argument_names = true; break;
    case 'P': o->places = filter_or(o->places, filter_of_path(argument)); break;
    case 'q': o->quiet++; break;
    case 'r': o->relative = true; break;
    case 's': o->style.string_max = number_of("-s", argument, 1u << 20); break;
    case 'S': o->summary_sort = argument; break;
    case 't': o->stamp = (enum trace_stamp)MIN(o->stamp + 1, STAMP_EPOCH_US); break;
    case 'T': take_durations(o, NULL); break;
    case 'U': o->summary_columns = argument; break;
    case 'v': memset(&o->whole, 0xff, sizeof o->whole); break;
    case 'w': break; /* all times are those of the clock */
    case 'x': o->style.hex = (uint8_t)MIN(o->style.hex + 1, DECODE_HEX_ALWAYS); break;
    case CODE_SIGNAL: take_signals(o, argument); break;
    case CODE_STATUS: take_statuses(o, argument); break;
    case CODE_ABBREV: take_set("--abbrev", argument, &o->whole, true); break;
    case CODE_RAW: take_set("--raw", argument, &o->raw, false); break;
    case CODE_READ: take_dumped(argument, &o->reads.all, &o->reads.fds, &o->reads.count); break;
    case CODE_WRITE: take_dumped(argument, &o->writes.all, &o->writes.fds, &o->writes.count); break;
    case 'X': take_names(o, argument); break;
    case 'y': take_descriptors(o, NULL); break;
    case 'z': take_statuses(o, "successful"); break;
    case 'Z': take_statuses(o, "failed"); break;
    default: return false;
    }
    return true;
}

void trace_options_complete(struct trace_options *o)
{
    struct filter *statuses = o->statuses_chosen ? filter_of_status(o->statuses) : NULL;

    o->filter = filter_and(filter_and(filter_and(o->calls, o->condition), o->places), statuses);
    o->calls = o->condition = o->places = NULL;
}

bool trace_options_follow(const struct trace_options *o)
{
    return o->descriptors || o->stacks || o->format == TRACE_FORMAT_JSON || o->format == TRACE_FORMAT_CHROME || o->summary || o->summary_only ||
           filter_needs_names(o->filter) || filter_needs_comm(o->filter);
}

struct trace_program *trace_options_program(const struct trace_options *o, bool follow)
{
    struct filter_extra extra = {.signals = o->signals};
    struct trace_program *program = must_alloc(TRACE_PROGRAM_SIZE_MAX);

    if (follow || trace_options_follow(o))
        trace_tracked_calls(&extra.calls);
    if (o->stacks)
        trace_stacks_calls(&extra.calls);
    filter_compile(o->filter, &extra, program);
    if (o->stacks) { /* a kept entry's stack would be gone */
        program->flags = TRACE_PROGRAM_STACKS;
        program->size = (uint16_t)(program->size - program->return_steps * sizeof(struct trace_step));
        program->return_steps = 0;
    }
    program->events = (uint16_t)o->events;
    return program;
}

struct trace_program *trace_tracked_program(void)
{
    struct filter nothing = {.kind = FILTER_CALLS};
    struct filter_extra extra = {.signals = 0};
    struct trace_program *program = must_alloc(TRACE_PROGRAM_SIZE_MAX);

    trace_tracked_calls(&extra.calls);
    filter_compile(&nothing, &extra, program);
    return program;
}

void trace_options_free(struct trace_options *o)
{
    filter_free(o->calls);
    filter_free(o->condition);
    filter_free(o->places);
    filter_free(o->filter);
    free(o->reads.fds);
    free(o->writes.fds);
}
