/*
 * PVH entry (lib/pvh.h): 32-bit protected mode, paging off, EBX = start info.  Goes to 64-bit mode on tables in .bss
 * that map the first 2 MiB at 0, at -2 GiB and in the direct map, and calls boot_start(start info) there on the boot
 * stack. The final tables are paging.c's work.
 */
#include "guest_kernel/core/layout.h"

#define PHYS(symbol) (symbol - KERNEL_BASE)
#define TABLE 0x003      /* present, writable */
#define LARGE_PAGE 0x083 /* present, writable, 2 MiB */

/* The low half of an entry: tables lie below 4 GiB, and .bss is zero (the loader sees to it: ELF). */
.macro ENTRY table, index, target, flags
    movl $PHYS(\target) + \flags, PHYS(\table) + 8 * \index
.endm

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18 /* sizes of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long PHYS(boot_entry)

    .section .text.boot, "ax"
    .code32
    .globl boot_entry
boot_entry:
    cli
    cld
    mov %ebx, %esi
    lgdt PHYS(boot_gdt_pointer)

    ENTRY kernel_pml4, 0, boot_pdpt, TABLE
    ENTRY kernel_pml4, DIRECT_SLOT, direct_pdpt, TABLE
    ENTRY kernel_pml4, VMAP_SLOT, vmap_pdpt, TABLE
    ENTRY kernel_pml4, KERNEL_SLOT, kernel_pdpt, TABLE
    ENTRY kernel_pdpt, 510, kernel_pd, TABLE
    ENTRY boot_pdpt, 0, kernel_pd, TABLE
    ENTRY direct_pdpt, 0, direct_pd, TABLE
    movl $LARGE_PAGE, PHYS(kernel_pd) /* of address 0 */
    movl $LARGE_PAGE, PHYS(direct_pd)

    mov $0xa0, %eax /* CR4: PAE, PGE */
    mov %eax, %cr4
    mov $PHYS(kernel_pml4), %eax
    mov %eax, %cr3

    mov $0x80000001, %eax /* NX only where the CPU has it; cpu.c refuses a CPU without */
    cpuid
    mov $0x101, %eax /* EFER: SCE, LME */
    bt $20, %edx
    jnc 1f
    or $0x800, %eax
1:  mov $0xc0000080, %ecx
    xor %edx, %edx
    wrmsr

    mov $0x80050033, %eax /* CR0: PE, MP, ET, NE, WP, AM, PG */
    mov %eax, %cr0
    ljmp $KERNEL_CS, $PHYS(boot_entry_long)

    .code64
boot_entry_long:
    mov $boot_entry_high, %rax
    jmp *%rax

boot_entry_high:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov $boot_stack + KERNEL_STACK_SIZE, %rsp
    xor %ebp, %ebp
    mov %esi, %edi
    push %rbp
    push %rbp
    jmp boot_start

    .section .rodata.boot, "a"
    .balign 8
boot_gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff /* KERNEL_CS */
boot_gdt_end:
    .word 0
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYS(boot_gdt)

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .globl kernel_pml4, boot_pdpt, kernel_pd, direct_pdpt, direct_pd, vmap_pdpt
kernel_pml4: /* slot 0 is for boot alone: paging.c clears it */
    .skip 4096
kernel_pdpt:
    .skip 4096
kernel_pd:
    .skip 4096
boot_pdpt:
    .skip 4096
direct_pdpt:
    .skip 4096
direct_pd:
    .skip 4096
vmap_pdpt:
    .skip 4096
    .globl boot_stack_guard
boot_stack_guard:
    .skip 4096
    .globl boot_stack
boot_stack:
    .skip KERNEL_STACK_SIZE
