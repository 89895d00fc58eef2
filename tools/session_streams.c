/*
 * See tools/session.h: streams of which several share one descriptor.
 */
#include <string.h>

#include "tools/session.h"

#define LINE_MAX_BYTES 65536u /* a longer one is cut */

static void line_end(struct named_stream *n)
{
    bytes_append(&n->line, "\n", 1);
    output_put(n->output, n->name, strlen(n->name));
    output_put(n->output, ": ", 2);
    output_put(n->output, n->line.data, n->line.size);
    n->line.size = 0;
}

void named_stream_put(struct named_stream *n, const void *data, size_t size)
{
    const char *text = data, *limit = text + size;

    if (!n->name) {
        output_put(n->output, data, size);
        return;
    }
    while (text < limit) {
        size_t left = (size_t)(limit - text);
        const char *newline = memchr(text, '\n', left);
        size_t piece = MIN(newline ? (size_t)(newline - text) : left, LINE_MAX_BYTES - n->line.size);

        bytes_append(&n->line, text, piece);
        text += piece;
        if (text == newline)
            text++;
        else if (n->line.size < LINE_MAX_BYTES)
            break;
        line_end(n);
    }
}

void named_stream_finish(struct named_stream *n)
{
    if (n->line.size > 0)
        line_end(n);
    bytes_free(&n->line);
}
