/*
 * Where a start-up message sends a CPU: real mode, CS = AP_START >> 4.  hv/smp.c has copied this code to AP_START, mapped
 * that page one to one, and made a stack for each CPU that may come.  Goes to long mode on the hypervisor's own page
 * tables and calls ap_main().
 */
#include "config.h"

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(symbol) ((symbol) - KERNEL_BASE)
#define AP_START 0x8000
#define HERE(symbol) ((symbol) - ap_start + AP_START)
#define CR0_BITS 0x80010031 /* PG WP NE ET PE */
#define CR4_BITS 0xa0       /* PGE PAE */
#define EFER 0xc0000080
#define EFER_BITS 0x900     /* NXE LME */
#define CODE64 0x08
#define DATA 0x10
#define AP_MAX (CONFIG_MAX_CPUS - 1)

    .section .rodata.ap, "a"
    .globl  ap_start, ap_start_end
    .code16
ap_start:
    cli
    cld
    xor     %ax, %ax
    mov     %ax, %ds
    lgdtl   HERE(ap_gdt_pointer)
    mov     $CR4_BITS, %eax
    mov     %eax, %cr4
    mov     $PHYS(boot_pml4), %eax
    mov     %eax, %cr3
    mov     $EFER, %ecx
    rdmsr
    or      $EFER_BITS, %eax
    wrmsr
    mov     $CR0_BITS, %eax
    mov     %eax, %cr0
    ljmpl   $CODE64, $HERE(ap_long_mode)
    .code64
ap_long_mode:
    mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     %eax, %fs
    mov     %eax, %gs
    mov     $ap_high, %rax
    jmp     *%rax
    .balign 8
ap_gdt:
    .quad   0
    .quad   0x00af9b000000ffff
    .quad   0x00cf93000000ffff
ap_gdt_pointer:
    .word   ap_gdt_pointer - ap_gdt - 1
    .long   HERE(ap_gdt)
ap_start_end:

    .text
ap_high:
    mov     $1, %eax
    lock xadd %eax, ap_arrived
    cmp     $AP_MAX, %eax
    jae     1f
    mov     ap_stacks(, %rax, 8), %rsp
    test    %rsp, %rsp
    jz      1f
    xor     %ebp, %ebp
    call    ap_main
1:  cli
    hlt
    jmp     1b
