/*
 * System V semaphores: semget(2), semctl(2).  Operations are in sysv_semop.c.
 */
#include "guest_kernel/sysv_sem.h"

#include <asm/errno.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/process.h"

struct ipc_table sem_table = {.lock = SPINLOCK_INIT, .limit = SEMMNI};
static uint64_t total; /* semaphores; sem_table.lock */

static struct sem_set *set_of(struct ipc_object *o)
{
    return container_of(o, struct sem_set, ipc);
}

static long now(void)
{
    return (long)(clock_realtime_ns() / NS_PER_S);
}

static struct ipc_object *set_make(const void *request)
{
    uint32_t count = *(const uint32_t *)request;
    struct sem_set *s = mem_alloc_zero(sizeof *s);

    if (!s)
        return NULL;
    s->semaphores = mem_alloc_zero(count * sizeof *s->semaphores);
    if (!s->semaphores) {
        mem_free(s);
        return NULL;
    }
    s->count = count;
    s->change_time = now();
    TAILQ_INIT(&s->waiters);
    return &s->ipc;
}

static void set_free(struct ipc_object *o)
{
    mem_free(set_of(o)->semaphores);
    mem_free(set_of(o));
}

static int set_check(const struct ipc_object *o, const void *request)
{
    return container_of(o, const struct sem_set, ipc)->count < *(const uint32_t *)request ? -EINVAL : 0;
}

static int set_admit(struct ipc_object *o)
{
    if (total + set_of(o)->count > SEMMNS)
        return -ENOSPC;
    total += set_of(o)->count;
    return 0;
}

static const struct ipc_type set_type = {
    .table = &sem_table,
    .make = set_make,
    .discard = set_free,
    .check = set_check,
    .admit = set_admit,
};

long sys_semget(const struct syscall_args *args)
{
    int32_t count = (int32_t)args->a[1];

    if (count < 0 || count > SEMMSL)
        return -EINVAL;
    return ipc_get(&set_type, (int32_t)args->a[0], (int)args->a[2], &count, count ? 0 : -EINVAL);
}

static long control_stat(int32_t id, int command, user_ptr out)
{
    struct semid64_ds copy;
    long result = -EINVAL;

    spin_lock(&sem_table.lock);
    struct ipc_object *o = command == IPC_STAT ? ipc_find(&sem_table, id) : ipc_find_slot(&sem_table, id);
    if (o)
        result = command == SEM_STAT_ANY ? 0 : ipc_permission(o, IPC_READ);
    if (!result) {
        const struct sem_set *s = set_of(o);

        copy = (struct semid64_ds){
            .sem_perm = ipc_perm_of(o),
            .sem_otime = s->operation_time,
            .sem_ctime = s->change_time,
            .sem_nsems = s->count,
        };
        result = command == IPC_STAT ? 0 : o->id;
    }
    spin_unlock(&sem_table.lock);
    return result >= 0 && put_user(out, copy) ? -EFAULT : result;
}

static long control_info(int command, user_ptr out)
{
    struct seminfo info = {
        .semmap = SEMMAP,
        .semmni = SEMMNI,
        .semmns = SEMMNS,
        .semmnu = SEMMNU,
        .semmsl = SEMMSL,
        .semopm = SEMOPM,
        .semume = SEMUME,
        .semusz = SEMUSZ,
        .semvmx = SEMVMX,
        .semaem = SEMAEM,
    };

    spin_lock(&sem_table.lock);
    if (command == SEM_INFO) {
        info.semusz = (int)sem_table.used;
        info.semaem = (int)total;
    }
    long highest = ipc_highest_slot(&sem_table);
    spin_unlock(&sem_table.lock);
    return put_user(out, info) ? -EFAULT : highest;
}

static long set_remove(struct sem_set *s)
{
    long error = ipc_ownership(&s->ipc);

    if (error)
        return error;
    sem_waiters_end(s, -EIDRM);
    sem_set_drop_undos(s);
    ipc_remove(&sem_table, &s->ipc);
    total -= s->count;
    return 0;
}

static long control_change(int32_t id, int command, user_ptr argument)
{
    struct semid64_ds wanted;
    long result = -EINVAL;

    if (command == IPC_SET && get_user(wanted, argument))
        return -EFAULT;
    spin_lock(&sem_table.lock);
    struct ipc_object *o = ipc_find(&sem_table, id);
    if (o && command == IPC_RMID)
        result = set_remove(set_of(o));
    else if (o)
        result = ipc_ownership(o);
    if (o && command == IPC_SET && !result) {
        result = ipc_perm_set(o, &wanted.sem_perm);
        if (!result)
            set_of(o)->change_time = now();
    }
    spin_unlock(&sem_table.lock);
    if (!result && command == IPC_RMID)
        set_free(o);
    return result;
}

/* How many wait for the semaphore to become zero, or larger. */
static long count_waiters(const struct sem_set *s, unsigned number, bool for_zero)
{
    const struct sem_waiter *w;
    long n = 0;

    TAILQ_FOREACH(w, &s->waiters, link)
    {
        const struct sembuf *b = &w->operations[w->blocked_by];

        n += b->sem_num == number && !b->sem_op == for_zero;
    }
    return n;
}

