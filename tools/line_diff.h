/*
 * What two lists of lines have in common, and what not: the shortest edit (Myers, "An O(ND) Difference Algorithm", 1986).
 */
#ifndef TOOLS_LINE_DIFF_H
#define TOOLS_LINE_DIFF_H

#include "lib/compiler.h"

struct line_list {
    char **lines;
    size_t count, room;
};

typedef void line_diff_take(void *context, char sign, const char *line); /* '-': only in a, '+': only in b */

void line_list_add(struct line_list *l, char *line); /* takes it over */
void line_list_free(struct line_list *l);

/* Reports what differs, in order; returns how many lines that are. */
size_t line_diff(const struct line_list *a, const struct line_list *b, line_diff_take *take, void *context);

#endif
