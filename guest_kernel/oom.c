/*
 * See oom.h.  As on Linux the process goes that holds most memory, oom_score_adj counted in (proc(5)), with all others
 * that use the same memory; nobody but the log hears of it.  A process that is already ending is waited for first.
 * Unlike Linux's, the first process may be chosen: a sandbox is like a container, and without memory it cannot go on.
 */
#include "guest_kernel/oom.h"

#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/oom.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/process.h"
#include "lib/log.h"
#include "lib/string.h"

#define TRANSIENT_ATTEMPTS                                                                                             \
    16 /* there is memory, but none was to be had: somebody else was faster, or a test wants it so */
#define PATIENCE_NS  (2 * NS_PER_S) /* for one that ends; then another is chosen */
#define STEP_NS      (NS_PER_S / 1000)
#define KIB_PER_PAGE (PAGE_SIZE / 1024)
#define NOT_KILLABLE INT64_MIN

/* The space of its first thread that still has one; tree lock. */
static struct space *space_of(const struct process *p)
{
    const struct thread *t;

    TAILQ_FOREACH(t, &p->threads, link)
    if (t->task->space)
        return t->task->space;
    return NULL;
}

/* Pages, as Linux's oom_badness() counts them; tree lock. */
static int64_t badness(const struct process *p)
{
    const struct space *s = space_of(p);
    struct space_counts counts;

    if (!s || p->oom_score_adj == OOM_SCORE_ADJ_MIN)
        return NOT_KILLABLE;
    space_counts_now(s, &counts);
    return (int64_t)(space_resident(&counts) + counts.tables) +
           p->oom_score_adj * ((int64_t)memory_total_pages() / 1000);
}

/* Is one ending that was chosen before, and has not taken too long?  Tree lock. */
static bool one_is_ending(void)
{
    for (const struct process *p = process_next(0); p; p = process_next(p->pid))
        if (p->oom_killed_ns && space_of(p) && clock_monotonic_ns() - p->oom_killed_ns < PATIENCE_NS)
            return true;
    return false;
}

/* Tree lock; NULL: none may go. */
static struct process *choose(void)
{
    struct process *worst = NULL;
    int64_t most = NOT_KILLABLE;

    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        int64_t points = p->oom_killed_ns ? NOT_KILLABLE : badness(p);

        if (points != NOT_KILLABLE && points >= most) { /* of equal ones the youngest */
            most = points;
            worst = p;
        }
    }
    return worst;
}

static void end(struct process *p)
{
    siginfo_t kill = signal_info_kernel(SIGKILL);

    p->oom_killed_ns = clock_monotonic_ns();
    (void)signal_send_process(p, &kill);
}

/* In Linux's words.  Tree lock. */
static void report(const struct process *p)
{
    const struct process *self = process_current();
    struct space_counts c;
    struct cred cred;

    space_counts_now(space_of(p), &c);
    cred = TAILQ_FIRST(&p->threads)->task->cred;
    log_error("%s invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, "
              "oom_score_adj=%d",
              task_current()->comm, self->oom_score_adj);
    log_error(
        "Out of memory: Killed process %d (%s) total-vm:%llukB, anon-rss:%llukB, file-rss:%llukB, shmem-rss:%llukB, "
        "UID:%u pgtables:%llukB oom_score_adj:%d",
        p->pid, TAILQ_FIRST(&p->threads)->task->comm, (unsigned long long)c.total * KIB_PER_PAGE,
        (unsigned long long)c.resident[1] * KIB_PER_PAGE, (unsigned long long)c.resident[0] * KIB_PER_PAGE,
        (unsigned long long)c.resident[2] * KIB_PER_PAGE, cred.uid, (unsigned long long)c.tables * KIB_PER_PAGE,
        p->oom_score_adj);
}

/* The worst one, and all that share its memory.  False: there is none.  Tree lock. */
static bool end_worst(void)
{
    struct process *worst = choose();
    const struct space *s = worst ? space_of(worst) : NULL;

    if (!worst)
        return false;
    report(worst);
    end(worst);
    for (struct process *p = process_next(0); p; p = process_next(p->pid))
        if (!p->oom_killed_ns && space_of(p) == s)
            end(p);
    return true;
}

