/*
 * Sending signals: queues, who is woken, what a stop or continue signal does at once.  Delivery is in signal_deliver.c.
 * All state is guarded by the target process's signals.lock, taken with interrupts off because timers send signals.
 */
#include "guest_kernel/signal.h"

#include <asm/errno.h>

#include "guest_kernel/account.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "guest_kernel/signal_actions.h"
#include "lib/string.h"

struct wait_queue signal_arrived = {.waiters = TAILQ_HEAD_INITIALIZER(signal_arrived.waiters)};

void signal_queue_init(struct signal_queue *q)
{
    q->set = 0;
    TAILQ_INIT(&q->items);
}

void signal_state_init(struct signal_state *s, struct signal_actions *actions)
{
    s->lock = (struct spinlock)SPINLOCK_INIT;
    signal_queue_init(&s->pending);
    wait_queue_init(&s->resumed);
    s->actions = actions;
}

siginfo_t signal_info_kernel(int signal)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_KERNEL};

    return info;
}

siginfo_t signal_info_user(int signal, int code)
{
    siginfo_t info = {.si_signo = signal, .si_code = code};

    info.si_pid = process_current() ? process_current()->pid : 0;
    info.si_uid = task_current()->cred.uid;
    return info;
}

void signal_item_free(struct signal_item *item)
{
    item->queued = false;
    if (item->kept)
        return;
    __atomic_fetch_sub(&item->account->signals, 1, __ATOMIC_RELAXED);
    account_put(item->account);
    mem_free(item);
}

/* Remove all of `set` from q. */
static void queue_discard(struct signal_queue *q, signal_set set)
{
    struct signal_item *item, *next;

    q->set &= ~set;
    TAILQ_FOREACH_SAFE(item, &q->items, link, next) {
        if (!signal_in(set, item->info.si_signo))
            continue;
        TAILQ_REMOVE(&q->items, item, link);
        signal_item_free(item);
    }
}

void signal_discard(struct process *p, signal_set set)
{
    struct thread *t;

    assert_held(&p->signals.lock);
    queue_discard(&p->signals.pending, set);
    TAILQ_FOREACH(t, &p->threads, link)
        queue_discard(&t->pending, set);
}

void signal_flush_thread(struct thread *t)
{
    queue_discard(&t->pending, ~0ULL);
}

bool signal_fatal_pending(const struct thread *t)
{
    const struct signal_state *s = &t->process->signals;

    return s->exiting || (s->execing && s->execing != t);
}

bool signal_is_pending(const struct thread *t)
{
    const struct signal_state *s = &t->process->signals;

    return signal_fatal_pending(t) || (s->stopping && !(t->ptrace.tracer && t->stop_seen)) || s->continued ||
           t->ptrace.trap_stop || t->ptrace.trap_notify || ((t->pending.set | s->pending.set) & ~t->blocked);
}

void signal_recalculate(struct thread *t)
{
    assert_held(&t->process->signals.lock);
    if (signal_is_pending(t))
        task_set_work(t->task, TASK_SIGNAL);
    else if (t->task == task_current())
        __atomic_fetch_and(&t->task->work, ~TASK_SIGNAL, __ATOMIC_RELAXED); /* own bit: no one waits for this change */
}

void signal_kick(struct thread *t, bool fatal)
{
    task_set_work(t->task, TASK_SIGNAL);
    if (fatal && !t->ptrace.dying)
        ptrace_wake(t);
    if (fatal)
        task_wake(t->task);
    else
        task_wake_interruptible(t->task);
}

void process_begin_exit(struct process *p, uint32_t status)
{
    struct thread *t;

    assert_held(&p->signals.lock);
    if (p->signals.exiting)
        return;
    p->signals.exiting = true;
    p->signals.exit_code = status;
    p->signals.stopping = p->signals.stopped = false;
    TAILQ_FOREACH(t, &p->threads, link)
        signal_kick(t, true);
}

