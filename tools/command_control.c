/*
 * trapline control PATH COMMAND...: say something to a sandbox that runs with `--control PATH`.
 */
#include <stdio.h>
#include <string.h>

#include "tools/bytes.h"
#include "tools/commands.h"
#include "tools/control_client.h"
#include "tools/message.h"

static const char usage[] =
    "Usage: trapline control PATH COMMAND...\n"
    "Say something to the sandbox that was started with `trapline run --control PATH`.\n"
    "\n"
    "  rules [SANDBOX]           replace its rules by those on standard input, one a line: policy TEXT, inject TEXT or\n"
    "                            fault TEXT, as the options of `trapline run` have them; # begins a comment\n"
    "  questions                 print the questions of rules that ask, as they come and as they are over, until it ends\n"
    "  answer TICKET allow|deny[=ERROR]|kill [SANDBOX]\n"
    "  trap on|off               turn trapping on or off\n"
    "\n"
    "The exit status is 0, 1 if the command was refused, 125 if nobody listens.\n";

static void append_rules(struct bytes *b)
{
    char line[8192];

    while (fgets(line, sizeof line, stdin))
        bytes_append(b, line, strlen(line));
    if (b->data[b->size - 1] != '\n')
        bytes_append(b, "\n", 1);
    bytes_append(b, ".\n", 2);
}

/* Print what comes; the first "ok" or "error" is the end but for questions. */
static int take_replies(FILE *in, bool go_on)
{
    char line[32768];

    while (fgets(line, sizeof line, in)) {
        if (strncmp(line, "error ", 6) == 0) {
            message("%.*s", (int)strcspn(line + 6, "\n"), line + 6);
            return 1;
        }
        if (strcmp(line, "ok\n") != 0)
            fputs(line, stdout);
        else if (!go_on)
            return 0;
        fflush(stdout);
    }
    if (!go_on)
        message("the sandbox ended before it answered");
    return go_on ? 0 : 1;
}

int command_control(int argc, char **argv)
{
    struct bytes request = {0};

    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 3) {
        fputs(usage, stderr);
        return EXIT_LAUNCHER;
    }
    for (int i = 2; i < argc; i++)
        bytes_append_text(&request, "%s%s", i > 2 ? " " : "", argv[i]);
    bytes_append(&request, "\n", 1);
    if (strcmp(argv[2], "rules") == 0)
        append_rules(&request);
    int fd = control_dial(argv[1]);
    control_send(fd, &request);
    bytes_free(&request);
    FILE *in = fdopen(fd, "r");
    return in ? take_replies(in, strcmp(argv[2], "questions") == 0) : EXIT_LAUNCHER;
}