static bool is_ending(void)
{
    return signal_fatal_pending(thread_current());
}

bool oom_wait(unsigned attempt)
{
    if (is_ending())
        return false;
    if (!memory_is_low() && attempt < TRANSIENT_ATTEMPTS)
        return true;
    spin_lock(&process_tree_lock);
    bool waiting = one_is_ending() || end_worst();
    spin_unlock(&process_tree_lock);
    if (!waiting || is_ending())
        return false;
    task_sleep_prepare(false);
    (void)task_sleep_until(clock_monotonic_ns() + STEP_NS);
    task_sleep_cancel();
    return true;
}

int procfs_show_oom_score(int pid, struct text *t)
{
    struct process *p = process_find(pid);
    int64_t total = (int64_t)memory_total_pages();

    if (!p)
        return -ESRCH;
    spin_lock(&process_tree_lock);
    int64_t points = badness(p);
    spin_unlock(&process_tree_lock);
    process_put(p);
    text_printf(t, "%lld\n", points == NOT_KILLABLE ? 0LL : (long long)(1000 + points * 1000 / total) * 2 / 3);
    return 0;
}

static int adjustment(int pid, int *out)
{
    struct process *p = process_find(pid);

    if (!p)
        return -ESRCH;
    *out = p->oom_score_adj;
    process_put(p);
    return 0;
}

int procfs_show_oom_score_adj(int pid, struct text *t)
{
    int value, error = adjustment(pid, &value);

    if (!error)
        text_printf(t, "%d\n", value);
    return error;
}

int procfs_show_oom_adj(int pid, struct text *t)
{
    int value, error = adjustment(pid, &value);

    if (!error)
        text_printf(t, "%d\n", value == OOM_SCORE_ADJ_MAX ? OOM_ADJUST_MAX : value * -OOM_DISABLE / OOM_SCORE_ADJ_MAX);
    return error;
}

/* A decimal number with a sign, perhaps a newline behind it. */
static int parse(char *text, size_t n, int *out)
{
    unsigned long long value;
    bool negative;

    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    while (*text == ' ' || *text == '\t')
        text++;
    negative = *text == '-';
    if (string_to_u64(text + (negative || *text == '+'), &value))
        return -EINVAL;
    if (value > INT32_MAX)
        return -ERANGE;
    if (value > OOM_SCORE_ADJ_MAX)
        return -EINVAL;
    *out = negative ? -(int)value : (int)value;
    return 0;
}

/* Only the privileged may go below what the last of them set; theirs becomes the new bound, unless it is of oom_adj. */
static int adjust(int pid, int value, bool sets_bound)
{
    struct process *p = process_find(pid);
    bool privileged = cred_may(CAP_SYS_RESOURCE);
    int error = 0;

    if (!p)
        return -ESRCH;
    spin_lock(&process_tree_lock);
    int bound = sets_bound ? p->oom_score_adj_min : p->oom_score_adj;
    if (value < bound && !privileged) {
        error = -EACCES;
    } else {
        p->oom_score_adj = (int16_t)value;
        if (sets_bound && privileged)
            p->oom_score_adj_min = (int16_t)value;
    }
    spin_unlock(&process_tree_lock);
    process_put(p);
    return error;
}

int procfs_store_oom_score_adj(int pid, char *value, size_t n)
{
    int adj, error = parse(value, n, &adj);

    return error ? error : adjust(pid, adj, true);
}

int procfs_store_oom_adj(int pid, char *value, size_t n)
{
    int adj, error = parse(value, n, &adj);

    if (!error && adj != OOM_DISABLE && (adj < OOM_ADJUST_MIN || adj > OOM_ADJUST_MAX))
        error = -EINVAL;
    if (error)
        return error;
    return adjust(pid, adj == OOM_ADJUST_MAX ? OOM_SCORE_ADJ_MAX : adj * OOM_SCORE_ADJ_MAX / -OOM_DISABLE, false);
}
