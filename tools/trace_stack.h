/*
 * -k: the program's stack at a call (abi/trace_record.h, TRACE_STACK), as addresses in files and functions.  What files are mapped where
 * is learnt from the calls that map them, and for the program and its interpreter from the auxiliary vector, which the stack of a
 * program's first calls still has above it.  The files are those of this machine.
 */
#ifndef TOOLS_TRACE_STACK_H
#define TOOLS_TRACE_STACK_H

#include "tools/trace_tasks.h"

struct trace_stacks;

struct trace_stacks *trace_stacks_new(const char *root); /* where the files are: a folder */
void trace_stacks_free(struct trace_stacks *s); /* NULL: nothing */
void trace_stacks_calls(struct call_set *set); /* that trace_stacks_apply() must see */
/* A call ended; `task` is as it was before it. */
void trace_stacks_apply(struct trace_stacks *s, struct trace_tasks *tasks, const struct trace_task *task, const struct trace_call *call);
void trace_stacks_fork(struct trace_stacks *s, uint32_t parent, uint32_t child); /* pids */
void trace_stacks_exit(struct trace_stacks *s, uint32_t pid);

/* What is known of one frame. */
struct trace_stack_frame {
    const char *path;     /* NULL: nothing is mapped there as far as known */
    const char *function; /* NULL: not known */
    uint64_t offset;      /* in the function */
    uint64_t address;     /* in the file, or of memory */
};

/* "path(function+0x10) [0xf8350]" as strace -k shows it; the length, less than `size`. */
size_t trace_stack_frame_text(const struct trace_stack_frame *f, char *to, size_t size);

typedef void trace_stack_take(void *context, const struct trace_stack_frame *frame);
/* The frames of a call's stack, the innermost first. */
void trace_stack_walk(struct trace_stacks *s, const struct trace_call *call, trace_stack_take *take, void *context);

#endif
