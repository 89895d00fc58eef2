/*
 * The name of a core file (core(5), "Naming of core dump files").  Pure; unit-tested on the host.
 */
#include <asm/errno.h>

#include "guest_kernel/coredump.h"
#include "lib/format.h"
#include "lib/string.h"

struct name {
    char *text;
    size_t size, used;
};

static void add_text(struct name *n, const char *text)
{
    for (; *text && n->used < n->size; text++)
        n->text[n->used++] = *text;
}

/* Slashes of a value must not make directories, nor dots lead up. */
static void add_value(struct name *n, const char *text)
{
    size_t start = n->used;

    add_text(n, text);
    if (n->used - start <= 2 && n->used > start && n->text[start] == '.' && (!text[1] || !strcmp(text, "..")))
        n->text[start] = '!';
    for (size_t i = start; i < n->used; i++)
        if (n->text[i] == '/')
            n->text[i] = '!';
}

static void add_number(struct name *n, unsigned long long value)
{
    char text[24];

    format(text, sizeof(text), "%llu", value);
    add_text(n, text);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Unknown ones vanish, as on Linux. */
static void add_specifier(struct name *n, char c, const struct coredump_facts *f)
{
    switch (c) {
    case '%':
        add_text(n, "%");
        break;
    case 'p':
    case 'P':
        add_number(n, (uint32_t)f->pid);
        break;
    case 'i':
    case 'I':
        add_number(n, (uint32_t)f->tid);
        break;
    case 'u':
        add_number(n, f->uid);
        break;
    case 'g':
        add_number(n, f->gid);
        break;
    case 'd':
        add_number(n, 1); /* others leave no file */
        break;
    case 's':
        add_number(n, (unsigned)f->signal);
        break;
    case 't':
        add_number(n, f->seconds);
        break;
    case 'c':
        add_number(n, f->limit);
        break;
    case 'h':
        add_value(n, f->host);
        break;
    case 'e':
        add_value(n, f->comm);
        break;
    case 'f':
        add_value(n, last_part(f->exe));
        break;
    case 'E':
        add_value(n, f->exe);
        break;
    }
}

int coredump_name(const char *pattern, const struct coredump_facts *f, char *name, size_t size)
{
    struct name n = {name, size, 0};
    bool has_pid = false;

    if (*pattern == '|')
        return -EINVAL;
    for (const char *p = pattern; *p; p++) {
        if (*p != '%') {
            char one[2] = {*p, '\0'};
            add_text(&n, one);
        } else if (*++p) {
            has_pid |= *p == 'p';
            add_specifier(&n, *p, f);
        } else {
            break;
        }
    }
    if (f->add_pid && !has_pid) {
        add_text(&n, ".");
        add_number(&n, (uint32_t)f->pid);
    }
    if (n.used == size)
        return -ENAMETOOLONG;
    name[n.used] = '\0';
    return (int)n.used;
}
