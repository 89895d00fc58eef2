/*
 * See tools/line_diff.h.
 */
#include "tools/line_diff.h"

#include <stdlib.h>
#include <string.h>

#include "tools/message.h"

#define EDITS_MAX 4000u /* more, and the rest is reported as all gone and all new: memory grows with the square */

void line_list_add(struct line_list *l, char *line)
{
    if (l->count == l->room) {
        l->room = 2 * l->room + 64;
        l->lines = must_realloc(l->lines, l->room * sizeof *l->lines);
    }
    l->lines[l->count++] = line;
}

void line_list_free(struct line_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->lines[i]);
    free(l->lines);
    *l = (struct line_list){0};
}

/* Both lists without what they begin with alike. */
struct problem {
    char **a, **b;
    long n, m;
    long *reached[EDITS_MAX + 1]; /* after d edits: how far into a each diagonal -d, -d + 2 ... d has come */
};

static long reached_at(const struct problem *p, long d, long k)
{
    return k < -d || k > d ? -1 : p->reached[d][(k + d) / 2];
}

/* Where diagonal k begins with d edits: below or beside what d - 1 had reached. */
static bool comes_from_above(const struct problem *p, long d, long k)
{
    return k == -d || (k != d && reached_at(p, d - 1, k - 1) < reached_at(p, d - 1, k + 1));
}

static bool round_run(struct problem *p, long d)
{
    p->reached[d] = must_alloc((size_t)(d + 1) * sizeof **p->reached);
    for (long k = -d; k <= d; k += 2) {
        long x = d == 0 ? 0 : comes_from_above(p, d, k) ? reached_at(p, d - 1, k + 1) : reached_at(p, d - 1, k - 1) + 1;
        while (x < p->n && x - k < p->m && x - k >= 0 && strcmp(p->a[x], p->b[x - k]) == 0)
            x++;
        p->reached[d][(k + d) / 2] = x;
        if (x >= p->n && x - k >= p->m)
            return true;
    }
    return false;
}

/* The edits from the last to the first, in `path`: 1 for a line of a, 2 for one of b, 0 for one of both. */
static size_t path_find(const struct problem *p, long d, char *path)
{
    long x = p->n, y = p->m;
    size_t count = 0;

    for (; d > 0; d--) {
        long k = x - y;
        bool above = comes_from_above(p, d, k);
        long from = above ? reached_at(p, d - 1, k + 1) : reached_at(p, d - 1, k - 1);
        long start = above ? from : from + 1;
        for (; x > start; x--, y--)
            path[count++] = 0;
        path[count++] = above ? 2 : 1;
        x = from;
        y = above ? from - k - 1 : from - k + 1;
    }
    for (; x > 0; x--)
        path[count++] = 0;
    return count;
}

static size_t all_different(const struct problem *p, line_diff_take *take, void *context)
{
    for (long i = 0; i < p->n; i++)
        take(context, '-', p->a[i]);
    for (long i = 0; i < p->m; i++)
        take(context, '+', p->b[i]);
    return (size_t)(p->n + p->m);
}

static size_t report(const struct problem *p, long d, line_diff_take *take, void *context)
{
    char *path = must_alloc((size_t)(p->n + p->m) + 1);
    size_t count = path_find(p, d, path), different = 0;

    for (long x = 0, y = 0; count > 0;) {
        char edit = path[--count];
        if (edit == 1)
            take(context, '-', p->a[x]);
        else if (edit == 2)
            take(context, '+', p->b[y]);
        different += edit != 0;
        x += edit != 2;
        y += edit != 1;
    }
    free(path);
    return different;
}

size_t line_diff(const struct line_list *a, const struct line_list *b, line_diff_take *take, void *context)
{
    struct problem *p = must_alloc(sizeof *p);
    size_t same = 0, different;
    long d = 0;
    bool found = false;

    while (same < a->count && same < b->count && strcmp(a->lines[same], b->lines[same]) == 0)
        same++;
    *p = (struct problem){.a = a->lines + same, .b = b->lines + same, .n = (long)(a->count - same), .m = (long)(b->count - same)};
    for (; d <= (long)EDITS_MAX && !found; d++)
        found = round_run(p, d);
    different = found ? report(p, d - 1, take, context) : all_different(p, take, context);
    while (d-- > 0)
        free(p->reached[d]);
    free(p);
    return different;
}