/* SIGCONT ends a stop even if it is blocked or ignored (POSIX XSH 2.4.3). */
static void resume_process(struct process *p)
{
    struct signal_state *s = &p->signals;
    struct thread *t;

    TAILQ_FOREACH(t, &p->threads, link)
        if (t->ptrace.seized)
            ptrace_trap_notify(t);
    if (!s->stopping)
        return;
    s->continued = s->stopped;
    s->stopping = s->stopped = false;
    s->stopped_threads = 0;
    TAILQ_FOREACH(t, &p->threads, link) {
        t->stop_seen = false;
        task_set_work(t->task, TASK_SIGNAL);
    }
    wake_all(&s->resumed);
}

bool signal_join_stop(struct thread *t)
{
    struct signal_state *s = &t->process->signals;

    if (!s->stopping || t->stop_seen)
        return false;
    t->stop_seen = true;
    s->stopped_threads++;
    if (s->stopped || s->stopped_threads != t->process->thread_count)
        return false;
    s->stopped = true;
    return true;
}

static bool is_ignored(const struct process *p, int signal)
{
    __sighandler_t handler = signal_handler(p->signals.actions, signal);

    if (handler == SIG_DFL)
        return signal_default_action(signal) == SIGNAL_IGNORE || signal == SIGCONT;
    return handler == SIG_IGN;
}

static bool is_blocked(const struct thread *t, int signal)
{
    return signal_in(t->blocked, signal);
}

static bool wants(const struct thread *t, int signal)
{
    return !is_blocked(t, signal) || signal_in(t->waited_for, signal);
}

/* Which thread is to take a signal sent to the process: the first that does not block it, and is not held by a tracer. */
static struct thread *choose_thread(struct process *p, int signal)
{
    struct thread *t;

    TAILQ_FOREACH(t, &p->threads, link) {
        if (wants(t, signal) && !t->ptrace.stopped)
            return t;
    }
    return NULL;
}

/* Must the sender hear if the signal cannot be queued? */
static bool must_queue(const siginfo_t *info)
{
    return signal_is_realtime(info->si_signo) && info->si_code != SI_USER && info->si_code != SI_KERNEL;
}

/* The limit holds for all of a user's processes together; signals that cannot pile up pass it (Linux's send_signal). */
static struct signal_item *item_create(struct process *p, const siginfo_t *info)
{
    bool counts = signal_is_realtime(info->si_signo) || info->si_code < 0;
    struct account *a = TAILQ_FIRST(&p->threads)->account;
    uint32_t queued = __atomic_add_fetch(&a->signals, 1, __ATOMIC_RELAXED);
    struct signal_item *item = counts && queued > p->limits[RLIMIT_SIGPENDING].soft ? NULL : mem_alloc(sizeof(*item));

