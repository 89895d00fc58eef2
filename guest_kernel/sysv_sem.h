/*
 * System V semaphores, as sysv_sem.c (sets and semctl) and sysv_semop.c (operations, undoing) share them, and what
 * clone and exit need of them.
 */
#ifndef GUEST_KERNEL_SYSV_SEM_H
#define GUEST_KERNEL_SYSV_SEM_H

#include <bsd/sys/queue.h>
#include <linux/sem.h>

#include "guest_kernel/sysv_ipc.h"

struct thread;
struct task;

struct semaphore {
    int32_t value;
    int32_t pid; /* of the last operation */
};

struct sem_set { /* by the table's lock, all but what is fixed */
    struct ipc_object ipc;
    uint32_t count; /* fixed, as the array */
    struct semaphore *semaphores;
    long operation_time, change_time; /* seconds since 1970 */
    TAILQ_HEAD(, sem_waiter) waiters; /* the longest waiting first */
    LIST_HEAD(, sem_undo) undos;
};

/* An operation of a task that sleeps; lives on its stack. */
struct sem_waiter {
    TAILQ_ENTRY(sem_waiter) link;
    struct task *task;
    const struct sembuf *operations;
    unsigned count;
    unsigned blocked_by;   /* which of them cannot be done */
    struct sem_undo *undo; /* NULL: nothing to be undone */
    int result;            /* SEM_WAITING until another decides; written with the lock, atomic */
};

#define SEM_WAITING 1

/* What the end of who shares an undo list does to one set. */
struct sem_undo {
    LIST_ENTRY(sem_undo) of_list, of_set;
    struct sem_set *set;
    int16_t adjust[];
};

extern struct ipc_table sem_table;

/* sysv_semop.c; the lock is held. */
void sem_waiters_look(struct sem_set *set);           /* values changed: who can go on now? */
void sem_waiters_end(struct sem_set *set, int error); /* all of them, with that error */
void sem_set_drop_undos(struct sem_set *set);         /* the set goes */

/* Undo lists, shared by those who were cloned with CLONE_SYSVSEM. */
bool sem_undo_share(struct thread *parent, struct thread *child) must_check; /* false: no memory */
void sem_undo_leave(struct thread *t);                                       /* exit; the last one's leaving undoes */

#endif
