/*
 * See tools/trace_tasks.h: what is known of tasks as facts, and facts as what is known.  A fact of a task has the key
 * "task.TID.WHAT"; what tasks share (tables of descriptors, folders, open files) is told once and then by where it was
 * told.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/string.h"
#include "tools/bytes.h"
#include "tools/message.h"
#include "tools/trace_tasks_internal.h"

struct teller {
    struct trace_tasks *tasks;
    trace_tell *tell;
    void *context;
    uint64_t number; /* of this snapshot: what was told in it */
};

static void tell(struct teller *w, const char *value, const char *more, const char *fmt, ...) printf_like(4, 5);
static void tell(struct teller *w, const char *value, const char *more, const char *fmt, ...)
{
    char key[96];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    w->tell(w->context, key, value, more);
}

/* Who told of this table or folder in this snapshot; 0: nobody, and now it is this task. */
static uint32_t told_by(const struct teller *w, struct trace_told *told, uint32_t tid)
{
    if (told->snapshot == w->number)
        return told->tid;
    *told = (struct trace_told){.snapshot = w->number, .tid = tid};
    return 0;
}

/* Flags and numbers that fit into one word each. */
static void object_details(const struct trace_descriptor *d, char *to, size_t size)
{
    const struct trace_object *o = d->object;

    snprintf(to, size, "%s%s%d %d %d %d %llu", d->close_on_exec ? "c" : "-", o->deleted ? "d " : "- ", o->family,
             o->type, o->protocol, o->pid, (unsigned long long)o->signals);
}

static void tell_descriptor(struct teller *w, uint32_t tid, const struct trace_descriptor *d)
{
    struct trace_object *o = d->object;
    char text[96];

    if (!o)
        return;
    uint32_t before = told_by(w, &o->told, tid);
    if (before) {
        snprintf(text, sizeof text, "%u.%d", before, o->told.fd);
        tell(w, text, d->close_on_exec ? "c" : NULL, "task.%u.same.%d", tid, d->fd);
        return;
    }
    o->told.fd = d->fd;
    object_details(d, text, sizeof text);
    tell(w, o->name, text, "task.%u.fd.%d", tid, d->fd);
    if (o->local)
        tell(w, o->local, NULL, "task.%u.local.%d", tid, d->fd);
    if (o->peer)
        tell(w, o->peer, NULL, "task.%u.peer.%d", tid, d->fd);
}

static void tell_task(struct teller *w, const struct trace_task *task)
{
    uint32_t files = told_by(w, &task->files->told, task->tid), folder = told_by(w, &task->folder->told, task->tid);
    char text[48];

    snprintf(text, sizeof text, "%u %u", task->pid, task->parent);
    tell(w, text, task->comm, "task.%u", task->tid);
    if (task->program)
        tell(w, task->program, NULL, "task.%u.program", task->tid);
    snprintf(text, sizeof text, "%u", folder);
    if (folder)
        tell(w, text, NULL, "task.%u.folder", task->tid);
    else
        tell(w, task->folder->path, NULL, "task.%u.cwd", task->tid);
    snprintf(text, sizeof text, "%u", files);
    if (files)
        tell(w, text, NULL, "task.%u.files", task->tid);
    for (size_t i = 0; !files && i < task->files->count; i++)
        tell_descriptor(w, task->tid, &task->files->descriptors[i]);
}

static void tell_start(struct teller *w)
{
    const struct trace_files *f = w->tasks->first_files;

    tell(w, w->tasks->first_folder, NULL, "cwd");
    for (size_t i = 0; i < f->count; i++) {
        if (f->descriptors[i].object)
            tell(w, f->descriptors[i].object->name, NULL, "fd.%d", f->descriptors[i].fd);
    }
    if (w->tasks->first_program)
        tell(w, w->tasks->first_program, NULL, "program");
}

void trace_tasks_tell(struct trace_tasks *t, trace_tell *tell_one, void *context)
{
    struct teller w = {t, tell_one, context, ++t->snapshots};
    struct trace_task *task;
    struct link *l;
    char number[32];

    RB_FOREACH(l, trace_link_tree, &t->links)
    tell(&w, l->path, l->target, "link");
    if (t->last_number == 0)
        tell_start(&w);
    RB_FOREACH(task, trace_task_tree, &t->tree)
    tell_task(&w, task);
    snprintf(number, sizeof number, "%llu", (unsigned long long)t->objects.last_number);
    tell(&w, number, NULL, "numbered");
}

