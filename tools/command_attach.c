/*
 * trapline attach: trace a sandbox that runs with `--control PATH`, beside whoever else does, from now until it ends or
 * a signal comes.  The log that comes out of the socket (tools/control.h) is shown as `trapline trace` would show it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/control.h"
#include "tools/control_client.h"
#include "tools/message.h"
#include "tools/trace_log.h"
#include "tools/trace_view.h"

#define PAUSE_MS      100 /* as tools/session.c */
#define PAUSE_FILE_MS 2000
#define PIECE         65536u

static const char usage[] =
    "Usage: trapline attach --control PATH [OPTION]...\n"
    "Trace a sandbox that was started with `trapline run --control PATH`, from now on, until it ends or SIGINT, "
    "SIGTERM or\n"
    "SIGHUP comes: then what is under way is still shown; a second signal ends at once.\n"
    "\n"
    "      --control PATH            the socket\n"
    "      --sandbox NAME            which one of several; default: the first\n"
    "      --wait                    the sandbox waits while this cannot keep up, and nothing is lost (default)\n"
    "      --drop                    it does not wait: what is lost is counted, and told where it is missing and at "
    "the end\n"
    "  -o, --trace-out FILE          write there, not on standard error; --output is the same\n"
    "      --trace FILTER            as -e trace=FILTER\n"
    "  -f                            taken and ignored: all tasks are always followed\n"
    "  -h, --help                    this text\n"
    "With --trace-format binary it is what the sandbox recorded for this session, as it comes; what of the filter "
    "needs names or\n"
    "captured memory is left to `trapline trace`.\n"
    "The exit status is 0, 1 if the trace could not be written or the sandbox's launcher is gone, 125 if it could not "
    "begin.\n"
    "\n";

enum { OPTION_CONTROL = 256, OPTION_SANDBOX, OPTION_WAIT, OPTION_DROP, OPTION_TRACE };

static const struct option long_options[] = {{"control", required_argument, NULL, OPTION_CONTROL},
                                             {"sandbox", required_argument, NULL, OPTION_SANDBOX},
                                             {"wait", no_argument, NULL, OPTION_WAIT},
                                             {"drop", no_argument, NULL, OPTION_DROP},
                                             {"output", required_argument, NULL, 'o'},
                                             {"trace-out", required_argument, NULL, 'o'},
                                             {"trace", required_argument, NULL, OPTION_TRACE},
                                             {"help", no_argument, NULL, 'h'}};

struct attachment {
    struct trace_options show;
    const char *path, *sandbox, *output;
    bool drops;
    int fd;
    FILE *file;
    struct trace_view *view; /* NULL: the log is written as it comes */
    uint64_t lost;
    char *end; /* why it ended; NULL: it did not say */
};

static int socket_fd = -1; /* for the signal handler */

