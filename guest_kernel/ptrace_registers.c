/*
 * A tracee's registers.  General ones: struct pt_regs as the kernel's entry leaves it, then segment bases and
 * selectors, in the order of struct user_regs_struct.  What a tracer may set is what the CPU will take: the rest is
 * refused, or faults in user mode (core/return.c).
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <asm/ptrace.h>
#include <linux/elf.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/debug.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/process.h"
#include "guest_kernel/ptrace.h"
#include "lib/string.h"
#include "lib/x86.h"

/* Offsets in struct user of <asm/user_64.h>, which programs do not get. */
#define USER_SIZE  928
#define USER_DEBUG 848

enum { /* words of struct user_regs_struct */
       WORD_CS = offsetof(struct pt_regs, cs) / 8,
       WORD_FLAGS = offsetof(struct pt_regs, eflags) / 8,
       WORD_SS = offsetof(struct pt_regs, ss) / 8,
       WORD_FS_BASE = sizeof(struct pt_regs) / 8,
       WORD_GS_BASE,
       WORD_DS,
       WORD_ES,
       WORD_FS,
       WORD_GS,
       WORDS
};

/* AC RF OF DF TF SF ZF AF PF CF, and NT. */
#define FLAGS_SETTABLE (0x50dd5UL | RFLAGS_NT)

static uint16_t *selector_of(struct task *t, unsigned word)
{
    return word == WORD_DS   ? &t->selectors.ds
           : word == WORD_ES ? &t->selectors.es
           : word == WORD_FS ? &t->selectors.fs
                             : &t->selectors.gs;
}

static uint64_t register_get(struct thread *t, unsigned word)
{
    struct task *task = t->task;

    if (word == WORD_FLAGS && t->ptrace.own_flag)
        return task->regs->eflags & ~RFLAGS_TF;
    if (word < WORD_FS_BASE)
        return ((const uint64_t *)task->regs)[word];
    if (word <= WORD_GS_BASE)
        return word == WORD_FS_BASE ? task->fs_base : task->gs_base;
    return *selector_of(task, word);
}

/* TF in what is set is the program's from now on; without it, stepping goes on unseen. */
static void flags_set(struct thread *t, uint64_t value)
{
    struct pt_regs *regs = t->task->regs;

    if (value & RFLAGS_TF)
        t->ptrace.own_flag = false;
    else if (t->ptrace.own_flag)
        value |= RFLAGS_TF;
    regs->eflags = (regs->eflags & ~FLAGS_SETTABLE) | (value & FLAGS_SETTABLE);
}

/* Data selectors that would fault when they are loaded become null ones, as on Linux when the program goes on. */
static long selector_set(struct task *t, unsigned word, uint16_t value)
{
    if (value && (value & 3) != 3)
        return -EIO;
    if (word != WORD_CS && word != WORD_SS) {
        *selector_of(t, word) = value == USER_DS || value == USER_CS || value == 3 ? value : 0;
        return 0;
    }
    if (!value)
        return -EIO;
    ((uint64_t *)t->regs)[word] = value;
    return 0;
}

static long register_set(struct thread *t, unsigned word, uint64_t value)
{
    struct task *task = t->task;

    task->vector_cpu = UINT32_MAX;  /* bases and selectors are loaded anew */
    task_set_work(task, TASK_IRET); /* and all others by IRET, which looks at them */
    if (word == WORD_CS || word == WORD_SS || word >= WORD_DS)
        return selector_set(task, word, (uint16_t)value);
    if (word == WORD_FLAGS) {
        flags_set(t, value);
    } else if (word < WORD_FS_BASE) {
        ((uint64_t *)task->regs)[word] = value;
    } else {
        if (value >= USER_END)
            return -EIO;
        *(word == WORD_FS_BASE ? &task->fs_base : &task->gs_base) = value;
    }
    return 0;
}

static bool is_debug_register(uint64_t offset)
{
    return offset >= USER_DEBUG && offset < USER_DEBUG + 8 * 8;
}

long ptrace_peek_user(struct thread *t, uint64_t offset, uint64_t *value)
{
    if (offset % 8 || offset >= USER_SIZE)
        return -EIO;
    *value = 0;
    if (offset < WORDS * 8)
        *value = register_get(t, (unsigned)offset / 8);
    else if (is_debug_register(offset))
        *value = debug_register_get(t->task, (unsigned)(offset - USER_DEBUG) / 8);
    return 0;
}

long ptrace_poke_user(struct thread *t, uint64_t offset, uint64_t value)
{
    if (offset % 8 || offset >= USER_SIZE)
        return -EIO;
    if (offset < WORDS * 8)
        return register_set(t, (unsigned)offset / 8, value);
    return is_debug_register(offset) ? debug_register_set(t->task, (unsigned)(offset - USER_DEBUG) / 8, value) : -EIO;
}

void ptrace_registers_get(struct thread *t, uint64_t words[PTRACE_REGISTERS])
{
    _Static_assert(WORDS == PTRACE_REGISTERS, "struct user_regs_struct");
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = register_get(t, i);
}

/* A base comes with a null selector. */
long ptrace_arch_prctl(struct thread *t, int code, uint64_t address)
{
    bool gs = code == ARCH_SET_GS || code == ARCH_GET_GS;

    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (address >= USER_END)
            return -EPERM;
        *selector_of(t->task, gs ? WORD_GS : WORD_FS) = 0;
        return register_set(t, gs ? WORD_GS_BASE : WORD_FS_BASE, address);
    case ARCH_GET_FS:
    case ARCH_GET_GS:
        return copy_to_user(user(address), gs ? &t->task->gs_base : &t->task->fs_base, sizeof(uint64_t));
    default:
        return -EINVAL;
    }
}

/* In order, up to the first that is refused. */
static long general_set(struct thread *t, uint64_t at, uint64_t size)
{
    uint64_t words[WORDS];
    long error = 0;

    if (copy_from_user(words, user(at), size))
        return -EFAULT;
    for (unsigned i = 0; i < size / 8 && !error; i++)
        error = register_set(t, i, words[i]);
    return error;
}

static long general(struct thread *t, bool write, uint64_t at, uint64_t *size)
{
    uint64_t words[WORDS];

    *size = MIN(*size, sizeof(words));
    if (write)
        return general_set(t, at, *size);
    ptrace_registers_get(t, words);
    return copy_to_user(user(at), words, *size);
}

/* All or nothing when set. */
static long vector(struct thread *t, bool write, bool extended, uint64_t at, uint64_t *size)
{
    size_t whole = fpu_set_size(extended);
    long result = 0;

    if (!whole)
        return -ENODEV;
    *size = MIN(*size, whole);
    if (write && *size != whole)
        return extended ? -EFAULT : -EINVAL;
    void *copy = mem_alloc(whole);
    if (!copy)
        return -ENOMEM;
    if (!write) {
        fpu_set_read(t->task, copy, extended);
        result = copy_to_user(user(at), copy, *size);
    } else {
        result = copy_from_user(copy, user(at), whole);
        if (!result)
            result = fpu_set_write(t->task, copy, extended);
    }
    mem_free(copy);
    return result;
}

long ptrace_register_set(struct thread *t, unsigned type, bool write, uint64_t at, uint64_t *size)
{
    if (*size % 8)
        return -EINVAL;
    switch (type) {
    case NT_PRSTATUS:
        return general(t, write, at, size);
    case NT_PRFPREG:
        return vector(t, write, false, at, size);
    case NT_X86_XSTATE:
        return vector(t, write, true, at, size);
    default:
        return -EINVAL;
    }
}
