/*
 * Exceptions and interrupts of root mode: one stub a vector, one way into C.  Also the two MSR accesses that may fault.
 */
    .text

    .altmacro
    .macro  STUB vector
    .balign 16
    .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21)
    push    $0
    .endif
    push    $\vector
    jmp     trap_common
    .endm

    .globl  trap_stubs
    .balign 16
trap_stubs: /* one for each of the 256 vectors */
    .set    n, 0
    .rept   256
    STUB    %n
    .set    n, n + 1
    .endr

trap_common:
    push    %rax
    push    %rcx
    push    %rdx
    push    %rbx
    push    %rbp
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    mov     %rsp, %rdi
    call    trap_handle
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rbp
    pop     %rbx
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $16, %rsp
    iretq

/* int msr_read_checked(uint32_t msr, uint64_t *value), int msr_write_checked(uint32_t msr, uint64_t value) */
    .globl  msr_read_checked, msr_write_checked, msr_read_site, msr_write_site, msr_fault
msr_read_checked:
    mov     %edi, %ecx
msr_read_site:
    rdmsr
    shl     $32, %rdx
    or      %rdx, %rax
    mov     %rax, (%rsi)
    xor     %eax, %eax
    ret
msr_write_checked:
    mov     %edi, %ecx
    mov     %esi, %eax
    mov     %rsi, %rdx
    shr     $32, %rdx
msr_write_site:
    wrmsr
    xor     %eax, %eax
    ret
msr_fault:
    mov     $-6, %eax /* -ENXIO */
    ret
