/*
 * What the processes of one user have together, where a limit counts it: threads (RLIMIT_NPROC) and queued signals
 * (RLIMIT_SIGPENDING).  One account for each real user id in use.
 */
#ifndef GUEST_KERNEL_ACCOUNT_H
#define GUEST_KERNEL_ACCOUNT_H

#include <bsd/sys/tree.h>

#include "lib/compiler.h"

struct account {
    RB_ENTRY(account) node;
    uint32_t uid;
    uint32_t refs; /* atomic, as the next two.  0 only under the lock of all accounts */
    uint32_t threads;
    uint32_t signals; /* each has a reference */
};

struct account *account_get(uint32_t uid) must_check; /* counted; NULL: no memory */
struct account *account_hold(struct account *a);
void account_put(struct account *a);
/* One more of the user's threads, or one less; that it has ended counts, not that its memory is free.  Returns his count. */
uint32_t account_charge(struct account *a);
void account_uncharge(struct account *a);
uint32_t account_charges(void); /* of all users */

#endif
