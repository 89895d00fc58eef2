/*
 * What a process does on each signal: a table that clone(2) with CLONE_SIGHAND makes several processes share.  The table's
 * lock guards its contents; it is taken with interrupts off, below the signals.lock of any process.  Which table a process
 * has changes under the tree lock and its signals.lock together: either suffices to follow signal_state.actions.
 */
#ifndef GUEST_KERNEL_SIGNAL_ACTIONS_H
#define GUEST_KERNEL_SIGNAL_ACTIONS_H

#include "guest_kernel/signal.h"

int signal_actions_init(void) must_check; /* once, at boot */

/* One reference for the caller.  All as a first process has them; NULL: no memory. */
struct signal_actions *signal_actions_create(void) must_check;
struct signal_actions *signal_actions_share(struct signal_actions *a) must_check; /* one more reference */
struct signal_actions *signal_actions_of_gone(void) must_check; /* likewise: of all that have been waited for, never changed */
void signal_actions_put(struct signal_actions *a);                                /* NULL is fine */
bool signal_actions_are_shared(const struct signal_actions *a);

void signal_actions_copy(struct signal_actions *to, struct signal_actions *from); /* `to` is not shared yet */
void signal_actions_reset(struct signal_actions *a); /* handlers back to default; ignored stays ignored */

struct sigaction signal_action(struct signal_actions *a, int signal);
__sighandler_t signal_handler(const struct signal_actions *a, int signal); /* of it alone */
/* Returns what was there before. */
struct sigaction signal_action_set(struct signal_actions *a, int signal, const struct sigaction *action);
void signal_action_default(struct signal_actions *a, int signal); /* its handler; flags and mask stay */

#endif
