/*
 * The launcher's control socket (`--control PATH`, docs/policy.md): clients change rules, answer questions, turn trapping on and
 * off while the sandbox runs.  Text, a command a line; only the launcher's user can connect.
 */
#ifndef TOOLS_CONTROL_H
#define TOOLS_CONTROL_H

#include <poll.h>

#include "tools/bytes.h"
#include "tools/mailbox.h"

#define CONTROL_CLIENTS_MAX 8
#define CONTROL_SLOTS (1 + CONTROL_CLIENTS_MAX)

struct control;

/* Listens; ends the launcher if that cannot be.  `names` of the sandboxes (NULL: one without a name) stay the caller's. */
struct control *control_open(const char *path, struct mailbox *m, const char *const *names, size_t count);
void control_close(struct control *c); /* all below take NULL */

/* For the caller's poll(): CONTROL_SLOTS of them, filled and served. */
void control_fill(const struct control *c, struct pollfd *p);
void control_serve(struct control *c, const struct pollfd *p);

/* Frames of the hypervisor. */
void control_question(struct control *c, unsigned sandbox, const void *payload, size_t n);
void control_done(struct control *c, uint32_t command, int error);

#endif
