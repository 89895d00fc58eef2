/*
 * Set-up of one CPU: per-CPU area, segments, task state segment, control registers, SYSCALL registers (Intel SDM vol. 3
 * sections 2.5, 3.4, 8.7; vol. 2 SYSCALL).  Features are read once, on the boot CPU.
 */
#include "guest_kernel/core/cpu.h"

#include <asm/ptrace.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/return.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/trap.h"
#include "lib/log.h"

_Static_assert(offsetof(struct cpu, self) == CPU_SELF, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, kernel_stack_top) == CPU_STACK_TOP, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, capture) == CPU_CAPTURE, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, index) == CPU_INDEX, "cpu_offsets.h");
_Static_assert(offsetof(struct cpu, dispatch) == CPU_DISPATCH, "cpu_offsets.h");
_Static_assert(offsetof(struct task, work) == TASK_WORK, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, r11) == REGS_R11, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, rax) == REGS_RAX, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, rcx) == REGS_RCX, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, orig_rax) == REGS_ORIG_RAX, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, rip) == REGS_RIP, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, cs) == REGS_CS, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, eflags) == REGS_EFLAGS, "cpu_offsets.h");
_Static_assert(offsetof(struct pt_regs, rsp) == REGS_RSP, "cpu_offsets.h");
_Static_assert(sizeof(struct pt_regs) == REGS_SIZE, "cpu_offsets.h");
_Static_assert(sizeof(struct tss) == 104, "task state segment");

#define IST_ORDER 2 /* 1 << 2 pages hold them */
_Static_assert(IST_COUNT * IST_STACK_SIZE <= PAGE_SIZE << IST_ORDER, "stacks of a CPU");

struct cpu_features cpu_features;
bool cpu_smap;
uint32_t cpu_count = 1;
uint64_t cpus_online = 1;

static struct cpu cpus[CPU_MAX];

/*
 * Stacks of the exceptions that may find any stack and any GS.  The word at the top of each names the CPU, since GS may
 * be the user's when they begin (trap_entry.S).
 */
static uint8_t boot_ist_stacks[IST_COUNT][IST_STACK_SIZE] aligned_to(4096);

struct cpu *cpu_at(uint32_t index)
{
    assert(index < CPU_MAX);
    return &cpus[index];
}

bool cpu_prepare(uint32_t index)
{
    struct cpu *c = cpu_at(index);
    struct page *p = c->ist_stacks ? NULL : page_alloc(IST_ORDER);

    if (p)
        c->ist_stacks = page_address(p);
    return c->ist_stacks;
}

static uint32_t cpuid_max(uint32_t base)
{
    return cpuid_count(base, 0).eax;
}

static void features_read(void)
{
    struct cpuid_regs one = cpuid_count(1, 0);
    struct cpuid_regs ext = cpuid_count(0x80000001, 0);

    cpu_features.x2apic = one.ecx & BIT(21);
    cpu_features.tsc_deadline = one.ecx & BIT(24);
    cpu_features.xsave = one.ecx & BIT(26);
    cpu_features.pages_1g = ext.edx & BIT(26);
    if (cpuid_max(0) >= 7) {
        struct cpuid_regs seven = cpuid_count(7, 0);

        cpu_features.fsgsbase = seven.ebx & BIT(0);
        cpu_features.smep = seven.ebx & BIT(7);
        cpu_features.smap = seven.ebx & BIT(20);
        cpu_features.umip = seven.ecx & BIT(2);
    }
    cpu_smap = cpu_features.smap;
}

static void control_registers_init(void)
{
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (cpu_features.smep)
        cr4 |= CR4_SMEP;
    if (cpu_features.smap)
        cr4 |= CR4_SMAP;
    if (cpu_features.umip)
        cr4 |= CR4_UMIP;
    if (cpu_features.fsgsbase)
        cr4 |= CR4_FSGSBASE;
    if (cpu_features.xsave)
        cr4 |= CR4_OSXSAVE;
    cr4_write(cr4);
}

/*
 * No 32-bit code segment for programs: the only door into the kernel is the 64-bit SYSCALL.  There is no LDT, and LDTR
 * must say so: after a reset it describes 64 KiB at address 0 (SDM vol. 3 section 10.1.1), where a program could map
 * descriptors of its own.
 */
static void gdt_init(struct cpu *c)
{
    uint64_t tss = (uintptr_t)&c->tss;
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout pointer = {sizeof c->gdt - 1, (uintptr_t)c->gdt};

    c->gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
    c->gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
    c->gdt[USER_DS / 8] = 0x00cff3000000ffff;
    c->gdt[USER_CS / 8] = 0x00affb000000ffff;
    c->gdt[TSS_SELECTOR / 8] = (sizeof c->tss - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
    c->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
    c->gdt[CPU_NUMBER_SELECTOR / 8] = 0x0040f50000000000 | c->index;
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "lldt %%ax"
                     :
                     : "m"(pointer), "i"(KERNEL_CS), "i"(KERNEL_DS)
                     : "rax", "memory");
}

static void tss_init(struct cpu *c)
{
    for (unsigned i = 0; i < IST_COUNT; i++) {
        uint64_t *top = (uint64_t *)(void *)(c->ist_stacks[i] + IST_STACK_SIZE) - 2;

        *top = (uintptr_t)c;
        c->tss.ist[i] = (uintptr_t)top;
    }
    c->tss.io_map = sizeof c->tss; /* beyond the limit: no port is open to user mode */
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

void cpu_init_early(uint32_t index)
{
    struct cpu *c = &cpus[index];

    c->self = c;
    c->index = index;
    msr_write(MSR_GS_BASE, (uintptr_t)c);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    if (index == 0) {
        c->ist_stacks = boot_ist_stacks;
        features_read();
    }
    gdt_init(c);
    tss_init(c);
    trap_init_cpu();
    if (!(cpuid_count(0x80000001, 0).edx & BIT(20)))
        panic("this CPU has no NX bit");
    control_registers_init();
}

/* RFLAGS that SYSCALL clears: everything a program could use to surprise the kernel. */
#define SYSCALL_FLAG_MASK                                                                                              \
    (RFLAGS_CF | BIT(2) | BIT(4) | BIT(6) | BIT(7) | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | BIT(11) | RFLAGS_IOPL |       \
     RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

void cpu_init_syscall(void)
{
    this_cpu()->dispatch = syscall_dispatch;
    msr_write(MSR_STAR, (uint64_t)USER32_CS << 48 | (uint64_t)KERNEL_CS << 32);
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_FMASK, SYSCALL_FLAG_MASK);
    msr_write(MSR_SYSENTER_CS, 0); /* SYSENTER faults */
}

void cpu_set_kernel_stack(uint64_t top)
{
    struct cpu *c = this_cpu();

    c->kernel_stack_top = top;
    c->tss.rsp[0] = top;
}

void cpu_stop(void)
{
    for (;;) {
        irq_disable();
        cpu_halt();
    }
}
