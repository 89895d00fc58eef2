/*
 * No C library: over a system call every register but RAX, RCX and R11 keeps its value, RCX is the address after SYSCALL, R11
 * the flags (but RF); XMM0 to XMM15 and the direction flag survive too.  Also over a call that fails, one that is not there,
 * and one that gives up the CPU.  Writes "registers: ok" or says which register changed.
 */
#include <asm/unistd_64.h>

    .text
    .globl _start
_start:
    mov $__NR_getpid, %r15d
    call check
    mov $__NR_sched_yield, %r15d
    call check
    mov $__NR_close, %r15d          /* of descriptor RDI, which is none: EBADF */
    call check
    mov $9999, %r15d                /* ENOSYS */
    call check
    lea ok(%rip), %rsi
    mov $(ok_end - ok), %edx
    call print
    xor %edi, %edi
leave:
    mov $__NR_exit_group, %eax
    syscall
    ud2

/* The call whose number is R15: R15 is checked as the others are. */
check:
    mov %rsp, saved_rsp(%rip)
    movabs $0x1111111111111111, %rdi
    movabs $0x2222222222222222, %rsi
    movabs $0x3333333333333333, %rdx
    movabs $0x4444444444444444, %r10
    movabs $0x5555555555555555, %r8
    movabs $0x6666666666666666, %r9
    movabs $0x7777777777777777, %rbx
    movabs $0x8888888888888888, %rbp
    movabs $0x9999999999999999, %r12
    movabs $0xaaaaaaaaaaaaaaaa, %r13
    movabs $0xbbbbbbbbbbbbbbbb, %r14
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov $(0x1000 + \n), %eax
    movq %rax, %xmm\n
    .endr
    mov %r15d, saved_r15(%rip)
    mov %r15d, %eax
    std                             /* DF, CF: flags of the program's own */
    stc
    syscall
after:
    pushfq
    cld
    pop %rax
    mov %rax, flags(%rip)
    lea after(%rip), %rax
    cmp %rax, %rcx
    mov $'c', %al
    jne wrong
    mov flags(%rip), %rax
    xor %r11, %rax
    test $0xcd5, %eax               /* CF PF AF ZF SF DF OF, as R11 has them */
    mov $'f', %al
    jne wrong
    testl $0x401, flags(%rip)
    mov $'d', %al
    jz wrong
    .macro same register, value, letter
    movabs $\value, %rax
    cmp %rax, \register
    mov $\letter, %al
    jne wrong
    .endm
    same %rdi, 0x1111111111111111, 'D'
    same %rsi, 0x2222222222222222, 'S'
    same %rdx, 0x3333333333333333, '3'
    same %r10, 0x4444444444444444, 'A'
    same %r8, 0x5555555555555555, '8'
    same %r9, 0x6666666666666666, '9'
    same %rbx, 0x7777777777777777, 'B'
    same %rbp, 0x8888888888888888, 'P'
    same %r12, 0x9999999999999999, 'C'
    same %r13, 0xaaaaaaaaaaaaaaaa, 'E'
    same %r14, 0xbbbbbbbbbbbbbbbb, 'F'
    mov saved_r15(%rip), %eax
    cmp %rax, %r15
    mov $'G', %al
    jne wrong
    cmp %rsp, saved_rsp(%rip)
    mov $'R', %al
    jne wrong
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movq %xmm\n, %rdx
    cmp $(0x1000 + \n), %rdx
    mov $'X', %al
    jne wrong
    .endr
    ret

wrong:
    mov %al, letter(%rip)
    lea bad(%rip), %rsi
    mov $(bad_end - bad), %edx
    call print
    mov $1, %edi
    jmp leave

print:
    mov $1, %edi
    mov $__NR_write, %eax
    syscall
    ret

    .data
ok: .ascii "registers: ok\n"
ok_end:
bad: .ascii "registers: changed: "
letter: .ascii "?\n"
bad_end:
    .bss
    .lcomm saved_rsp, 8
    .lcomm flags, 8
    .lcomm saved_r15, 8
    .section .note.GNU-stack, "", @progbits
