/*
 * Inside of tools/trace_tasks.h: what tools/trace_tasks.c (tasks and paths) and trace_snapshot.c (what is known, as facts) share.
 */
#ifndef TOOLS_TRACE_TASKS_INTERNAL_H
#define TOOLS_TRACE_TASKS_INTERNAL_H

#include "tools/trace_tasks.h"

struct link {
    RB_ENTRY(link) node;
    char *path, *target;
};

RB_HEAD(trace_task_tree, trace_task);
RB_HEAD(trace_link_tree, link);
RB_PROTOTYPE(trace_task_tree, trace_task, node, task_compare)
RB_PROTOTYPE(trace_link_tree, link, node, link_compare)

struct trace_tasks {
    struct trace_task_tree tree;
    size_t count;
    uint64_t last_number;
    struct trace_task *last; /* found last; NULL: none */
    struct trace_link_tree links;
    size_t link_count;
    struct trace_objects objects;
    struct trace_files *first_files; /* what the first task begins with */
    char *first_folder;
    char *first_program; /* NULL: not known */
    uint64_t snapshots; /* told so far */
};

struct trace_task *trace_task_find(struct trace_tasks *t, uint32_t tid);             /* NULL: it is new */
struct trace_task *trace_task_add(struct trace_tasks *t, uint32_t tid, uint32_t pid); /* without files and folder; NULL: too many */
struct trace_folder *trace_folder_new(const char *path);
void trace_folder_put(struct trace_folder *f); /* NULL: nothing */

#endif
