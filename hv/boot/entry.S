/*
 * The PVH entry: 32-bit protected mode, paging off, EBX = struct pvh_start_info.  Clears .bss, builds the smallest
 * page tables that reach high addresses, enters long mode and calls hv_main(start info's physical address) on the boot
 * stack.  hv/paging.c replaces the large pages made here by W^X ones.
 */
#define KERNEL_BASE 0xffffffff80000000
#define PHYS(symbol) ((symbol) - KERNEL_BASE)
#define CR0_BITS 0x80010031 /* PG WP NE ET PE */
#define CR4_BITS 0xa0       /* PGE PAE */
#define EFER 0xc0000080
#define EFER_BITS 0x900     /* NXE LME */
#define CODE64 0x08
#define DATA 0x10
#define BOOT_TABLE_PAGES 7

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .quad   PHYS(pvh_entry)

    .section .text.boot, "ax"
    .code32
    .globl  pvh_entry
pvh_entry:
    cld
    cli
    rdtsc
    mov     %eax, %esi
    mov     %edx, %ebp
    mov     $PHYS(bss_start), %edi
    mov     $PHYS(bss_end), %ecx
    sub     %edi, %ecx
    shr     $2, %ecx
    xor     %eax, %eax
    rep stosl
    mov     %esi, PHYS(boot_tsc)
    mov     %ebp, PHYS(boot_tsc) + 4
    mov     %ebx, PHYS(boot_start_info)

    /* Table pages lie outside .bss: clear them, then link them.  Both low (identity) and high reach the same 2 MiB. */
    mov     $PHYS(boot_tables), %edi
    mov     $(BOOT_TABLE_PAGES * 1024), %ecx
    rep stosl
    movl    $(PHYS(boot_pdpt_low) + 3), PHYS(boot_pml4)
    movl    $(PHYS(boot_pdpt_direct) + 3), PHYS(boot_pml4) + 256 * 8
    movl    $(PHYS(boot_pdpt_high) + 3), PHYS(boot_pml4) + 511 * 8
    movl    $(PHYS(boot_pd_image) + 3), PHYS(boot_pdpt_low)
    movl    $(PHYS(boot_pd_image) + 3), PHYS(boot_pdpt_high) + 510 * 8
    movl    $(0x200000 + 0x83), PHYS(boot_pd_image) + 8

    mov     $0x80000001, %eax
    cpuid
    mov     $PHYS(no_nx), %esi
    bt      $20, %edx
    jnc     refuse
    mov     $PHYS(no_long_mode), %esi
    bt      $29, %edx
    jnc     refuse

    lgdt    PHYS(boot_gdt_pointer)
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
    ljmpl   $CODE64, $PHYS(long_mode)

refuse: /* before there is a console: a word to the debug port, then stop */
    mov     $0xe9, %edx
1:  lodsb
    test    %al, %al
    jz      2f
    outb    %al, %dx
    jmp     1b
2:  hlt
    jmp     2b

    .code64
long_mode:
    mov     $high, %rax
    jmp     *%rax
high:
    mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     %eax, %fs
    mov     %eax, %gs
    mov     $boot_stack_top, %rsp
    xor     %ebp, %ebp
    mov     boot_start_info, %edi
    call    hv_main
3:  hlt
    jmp     3b

    .section .rodata.boot, "a"
no_nx:
    .asciz  "trapline: this CPU has no NX bit\n"
no_long_mode:
    .asciz  "trapline: this CPU has no 64-bit mode\n"
    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00af9b000000ffff
    .quad   0x00cf93000000ffff
boot_gdt_pointer:
    .word   boot_gdt_pointer - boot_gdt - 1
    .long   PHYS(boot_gdt)

    .section .bss.boot, "aw", @nobits
    .balign 8
    .globl  boot_tsc
boot_tsc:
    .quad   0
boot_start_info:
    .quad   0

    .section .noinit.pages, "aw", @nobits
    .balign 4096
boot_tables:
    .globl  boot_pml4, boot_pdpt_low, boot_pdpt_direct, boot_pdpt_high, boot_pd_image
boot_pml4:
    .skip   4096
boot_pdpt_low:
    .skip   4096
boot_pdpt_direct:
    .skip   4096
boot_pdpt_high:
    .skip   4096
boot_pd_image:
    .skip   4096
    .globl  boot_pt_image, boot_pt_direct
boot_pt_image:
    .skip   4096
boot_pt_direct:
    .skip   4096
