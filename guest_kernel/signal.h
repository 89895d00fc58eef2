/*
 * Signals: state, sending, delivery.  A process has one struct signal_state (actions, signals pending for whichever
 * thread takes them, job control); each thread has a mask and its own pending signals (struct thread, process.h).
 * All of it is guarded by the process's signals.lock (irqsave: timers send signals), a leaf lock but for run queues.
 */
#ifndef GUEST_KERNEL_SIGNAL_H
#define GUEST_KERNEL_SIGNAL_H

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "guest_kernel/core/task.h"
#include "guest_kernel/signal_set.h"
#include "lib/spinlock.h"

struct account;
struct process;
struct signal_actions;
struct thread;

struct signal_item { /* one queued siginfo */
    TAILQ_ENTRY(signal_item) link;
    siginfo_t info;
    struct account *account; /* whose RLIMIT_SIGPENDING it counts for: one reference */
    bool kept;               /* a timer's own: taken off its queue it goes back to the timer.  signals.lock, as the next */
    bool queued;             /* kept: it is in a queue */
};

struct signal_queue {
    signal_set set; /* a bit may be set without an item: no memory was left for its siginfo */
    TAILQ_HEAD(signal_items, signal_item) items;
};

struct signal_state {
    struct spinlock lock;
    struct signal_actions *actions; /* one reference; may be shared with other processes (signal_actions.h) */
    struct signal_queue pending;
    bool exiting;              /* a group exit is under way: every thread ends with exit_code */
    uint32_t exit_code;        /* wait status word */
    struct thread *execing;    /* execve by this thread: all others end */
    bool stop_taken;           /* a stop signal was taken off the queue, and no SIGCONT came since */
    bool stopping;             /* a stop is wanted: threads stop as they come by */
    bool stopped;              /* all threads have stopped */
    uint32_t stopped_threads;
    int stop_signal;
    bool stop_told;            /* to a parent that waited; atomic, relaxed */
    struct thread *dumper;     /* writes a core file: the others wait for it to end; read without the lock, too */
    bool dump_killed;          /* SIGKILL came meanwhile */
    uint32_t dump_parked;      /* threads that wait for it */
    uint32_t leaving;          /* threads in the list that are past that (thread.leaving) */
    bool continued;            /* SIGCONT ended a stop; not yet told to the parent */
    struct wait_queue resumed; /* stopped threads sleep here until !stopping or killed */
};

/* Woken by every signal that is queued for anyone: signalfds wait here (signalfd.c). */
extern struct wait_queue signal_arrived;

void signal_queue_init(struct signal_queue *q);
void signal_item_free(struct signal_item *item); /* one that is in no queue; a kept one stays */
/*
 * A timer's item, of one process and with the signal that it will send over and over.  NULL: RLIMIT_SIGPENDING, or no
 * memory.  signals.lock held, as for the next two.
 */
struct signal_item *signal_item_keep(struct process *p, const siginfo_t *info) must_check;
void signal_item_drop(struct signal_item *item); /* the timer goes: the item now, or when it is taken off its queue */
/* False: it is ignored.  If the item is in a queue already, that stays so. */
bool signal_send_kept(struct process *p, struct thread *to, struct signal_item *item) must_check;

/* A siginfo for a signal that the kernel, or the current task by kill(2), sends. */
siginfo_t signal_info_kernel(int signal);
siginfo_t signal_info_user(int signal, int code /* SI_USER, SI_TKILL */);

/*
 * Send.  Any context, signals.lock not held.  0, or -EAGAIN when a queued signal does not fit (only where the sender
 * asked for queueing: code < 0 and not SI_USER's kin).
 */
int signal_send_process(struct process *p, const siginfo_t *info);
int signal_send_thread(struct thread *t, const siginfo_t *info);
/* The same with signals.lock held; `to` NULL: to the process. */
int signal_send_locked(struct process *p, struct thread *to, const siginfo_t *info);
/* To a process group; process_tree_lock not held.  0 or -ESRCH. */
int signal_send_group(int32_t group, const siginfo_t *info);
/* A fault of the current thread: cannot be blocked or ignored. */
void signal_force(const siginfo_t *info);

/* For the current task, used by fs/ and drivers of this folder. */
void signal_send_self(int signal); /* SIGPIPE, SIGXFSZ: as from kill() by itself */

/* The current thread's mask. */
void signal_mask_set(signal_set mask);
/* ppoll, pselect6, sigsuspend: use `mask` until the call ends; delivery or the call's return puts the old one back. */
void signal_mask_until_return(signal_set mask);
/* The call ended without a signal to deliver: put the old mask back now. */
void signal_mask_restore(void);

/* Is one of these ignored, or blocked, by the current thread?  For terminals' SIGTTIN and SIGTTOU. */
bool signal_is_ignored_or_blocked(int signal);

/* task_ops, see core/task.h. */
void signal_work(struct pt_regs *regs);
void signal_user_fault(int signal, int si_code, uint64_t address, int trap, uint64_t error_code);

void signal_state_init(struct signal_state *s, struct signal_actions *actions); /* takes over the reference */
void signal_flush_thread(struct thread *t);   /* frees what is queued; the lock is held */
void signal_discard(struct process *p, signal_set set); /* from all its queues; the lock is held */
/* Recompute TASK_SIGNAL of a thread; the lock is held. */
void signal_recalculate(struct thread *t);
/* Wake so that a group exit or stop is noticed; the lock is held. */
void signal_kick(struct thread *t, bool fatal);
bool signal_fatal_pending(const struct thread *t); /* SIGKILL, or the process is exiting */
bool signal_is_pending(const struct thread *t);    /* something to deliver now; the lock is held */
/* t takes part in the group stop, if there is one it has not taken part in.  True: the process is stopped now. */
bool signal_join_stop(struct thread *t);

/* signal_frame.c */
bool signal_frame_push(struct pt_regs *regs, const struct sigaction *action, const siginfo_t *info, signal_set mask);

#endif
