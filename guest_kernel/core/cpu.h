/*
 * Per-CPU data, reached through GS in kernel mode, and what the CPUs of this machine can do.  All fields of struct cpu
 * belong to that CPU with interrupts off, unless a lock is named.
 */
#ifndef GUEST_KERNEL_CORE_CPU_H
#define GUEST_KERNEL_CORE_CPU_H

#include "config.h"
#include "guest_kernel/core/cpu_index.h"
#include "guest_kernel/core/layout.h"
#include "lib/compiler.h"
#include "lib/x86.h"

#define CPU_MAX CONFIG_MAX_CPUS /* at most 64: sets of CPUs are masks */

struct task;
struct space;
struct capture_page;
struct pt_regs;

/* Intel SDM vol. 3 figure 8-11. */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} packed_layout;

enum cpu_ist { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG, IST_COUNT = IST_DEBUG };

#define GDT_ENTRIES 16
#define IST_STACK_SIZE 4096

struct cpu {
    /* Known to assembly (cpu_offsets.h). */
    struct cpu *self;
    struct task *current;
    uint64_t kernel_stack_top; /* of the current task: where SYSCALL puts the user registers */
    uint64_t user_rsp;         /* scratch of the SYSCALL entry */
    struct capture_page *capture; /* NULL: no hypervisor that wants one */
    uint32_t index;
    uint32_t apic_id;
    bool (*dispatch)(struct pt_regs *); /* what SYSCALL enters: syscall_dispatch() or syscall_dispatch_traced() */

    bool interrupted_user; /* the interrupt that is being handled stopped user mode */
    struct task *idle;
    struct task *user_owner;      /* whose vector state and bases are in this CPU, if its vector_cpu says so too */
    struct space *loaded_space; /* whose tables CR3 holds; NULL: the kernel's own */
    uint8_t (*ist_stacks)[IST_STACK_SIZE]; /* IST_COUNT of them */
    uint64_t gdt[GDT_ENTRIES];
    struct tss tss;
} aligned_to(64);

struct cpu_features {
    bool smep, smap, umip, fsgsbase, pages_1g, x2apic, tsc_deadline, xsave;
};
extern struct cpu_features cpu_features;
extern bool cpu_smap; /* the same as cpu_features.smap, for the copy doors */

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(c) : "i"(CPU_SELF));
    return c;
}

struct cpu *cpu_at(uint32_t index);
extern uint32_t cpu_count;   /* CPUs have the indices below; only grows, while the others are started */
extern uint64_t cpus_online; /* atomic; those that run tasks */

static inline bool cpu_is_online(uint32_t index)
{
    return __atomic_load_n(&cpus_online, __ATOMIC_ACQUIRE) & BIT(index);
}

/* Memory that another CPU needs before its cpu_init_early().  False: there is none. */
bool cpu_prepare(uint32_t index) must_check;

/* GS, GDT, TSS and control registers of the calling CPU.  First thing done in C: log, locks and panic need it. */
void cpu_init_early(uint32_t index);
/* The rest: SYSCALL registers. */
void cpu_init_syscall(void);
noreturn void cpu_stop(void); /* this CPU does nothing any more */
/* The stack on which the CPU enters the kernel from user mode. */
void cpu_set_kernel_stack(uint64_t top);

#endif
