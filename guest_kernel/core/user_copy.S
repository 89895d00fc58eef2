/*
 * The instructions that touch user memory (user.c decides).  Each announces its faults in the fix-up table and lifts
 * SMAP for just its loop, where the CPU has it: cpu_smap is constant after boot, so the branches are predicted.
 */
#include "guest_kernel/core/fixup.h"

.macro USER_OPEN
    cmpb $0, cpu_smap
    je 9f
    stac
9:
.endm

.macro USER_CLOSE
    cmpb $0, cpu_smap
    je 9f
    clac
9:
.endm

    .section .text.entry, "ax"

    /* size_t user_copy_bytes(void *dst, const void *src, size_t n): bytes not copied */
    .globl user_copy_bytes
user_copy_bytes:
    USER_OPEN
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
1:  rep movsq
    mov %edx, %ecx
2:  rep movsb
3:  mov %rcx, %rax
    USER_CLOSE
    ret
4:  lea (%rdx, %rcx, 8), %rcx /* words and tail that are left: up to the very byte that faults */
    jmp 2b
    FIXUP 1b, 4b
    FIXUP 2b, 3b

    /* size_t user_zero_bytes(void *dst, size_t n): bytes not cleared */
    .globl user_zero_bytes
user_zero_bytes:
    USER_OPEN
    xor %eax, %eax
    mov %rsi, %rcx
    mov %esi, %edx
    shr $3, %rcx
    and $7, %edx
1:  rep stosq
    mov %edx, %ecx
2:  rep stosb
3:  mov %rcx, %rax
    USER_CLOSE
    ret
4:  lea (%rdx, %rcx, 8), %rcx
    jmp 2b
    FIXUP 1b, 4b
    FIXUP 2b, 3b

    /* long user_string_bytes(char *dst, const char *src, size_t n): the string's length, n if no NUL came, -1: fault */
    .globl user_string_bytes
user_string_bytes:
    USER_OPEN
    xor %ecx, %ecx
    movabs $0x0101010101010101, %r8
    mov %r8, %r9
    shl $7, %r9
1:  cmp %rdx, %rcx
    je 3f
    lea (%rsi, %rcx), %eax
    test $7, %al
    jnz 2f
    lea 8(%rcx), %rax
    cmp %rdx, %rax
    ja 2f
    /* Eight bytes without a NUL at a time; an aligned word never reaches into a page that its first byte is not in. */
5:  mov (%rsi, %rcx), %r10
    mov %r10, %r11
    mov %r10, %rax
    sub %r8, %r11
    not %rax
    and %rax, %r11
    test %r9, %r11
    jnz 2f
    mov %r10, (%rdi, %rcx)
    add $8, %rcx
    jmp 1b
2:  mov (%rsi, %rcx), %al
    mov %al, (%rdi, %rcx)
    test %al, %al
    jz 3f
    inc %rcx
    jmp 1b
3:  mov %rcx, %rax
    USER_CLOSE
    ret
4:  mov $-1, %rcx
    jmp 3b
    FIXUP 2b, 4b
    FIXUP 5b, 4b

    /* long user_compare_exchange(void *at, uint32_t *expected, uint32_t desired): 0: *expected is what was there; -1: fault */
    .globl user_compare_exchange
user_compare_exchange:
    USER_OPEN
    mov (%rsi), %eax
1:  lock cmpxchg %edx, (%rdi)
    mov %eax, (%rsi)
    xor %eax, %eax
2:  USER_CLOSE
    ret
3:  mov $-1, %rax
    jmp 2b
    FIXUP 1b, 3b

    /* long user_load(const void *at): the 32-bit word, -1: fault */
    .globl user_load
user_load:
    USER_OPEN
1:  mov (%rdi), %eax
2:  USER_CLOSE
    ret
3:  mov $-1, %rax
    jmp 2b
    FIXUP 1b, 3b

    /*
     * int user_xsave(void *dst), ...: the vector state straight to and from user memory; 0, or -1 when that faults or
     * holds what the CPU refuses.
     */
.macro USER_STATE name, instruction
    .globl \name
\name:
    USER_OPEN
    mov $-1, %eax /* all components that XCR0 enables */
    mov $-1, %edx
1:  \instruction (%rdi)
    xor %eax, %eax
2:  USER_CLOSE
    ret
3:  mov $-1, %eax
    jmp 2b
    FIXUP 1b, 3b
.endm

    USER_STATE user_xsave, xsave64
    USER_STATE user_xrstor, xrstor64
    USER_STATE user_fxsave, fxsave64
    USER_STATE user_fxrstor, fxrstor64
