/*
 * The launcher's control socket (`--control PATH`, docs/policy.md): clients change rules, answer questions, turn trapping on and
 * off, and trace with filters of their own while the sandbox runs.  Text, a command a line; only the launcher's user can connect.
 */
#ifndef TOOLS_CONTROL_H
#define TOOLS_CONTROL_H

#include <poll.h>

#include "tools/bytes.h"
#include "tools/mailbox.h"
#include "tools/run_options.h"

/*
 * What a client that attached gets after "ok": a trace log (tools/trace_log.h) that goes on until it or the sandbox ends: facts of
 * what is known of tasks and files, then records in their order.  The fact CONTROL_END_KEY ends it, its value says why.
 */
#define CONTROL_END_KEY "end"
#define CONTROL_END_DETACHED "detached"
#define CONTROL_END_SANDBOX "sandbox"

#define CONTROL_CLIENTS_MAX 8
#define CONTROL_SLOTS (1 + CONTROL_CLIENTS_MAX)

struct control;
struct trace_program;

struct control_sandbox {
    const char *name;             /* NULL: it is the only one */
    const struct string_list *rules; /* those it was started with */
    const struct trace_program *filter; /* of session 0, the launcher's own; NULL: it has none */
};

/* Listens; ends the launcher if that cannot be.  What `sandboxes` points to stays the caller's, and must stay. */
struct control *control_open(const char *path, struct mailbox *m, const struct control_sandbox *sandboxes, size_t count);
void control_close(struct control *c); /* all below take NULL */

/* For the caller's poll(): CONTROL_SLOTS of them, filled and served. */
void control_fill(const struct control *c, struct pollfd *p);
void control_serve(struct control *c, const struct pollfd *p);

/* Somebody who is not to miss anything reads too slowly: the sandbox has to wait. */
bool control_is_full(const struct control *c);

/* A fact of a sandbox's start (trace_view_fact()); before the first record. */
void control_fact(struct control *c, unsigned sandbox, const char *key, const char *value, const char *more);
/* No record came for a moment: what waits for its order goes on. */
void control_pause(struct control *c);

/* Frames of the hypervisor. */
void control_trace(struct control *c, unsigned sandbox, const void *records, size_t n);
struct control_clock { /* tsc ticks hz times a second and was `tsc` at start_ns after the epoch */
    uint64_t hz, tsc;
    int64_t start_ns;
};
void control_set_clock(struct control *c, struct control_clock clock);
void control_question(struct control *c, unsigned sandbox, const void *payload, size_t n);
void control_asked(struct control *c, unsigned sandbox, const void *payload, size_t n); /* a question is over */
void control_done(struct control *c, uint32_t command, int error);

#endif
