/*
 * trapline trace: show, convert, filter, summarise or compare logs that `trapline run --trace-binary FILE` wrote.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/message.h"
#include "tools/trace_diff.h"
#include "tools/trace_log_file.h"
#include "tools/trace_view.h"

static const char usage[] =
    "Usage: trapline trace [OPTION]... LOG\n"
    "  or:  trapline trace --diff [OPTION]... LOG LOG\n"
    "Show a trace that `trapline run --trace-binary LOG` wrote, in whole or in part, in one of several formats, or a summary\n"
    "of it; or compare two.  LOG may be - for standard input.\n"
    "\n"
    "  -o, --output FILE             write there, not on standard output\n"
    "      --trace FILTER            as -e trace=FILTER\n"
    "      --info                    what the log says of itself\n"
    "      --diff                    compare two logs, process by process in the order in which they were made; addresses,\n"
    "                                pids, times and random bytes are masked; exit status 1: they differ\n"
    "  -f                            taken and ignored: all tasks are always followed\n"
    "  -h, --help                    this text\n"
    "\n";

struct trace_command {
    struct trace_options show;
    const char *output;
    bool diff, info;
};

enum { OPTION_DIFF = 256, OPTION_INFO, OPTION_TRACE };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'}, {"trace", required_argument, NULL, OPTION_TRACE},
    {"diff", no_argument, NULL, OPTION_DIFF}, {"info", no_argument, NULL, OPTION_INFO}, {"help", no_argument, NULL, 'h'}};

static void put_file(void *context, const char *text, size_t n)
{
    fwrite(text, 1, n, context);
}

static void parse_one(struct trace_command *c, int code)
{
    switch (code) {
    case 'o': c->output = optarg; break;
    case 'f': break;
    case OPTION_TRACE: trace_option_filter(&c->show, optarg); break;
    case OPTION_DIFF: c->diff = true; break;
    case OPTION_INFO: c->info = true; break;
    case 'h':
        fputs(usage, stdout);
        fputs(trace_option_usage, stdout);
        exit(0);
    default:
        if (!trace_option_take(&c->show, code, optarg))
            fail(EXIT_LAUNCHER, "try 'trapline trace --help'");
    }
}

static char program_name[] = "trapline"; /* what getopt starts its messages with */

static void parse(struct trace_command *c, int argc, char **argv)
{
    struct option *all = trace_options_join(long_options, ARRAY_SIZE(long_options));
    int code;

    *c = (struct trace_command){.output = NULL};
    trace_options_init(&c->show);
    argv[0] = program_name;
    while ((code = getopt_long(argc, argv, "fho:t" TRACE_OPTION_LETTERS, all, NULL)) != -1)
        parse_one(c, code);
    free(all);
    if (argc - optind != 1 + c->diff)
        fail(EXIT_LAUNCHER, c->diff ? "--diff needs two logs" : "one log is needed; try 'trapline trace --help'");
    trace_options_complete(&c->show);
}

/* What the log says of itself, as lines of a key and a value. */
static void info_header(void *context, const struct trace_log_header *h)
{
    printf("version %u\ntsc_hz %llu\ntsc %llu\nstart_ns %lld\ncalls %u\ntable %016llx\n", h->version,
           (unsigned long long)h->tsc_hz, (unsigned long long)h->tsc, (long long)h->start_ns, h->calls,
           (unsigned long long)h->table);
}

static void info_fact(void *context, const char *key, const char *value, const char *more)
{
    printf("%s %s%s%s\n", key, value, more ? " " : "", more ? more : "");
}

static void info_record(void *context, const struct trace_record *record)
{
    *(unsigned long long *)context += 1;
}

static int info(const char *path)
{
    unsigned long long records = 0;
    const struct trace_log_sink sink = {info_header, info_fact, info_record, &records};
    char *why = trace_log_read_file(path, &sink);

    printf("records %llu\n", records);
    if (why)
        message("%s: %s", path, why);
    int status = why != NULL;
    free(why);
    return status;
}

static int show(const struct trace_command *c, const char *path)
{
    FILE *file = c->output ? fopen(c->output, "we") : stdout;

    if (!file)
        fail(1, "%s: %s", c->output, strerror(errno));
    struct trace_view *view = trace_view_new(&c->show, (struct trace_sink){put_file, file, true});
    char *why = trace_log_view(path, view);
    trace_view_finish(view);
    trace_view_free(view);
    if (ferror(file) || fflush(file))
        fail(1, "%s: the trace could not be written", c->output ? c->output : "standard output");
    if (why)
        message("%s: %s; it was read up to there", path, why);
    int status = why != NULL;
    free(why);
    return status;
}

int command_trace(int argc, char **argv)
{
    struct trace_command c;
    int status;

    parse(&c, argc, argv);
    if (c.diff)
        status = trace_diff(&c.show, argv[optind], argv[optind + 1]);
    else
        status = c.info ? info(argv[optind]) : show(&c, argv[optind]);
    trace_options_free(&c.show);
    return status;
}
