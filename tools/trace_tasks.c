/*
 * See tools/trace_tasks.h: tasks, and the symbolic links by which their paths are resolved.
 */
#include "tools/trace_tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#include "abi/decode.h"
#include "lib/string.h"
#include "tools/message.h"
#include "tools/trace_tasks_internal.h"

#define TASKS_MAX      65536u
#define FIRST_NUMBER   99u /* the descriptors of the start have lower numbers of their own */
#define LINKS_MAX      1000000u
#define LINKS_FOLLOWED 40u /* as Linux */
#define PATH_MAX_BYTES 4096u

static int task_compare(const struct trace_task *a, const struct trace_task *b)
{
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

static int link_compare(const struct link *a, const struct link *b)
{
    return strcmp(a->path, b->path);
}

RB_GENERATE(trace_task_tree, trace_task, node, task_compare)
RB_GENERATE(trace_link_tree, link, node, link_compare)

struct trace_tasks *trace_tasks_new(void)
{
    struct trace_tasks *t = must_alloc(sizeof *t);

    *t = (struct trace_tasks){
        .first_files = trace_files_new(), .first_folder = must_format("/"), .objects.last_number = FIRST_NUMBER};
    return t;
}

struct trace_folder *trace_folder_new(const char *path)
{
    struct trace_folder *f = must_alloc(sizeof *f);

    *f = (struct trace_folder){.refs = 1, .path = must_format("%s", path)};
    return f;
}

void trace_folder_put(struct trace_folder *f)
{
    if (!f || --f->refs > 0)
        return;
    free(f->path);
    free(f);
}

static void task_free(struct trace_tasks *t, struct trace_task *task)
{
    RB_REMOVE(trace_task_tree, &t->tree, task);
    t->count--;
    t->last = NULL;
    trace_files_put(&t->objects, task->files);
    trace_folder_put(task->folder);
    free(task->program);
    free(task);
}

void trace_tasks_free(struct trace_tasks *t)
{
    struct trace_task *task;
    struct link *l;

    if (!t)
        return;
    while ((task = RB_MIN(trace_task_tree, &t->tree)))
        task_free(t, task);
    while ((l = RB_MIN(trace_link_tree, &t->links))) {
        RB_REMOVE(trace_link_tree, &t->links, l);
        free(l->path);
        free(l->target);
        free(l);
    }
    trace_files_put(&t->objects, t->first_files);
    free(t->first_folder);
    free(t->first_program);
    free(t);
}

size_t trace_tasks_alive(const struct trace_tasks *t)
{
    return t->count;
}

struct trace_objects *trace_tasks_objects(struct trace_tasks *t)
{
    return &t->objects;
}

void trace_link_add(struct trace_tasks *t, const char *path, const char *target)
{
    struct link *l = must_alloc(sizeof *l), *old;

    *l = (struct link){.path = must_format("%s", path), .target = target ? must_format("%s", target) : NULL};
    old = RB_FIND(trace_link_tree, &t->links, l);
    if (old) {
        RB_REMOVE(trace_link_tree, &t->links, old);
        t->link_count--;
        free(old->path);
        free(old->target);
        free(old);
    }
    if (target && t->link_count < LINKS_MAX) {
        RB_INSERT(trace_link_tree, &t->links, l);
        t->link_count++;
        return;
    }
    free(l->path);
    free(l->target);
    free(l);
}

struct trace_task *trace_task_find(struct trace_tasks *t, uint32_t tid)
{
    struct trace_task key = {.tid = tid};

    if (!t->last || t->last->tid != tid)
        t->last = RB_FIND(trace_task_tree, &t->tree, &key);
    return t->last;
}

struct trace_task *trace_task_add(struct trace_tasks *t, uint32_t tid, uint32_t pid)
{
    if (t->count >= TASKS_MAX)
        return NULL;
    struct trace_task *task = must_alloc(sizeof *task);
    *task = (struct trace_task){.tid = tid, .pid = pid, .number = ++t->last_number};
    RB_INSERT(trace_task_tree, &t->tree, task);
    t->count++;
    t->last = task;
    return task;
}

/* A task that nobody announced: the first one has what the launcher gave it, of another nothing is known. */
struct trace_task *trace_task_get(struct trace_tasks *t, uint32_t tid, uint32_t pid)
{
    struct trace_task *task = trace_task_find(t, tid);
    bool is_first = t->last_number == 0;

    if (task)
        return task;
    task = trace_task_add(t, tid, pid);
    if (!task)
        return NULL;
    task->files = is_first ? trace_files_copy(&t->objects, t->first_files) : trace_files_new();
    task->folder = trace_folder_new(is_first ? t->first_folder : "");
    if (is_first && t->first_program)
        trace_task_program(t, task, t->first_program);
    return task;
}

void trace_task_program(struct trace_tasks *t, struct trace_task *task, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *program = trace_path_resolve(t, task, AT_FDCWD, path, true);

    string_copy(task->comm, slash ? slash + 1 : path, sizeof task->comm);
    free(task->program);
    task->program = program;
}

/* clone's flags stand in its argument; clone3's in memory that is known only when the call returns: a thread shares
 * all. */
static uint64_t sharing_flags(const struct trace_call *call, bool is_thread)
{
    if (call && call->nr == SYS_clone)
        return call->args[0];
    return is_thread ? CLONE_FILES | CLONE_FS : 0;
}

void trace_tasks_fork(struct trace_tasks *t, const struct trace_record *record, const struct trace_call *call)
{
    const struct trace_task_new_body *body = (const void *)record->body;
    struct trace_task *parent = trace_task_get(t, record->tid, record->pid);
    uint64_t shared = sharing_flags(call, body->pid == record->pid);

    if (body->tid == record->tid) /* a hostile guest's word: nobody is its own child */
        return;
    trace_tasks_exit(t, body->tid);
    struct trace_task *child = parent ? trace_task_add(t, body->tid, body->pid) : NULL;
    if (!child)
        return;
    memcpy(child->comm, parent->comm, sizeof child->comm);
    child->program = parent->program ? must_format("%s", parent->program) : NULL;
    child->parent = parent->tid;
    if (shared & CLONE_FILES) {
        child->files = parent->files;
        child->files->refs++;
    } else {
        child->files = trace_files_copy(&t->objects, parent->files);
    }
    if (shared & CLONE_FS) {
        child->folder = parent->folder;
        child->folder->refs++;
    } else {
        child->folder = trace_folder_new(parent->folder->path);
    }
}

void trace_tasks_exit(struct trace_tasks *t, uint32_t tid)
{
    struct trace_task *task = trace_task_find(t, tid);

    if (task)
        task_free(t, task);
}

bool trace_call_bytes(const struct trace_call *call, bool stored, uint64_t address, void *to, size_t n)
{
    struct decode_call c = {.items = call->items, .items_size = call->items_size};

    return address && decode_memory(&c, stored, address, to, n) == n;
}

bool trace_call_text(const struct trace_call *call, bool stored, uint64_t address, char *to, size_t size)
{
    struct decode_call c = {.items = call->items, .items_size = call->items_size};
    size_t known = address && size > 0 ? decode_memory(&c, stored, address, to, size) : 0;

    return known > 0 && memchr(to, '\0', known);
}

/* A path under way: what is resolved already, and what is left. */
struct walk {
    char path[PATH_MAX_BYTES];
    size_t size; /* without a slash at the end; the root is empty */
    char rest[2 * PATH_MAX_BYTES];
    unsigned links;
};

static void walk_up(struct walk *w)
{
    while (w->size > 0 && w->path[--w->size] != '/')
        continue;
    w->path[w->size] = '\0';
}

static bool walk_down(struct walk *w, const char *name, size_t n)
{
    if (w->size + n + 2 > sizeof w->path)
        return false;
    w->path[w->size++] = '/';
    memcpy(w->path + w->size, name, n);
    w->size += n;
    w->path[w->size] = '\0';
    return true;
}

/* Put a link's target in front of what is left; false: too long, or too many links. */
static bool walk_link(struct walk *w, const char *target, const char *rest)
{
    char joined[sizeof w->rest];
    int n = snprintf(joined, sizeof joined, "%s/%s", target, rest);

    if (n < 0 || (size_t)n >= sizeof joined || ++w->links > LINKS_FOLLOWED)
        return false;
    if (*target == '/')
        w->path[w->size = 0] = '\0';
    else
        walk_up(w);
    memcpy(w->rest, joined, (size_t)n + 1);
    return true;
}

/* /proc/self, and below it the program and the descriptors, which stand for what they are. */
static const char *link_target(struct trace_tasks *t, const struct trace_task *task, const char *path, char *room,
                               size_t size)
{
    struct link key = {.path = (char *)(uintptr_t)path};
    unsigned pid, fd;
    int end = 0;

    if (strcmp(path, "/proc/self") == 0) {
        snprintf(room, size, "%u", task->pid);
        return room;
    }
    if (sscanf(path, "/proc/%u/exe%n", &pid, &end) == 1 && end && !path[end] && pid == task->pid)
        return task->program;
    end = 0;
    if (sscanf(path, "/proc/%u/fd/%u%n", &pid, &fd, &end) == 2 && !path[end] && pid == task->pid) {
        const struct trace_object *object = trace_files_find(task->files, (int)fd);
        return object && object->is_path ? object->name : NULL;
    }
    const struct link *l = RB_FIND(trace_link_tree, &t->links, &key);
    return l ? l->target : NULL;
}

static bool walk_run(struct trace_tasks *t, const struct trace_task *task, struct walk *w, bool follow)
{
    char *at = w->rest, room[16];

    while (*(at += strspn(at, "/"))) {
        size_t n = strcspn(at, "/");
        const char *rest = at + n + strspn(at + n, "/");
        if (n == 2 && !memcmp(at, "..", 2)) {
            walk_up(w);
        } else if (n != 1 || *at != '.') {
            if (!walk_down(w, at, n))
                return false;
            const char *target = *rest || follow ? link_target(t, task, w->path, room, sizeof room) : NULL;
            if (target) {
                if (!walk_link(w, target, rest))
                    return false;
                at = w->rest;
                continue;
            }
        }
        at += n;
    }
    return true;
}

char *trace_path_resolve(struct trace_tasks *t, const struct trace_task *task, int dirfd, const char *path, bool follow)
{
    const char *from = "";
    struct walk w = {.size = 0};

    if (*path != '/' && dirfd == AT_FDCWD) {
        from = task->folder->path;
    } else if (*path != '/') {
        const struct trace_object *object = trace_files_find(task->files, dirfd);
        from = object && object->is_path ? object->name : "";
    }
    if (*path != '/' && *from != '/')
        return NULL;
    int n = snprintf(w.rest, sizeof w.rest, "%s/%s", *path == '/' ? "" : from, path);
    if (n < 0 || (size_t)n >= sizeof w.rest || !walk_run(t, task, &w, follow))
        return NULL;
    return must_format("%s", w.size > 0 ? w.path : "/");
}
