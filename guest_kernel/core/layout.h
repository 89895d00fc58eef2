/*
 * Where things are in the kernel's half of the address space.  Also included by assembly and the linker script's
 * author: constants only.  The three top-level slots below are the same in every address space, so their lower tables
 * are shared and no kernel mapping ever has to be copied around.
 */
#ifndef GUEST_KERNEL_CORE_LAYOUT_H
#define GUEST_KERNEL_CORE_LAYOUT_H

#include "config.h"

#define KERNEL_BASE 0xffffffff80000000 /* + physical address = virtual address of the image */
#define DIRECT_BASE 0xffff888000000000 /* + physical address: all RAM, never executable */
#define DIRECT_SIZE 0x0000008000000000 /* 512 GiB: one slot */
#define VMAP_BASE 0xffffc90000000000   /* kernel stacks and device memory, page by page */
#define VMAP_STACKS_SIZE 0x0000001000000000
#define VMAP_MMIO_BASE (VMAP_BASE + VMAP_STACKS_SIZE)
#define VMAP_MMIO_SIZE 0x0000001000000000

#define DIRECT_SLOT 273
#define VMAP_SLOT 402
#define KERNEL_SLOT 511

/* The image lies in the second MiB: one page table maps it, and one page table of the direct map splits its 2 MiB. */
#define IMAGE_PHYS 0x100000
#define IMAGE_PHYS_END 0x200000

#define KERNEL_STACK_SIZE (CONFIG_KERNEL_STACK_KIB * 1024)

/* Selectors: as Linux numbers them, since programs see the user ones in signal frames. */
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER32_CS 0x23 /* the base of SYSRET's selectors; no such segment exists */
#define USER_DS 0x2b
#define USER_CS 0x33
#define TSS_SELECTOR 0x40
#define CPU_NUMBER_SELECTOR 0x7b /* its limit is the number of the CPU: the vDSO reads it by LSL */

#endif
