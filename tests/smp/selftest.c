/*
 * The hypervisor checks what needs no VT-x, on all CPUs at the same time: allocators, interrupts between CPUs, timers, run
 * queues with made-up vCPUs, frames; and that a panic stops the other CPUs.  A boot of its own, linked with the hypervisor's
 * sources, meant for QEMU's multi-threaded TCG, where CPUs really run at once: tests/smp/selftest.py.
 *
 * All CPUs go through the same list of tests, with a barrier before each.  A wrong result panics.  A test ends after its
 * rounds or after PHASE_S, whichever is first: where the host has fewer CPUs than this machine, a ticket lock is handed to
 * CPUs that the host does not run, and each round may last a slice of the host's scheduler.  Words of the command
 * line: "panic": after the tests, the last CPU panics while the others send frames; "no-acpi": do not look for its tables.
 */
#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/channel.h"
#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/main/boot_info.h"
#include "hv/paging.h"
#include "hv/schedule.h"
#include "hv/smp.h"
#include "hv/timer_run.h"
#include "hv/tsc.h"
#include "hv/vpid.h"
#include "hv/xstate.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define ROUNDS 3000u
#define HELD_MAX 32u
#define MOCK_VCPUS 16u
#define TIMERS 16u
#define FRAMES 100u
#define PHASE_S 3u  /* a test does no more rounds after that */
#define LIMIT_S 60u /* for anything that others must do */
#define VECTOR_TEST VECTOR_DEVICE_FIRST

static unsigned cpus_in_all;
static uint32_t arrived; /* atomic: at barriers, in all */

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Serve interrupts while waiting for *word to reach `value`. */
static void wait_for(const uint32_t *word, uint32_t value, const char *what)
{
    uint64_t end = tsc_read() + LIMIT_S * tsc_hz();

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value) {
        if (tsc_read() > end)
            panic("selftest: CPU %u waits in vain for %s: %u of %u", cpu_index(), what,
                  __atomic_load_n(word, __ATOMIC_RELAXED), value);
        cpu_take_interrupts();
    }
}

static void barrier_wait(uint32_t number)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
    wait_for(&arrived, number * cpus_in_all, "the others");
}

/* Whether a test does another round: the first it always does. */
static bool round_next(unsigned round, unsigned rounds, uint64_t end)
{
    return round < rounds && (!round || tsc_read() < end);
}

static uint64_t phase_end(void)
{
    return tsc_read() + PHASE_S * tsc_hz();
}

/* Allocators: what one CPU holds nobody else writes to. */

struct held {
    uint64_t *bytes;
    uint64_t mark;
    size_t words;
    unsigned order; /* of pages; ~0: an object */
};

static void held_take(struct held *h, uint32_t *seed)
{
    bool pages = random_next(seed) & 1;
    size_t size = 16 + random_next(seed) % 3000;

    h->order = pages ? random_next(seed) % 4 : ~0u;
    h->bytes = pages ? page_alloc(h->order) : mem_alloc(size);
    if (!h->bytes)
        panic("selftest: no memory");
    h->words = pages ? (PAGE_SIZE << h->order) / sizeof(uint64_t) : size / sizeof(uint64_t);
    h->mark = (uint64_t)cpu_index() << 56 | (uintptr_t)h;
    for (size_t i = 0; i < h->words; i++)
        h->bytes[i] = h->mark + i;
}

static void held_give(struct held *h)
{
    for (size_t i = 0; i < h->words; i++)
        if (h->bytes[i] != h->mark + i)
            panic("selftest: memory that CPU %u held was written by another", cpu_index());
    if (h->order == ~0u)
        mem_free(h->bytes);
    else
        page_free(h->bytes, h->order);
    h->bytes = NULL;
}

static void test_memory(void)
{
    struct held held[HELD_MAX] = {0};
    uint32_t seed = cpu_index() + 1;
    uint64_t end = phase_end();

    for (unsigned i = 0; round_next(i, ROUNDS, end); i++) {
        struct held *h = &held[random_next(&seed) % HELD_MAX];
        if (h->bytes)
            held_give(h);
        else
            held_take(h, &seed);
    }
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (held[i].bytes)
            held_give(&held[i]);
}

