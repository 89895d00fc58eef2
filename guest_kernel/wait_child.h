/*
 * Between wait_child.c (the calls; children) and wait_trace.c (tracees).
 */
#ifndef GUEST_KERNEL_WAIT_CHILD_H
#define GUEST_KERNEL_WAIT_CHILD_H

#include <linux/resource.h>

#include "guest_kernel/process.h"

struct wait_request {
    int type; /* P_ALL, P_PID, P_PGID */
    int32_t id;
    int options; /* WNOHANG, WEXITED, WSTOPPED, WCONTINUED, WNOWAIT, __WALL, __WCLONE, __WNOTHREAD */
};

struct wait_result {
    int32_t pid;
    uint32_t uid;
    int why;         /* CLD_* */
    uint32_t status; /* wait status word */
    struct rusage usage;
};

/* All with the tree lock held. */
void wait_collect(struct process *p, int32_t id, struct wait_result *out, int why, uint32_t status);
int wait_end_code(uint32_t status); /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
/* A zombie child of the current process: into *out, and gone unless WNOWAIT. */
void wait_take_zombie(struct process *child, const struct wait_request *r, struct wait_result *out);
bool wait_take_continued(struct process *child, const struct wait_request *r, struct wait_result *out);

/* What the tracees of the current process have to report.  1: *out is filled; 0: nothing yet; -ECHILD: it has none. */
long wait_scan_tracees(const struct wait_request *r, struct wait_result *out) must_check;

#endif
