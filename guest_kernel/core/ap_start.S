/*
 * Where other CPUs start: real mode, at the beginning of a page below 1 MiB that ap_trampoline was copied to.  The code
 * is the same wherever it lies, so nothing in it is ever patched.  Straight to 64-bit mode (Intel SDM vol. 3 section
 * 9.8.5), on ap_pml4, which maps the kernel and, at its physical address, the trampoline's page and the image; then
 * into the high half, where this CPU takes the stack that is laid out for it and calls ap_start().  No stack there:
 * nobody waits any more.
 */
#include "guest_kernel/core/layout.h"

#define PHYS(symbol) (symbol - KERNEL_BASE)

    .section .rodata.trampoline, "a"
    .code16
    .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    cld
    lgdtl %cs:(gdt_pointer - ap_trampoline)
    mov $0x20, %eax /* CR4: PAE.  PGE comes later, so that no translation of now is global */
    mov %eax, %cr4
    mov $PHYS(ap_pml4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    mov $0x901, %eax /* EFER: SCE, LME, NXE; the boot CPU has NX, or would have refused to go on */
    xor %edx, %edx
    wrmsr
    mov $0x80050033, %eax /* CR0: PE, MP, ET, NE, WP, AM, PG; caches on */
    mov %eax, %cr0
    ljmpl $KERNEL_CS, $PHYS(ap_entry_long)
gdt_pointer:
    .word gdt_end - gdt - 1
    .long PHYS(gdt)
ap_trampoline_end:

    .balign 8
gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff /* KERNEL_CS */
gdt_end:

    .section .text.boot, "ax"
    .code64
ap_entry_long:
    mov $ap_entry_high, %rax
    jmp *%rax

ap_entry_high:
    mov $PHYS(kernel_pml4), %eax
    mov %rax, %cr3
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    xchg %rax, ap_stack
    test %rax, %rax
    jz 1f
    mov %rax, %rsp
    xor %ebp, %ebp
    push %rbp
    push %rbp
    jmp ap_start
1:  cli
    hlt
    jmp 1b

    .section .data.ap, "aw"
    .balign 8
    .globl ap_stack
ap_stack:
    .quad 0

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .globl ap_pml4
ap_pml4:
    .skip 4096
