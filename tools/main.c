/*
 * build/trapline: the program on the ordinary Linux machine that starts sandboxes and shows what they did.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/compiler.h"
#include "tools/commands.h"
#include "tools/message.h"

static int command_help(int argc, char **argv);

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
    {"run", command_run, "run a program in a sandbox (see: trapline run --help)"},
    {"trace", command_trace, "print a trace that `run --trace-binary FILE` saved"},
    {"attach", command_attach, "trace a sandbox that runs with --control"},
    {"control", command_control, "change rules and answer questions of a sandbox that runs with --control"},
    {"calls", command_calls, "list the system calls and how far the guest kernel implements them"},
    {"help", command_help, "this text"},
};

static int command_help(int argc, char **argv)
{
    puts("Usage: trapline COMMAND [OPTION]... [ARGUMENT]...\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].text);
    return 0;
}

/* A caller may have closed some of the first three; files that we open must not take their places. */
static void standard_descriptors_fill(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    standard_descriptors_fill();
    if (argc < 2)
        fail(EXIT_LAUNCHER, "no command given; try 'trapline help'");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return command_help(argc, argv);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fail(EXIT_LAUNCHER, "there is no command '%s'; try 'trapline help'", argv[1]);
}