static long question_locked(const struct sem_set *s, unsigned number, int command)
{
    switch (command) {
    case GETVAL:
        return s->semaphores[number].value;
    case GETPID:
        return s->semaphores[number].pid;
    default:
        return count_waiters(s, number, command == GETZCNT);
    }
}

static void value_set(struct sem_set *s, unsigned number, int value)
{
    struct sem_undo *u;

    s->semaphores[number] = (struct semaphore){value, process_current()->pid};
    LIST_FOREACH(u, &s->undos, of_set)
    u->adjust[number] = 0;
}

/* One semaphore: GETVAL, GETPID, GETNCNT, GETZCNT, SETVAL. */
static long control_one(int32_t id, int32_t number, int command, int value)
{
    long result = -EINVAL;

    if (command == SETVAL && (value < 0 || value > SEMVMX))
        return -ERANGE;
    spin_lock(&sem_table.lock);
    struct ipc_object *o = ipc_find(&sem_table, id);
    if (o && command == SETVAL && (number < 0 || (uint32_t)number >= set_of(o)->count))
        o = NULL; /* SETVAL looks at that first, the others at the permission */
    if (o)
        result = ipc_permission(o, command == SETVAL ? IPC_WRITE : IPC_READ);
    if (!result && (number < 0 || (uint32_t)number >= set_of(o)->count))
        result = -EINVAL;
    if (!result && command == SETVAL) {
        value_set(set_of(o), (unsigned)number, value);
        set_of(o)->change_time = now();
        sem_waiters_look(set_of(o));
    } else if (!result) {
        result = question_locked(set_of(o), (unsigned)number, command);
    }
    spin_unlock(&sem_table.lock);
    return result;
}

/* Sets are never resized: the count, or -errno. */
static long count_of(int32_t id, unsigned access)
{
    spin_lock(&sem_table.lock);
    struct ipc_object *o = ipc_find(&sem_table, id);
    long result = o ? ipc_permission(o, access) : -EINVAL;
    if (!result)
        result = set_of(o)->count;
    spin_unlock(&sem_table.lock);
    return result;
}

static long all_locked(int32_t id, int command, uint16_t *values)
{
    struct ipc_object *o = ipc_find(&sem_table, id);

    if (!o)
        return -EIDRM; /* it was there a moment ago */
    struct sem_set *s = set_of(o);
    for (uint32_t n = 0; n < s->count; n++) {
        if (command == SETALL)
            value_set(s, n, values[n]);
        else
            values[n] = (uint16_t)s->semaphores[n].value;
    }
    if (command == SETALL) {
        s->change_time = now();
        sem_waiters_look(s);
    }
    return 0;
}

static bool are_values(const uint16_t *values, long count)
{
    for (long n = 0; n < count; n++)
        if (values[n] > SEMVMX)
            return false;
    return true;
}

static long control_all(int32_t id, int command, user_ptr array)
{
    long count = count_of(id, command == SETALL ? IPC_WRITE : IPC_READ);

    if (count < 0)
        return count;
    size_t size = (size_t)count * sizeof(uint16_t);
    uint16_t *values = mem_alloc(size);
    if (!values)
        return -ENOMEM;
    long result = command == SETALL && copy_from_user(values, array, size) ? -EFAULT : 0;
    if (!result && command == SETALL && !are_values(values, count))
        result = -ERANGE;
    if (!result) {
        spin_lock(&sem_table.lock);
        result = all_locked(id, command, values);
        spin_unlock(&sem_table.lock);
    }
    if (!result && command == GETALL && copy_to_user(array, values, size))
        result = -EFAULT;
    mem_free(values);
    return result;
}

long sys_semctl(const struct syscall_args *args)
{
    int32_t id = (int32_t)args->a[0], number = (int32_t)args->a[1];
    int command = (int)args->a[2];
    user_ptr argument = user(args->a[3]);

    if (id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return control_info(command, argument);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return control_stat(id, command, argument);
    case IPC_SET:
    case IPC_RMID:
        return control_change(id, command, argument);
    case GETALL:
    case SETALL:
        return control_all(id, command, argument);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETVAL:
        return control_one(id, number, command, (int)args->a[3]);
    default:
        return -EINVAL;
    }
}

static int show_sets(struct text *t)
{
    unsigned slot = 0;
    struct ipc_object *o;

    text_printf(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    spin_lock(&sem_table.lock);
    for (; (o = ipc_next(&sem_table, &slot)); slot++) {
        ipc_show_head(o, t);
        text_printf(t, "%10u ", set_of(o)->count);
        ipc_show_owners(o, t);
        text_printf(t, "%10ld %10ld\n", set_of(o)->operation_time, set_of(o)->change_time);
    }
    spin_unlock(&sem_table.lock);
    return 0;
}

int sysv_sem_init(void)
{
    RB_INIT(&sem_table.keys);
    return procfs_register("sysvipc/sem", 0444, show_sets);
}
