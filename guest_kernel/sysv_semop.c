/*
 * semop(2), semtimedop(2), and undoing (SEM_UNDO).  The operations of a call happen together or not at all; who cannot
 * go on waits in the set's queue, and whoever changes a value does, in the order of their coming, what has become
 * possible for those that wait.
 *
 * A waiter lies on the stack of its task: who decides about it wakes the task before giving the lock up, and the task
 * takes the lock before it leaves.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sysv_sem.h"
#include "guest_kernel/time_convert.h"

#define FEW_OPERATIONS 16 /* are kept on the stack */
#define ANY_UNDO       (-SEMAEM - 1)

struct sem_undo_list {
    uint32_t refs; /* sem_table.lock, as the next */
    LIST_HEAD(, sem_undo) undos;
};

static long now(void)
{
    return (long)(clock_realtime_ns() / NS_PER_S);
}

static void roll_back(struct sem_set *s, const struct sem_waiter *w, unsigned done)
{
    while (done--)
        s->semaphores[w->operations[done].sem_num].value -= w->operations[done].sem_op;
}

/* The value after one operation in *value: 0, SEM_WAITING, -ERANGE. */
static int try_one(const struct sem_set *s, const struct sem_waiter *w, const struct sembuf *b, int *value)
{
    *value = s->semaphores[b->sem_num].value;
    if (!b->sem_op && *value)
        return SEM_WAITING;
    *value += b->sem_op;
    if (*value < 0)
        return SEM_WAITING;
    if (*value > SEMVMX)
        return -ERANGE;
    if (!(b->sem_flg & SEM_UNDO))
        return 0;
    int adjust = w->undo->adjust[b->sem_num] - b->sem_op;

    return adjust < ANY_UNDO || adjust > SEMAEM ? -ERANGE : 0;
}

/* Try all of a waiter's operations: 0 they are done, SEM_WAITING they cannot be, or -errno. */
static int try_all(struct sem_set *s, struct sem_waiter *w, int32_t pid)
{
    for (unsigned n = 0; n < w->count; n++) {
        const struct sembuf *b = &w->operations[n];
        int value, result = try_one(s, w, b, &value);

        if (result) {
            roll_back(s, w, n);
            w->blocked_by = n;
            return result == SEM_WAITING && (b->sem_flg & IPC_NOWAIT) ? -EAGAIN : result;
        }
        s->semaphores[b->sem_num].value = value;
    }
    for (unsigned n = 0; n < w->count; n++) {
        const struct sembuf *b = &w->operations[n];

        s->semaphores[b->sem_num].pid = pid;
        if (b->sem_flg & SEM_UNDO)
            w->undo->adjust[b->sem_num] = (int16_t)(w->undo->adjust[b->sem_num] - b->sem_op);
    }
    s->operation_time = now();
    return 0;
}

static void waiter_end(struct sem_set *s, struct sem_waiter *w, int result)
{
    TAILQ_REMOVE(&s->waiters, w, link);
    /* Release: pairs with the acquire in sleep_on(). */
    __atomic_store_n(&w->result, result, __ATOMIC_RELEASE);
    task_wake(w->task);
}

static bool changes_values(const struct sem_waiter *w)
{
    for (unsigned n = 0; n < w->count; n++)
        if (w->operations[n].sem_op)
            return true;
    return false;
}

void sem_waiters_look(struct sem_set *s)
{
    struct sem_waiter *w = TAILQ_FIRST(&s->waiters);

    assert_held(&sem_table.lock);
    while (w) {
        struct sem_waiter *next = TAILQ_NEXT(w, link);
        int result = try_all(s, w, w->task->pid);

        if (result != SEM_WAITING) {
            /* A change may have made possible what had to wait before. */
            if (!result && changes_values(w))
                next = TAILQ_FIRST(&s->waiters) == w ? next : TAILQ_FIRST(&s->waiters);
            waiter_end(s, w, result);
        }
        w = next;
    }
}

void sem_waiters_end(struct sem_set *s, int error)
{
    assert_held(&sem_table.lock);
    while (!TAILQ_EMPTY(&s->waiters))
        waiter_end(s, TAILQ_FIRST(&s->waiters), error);
}

static void undo_free(struct sem_undo *u)
{
    LIST_REMOVE(u, of_list);
    LIST_REMOVE(u, of_set);
    mem_free(u);
}

void sem_set_drop_undos(struct sem_set *s)
{
    assert_held(&sem_table.lock);
    while (!LIST_EMPTY(&s->undos))
        undo_free(LIST_FIRST(&s->undos));
}

static struct sem_undo_list *list_create(void)
{
    struct sem_undo_list *l = mem_alloc_zero(sizeof *l);

    if (l)
        l->refs = 1;
    return l;
}

bool sem_undo_share(struct thread *parent, struct thread *child)
{
    if (!parent->sem_undo)
        parent->sem_undo = list_create();
    if (!parent->sem_undo)
        return false;
    spin_lock(&sem_table.lock);
    parent->sem_undo->refs++;
    spin_unlock(&sem_table.lock);
    child->sem_undo = parent->sem_undo;
    return true;
}

static void undo(struct sem_undo *u)
{
    struct sem_set *s = u->set;

    for (uint32_t n = 0; n < s->count; n++) {
        if (!u->adjust[n])
            continue;
        int value = s->semaphores[n].value + u->adjust[n];

        s->semaphores[n].value = MIN(MAX(value, 0), SEMVMX);
        s->semaphores[n].pid = process_current()->pid;
    }
    undo_free(u);
    sem_waiters_look(s);
}

