/*
 * Entries of the 256 vectors.  Each pushes an error code where the CPU did not, saves struct pt_regs (its orig_rax
 * holds the error code) and calls trap_dispatch(regs, vector).  Double fault, NMI and machine check come on stacks of
 * their own and never return (trap_fatal): they may interrupt the few instructions where GS or RSP are still the
 * user's.
 */
#include "guest_kernel/core/cpu_offsets.h"
#include "guest_kernel/core/layout.h"

/* RDI is saved already, below the error code. */
.macro SAVE_AFTER_RDI
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro RESTORE_ALL
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $8, %rsp
.endm

    .section .text.entry, "ax"
    .altmacro

    .macro VECTOR number
    .balign 16
    .if (\number == 1)
    jmp debug_entry
    .elseif (\number == 8) || ((\number >= 10) && (\number <= 14)) || (\number == 17) || (\number == 21)
    .else
    push $0
    .endif
    push %rdi
    mov $\number, %edi
    .if (\number == 2) || (\number == 8) || (\number == 18)
    jmp fatal_common
    .else
    jmp trap_common
    .endif
    .endm

    .balign 16
    .globl trap_entries
trap_entries:
    .set i, 0
    .rept 256
    VECTOR %i
    .set i, i + 1
    .endr

    .balign 16
trap_common:
    cld
    SAVE_AFTER_RDI
    testb $3, REGS_CS(%rsp)
    jz 1f
    swapgs
1:  cmpb $0, cpu_smap /* an interrupt gate leaves AC alone, and a program may have set it */
    je 2f
    clac
2:  mov %edi, %esi
    mov %rsp, %rdi
    xor %ebp, %ebp /* ends backtraces here; the interrupted RBP is in the frame */
    call trap_dispatch
    testb $3, REGS_CS(%rsp)
    jnz user_return
    RESTORE_ALL
    iretq

    .globl user_return
user_return:
    swapgs
    RESTORE_ALL
    iretq

/*
 * Debug exceptions come on a stack of their own too: a CPU may deliver the single step of a SYSCALL after the call, at
 * syscall_entry, where RSP and GS are the program's.  That one is dropped: TF is masked by then, and the program gets
 * its trap after the call.  So is a watchpoint on user memory that the kernel touches: as on Linux, only the program's
 * own accesses count.  From user mode the frame is carried over to the task's stack, since a signal handler may
 * sleep.
 */
debug_entry:
    testb $3, 8(%rsp)
    jnz 1f
    push %rax
    mov $syscall_entry, %rax
    cmp %rax, 8(%rsp)
    je 3f
    mov %dr6, %rax
    test $0xf, %al
    jz 2f
3:  mov $0xffff0ff0, %eax /* DR6 collects */
    mov %rax, %dr6
    pop %rax
    iretq
1:  swapgs
    push %rax
    push %rdi
    mov %gs:CPU_STACK_TOP, %rdi
    mov 48(%rsp), %rax
    mov %rax, -8(%rdi) /* SS, RSP, RFLAGS, CS, RIP */
    mov 40(%rsp), %rax
    mov %rax, -16(%rdi)
    mov 32(%rsp), %rax
    mov %rax, -24(%rdi)
    mov 24(%rsp), %rax
    mov %rax, -32(%rdi)
    mov 16(%rsp), %rax
    mov %rax, -40(%rdi)
    movq $0, -48(%rdi) /* error code */
    mov (%rsp), %rax
    mov %rax, -56(%rdi) /* RDI */
    mov 8(%rsp), %rax
    lea -56(%rdi), %rsp
    mov $1, %edi
    swapgs /* trap_common does it again */
    jmp trap_common
2:  pop %rax
    push $0
    push %rdi
    mov $1, %edi

fatal_common:
    cld
    SAVE_AFTER_RDI
    mov %edi, %esi
    mov %rsp, %rdi
    mov REGS_SIZE(%rsp), %rax /* the word above the frame: this CPU (cpu.c) */
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx /* GS_BASE */
    wrmsr
    xor %ebp, %ebp
    call trap_fatal
    ud2
