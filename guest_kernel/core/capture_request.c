/*
 * What the hypervisor wants done with a call that it let through (abi/capture.h): signals, delays, bytes in the program's memory,
 * another result; and its judgement of what a call consumes, for which a task may have to wait.  All of it belongs to the task whose call it is.
 */
#include <asm-generic/errno.h>
#include <asm/signal.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/irq.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/core/wait.h"

/* A signal ends it early: a task that waits must be able to die. */
static void delay(uint64_t ns)
{
    uint64_t deadline = clock_monotonic_ns() + ns;

    while (ns && !task_signal_pending()) {
        task_sleep_prepare(true);
        if (task_signal_pending() || !task_sleep_until(deadline))
            break;
    }
    task_sleep_cancel();
}

/* Nothing is told of this: it is not what the call did. */
static void poke(const struct capture_request *q)
{
    (void)poke_user(user(q->poke_address), q->poke, MIN((size_t)q->poke_size, sizeof q->poke));
}

/* The call's result is to be `result`, whatever becomes of it. */
static void result_force(struct task *t, int64_t result)
{
    t->forced_result = result;
    t->result_is_forced = true;
    __atomic_fetch_or(&t->work, TASK_REQUESTED, __ATOMIC_RELAXED);
}

static void rest_keep(struct task *t, const struct capture_request *q)
{
    if (q->what & CAPTURE_FORCE_RESULT)
        result_force(t, q->result);
    if (!q->delay_exit_ns && !(q->what & CAPTURE_POKE_EXIT))
        return;
    if (!t->requested)
        t->requested = mem_alloc(sizeof *t->requested);
    if (!t->requested) {
        result_force(t, -ENOMEM);
        return;
    }
    *t->requested = *q;
    __atomic_fetch_or(&t->work, TASK_REQUESTED, __ATOMIC_RELAXED);
}

void capture_requested(struct capture_page *page, struct task *t)
{
    struct capture_request q = page->request; /* the page belongs to this CPU, and is read once */
    uint32_t wanted = page->wanted;

    page->wanted = 0;
    if (wanted & CAPTURE_WANT_CHECK) {
        t->capture_checks = true; /* until the call's end */
        __atomic_fetch_or(&t->work, TASK_REQUESTED, __ATOMIC_RELAXED);
    }
    if (!(wanted & CAPTURE_WANT_REQUEST))
        return;
    irq_enable();
    if (q.signal)
        task_raise((int)q.signal);
    delay(q.delay_enter_ns);
    if (q.what & CAPTURE_POKE_ENTER)
        poke(&q);
    rest_keep(t, &q);
    irq_disable();
}

void capture_request_finish(struct task *t, struct pt_regs *regs)
{
    struct capture_request *q = t->requested;

    t->requested = NULL;
    t->capture_checks = false;
    if (q) {
        if (q->what & CAPTURE_POKE_EXIT)
            poke(q);
        delay(q->delay_exit_ns);
        mem_free(q);
    }
    if (t->result_is_forced)
        regs->rax = (uint64_t)t->forced_result;
    t->result_is_forced = false;
}

/* Tasks whose calls somebody was asked about. */
static struct wait_queue askers;

static void answers_came(void *context)
{
    (void)context;
    wake_all(&askers);
}

void capture_answers_init(struct msi_message *message)
{
    wait_queue_init(&askers);
    if (irq_allocate(answers_came, NULL, message) < 0)
        *message = (struct msi_message){0}; /* they are seen when the time is over */
}

/*
 * Until there is an answer, the time is over, or the task is to die anyway; other signals wait until then.  `left`: the time, in ns.
 * The kernel is not preempted, so whoever asks the hypervisor is the task that its CPU's page names.
 */
static long answer_wait(long left)
{
    while (left > CAPTURE_KILL && !task_is_dying()) {
        uint64_t deadline = clock_monotonic_ns() + (uint64_t)left;
        (void)wait_event_deadline(&askers, (left = capture_answer(false)) <= CAPTURE_KILL || task_is_dying(), false, deadline);
    }
    return left > CAPTURE_KILL ? capture_answer(true) : left;
}

bool capture_judge(enum capture_judged kind, uint64_t address, const void *bytes, size_t n)
{
    struct task *t = task_current();

    if (likely(!t->capture_checks) || t->call_nr == ~0UL)
        return true;
    long verdict = capture_check(kind, address, bytes, n);
    if (verdict >= CAPTURE_KILL)
        capture_flush(t);
    if (verdict > CAPTURE_KILL)
        verdict = answer_wait(verdict);
    if (!verdict)
        return true;
    if (verdict >= CAPTURE_KILL)
        task_raise(SIGKILL);
    result_force(t, verdict < 0 ? verdict : -EPERM);
    return false;
}
