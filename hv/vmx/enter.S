/*
 * int vmx_enter(struct vcpu *vcpu, bool launched): load the guest's general registers, enter, and return at the next
 * exit with the registers saved.  No decision is made here.  vcpu->regs is the struct's first member, in the order of
 * x86's register numbers; RSP is the VMCS's.
 */
#define RAX 0
#define RCX 8
#define RDX 16
#define RBX 24
#define RBP 40
#define RSI 48
#define RDI 56
#define R8 64
#define R9 72
#define R10 80
#define R11 88
#define R12 96
#define R13 104
#define R14 112
#define R15 120
#define HOST_RSP 0x6c14

    .text
    .globl  vmx_enter, vmx_exit_point
vmx_enter:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    push    %rdi
    mov     $HOST_RSP, %eax
    vmwrite %rsp, %rax
    test    %sil, %sil
    mov     RAX(%rdi), %rax
    mov     RCX(%rdi), %rcx
    mov     RDX(%rdi), %rdx
    mov     RBX(%rdi), %rbx
    mov     RBP(%rdi), %rbp
    mov     RSI(%rdi), %rsi
    mov     R8(%rdi), %r8
    mov     R9(%rdi), %r9
    mov     R10(%rdi), %r10
    mov     R11(%rdi), %r11
    mov     R12(%rdi), %r12
    mov     R13(%rdi), %r13
    mov     R14(%rdi), %r14
    mov     R15(%rdi), %r15
    mov     RDI(%rdi), %rdi
    jz      1f
    vmresume
    jmp     2f
1:  vmlaunch
2:  /* still here: the instruction failed.  CF: no current VMCS, ZF: see the VM-instruction error. */
    mov     $1, %eax
    mov     $2, %edx
    cmovz   %edx, %eax
    pop     %rdi
    jmp     3f

vmx_exit_point:
    xchg    %rdi, (%rsp)
    mov     %rax, RAX(%rdi)
    mov     %rcx, RCX(%rdi)
    mov     %rdx, RDX(%rdi)
    mov     %rbx, RBX(%rdi)
    mov     %rbp, RBP(%rdi)
    mov     %rsi, RSI(%rdi)
    mov     %r8, R8(%rdi)
    mov     %r9, R9(%rdi)
    mov     %r10, R10(%rdi)
    mov     %r11, R11(%rdi)
    mov     %r12, R12(%rdi)
    mov     %r13, R13(%rdi)
    mov     %r14, R14(%rdi)
    mov     %r15, R15(%rdi)
    popq    RDI(%rdi)
    xor     %eax, %eax
3:  pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret
