/*
 * Offsets that assembly uses; cpu.c asserts each of them against the C structure.
 */
#ifndef GUEST_KERNEL_CORE_CPU_OFFSETS_H
#define GUEST_KERNEL_CORE_CPU_OFFSETS_H

/* struct cpu, from GS */
#define CPU_SELF 0
#define CPU_CURRENT 8
#define CPU_STACK_TOP 16
#define CPU_USER_RSP 24
#define CPU_CAPTURE 32
#define CPU_INDEX 40
#define CPU_DISPATCH 48

/* struct task */
#define TASK_WORK 16

/* struct pt_regs */
#define REGS_R11 48
#define REGS_RAX 80
#define REGS_RCX 88
#define REGS_ORIG_RAX 120
#define REGS_RIP 128
#define REGS_CS 136
#define REGS_EFLAGS 144
#define REGS_RSP 152
#define REGS_SIZE 168

#endif
