/*
 * See tools/trace_objects.h.
 */
#include "tools/trace_objects.h"

#include <stdlib.h>
#include <string.h>

#include "tools/message.h"

#define DESCRIPTORS_MAX (4u << 20) /* in all tables: a hostile sandbox may fork with large ones */

struct trace_object *trace_object_new(struct trace_objects *o, char *name, bool is_path)
{
    struct trace_object *object = must_alloc(sizeof *object);

    *object = (struct trace_object){.refs = 1, .name = name, .is_path = is_path, .family = -1};
    if (is_path) {
        object->next = o->paths;
        object->previous = &o->paths;
        if (o->paths)
            o->paths->previous = &object->next;
        o->paths = object;
    }
    return object;
}

struct trace_object *trace_object_numbered(struct trace_objects *o, const char *kind)
{
    return trace_object_new(o, must_format("%s:[%llu]", kind, (unsigned long long)++o->last_number), false);
}

void trace_object_put(struct trace_object *object)
{
    if (!object || --object->refs > 0)
        return;
    if (object->is_path) {
        *object->previous = object->next;
        if (object->next)
            object->next->previous = object->previous;
    }
    free(object->name);
    free(object->local);
    free(object->peer);
    free(object);
}

struct trace_files *trace_files_new(void)
{
    struct trace_files *f = must_alloc(sizeof *f);

    *f = (struct trace_files){.refs = 1};
    return f;
}

struct trace_files *trace_files_copy(struct trace_objects *o, const struct trace_files *f)
{
    struct trace_files *copy = trace_files_new();

    if (f->count == 0 || o->descriptors + f->count > DESCRIPTORS_MAX)
        return copy;
    copy->descriptors = must_alloc(f->count * sizeof *f->descriptors);
    memcpy(copy->descriptors, f->descriptors, f->count * sizeof *f->descriptors);
    copy->count = copy->room = f->count;
    o->descriptors += f->count;
    for (size_t i = 0; i < f->count; i++) {
        if (f->descriptors[i].object)
            f->descriptors[i].object->refs++;
    }
    return copy;
}

void trace_files_put(struct trace_objects *o, struct trace_files *f)
{
    if (!f || --f->refs > 0)
        return;
    for (size_t i = 0; i < f->count; i++)
        trace_object_put(f->descriptors[i].object);
    o->descriptors -= f->count;
    free(f->descriptors);
    free(f);
}

/* Where the descriptor is or would be. */
static size_t place_of(const struct trace_files *f, int fd)
{
    size_t low = 0, high = f->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (f->descriptors[middle].fd < fd)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct trace_object *trace_files_find(const struct trace_files *f, int fd)
{
    size_t i = place_of(f, fd);

    return i < f->count && f->descriptors[i].fd == fd ? f->descriptors[i].object : NULL;
}

void trace_files_set(struct trace_objects *o, struct trace_files *f, int fd, struct trace_object *object, bool close_on_exec)
{
    size_t i = place_of(f, fd);

    if (fd < 0 || fd >= TRACE_DESCRIPTOR_MAX || (o->descriptors >= DESCRIPTORS_MAX && (i == f->count || f->descriptors[i].fd != fd))) {
        trace_object_put(object);
        return;
    }
    if (i < f->count && f->descriptors[i].fd == fd) {
        trace_object_put(f->descriptors[i].object);
    } else {
        if (f->count == f->room) {
            f->room = 2 * f->room + 8;
            f->descriptors = must_realloc(f->descriptors, f->room * sizeof *f->descriptors);
        }
        memmove(&f->descriptors[i + 1], &f->descriptors[i], (f->count - i) * sizeof *f->descriptors);
        f->count++;
        o->descriptors++;
    }
    f->descriptors[i] = (struct trace_descriptor){fd, close_on_exec, object};
}

/* Those of [first, last], all or only those that close on exec, go. */
static void files_remove(struct trace_objects *o, struct trace_files *f, unsigned first, unsigned last, bool only_marked)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->count; i++) {
        struct trace_descriptor d = f->descriptors[i];
        bool goes = (unsigned)d.fd >= first && (unsigned)d.fd <= last && (!only_marked || d.close_on_exec);
        if (goes)
            trace_object_put(d.object);
        else
            f->descriptors[kept++] = d;
    }
    o->descriptors -= f->count - kept;
    f->count = kept;
}

void trace_files_close(struct trace_objects *o, struct trace_files *f, unsigned first, unsigned last)
{
    size_t i = place_of(f, (int)MIN(first, (unsigned)TRACE_DESCRIPTOR_MAX));

    if (first == last && i < f->count && (unsigned)f->descriptors[i].fd == first) {
        trace_object_put(f->descriptors[i].object);
        memmove(&f->descriptors[i], &f->descriptors[i + 1], (f->count - i - 1) * sizeof *f->descriptors);
        f->count--;
        o->descriptors--;
    } else if (first < last) {
        files_remove(o, f, first, last, false);
    }
}

void trace_files_exec(struct trace_objects *o, struct trace_files *f)
{
    files_remove(o, f, 0, UINT32_MAX, true);
}

void trace_files_mark(struct trace_files *f, unsigned first, unsigned last, bool close_on_exec)
{
    for (size_t i = place_of(f, (int)MIN(first, (unsigned)TRACE_DESCRIPTOR_MAX)); i < f->count; i++) {
        if ((unsigned)f->descriptors[i].fd > last)
            break;
        f->descriptors[i].close_on_exec = close_on_exec;
    }
}

static void object_rename(struct trace_object *object, const char *from, const char *to)
{
    size_t n = strlen(from);

    if (object->deleted || strncmp(object->name, from, n) || (object->name[n] && object->name[n] != '/'))
        return;
    if (!to) {
        object->deleted = true;
        return;
    }
    char *name = must_format("%s%s", to, object->name + n);
    free(object->name);
    object->name = name;
}

void trace_objects_rename(struct trace_objects *o, const char *from, const char *to)
{
    for (struct trace_object *object = o->paths; object; object = object->next)
        object_rename(object, from, to);
}
