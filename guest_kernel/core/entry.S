/*
 * SYSCALL: onto the kernel stack, struct pt_regs as Linux has it, C, and back.  The function that the
 * CPU's `dispatch` names (return.h) says whether SYSRET may be used: then RIP and RFLAGS stand in RCX and R11 already (as
 * Linux, both are lost to the program).
 * Interrupts are off here, so that nothing comes between while GS or RSP are the user's.
 */
#include "guest_kernel/core/cpu_offsets.h"
#include "guest_kernel/core/layout.h"

    .section .text.entry, "ax"
    .balign 64
    .globl syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_STACK_TOP, %rsp
    push $USER_DS
    push %gs:CPU_USER_RSP
    push %r11
    push $USER_CS
    push %rcx
    push %rax
    push %rdi
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
    mov %rsp, %rdi
    xor %ebp, %ebp
    call *%gs:CPU_DISPATCH
    test %al, %al
    jz user_return
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
    mov (REGS_RSP - REGS_ORIG_RAX)(%rsp), %rsp
    swapgs
    sysretq
