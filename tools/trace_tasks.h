/*
 * The tasks of a trace and what is known of each: its program, folder and descriptors, all learnt from the records of the
 * calls that change them (tools/trace_effects.c), and from what the launcher knows of the start.
 */
#ifndef TOOLS_TRACE_TASKS_H
#define TOOLS_TRACE_TASKS_H

#include <bsd/sys/tree.h>

#include "abi/syscall_classes.h"
#include "tools/trace_event.h"
#include "tools/trace_objects.h"

#define TRACE_COMM_SIZE 16u /* of Linux's task names, with their NUL */

/* Shared by tasks that were made with CLONE_FS. */
struct trace_folder {
    unsigned refs;
    struct trace_told told;
    char *path; /* the working directory */
};

struct trace_task {
    RB_ENTRY(trace_task) node;
    uint32_t tid, pid, parent; /* parent: tid of the task that made it; 0: not known */
    uint64_t number;           /* in the order in which they were seen */
    char comm[TRACE_COMM_SIZE];
    char *program; /* its file; NULL: not known */
    struct trace_files *files;
    struct trace_folder *folder;
};

struct trace_tasks;

struct trace_tasks *trace_tasks_new(void);
void trace_tasks_free(struct trace_tasks *t);

/*
 * A fact of the start: "fd.0" pipe:[2], "cwd" /, "program" /bin/sh, "link" /bin and usr/bin; or one that trace_tasks_tell() told.
 * Others are ignored.
 */
void trace_tasks_fact(struct trace_tasks *t, const char *key, const char *value, const char *more);

/* All that is known now, as facts: who takes them before the next record knows as much. */
typedef void trace_tell(void *context, const char *key, const char *value, const char *more);
void trace_tasks_tell(struct trace_tasks *t, trace_tell *tell, void *context);

/* Made if it is new; NULL: there are too many. */
struct trace_task *trace_task_get(struct trace_tasks *t, uint32_t tid, uint32_t pid);
void trace_tasks_fork(struct trace_tasks *t, const struct trace_record *record, const struct trace_call *call);
void trace_tasks_exit(struct trace_tasks *t, uint32_t tid);
size_t trace_tasks_alive(const struct trace_tasks *t);
struct trace_objects *trace_tasks_objects(struct trace_tasks *t);

/* The calls that trace_tasks_apply() must see. */
void trace_tracked_calls(struct call_set *s);
void trace_task_program(struct trace_tasks *t, struct trace_task *task, const char *path); /* as it was called */
/* What the call has changed. */
void trace_tasks_apply(struct trace_tasks *t, struct trace_task *task, const struct trace_call *call);

/* The path a call means, absolute and without symbolic links as far as they are known; allocated; NULL: it cannot be told. */
char *trace_path_resolve(struct trace_tasks *t, const struct trace_task *task, int dirfd, const char *path, bool follow);
void trace_link_add(struct trace_tasks *t, const char *path, const char *target);

/* The text of an object for -y, or with details for -yy, with its <>; its length. */
size_t trace_object_text(const struct trace_object *object, bool details, char *buffer, size_t size);
/* Bytes of a path as they stand between < and >; the length. */
size_t trace_path_text(const char *path, char *buffer, size_t size);

/* A text that the call read (or stored) at an address, at most size - 1 bytes; false: it is not whole. */
bool trace_call_text(const struct trace_call *call, bool stored, uint64_t address, char *to, size_t size);
bool trace_call_bytes(const struct trace_call *call, bool stored, uint64_t address, void *to, size_t n);

#endif