/* Further signals end the program (SA_RESETHAND). */
static void ask_to_detach(int number)
{
    static const char line[] = "detach\n";

    if (send(socket_fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        _exit(128 + number);
}

static void signals_take(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = ask_to_detach, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* it is told as an error of the output */
}

static void parse_one(struct attachment *a, int code)
{
    switch (code) {
    case OPTION_CONTROL:
        a->path = optarg;
        break;
    case OPTION_SANDBOX:
        a->sandbox = optarg;
        break;
    case OPTION_WAIT:
        a->drops = false;
        break;
    case OPTION_DROP:
        a->drops = true;
        break;
    case OPTION_TRACE:
        trace_option_filter(&a->show, optarg);
        break;
    case 'o':
        a->output = optarg;
        break;
    case 'f':
        break;
    case 'h':
        fputs(usage, stdout);
        fputs(trace_option_usage, stdout);
        exit(0);
    default:
        if (!trace_option_take(&a->show, code, optarg))
            fail(EXIT_LAUNCHER, "try 'trapline attach --help'");
    }
}

static char program_name[] = "trapline"; /* what getopt starts its messages with */

static void parse(struct attachment *a, int argc, char **argv)
{
    struct option *all = trace_options_join(long_options, ARRAY_SIZE(long_options));
    int code;

    *a = (struct attachment){.file = stderr};
    trace_options_init(&a->show);
    argv[0] = program_name;
    while ((code = getopt_long(argc, argv, "fho:t" TRACE_OPTION_LETTERS, all, NULL)) != -1)
        parse_one(a, code);
    free(all);
    if (optind < argc)
        fail(EXIT_LAUNCHER, "'%s' is no option; try 'trapline attach --help'", argv[optind]);
    if (!a->path)
        fail(EXIT_LAUNCHER, "--control PATH is missing; try 'trapline attach --help'");
    trace_options_complete(&a->show);
}

static void put(void *context, const char *text, size_t n)
{
    const struct attachment *a = context;

    fwrite(text, 1, n, a->file);
}

static void take_header(void *context, const struct trace_log_header *h)
{
    const struct attachment *a = context;

    trace_view_set_clock(a->view, h->tsc_hz, h->tsc, h->start_ns);
}

static void take_fact(void *context, const char *key, const char *value, const char *more)
{
    struct attachment *a = context;

    if (strcmp(key, CONTROL_END_KEY) == 0 && !a->end)
        a->end = must_format("%s", value);
    else
        trace_view_fact(a->view, key, value, more);
}

static void take_record(void *context, const struct trace_record *r)
{
    struct attachment *a = context;
    struct trace_lost_body lost;

    if (r->type == TRACE_LOST && r->size >= sizeof *r + sizeof lost) {
        memcpy(&lost, r->body, sizeof lost);
        a->lost += lost.records;
    }
    trace_view_feed(a->view, r, r->size);
}

/* "attach wait|drop PROGRAM [SANDBOX]", and "ok" or "error REASON" as its answer, byte by byte: the log follows at
 * once. */
static void attach(struct attachment *a)
{
    struct trace_program *program = trace_options_program(&a->show, a->show.format == TRACE_FORMAT_BINARY);
    struct bytes line = {0};
    char answer[256];
    size_t n = 0;

    bytes_append_text(&line, "attach %s ", a->drops ? "drop" : "wait");
    for (size_t i = 0; i < program->size; i++)
        bytes_append_text(&line, "%02x", ((const uint8_t *)program)[i]);
    bytes_append_text(&line, "%s%s\n", a->sandbox ? " " : "", a->sandbox ? a->sandbox : "");
    a->fd = socket_fd = control_dial(a->path);
    control_send(a->fd, &line);
    bytes_free(&line);
    free(program);
    while (n + 1 < sizeof answer && recv(a->fd, &answer[n], 1, 0) == 1 && answer[n] != '\n')
        n++;
    answer[n] = '\0';
    if (strcmp(answer, "ok"))
        fail(EXIT_LAUNCHER, "%s", n > 6 ? answer + 6 : "the sandbox ended before it answered");
}

/* Whatever waits for its order is shown when nothing comes for a moment. */
static ssize_t receive(const struct attachment *a, void *data, size_t n)
{
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    int pauses[] = {PAUSE_MS, PAUSE_FILE_MS};

    for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
        if (poll(&p, 1, pauses[i]) != 0)
            break;
        if (i > 0 || !a->output)
            trace_view_pause(a->view);
        fflush(a->file);
    }
    return recv(a->fd, data, n, 0);
}

static bool is_written(const struct attachment *a)
{
    return !ferror(a->file);
}

/* Until the log ends, or cannot be written; false: it is damaged. */
static bool log_take(struct attachment *a)
{
    const struct trace_log_sink sink = {take_header, take_fact, take_record, a};
    struct trace_log_reader *reader = trace_log_reader_new(&sink);
    struct bytes input = {0};
    char *why = NULL;
    ssize_t n = 1;

    while (!why && n > 0 && !a->end && is_written(a)) {
        size_t taken;
        n = receive(a, bytes_reserve(&input, PIECE), PIECE);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n <= 0)
            break;
        if (!a->view)
            fwrite(input.data + input.size, 1, (size_t)n, a->file);
        input.size += (size_t)n;
        why = trace_log_take(reader, input.data, input.size, &taken);
        bytes_consume(&input, taken);
    }
    if (why)
        message("%s", why);
    trace_log_reader_free(reader);
    bytes_free(&input);
    free(why);
    return !why;
}

static int conclude(struct attachment *a, bool good)
{
    trace_view_finish(a->view);
    trace_view_free(a->view);
    if (fflush(a->file) || ferror(a->file) || (a->output && fclose(a->file))) {
        message("%s: the trace could not be written: %s", a->output ? a->output : "standard error", strerror(errno));
        good = false;
    } else if (!a->end) {
        message("the launcher of the sandbox is gone");
        good = false;
    }
    if (a->lost)
        message("%llu records were dropped", (unsigned long long)a->lost);
    free(a->end);
    trace_options_free(&a->show);
    return good ? 0 : 1;
}

int command_attach(int argc, char **argv)
{
    struct attachment a;

    parse(&a, argc, argv);
    if (a.output && !(a.file = fopen(a.output, "we")))
        fail(EXIT_LAUNCHER, "%s: %s", a.output, strerror(errno));
    setvbuf(a.file, NULL, _IOFBF, PIECE); /* what comes together is written together: receive() flushes it */
    if (a.show.format != TRACE_FORMAT_BINARY)
        a.view = trace_view_new(&a.show, (struct trace_sink){put, &a, a.output != NULL});
    attach(&a);
    signals_take();
    return conclude(&a, log_take(&a));
}