/* VPIDs are unique. */
static void test_vpids(void)
{
    static uint64_t taken[65536 / 64]; /* atomic */
    uint16_t mine[16];
    uint64_t end = phase_end();

    for (unsigned round = 0; round_next(round, ROUNDS / 16, end); round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
            mine[i] = vpid_alloc();
            uint64_t bit = 1ULL << mine[i] % 64;
            if (!mine[i] || (__atomic_fetch_or(&taken[mine[i] / 64], bit, __ATOMIC_RELAXED) & bit))
                panic("selftest: VPID %u was given twice", mine[i]);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
            __atomic_fetch_and(&taken[mine[i] / 64], ~(1ULL << mine[i] % 64), __ATOMIC_RELAXED);
            vpid_free(mine[i]);
        }
    }
}

/* Interrupts between CPUs: every one arrives, when the next is sent only after it did. */

static uint32_t received[CPU_MAX]; /* atomic */

static void interrupt_received(void)
{
    __atomic_fetch_add(&received[cpu_index()], 1, __ATOMIC_RELEASE);
}

static void test_interrupts(void)
{
    unsigned next = (cpu_index() + 1) % cpus_in_all;
    uint64_t end = phase_end();

    for (uint32_t i = 0; round_next(i, ROUNDS / 10, end); i++) {
        cpu_interrupt(cpu_at(next), VECTOR_TEST);
        wait_for(&received[next], i + 1, "an interrupt to arrive");
    }
}

/* Timers: each expires once, wherever it was brought meanwhile, or never if it was cancelled. */

static struct hv_timer timers[CPU_MAX][TIMERS];
static uint32_t expired[CPU_MAX][TIMERS], expired_count; /* atomic */

static void timer_expired(struct hv_timer *t)
{
    uint32_t n = (uint32_t)(t - &timers[0][0]);

    __atomic_fetch_add(&expired[0][n], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&expired_count, 1, __ATOMIC_RELEASE);
}

static void test_timers(void)
{
    static uint32_t brought; /* atomic */
    unsigned own = cpu_index(), next = (own + 1) % cpus_in_all;
    uint32_t cancelled = 0, goal = 0;
    static uint32_t cancelled_in_all; /* atomic */
    uint64_t end = tsc_read() + LIMIT_S * tsc_hz();

    for (unsigned i = 0; i < TIMERS; i++) {
        timers[own][i].expired = timer_expired;
        hv_timer_arm(&timers[own][i], tsc_read() + tsc_hz() / 1000 * (1 + i));
        hv_timer_run();
    }
    barrier_wait(4);
    for (unsigned i = 0; i < TIMERS; i++) { /* the neighbour's */
        if (i % 3 == 0) {
            hv_timer_bring(&timers[next][i]);
        } else if (i % 3 == 1) {
            hv_timer_cancel(&timers[next][i]);
            cancelled += !__atomic_load_n(&expired[next][i], __ATOMIC_RELAXED);
        }
        hv_timer_run();
    }
    __atomic_fetch_add(&cancelled_in_all, cancelled, __ATOMIC_RELAXED);
    __atomic_fetch_add(&brought, 1, __ATOMIC_RELEASE);
    wait_for(&brought, cpus_in_all, "the others' timers");
    goal = cpus_in_all * TIMERS - __atomic_load_n(&cancelled_in_all, __ATOMIC_RELAXED);
    while (__atomic_load_n(&expired_count, __ATOMIC_ACQUIRE) < goal) {
        hv_timer_run();
        if (tsc_read() > end)
            panic("selftest: %u of %u timers expired", expired_count, goal);
    }
    for (unsigned i = 0; i < TIMERS; i++)
        if (expired[own][i] > 1)
            panic("selftest: a timer expired %u times", expired[own][i]);
}

/* Run queues: a vCPU runs on one CPU at a time, is never lost, and wakes when it is kicked. */

static struct vm mock_vm;
static struct vcpu mocks[MOCK_VCPUS];
static uint32_t running[MOCK_VCPUS], turns[MOCK_VCPUS], turns_in_all; /* atomic */

static void mocks_make(void)
{
    mock_vm.weight = 100;
    mock_vm.slice = (uint32_t)(tsc_hz() / 1000);
    for (unsigned i = 0; i < MOCK_VCPUS; i++) {
        mocks[i].vm = &mock_vm;
        mocks[i].index = i;
        sched_add(&mocks[i]);
    }
}

static void mock_run(struct vcpu *v, uint32_t *seed)
{
    if (__atomic_exchange_n(&running[v->index], 1, __ATOMIC_ACQUIRE))
        panic("selftest: vCPU %u runs on two CPUs", v->index);
    __atomic_store_n(&v->kicked, false, __ATOMIC_SEQ_CST);
    for (unsigned i = random_next(seed) % 200; i > 0; i--)
        cpu_relax();
    vcpu_kick(&mocks[random_next(seed) % MOCK_VCPUS]);
    __atomic_fetch_add(&turns[v->index], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&turns_in_all, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&running[v->index], 0, __ATOMIC_RELEASE);
}