    if (!item) {
        __atomic_fetch_sub(&a->signals, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    *item = (struct signal_item){.info = *info, .account = account_hold(a)};
    return item;
}

struct signal_item *signal_item_keep(struct process *p, const siginfo_t *info)
{
    struct signal_item *item = item_create(p, info);

    if (item)
        item->kept = true;
    return item;
}

void signal_item_drop(struct signal_item *item)
{
    item->kept = false;
    if (!item->queued)
        signal_item_free(item);
}

static int enqueue(struct process *p, struct signal_queue *q, const siginfo_t *info, struct signal_item *item)
{
    if (!item)
        item = item_create(p, info);
    if (!item && must_queue(info))
        return -EAGAIN;
    if (item) {
        item->queued = true;
        TAILQ_INSERT_TAIL(&q->items, item, link);
    }
    q->set |= SIGNAL_BIT(info->si_signo);
    return 0;
}

/* What some signals do at once, whoever takes them. */
static void apply_at_once(struct process *p, int signal)
{
    if (signal_in(SIGNALS_STOP, signal))
        signal_discard(p, SIGNAL_BIT(SIGCONT));
    if (signal == SIGCONT) {
        p->signals.stop_taken = false;
        signal_discard(p, SIGNALS_STOP);
        resume_process(p);
    }
}

enum outcome { SENT, IGNORED, REFUSED };

/* `kept`: a timer's, which is queued even beside another one of its signal; NULL: a new one is made of *info. */
static enum outcome send(struct process *p, struct thread *to, const siginfo_t *info, struct signal_item *kept)
{
    int signal = info->si_signo;
    struct signal_queue *q = to ? &to->pending : &p->signals.pending;

    assert_held(&p->signals.lock);
    if (signal == SIGKILL && p->signals.dumper) {
        p->signals.dump_killed = true;
        wake_all(&p->child_changed);
    }
    if (p->signals.exiting || !p->thread_count)
        return SENT;
    apply_at_once(p, signal);
    if (signal == SIGKILL) {
        process_begin_exit(p, SIGKILL);
        return SENT;
    }
    const struct thread *judge = to ? to : TAILQ_FIRST(&p->threads);
    bool shown = judge->ptrace.tracer; /* tracers see what programs ignore, too */
    if (is_ignored(p, signal) && wants(judge, signal) && !signal_in(judge->waited_for, signal) && !shown)
        return IGNORED;
    if (!kept && !signal_is_realtime(signal) && signal_in(q->set, signal))
        return SENT;
    if (enqueue(p, q, info, kept))
        return REFUSED;
    wake_all(&signal_arrived);
    struct thread *t = to ? to : choose_thread(p, signal);
    if (t && wants(t, signal))
        signal_kick(t, false);
    return SENT;
}

int signal_send_locked(struct process *p, struct thread *to, const siginfo_t *info)
{
    return send(p, to, info, NULL) == REFUSED ? -EAGAIN : 0;
}

bool signal_send_kept(struct process *p, struct thread *to, struct signal_item *item)
{
    return item->queued || send(p, to, &item->info, item) != IGNORED;
}

int signal_send_process(struct process *p, const siginfo_t *info)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    int result = signal_send_locked(p, NULL, info);

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

int signal_send_thread(struct thread *t, const siginfo_t *info)
{
    struct process *p = t->process;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    int result = signal_send_locked(p, t, info);

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

int signal_send_group(int32_t group, const siginfo_t *info)
{
    int result = -ESRCH;

    spin_lock(&process_tree_lock);
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group != group)
            continue;
        (void)signal_send_process(p, info); /* an unqueued signal of the kernel is not an error for the group */
        result = 0;
    }
    spin_unlock(&process_tree_lock);
    return result;
}

void signal_force(const siginfo_t *info)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    signal_set bit = SIGNAL_BIT(info->si_signo);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    if (signal_handler(p->signals.actions, info->si_signo) == SIG_IGN || (t->blocked & bit)) {
        signal_action_default(p->signals.actions, info->si_signo);
        t->blocked &= ~bit;
    }
    queue_discard(&t->pending, bit);
    (void)signal_send_locked(p, t, info); /* not a queueing sender: cannot fail */
    signal_recalculate(t);
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

void signal_send_self(int signal)
{
    siginfo_t info = signal_info_user(signal, SI_USER);

    (void)signal_send_thread(thread_current(), &info);
}

void signal_user_fault(int signal, int si_code, uint64_t address, int trap, uint64_t error_code)
{
    struct thread *t = thread_current();
    siginfo_t info = {.si_signo = signal, .si_code = si_code};

    info.si_addr = (void *)address;
    t->fault_trap = trap;
    t->fault_error = error_code;
    if (signal == SIGSEGV || signal == SIGBUS)
        t->fault_address = address;
    signal_force(&info);
}

void signal_mask_set(signal_set mask)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    struct thread *other;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    signal_set before = t->blocked;

    t->blocked = mask & ~SIGNALS_UNBLOCKABLE;
    signal_recalculate(t);
    /* What this thread blocks from now on may be for another one. */
    signal_set left = p->signals.pending.set & t->blocked & ~before;
    if (unlikely(left)) {
        TAILQ_FOREACH(other, &p->threads, link) {
            if (other != t && (left & ~other->blocked))
                signal_kick(other, false);
        }
    }
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

void signal_mask_until_return(signal_set mask)
{
    struct thread *t = thread_current();

    t->saved_mask = t->blocked;
    t->restore_mask = true;
    signal_mask_set(mask);
}

void signal_mask_restore(void)
{
    struct thread *t = thread_current();

    if (!t->restore_mask)
        return;
    t->restore_mask = false;
    signal_mask_set(t->saved_mask);
}

bool signal_is_ignored_or_blocked(int signal)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    bool result = is_blocked(t, signal) || signal_handler(p->signals.actions, signal) == SIG_IGN;

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}
