/*
 * A test guest's start and its exceptions.  From PVH's 32-bit entry to 64-bit code with the first 1 GiB mapped one to one
 * (accessible to ring 3 too), a GDT, a TSS and an IDT; then guest_main(), then ACPI power-off.
 */
#define CODE64 0x08
#define DATA 0x10
#define USER_CODE 0x2b /* STAR: SYSRET takes base + 16 | 3 = 0x2b, base + 8 | 3 = 0x23, with base = 0x1b */
#define USER_DATA 0x23

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 8, 18
    .asciz  "Xen"
    .quad   entry

    .text
    .code32
    .globl  entry
entry:
    mov     %ebx, start_info
    mov     $tables + 0x1000 + 7, %eax
    mov     %eax, tables
    mov     $tables + 0x2000 + 7, %eax
    mov     %eax, tables + 0x1000
    xor     %ecx, %ecx
1:  mov     %ecx, %eax
    shl     $21, %eax
    or      $0x87, %eax
    mov     %eax, tables + 0x2000(, %ecx, 8)
    inc     %ecx
    cmp     $512, %ecx
    jb      1b
    mov     $0x20, %eax
    mov     %eax, %cr4
    mov     $tables, %eax
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x900, %eax
    wrmsr
    mov     $0x80010031, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $CODE64, $2f
    .code64
2:  mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $stack_top, %rsp
    call    tables_fill
    mov     $0x30, %eax
    ltr     %ax
    lidt    idt_pointer
    call    guest_main
    .globl  power_off
power_off:
    mov     $0x604, %edx
    mov     $0x2000, %eax
    out     %ax, %dx
3:  hlt
    jmp     3b

/* All 256 vectors, 16 bytes each; all push an error code. */
    .altmacro
    .macro  STUB n
    .balign 16
    .if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17)
    push    $0
    .endif
    push    $\n
    jmp     trap
    .endm
    .balign 16
    .globl  stubs
stubs:
    .set    v, 0
    .rept   256
    STUB    %v
    .set    v, v + 1
    .endr

/*
 * Note what happened in `fault`.  From ring 3: back to user_run's caller.  Interrupts (32 and up): count, return.  In ring 0:
 * go on at `resume`.
 */
trap:
    cld
    push    %rax
    mov     8(%rsp), %rax
    cmp     $32, %rax
    jae     4f
    mov     %rax, fault
    mov     16(%rsp), %rax
    mov     %rax, fault + 8
    mov     24(%rsp), %rax
    mov     %rax, fault + 16
    mov     40(%rsp), %rax
    mov     %rax, fault + 24
    testb   $3, 32(%rsp)
    jnz     user_back
    mov     resume, %rax
    test    %rax, %rax
    jz      fault_unexpected /* outside of ATTEMPT() */
    mov     %rax, 24(%rsp)
    andq    $~0x100, 40(%rsp) /* TF */
    pop     %rax
    add     $16, %rsp
    iretq
4:  incq    interrupts
    push    %rcx
    push    %rdx
    mov     $0x80b, %ecx /* EOI */
    xor     %eax, %eax
    xor     %edx, %edx
    wrmsr
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $16, %rsp
    iretq

/* void user_run(void (*code)(void), uint64_t flags): in ring 3 until it faults; registers then are in user_regs. */
    .globl  user_run
user_run:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, kernel_rsp
    push    $USER_DATA
    push    $user_stack_top
    push    %rsi
    push    $USER_CODE
    push    %rdi
    iretq
user_back:
    mov     %rcx, user_regs
    mov     %r11, user_regs + 8
    pop     %rax
    mov     %rax, user_regs + 16
    mov     40(%rsp), %rax /* behind vector, error, RIP, CS, flags */
    mov     %rax, user_regs + 24
    mov     kernel_rsp, %rsp
    mov     $DATA, %eax
    mov     %eax, %ss
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

/* LSTAR: notes what the CPU must have done, returns RAX = 1000 + the number, by the SYSRET that sysret_form asks for. */
    .globl  syscall_entry
syscall_entry:
    mov     %rsp, call_rsp
    mov     $trap_stack_top, %rsp
    mov     %rcx, call_rcx
    mov     %r11, call_r11
    push    %rax
    pushfq
    pop     %rax
    mov     %rax, call_flags
    mov     %cs, %eax
    mov     %eax, call_cs
    mov     %ss, %eax
    mov     %eax, call_ss
    pop     %rax
    add     $1000, %rax
    mov     call_rsp, %rsp
    cmpb    $0, sysret_form
    jne     5f
    sysretq
5:  .byte   0x4f, 0x0f, 0x07 /* other REX bits beside W */

    .data
    .balign 8
    .globl  gdt
gdt:
    .quad   0
    .quad   0x00af9b000000ffff
    .quad   0x00cf93000000ffff
    .quad   0x00cffb000000ffff
    .quad   0x00cff3000000ffff
    .quad   0x00affb000000ffff
    .quad   0, 0 /* the TSS: tables_fill() */
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt
    .long   0
idt_pointer:
    .word   256 * 16 - 1
    .quad   idt

    .bss
    .balign 4096
    .globl  start_info, gdt_pointer, idt_pointer, stack_top
    .globl  tables, idt, fault, resume, interrupts, user_regs, call_rsp, call_rcx, call_r11, call_flags, call_cs, call_ss
    .globl  sysret_form
tables:
    .skip   3 * 4096
idt:
    .skip   256 * 16
    .skip   16384
stack_top:
    .skip   4096
trap_stack_top: /* for entries from ring 3: the first stack is in use then */
    .skip   4096
user_stack_top:
    .globl  user_stack_top, trap_stack_top
start_info:
    .skip   8
fault:
    .skip   32
resume:
    .skip   8
interrupts:
    .skip   8
user_regs:
    .skip   32
kernel_rsp:
    .skip   8
call_rsp:
    .skip   8
call_rcx:
    .skip   8
call_r11:
    .skip   8
call_flags:
    .skip   8
call_cs:
    .skip   8
call_ss:
    .skip   8
sysret_form:
    .skip   8

    .globl  tss
tss:
    .skip   104
