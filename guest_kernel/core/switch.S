/*
 * switch_stacks(save, load): stores RSP in *save after pushing what C expects preserved, continues on `load`.
 * A new task's stack is prepared (task.c) so that the final RET goes to one of the entries below.
 */
#include "guest_kernel/core/cpu_offsets.h"

    .section .text.entry, "ax"
    .globl switch_stacks
switch_stacks:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    /* R12 = function, R13 = its argument */
    .globl task_entry_kernel
task_entry_kernel:
    call sched_finish_switch
    sti
    mov %r13, %rdi
    call *%r12
    call task_kernel_returned
    ud2

    /* RSP = struct pt_regs */
    .globl task_entry_user
task_entry_user:
    call sched_finish_switch
    mov %rsp, %rdi
    call return_to_user
    jmp user_return