/* Facts read. */

static void take_task(struct trace_tasks *t, uint32_t tid, const char *value, const char *more)
{
    unsigned pid, parent;

    if (sscanf(value, "%u %u", &pid, &parent) != 2 || trace_task_find(t, tid))
        return;
    struct trace_task *task = trace_task_add(t, tid, pid);
    if (!task)
        return;
    task->parent = parent;
    task->files = trace_files_new();
    task->folder = trace_folder_new("");
    string_copy(task->comm, more ? more : "", sizeof task->comm);
}

static void take_descriptor(struct trace_tasks *t, struct trace_task *task, int fd, const char *name, const char *more)
{
    struct trace_object *o = trace_object_new(&t->objects, must_format("%s", name), *name == '/');
    char flags[3] = "";
    unsigned long long signals;

    if (more &&
        sscanf(more, "%2s %d %d %d %d %llu", flags, &o->family, &o->type, &o->protocol, &o->pid, &signals) == 6) {
        o->signals = signals;
        o->deleted = flags[1] == 'd';
    }
    trace_files_set(&t->objects, task->files, fd, o, flags[0] == 'c');
}

static void take_same(struct trace_tasks *t, struct trace_task *task, int fd, const char *value, const char *more)
{
    unsigned tid;
    int other;

    if (sscanf(value, "%u.%d", &tid, &other) != 2)
        return;
    const struct trace_task *from = trace_task_find(t, tid);
    struct trace_object *o = from ? trace_files_find(from->files, other) : NULL;
    if (!o)
        return;
    o->refs++;
    trace_files_set(&t->objects, task->files, fd, o, more != NULL);
}

static void text_replace(char **to, const char *text)
{
    free(*to);
    *to = must_format("%s", text);
}

static void take_address(const struct trace_task *task, int fd, const char *value, bool local)
{
    struct trace_object *o = trace_files_find(task->files, fd);

    if (o)
        text_replace(local ? &o->local : &o->peer, value);
}

static void take_sharing(struct trace_tasks *t, struct trace_task *task, const char *value, bool files)
{
    struct trace_task *with = trace_task_find(t, (uint32_t)strtoul(value, NULL, 10));

    if (!with || with == task)
        return;
    if (files) {
        with->files->refs++;
        trace_files_put(&t->objects, task->files);
        task->files = with->files;
    } else {
        with->folder->refs++;
        trace_folder_put(task->folder);
        task->folder = with->folder;
    }
}

static void take_task_fact(struct trace_tasks *t, const char *key, const char *value, const char *more)
{
    char what[16] = "";
    unsigned tid;
    int fd = -1, words = sscanf(key, "task.%u.%15[a-z].%d", &tid, what, &fd);

    if (words == 1)
        take_task(t, tid, value, more);
    struct trace_task *task = words >= 2 ? trace_task_find(t, tid) : NULL;
    if (!task)
        return;
    if (strcmp(what, "program") == 0)
        text_replace(&task->program, value);
    else if (strcmp(what, "cwd") == 0)
        text_replace(&task->folder->path, value);
    else if (strcmp(what, "files") == 0 || strcmp(what, "folder") == 0)
        take_sharing(t, task, value, what[1] == 'i');
    else if (words == 3 && strcmp(what, "fd") == 0)
        take_descriptor(t, task, fd, value, more);
    else if (words == 3 && strcmp(what, "same") == 0)
        take_same(t, task, fd, value, more);
    else if (words == 3 && (strcmp(what, "local") == 0 || strcmp(what, "peer") == 0))
        take_address(task, fd, value, what[0] == 'l');
}

void trace_tasks_fact(struct trace_tasks *t, const char *key, const char *value, const char *more)
{
    int fd;

    if (sscanf(key, "fd.%d", &fd) == 1)
        trace_files_set(&t->objects, t->first_files, fd,
                        trace_object_new(&t->objects, must_format("%s", value), *value == '/'), false);
    else if (strcmp(key, "cwd") == 0)
        text_replace(&t->first_folder, value);
    else if (strcmp(key, "program") == 0)
        text_replace(&t->first_program, value);
    else if (strcmp(key, "link") == 0)
        trace_link_add(t, value, more);
    else if (strcmp(key, "numbered") == 0)
        t->objects.last_number = strtoull(value, NULL, 10);
    else if (strncmp(key, "task.", 5) == 0)
        take_task_fact(t, key, value, more);
}
