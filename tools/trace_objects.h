/*
 * What descriptors stand for, as far as a trace tells: objects, and the tables of descriptors that tasks have or share.
 */
#ifndef TOOLS_TRACE_OBJECTS_H
#define TOOLS_TRACE_OBJECTS_H

#include "lib/compiler.h"

#define TRACE_DESCRIPTOR_MAX 65536 /* higher ones are not followed */

/* The last snapshot (trace_tasks_tell()) that something was told in, and of which task, which descriptor. */
struct trace_told {
    uint64_t snapshot;
    uint32_t tid;
    int fd;
};

struct trace_object {
    unsigned refs;
    char *name;          /* a path, or pipe:[1], socket:[2], anon_inode:[eventpoll] */
    bool is_path;
    bool deleted;        /* the path has been removed since */
    int family, type, protocol; /* of a socket: family >= 0 */
    char *local, *peer;  /* its addresses as text; NULL: not known */
    int pid;             /* of a pidfd; 0: it is none */
    uint64_t signals;    /* of a signalfd */
    struct trace_told told;
    struct trace_object *next, **previous; /* all objects that are paths: a rename changes their names */
};

struct trace_descriptor {
    int fd;
    bool close_on_exec;
    struct trace_object *object;
};

struct trace_files {
    unsigned refs;
    struct trace_told told;
    size_t count, room;
    struct trace_descriptor *descriptors; /* by number */
};

struct trace_objects {
    struct trace_object *paths; /* list */
    uint64_t last_number;       /* of pipes, sockets and other objects without a name */
    size_t descriptors;         /* in all tables */
};

/* With one reference; the name is taken over (malloc). */
struct trace_object *trace_object_new(struct trace_objects *o, char *name, bool is_path);
struct trace_object *trace_object_numbered(struct trace_objects *o, const char *kind); /* KIND:[N] */
void trace_object_put(struct trace_object *object); /* NULL: nothing */

struct trace_files *trace_files_new(void);
struct trace_files *trace_files_copy(struct trace_objects *o, const struct trace_files *f);
void trace_files_put(struct trace_objects *o, struct trace_files *f);
struct trace_object *trace_files_find(const struct trace_files *f, int fd); /* borrowed; NULL: not known */
/* Takes the caller's reference over; NULL: the descriptor is open, what it is is not known. */
void trace_files_set(struct trace_objects *o, struct trace_files *f, int fd, struct trace_object *object, bool close_on_exec);
void trace_files_close(struct trace_objects *o, struct trace_files *f, unsigned first, unsigned last);
void trace_files_exec(struct trace_objects *o, struct trace_files *f); /* closes what closes on exec */
void trace_files_mark(struct trace_files *f, unsigned first, unsigned last, bool close_on_exec);

/* Paths changed their names: `from` and what lies below it, to `to`; NULL: they were removed. */
void trace_objects_rename(struct trace_objects *o, const char *from, const char *to);

#endif
