/*
 * Per-CPU state, reached through GS, and what a CPU needs before anything else runs on it: GDT, TSS, IDT, stacks.
 * A struct cpu belongs to its CPU; other CPUs may read `index` and `apic_id`.
 */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "config.h"
#include "hv/cpu_index.h"
#include "hv/timer.h"
#include "lib/compiler.h"
#include "lib/spinlock.h"
#include "lib/x86.h"

#define CPU_MAX ((unsigned)CONFIG_MAX_CPUS)

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

enum { IST_NONE, IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK, IST_COUNT };

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* index IST_* - 1 */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} packed_layout;

RB_HEAD(hv_timer_tree, hv_timer);
RB_HEAD(run_tree, vcpu);

/* vCPUs that wait for this CPU: hv/schedule.c. */
struct run_queue {
    struct spinlock lock;
    struct run_tree tree; /* lock */
    uint64_t first;       /* atomic: virtual time of the first, ~0: empty */
};

struct cpu {
    struct cpu *self; /* at %gs:0 */
    uint32_t index;   /* at %gs:CPU_INDEX_OFFSET */
    uint32_t apic_id;
    uint64_t gdt[5];
    struct tss tss;
    struct spinlock timer_lock;
    struct hv_timer_tree timers; /* timer_lock */
    struct hv_timer *expiring;   /* timer_lock: whose function is being called */
    uint64_t next_deadline;      /* when root mode must look again: the first timer's or the slice's end; 0: at once */
    uint64_t slice_end;          /* of the vCPU that runs */
    void *vmxon;                 /* the VMXON region */
    struct vcpu *vcpu;           /* whose VMCS is current here and whose registers outside the VMCS are live */
    uint64_t last_serial; /* of the VM whose vCPU was loaded last: what hidden buffers may hold is that sandbox's */
    struct run_queue queue;
    uint64_t current_time; /* atomic: virtual time of the vCPU that runs, when it began */
    bool preempt;          /* atomic: somebody with an earlier virtual time was woken */
    bool called; /* atomic: work outside of vCPUs waits for this CPU (vmexit/vmexit.h, `look`): it leaves the vCPU */
    bool idle;   /* atomic: halts, or is about to */
};

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__("movq %%gs:0, %0" : "=r"(c));
    return c;
}

/* Make this CPU usable: its per-CPU area (number `index`), descriptor tables, protections that CPUID offers. */
void cpu_init(uint32_t index);
/* This CPU, all set up, takes part from now on: they join in the order of their numbers. */
void cpu_join(void);
/* CPUs that take part, and one of them. */
unsigned cpu_count(void);
struct cpu *cpu_at(unsigned index);
/* Make a CPU look at its queue, timers and requests soon; the own one, before its next VM entry. */
void cpu_kick(struct cpu *c);
/* The same, and make it leave its vCPU though nobody else wants to run, to do its own work. */
void cpu_call(struct cpu *c);
/* Take what is pending for this CPU.  The instruction in between is there because STI holds interrupts back for one. */
static inline void cpu_take_interrupts(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

void cpu_interrupt(struct cpu *c, unsigned vector); /* another CPU, or the own one */
/* Make an idle CPU, if there is one, look for work. */
void cpu_wake_idle(void);
/*
 * The machine is lost: halt all other CPUs, whatever they do, by NMI.  A CPU that does the same a moment later halts in
 * it. The second takes part in that: called wherever an NMI arrives.
 */
void cpu_stop_others(void);
void cpu_halt_if_stopped(void);
/* Own stacks for exceptions that must not trust the current one.  Needs the page allocator. */
int cpu_init_stacks(void) must_check;

/* Registers at an exception or interrupt, as hv/trap.S pushes them. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

#define VECTOR_DEVICE_FIRST 0xe0
#define VECTOR_TIMER        0xf0
#define VECTOR_KICK         0xf1
#define VECTOR_SPURIOUS     0xff

/* Interrupts taken in root mode: one handler a vector, set at boot.  Called with interrupts off; EOI is done after. */
void irq_set_handler(unsigned vector, void (*handler)(void));

/* An MSR that may not exist: 0, or -ENXIO if the CPU answered with #GP. */
int msr_read_checked(uint32_t msr, uint64_t *value) must_check;
int msr_write_checked(uint32_t msr, uint64_t value) must_check;

#endif
