/*
 * trapline trace FILE: print the records that `trapline run --trace-binary FILE` saved.
 */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/message.h"
#include "tools/trace_view.h"

static void print_line(void *context, const char *text, size_t n)
{
    fwrite(text, 1, n, stdout);
}

int command_trace(int argc, char **argv)
{
    struct bytes file = {0};

    if (argc != 2 || strcmp(argv[1], "--help") == 0) {
        puts("Usage: trapline trace FILE\nPrint the system calls that `trapline run --trace-binary FILE` saved.");
        return argc == 2 ? 0 : EXIT_LAUNCHER;
    }
    int error = bytes_read_file(&file, argv[1]);
    if (error)
        fail(1, "%s: %s", argv[1], strerror(-error));
    struct trace_view *view = trace_view_new((struct trace_sink){.line = print_line});
    trace_view_feed(view, file.data, file.size);
    trace_view_finish(view);
    trace_view_free(view);
    bytes_free(&file);
    return 0;
}
