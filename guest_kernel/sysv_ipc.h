/*
 * What System V shared memory and semaphores have in common (sysvipc(7)): objects found by an identifier or by a key,
 * and who may use them.  An identifier is SEQUENCE * 32768 + slot, as on Linux, so that a stale one is noticed.
 *
 * One spinlock a table guards the table and all fields of its objects; nothing sleeps under it.
 */
#ifndef GUEST_KERNEL_SYSV_IPC_H
#define GUEST_KERNEL_SYSV_IPC_H

#include <bsd/sys/tree.h>
#include <linux/ipc.h>

#include "fs/vfs.h"
#include "lib/spinlock.h"

struct ipc_object {
    RB_ENTRY(ipc_object) by_key;
    int32_t id;  /* fixed once it is in the table, as is the creator */
    int32_t key; /* IPC_PRIVATE: cannot be found by it */
    uint32_t uid, gid, creator_uid, creator_gid;
    uint32_t mode;
    uint16_t sequence;
};

RB_HEAD(ipc_key_tree, ipc_object);

struct ipc_table {
    struct spinlock lock;
    struct ipc_object **slots; /* `size` of them */
    unsigned size, used, limit;
    unsigned next; /* slot behind that of the newest object */
    unsigned sequence;
    struct ipc_key_tree keys;
};

/* The access that a mode's bits ask for: IPC_READ, IPC_WRITE; those of shmat may be combined. */
#define IPC_READ    0444u
#define IPC_WRITE   0222u
#define IPC_EXECUTE 0111u

/* Only ipc_get() does not want the lock held. */

struct ipc_type { /* what a call that makes objects gives ipc_get() */
    struct ipc_table *table;
    struct ipc_object *(*make)(const void *request);               /* not in the table yet; NULL: -ENOMEM */
    void (*discard)(struct ipc_object *o);                         /* one that did not get in */
    int (*check)(const struct ipc_object *o, const void *request); /* does an existing one fit?  0 or -errno */
    int (*admit)(struct ipc_object *o); /* limits, with the lock held and its id known: 0 or -errno; counts it */
};
/* shmget(2), semget(2): the identifier or -errno.  `unfit`: why no new object can be made of the request, or 0. */
long ipc_get(const struct ipc_type *type, int32_t key, int flags, const void *request, int unfit) must_check;

/* NULL: no such object.  By its slot alone: for SHM_STAT and SEM_STAT. */
struct ipc_object *ipc_find(struct ipc_table *t, int32_t id) must_check;
struct ipc_object *ipc_find_slot(struct ipc_table *t, int32_t slot) must_check;
struct ipc_object *ipc_next(struct ipc_table *t, unsigned *slot); /* the first at or after it; sets it */
long ipc_highest_slot(const struct ipc_table *t);                 /* 0 when there is none */
void ipc_remove(struct ipc_table *t, struct ipc_object *o);
void ipc_forget_key(struct ipc_table *t, struct ipc_object *o);

int ipc_permission(const struct ipc_object *o, unsigned access) must_check; /* 0, -EACCES */
int ipc_ownership(const struct ipc_object *o) must_check;                   /* 0, -EPERM */
struct ipc64_perm ipc_perm_of(const struct ipc_object *o);
int ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p) must_check; /* IPC_SET: 0, -EINVAL */

/* /proc/sysvipc: the columns that all have. */
void ipc_show_head(const struct ipc_object *o, struct text *t);
void ipc_show_owners(const struct ipc_object *o, struct text *t);

/* sysv_shm.c, sysv_sem.c: once at boot. */
int sysv_shm_init(void) must_check;
int sysv_sem_init(void) must_check;

#endif