void sem_undo_leave(struct thread *t)
{
    struct sem_undo_list *l = t->sem_undo;

    if (!l)
        return;
    t->sem_undo = NULL;
    spin_lock(&sem_table.lock);
    bool last = --l->refs == 0;
    while (last && !LIST_EMPTY(&l->undos))
        undo(LIST_FIRST(&l->undos));
    spin_unlock(&sem_table.lock);
    if (last)
        mem_free(l);
}

/* This task's undo record of the set, made if there is none yet.  The lock is given up meanwhile; NULL: *error. */
static struct sem_undo *undo_have(int32_t id, long *error)
{
    struct sem_undo_list **list = &thread_current()->sem_undo;
    struct sem_undo *u = NULL, *made;

    assert_held(&sem_table.lock);
    struct ipc_object *o = ipc_find(&sem_table, id);
    struct sem_set *s = o ? container_of(o, struct sem_set, ipc) : NULL;
    *error = s ? -ENOMEM : -EINVAL;
    if (!s)
        return NULL;
    if (*list)
        LIST_FOREACH(u, &(*list)->undos, of_list)
    if (u->set == s)
        return u;
    size_t size = sizeof *u + s->count * sizeof(u->adjust[0]);
    spin_unlock(&sem_table.lock);
    made = mem_alloc_zero(size);
    if (!*list)
        *list = list_create();
    spin_lock(&sem_table.lock);
    if (!made || !*list) {
        mem_free(made);
        return NULL;
    }
    /* Another thread may have made one meanwhile, or the set be gone. */
    LIST_FOREACH(u, &(*list)->undos, of_list)
    if (u->set == s)
        break;
    if (u || ipc_find(&sem_table, id) != o) {
        mem_free(made);
        *error = -EIDRM;
        return u;
    }
    made->set = s;
    LIST_INSERT_HEAD(&(*list)->undos, made, of_list);
    LIST_INSERT_HEAD(&s->undos, made, of_set);
    return made;
}

/* The lock is held before and after, not while the task sleeps.  The result of the call. */
static long sleep_on(struct sem_set *s, struct sem_waiter *w, uint64_t deadline)
{
    long why = 0;

    w->task = task_current();
    w->result = SEM_WAITING;
    TAILQ_INSERT_TAIL(&s->waiters, w, link);
    spin_unlock(&sem_table.lock);
    while (!why) {
        task_sleep_prepare(true);
        if (__atomic_load_n(&w->result, __ATOMIC_ACQUIRE) != SEM_WAITING)
            break;
        if (task_signal_pending())
            why = -EINTR;
        else if (!task_sleep_until(deadline))
            why = -EAGAIN;
    }
    task_sleep_cancel();
    spin_lock(&sem_table.lock);
    if (w->result != SEM_WAITING)
        return w->result;
    TAILQ_REMOVE(&s->waiters, w, link); /* still queued, so the set is still there */
    return why;
}

static long operate_locked(int32_t id, struct sem_waiter *w, bool alters, bool undoes, unsigned highest,
                           uint64_t deadline)
{
    long error;

    if (undoes) {
        w->undo = undo_have(id, &error);
        if (!w->undo)
            return error;
    }
    struct ipc_object *o = ipc_find(&sem_table, id);
    if (!o)
        return -EINVAL;
    struct sem_set *s = container_of(o, struct sem_set, ipc);
    if (highest >= s->count)
        return -EFBIG;
    error = ipc_permission(o, alters ? IPC_WRITE : IPC_READ);
    if (error)
        return error;
    int result = try_all(s, w, process_current()->pid);
    if (result == SEM_WAITING)
        return sleep_on(s, w, deadline);
    if (!result && alters)
        sem_waiters_look(s);
    return result;
}

static long operate(int32_t id, const struct sembuf *operations, unsigned count, uint64_t deadline)
{
    struct sem_waiter w = {.operations = operations, .count = count};
    bool alters = false, undoes = false;
    unsigned highest = 0;

    for (unsigned n = 0; n < count; n++) {
        alters |= operations[n].sem_op != 0;
        undoes |= operations[n].sem_flg & SEM_UNDO;
        highest = MAX(highest, operations[n].sem_num);
    }
    spin_lock(&sem_table.lock);
    long result = operate_locked(id, &w, alters, undoes, highest, deadline);
    spin_unlock(&sem_table.lock);
    return result;
}

/* timeout NULL: for ever. */
static long operate_user(int32_t id, user_ptr address, unsigned count, const struct timespec *timeout)
{
    struct sembuf few[FEW_OPERATIONS], *operations = few;
    uint64_t deadline = timeout ? deadline_after(timespec_to_ns(timeout)) : WAIT_FOREVER;

    if (!count || id < 0)
        return -EINVAL;
    if (count > SEMOPM)
        return -E2BIG;
    if (count > FEW_OPERATIONS)
        operations = mem_alloc(count * sizeof *operations);
    if (!operations)
        return -ENOMEM;
    long result = -EFAULT;
    if (!copy_from_user(operations, address, count * sizeof *operations))
        result = !timeout || timespec_is_valid(timeout) ? operate(id, operations, count, deadline) : -EINVAL;
    if (operations != few)
        mem_free(operations);
    return result;
}

long sys_semop(const struct syscall_args *args)
{
    return operate_user((int32_t)args->a[0], user(args->a[1]), (unsigned)args->a[2], NULL);
}

long sys_semtimedop(const struct syscall_args *args)
{
    struct timespec timeout;

    if (args->a[3] && get_user(timeout, user(args->a[3])))
        return -EFAULT;
    return operate_user((int32_t)args->a[0], user(args->a[1]), (unsigned)args->a[2], args->a[3] ? &timeout : NULL);
}