/* The first vCPU that never ran; MOCK_VCPUS: none. */
static unsigned turns_missing(void)
{
    unsigned i = 0;

    while (i < MOCK_VCPUS && __atomic_load_n(&turns[i], __ATOMIC_RELAXED))
        i++;
    return i;
}

static void test_run_queues(void)
{
    uint32_t seed = cpu_index() + 77;
    uint64_t end = phase_end(), limit = tsc_read() + LIMIT_S * tsc_hz();

    for (uint32_t n = 0; round_next(n, ROUNDS * cpus_in_all, end) || turns_missing() < MOCK_VCPUS;
         n = __atomic_load_n(&turns_in_all, __ATOMIC_ACQUIRE)) {
        struct vcpu *v = sched_pick(NULL);
        if (tsc_read() > limit)
            panic("selftest: vCPU %u never ran, of %u turns", turns_missing(), turns_in_all);
        cpu_take_interrupts(); /* kicks */
        if (!v) {
            vcpu_kick(&mocks[random_next(&seed) % MOCK_VCPUS]);
            continue;
        }
        mock_run(v, &seed);
        if (random_next(&seed) % 3 || !sched_sleep(v))
            sched_put(v);
    }
}

/* Frames of several CPUs do not run into each other: the test outside looks at them. */
static void test_frames(void)
{
    char text[64];

    for (unsigned i = 0; i < FRAMES; i++) {
        int n = format(text, sizeof text, "frame %u of CPU %u\n", i, cpu_index());
        channel_send_of(cpu_index(), CHANNEL_DATA, STREAM_STDOUT, text, (size_t)n);
    }
}

static void tests_all(void)
{
    barrier_wait(1);
    test_memory();
    barrier_wait(2);
    test_vpids();
    barrier_wait(3);
    test_timers(); /* has barrier 4 */
    barrier_wait(5);
    test_interrupts();
    barrier_wait(6);
    test_run_queues();
    barrier_wait(7);
    test_frames();
    barrier_wait(8);
}

static bool panics; /* the word of the command line */

/* Frames without an end, until this CPU is stopped; the last one panics in the midst of that. */
noreturn static void panic_while_others_talk(void)
{
    char text[64];

    for (unsigned i = 0;; i++) {
        int n = format(text, sizeof text, "talk %u\n", i);
        if (cpu_index() == cpus_in_all - 1 && i == FRAMES)
            panic("selftest: on purpose");
        channel_send_of(cpu_index(), CHANNEL_DATA, STREAM_STDERR, text, (size_t)n);
    }
}

static void other_cpu(void)
{
    while (!__atomic_load_n(&cpus_in_all, __ATOMIC_ACQUIRE))
        cpu_relax();
    tests_all();
    if (panics)
        panic_while_others_talk();
    for (;;)
        cpu_halt();
}

static void tests_run(uint64_t rsdp)
{
    struct memory_stats before, after;

    irq_set_handler(VECTOR_TEST, interrupt_received);
    smp_start(other_cpu, rsdp, true, false);
    mocks_make();
    memory_stats(&before);
    __atomic_store_n(&cpus_in_all, cpu_count(), __ATOMIC_RELEASE);
    tests_all();
    if (panics)
        panic_while_others_talk();
    memory_stats(&after);
    if (before.free_pages + before.slab_pages != after.free_pages + after.slab_pages || before.objects != after.objects)
        panic("selftest: memory was lost");
    log_warn("selftest: passed on %u CPUs, %u turns of %u made-up vCPUs", cpu_count(), turns_in_all, MOCK_VCPUS);
}

noreturn void hv_main(uint64_t start_info);

noreturn void hv_main(uint64_t start_info)
{
    static struct boot_info boot;
    struct channel_exit how = {EXIT_STATUS, 0};

    cpu_init(0);
    paging_init();
    log_init();
    log_level = LOG_DEBUG;
    if (boot_info_read(start_info, &boot) || cpu_init_stacks() || tsc_init() || apic_init())
        panic("selftest: this machine cannot be used");
    xstate_init();
    panics = strstr(boot.command_line, "panic");
    tests_run(strstr(boot.command_line, "no-acpi") ? start_info : boot.rsdp);
    channel_send(CHANNEL_EXIT, 0, &how, sizeof how);
    channel_send(CHANNEL_BYE, 0, NULL, 0);
    machine_stop();
}
