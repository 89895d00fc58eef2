/*
 * ptrace(2): what addr and data are depends on the request; several take neither, or data alone.
 */
#include "abi/decode_internal.h"

#include <asm/ptrace.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <linux/uio.h>

#include "lib/string.h"

#define REQUEST_ARG 0
#define ADDR_ARG 2
#define DATA_ARG 3

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

void print_ptrace_request(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        NAME(PTRACE_TRACEME), NAME(PTRACE_PEEKTEXT), NAME(PTRACE_PEEKDATA), {PTRACE_PEEKUSR, "PTRACE_PEEKUSER"},
        NAME(PTRACE_POKETEXT), NAME(PTRACE_POKEDATA), {PTRACE_POKEUSR, "PTRACE_POKEUSER"}, NAME(PTRACE_CONT), NAME(PTRACE_KILL),
        NAME(PTRACE_SINGLESTEP), NAME(PTRACE_GETREGS), NAME(PTRACE_SETREGS), NAME(PTRACE_GETFPREGS), NAME(PTRACE_SETFPREGS),
        NAME(PTRACE_ATTACH), NAME(PTRACE_DETACH), NAME(PTRACE_SYSCALL), NAME(PTRACE_GET_THREAD_AREA),
        NAME(PTRACE_SET_THREAD_AREA), NAME(PTRACE_ARCH_PRCTL), NAME(PTRACE_SYSEMU), NAME(PTRACE_SYSEMU_SINGLESTEP),
        NAME(PTRACE_SINGLEBLOCK), NAME(PTRACE_SETOPTIONS), NAME(PTRACE_GETEVENTMSG), NAME(PTRACE_GETSIGINFO),
        NAME(PTRACE_SETSIGINFO), NAME(PTRACE_GETREGSET), NAME(PTRACE_SETREGSET), NAME(PTRACE_SEIZE), NAME(PTRACE_INTERRUPT),
        NAME(PTRACE_LISTEN), NAME(PTRACE_PEEKSIGINFO), NAME(PTRACE_GETSIGMASK), NAME(PTRACE_SETSIGMASK),
        NAME(PTRACE_SECCOMP_GET_FILTER), NAME(PTRACE_SECCOMP_GET_METADATA), NAME(PTRACE_GET_SYSCALL_INFO),
        NAME(PTRACE_GET_RSEQ_CONFIGURATION), NAME_END};

    out_name(d, names, value, "PTRACE_???");
}

#define GENERAL_NAMES                                                                                                  \
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", \
        "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"

void print_ptrace_pid(struct decoder *d, uint64_t value)
{
    if (d->call->args[REQUEST_ARG] == PTRACE_TRACEME)
        d->skipped = true;
    else
        print_int(d, value);
}

/* Linux's struct user_regs_struct: 64-bit words. */
static const char *const general_names[] = {GENERAL_NAMES};

#define GENERAL_SIZE (sizeof general_names / sizeof *general_names * 8)
#define FLOATING_SIZE sizeof(struct _fpstate_64) /* the FXSAVE area */

/* Its fields, by Linux's names in struct user_fpregs_struct. */
static const struct field {
    const char *name;
    uint16_t offset;
    uint8_t size;
    uint8_t count; /* more than one: an array of 32-bit numbers */
} floating_fields[] = {{"cwd", 0, 2, 1},         {"swd", 2, 2, 1},         {"ftw", 4, 2, 1},
                       {"fop", 6, 2, 1},         {"rip", 8, 8, 1},         {"rdp", 16, 8, 1},
                       {"mxcsr", 24, 4, 1},      {"mxcr_mask", 28, 4, 1},  {"st_space", 32, 4, 32},
                       {"xmm_space", 160, 4, 64}, {"padding", 416, 4, 24}};

_Static_assert(offsetof(struct _fpstate_64, st_space) == 32 && offsetof(struct _fpstate_64, xmm_space) == 160, "FXSAVE");

static void out_words(struct decoder *d, const uint8_t *bytes, size_t count)
{
    uint32_t word;

    out(d, "[");
    for (size_t i = 0; i < count; i++) {
        memcpy(&word, bytes + i * sizeof word, sizeof word);
        out(d, word ? "%s%#x" : "%s0", i ? ", " : "", word);
    }
    out(d, "]");
}

static void out_number(struct decoder *d, uint64_t value)
{
    out(d, value ? "%#llx" : "0", (unsigned long long)value);
}

static void out_general(struct decoder *d, const uint8_t *bytes, size_t n)
{
    uint64_t value;

    for (size_t i = 0; i < n / sizeof value; i++) {
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        out(d, "%s%s=", i ? ", " : "{", general_names[i]);
        out_number(d, value);
    }
}

/* A field that the given size cuts off ends the list. */
static void out_floating(struct decoder *d, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(floating_fields); i++) {
        const struct field *f = &floating_fields[i];
        size_t count = n > f->offset ? MIN((size_t)f->count, (n - f->offset) / f->size) : 0;
        uint64_t value = 0;

        if (count == 0)
            break;
        out(d, "%s%s=", i ? ", " : "{", f->name);
        memcpy(&value, bytes + f->offset, f->size);
        if (f->count > 1)
            out_words(d, bytes + f->offset, count);
        else
            out_number(d, value);
    }
}

static void out_registers(struct decoder *d, enum memory which, uint64_t address, uint64_t size, bool general)
{
    uint8_t bytes[FLOATING_SIZE];
    size_t whole = general ? GENERAL_SIZE : sizeof bytes;
    size_t n = (size_t)MIN(size, (uint64_t)whole);

    if (n == 0 || (general && size % 8) || !memory_read(d, which, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    if (general)
        out_general(d, bytes, n);
    else
        out_floating(d, bytes, n);
    out(d, size > whole ? ", ...}" : "}");
}

/* {iov_base=the registers, iov_len=N => how many there were}. */
static void out_register_set(struct decoder *d, uint64_t address, bool stored)
{
    struct iovec range, after;
    uint64_t type = d->call->args[ADDR_ARG];

    if (!fetch_in(d, address, &range, sizeof range))
        return;
    after = range;
    bool done = call_succeeded(d);
    if (done && !memory_read(d, MEMORY_OUT, address, &after, sizeof after))
        after.iov_len = range.iov_len;
    out(d, "{iov_base=");
    if ((type == NT_PRSTATUS || type == NT_PRFPREG) && (done || !stored))
        out_registers(d, stored ? MEMORY_OUT : MEMORY_IN, (uint64_t)(uintptr_t)range.iov_base,
                      stored ? after.iov_len : range.iov_len, type == NT_PRSTATUS);
    else
        out_address(d, (uint64_t)(uintptr_t)range.iov_base);
    out(d, ", iov_len=%llu", (unsigned long long)range.iov_len);
    if (after.iov_len != range.iov_len)
        out(d, " => %llu", (unsigned long long)after.iov_len);
    out(d, "}");
}

static void out_options(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        NAME(PTRACE_O_TRACESYSGOOD), NAME(PTRACE_O_TRACEFORK), NAME(PTRACE_O_TRACEVFORK), NAME(PTRACE_O_TRACECLONE),
        NAME(PTRACE_O_TRACEEXEC), NAME(PTRACE_O_TRACEVFORKDONE), NAME(PTRACE_O_TRACEEXIT), NAME(PTRACE_O_TRACESECCOMP),
        NAME(PTRACE_O_EXITKILL), NAME(PTRACE_O_SUSPEND_SECCOMP), NAME_END};

    out_flags(d, names, value, "PTRACE_O_???");
}

/* Names of offsets into struct user as far as they are registers: 8*ORIG_RAX. */
static void out_user_offset(struct decoder *d, uint64_t value)
{
    char name[16];
    size_t index = value / 8;

    if (value % 8 || index >= ARRAY_SIZE(general_names) || d->style->names == DECODE_NUMBERS) {
        out_number(d, value);
        return;
    }
    for (size_t i = 0; i < sizeof name; i++) {
        char c = general_names[index][MIN(i, strlen(general_names[index]))];
        name[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    if (d->style->names == DECODE_BOTH)
        out(d, "%#llx /* 8*%s */", (unsigned long long)value, name);
    else
        out(d, "8*%s", name);
}

static void out_peek_arguments(struct decoder *d, uint64_t address)
{
    static const struct name flags[] = {NAME(PTRACE_PEEKSIGINFO_SHARED), NAME_END};
    struct ptrace_peeksiginfo_args a;

    if (!fetch_in(d, address, &a, sizeof a))
        return;
    out(d, "{off=%llu, flags=", (unsigned long long)a.off);
    out_flags(d, flags, a.flags, "PTRACE_PEEKSIGINFO_???");
    out(d, ", nr=%u}", (unsigned)a.nr);
}

static void out_siginfos(struct decoder *d, uint64_t address)
{
    siginfo_t info;

    if (!call_succeeded(d)) {
        out_address(d, address);
        return;
    }
    out(d, "[");
    for (int64_t i = 0; i < d->call->result; i++) {
        out(d, i ? ", " : "");
        if (i >= shown_max(d) || !memory_read(d, MEMORY_OUT, address + (uint64_t)i * sizeof info, &info, sizeof info)) {
            out(d, "...");
            break;
        }
        out_siginfo(d, &info);
    }
    out(d, "]");
}

static void out_call_number(struct decoder *d, uint64_t nr)
{
    const char *name = nr < SYSCALL_COUNT ? syscall_name(nr) : NULL;

    if (!name || d->style->names == DECODE_NUMBERS)
        out(d, "%llu", (unsigned long long)nr);
    else if (d->style->names == DECODE_BOTH)
        out(d, "%llu /* __NR_%s */", (unsigned long long)nr, name);
    else
        out(d, "__NR_%s", name);
}

static void out_call_entry(struct decoder *d, const struct ptrace_syscall_info *info, size_t n)
{
    const size_t args = offsetof(struct ptrace_syscall_info, entry.args);

    if (n < args)
        return;
    out(d, ", %s={nr=", info->op == PTRACE_SYSCALL_INFO_ENTRY ? "entry" : "seccomp");
    out_call_number(d, info->entry.nr);
    for (size_t i = 0; i < SYSCALL_ARGS_MAX && n >= args + (i + 1) * 8; i++)
        out(d, info->entry.args[i] ? "%s%#llx" : "%s0", i ? ", " : ", args=[", (unsigned long long)info->entry.args[i]);
    out(d, n >= args + 8 ? "]}" : "}");
}

static void out_call_exit(struct decoder *d, const struct ptrace_syscall_info *info, size_t n)
{
    const size_t is_error = offsetof(struct ptrace_syscall_info, exit.is_error);
    const char *error = n > is_error && info->exit.is_error ? error_name((unsigned)-info->exit.rval) : NULL;

    if (n < is_error)
        return;
    if (!error || d->style->names == DECODE_NUMBERS)
        out(d, ", exit={rval=%lld", (long long)info->exit.rval);
    else if (d->style->names == DECODE_BOTH)
        out(d, ", exit={rval=%lld /* -%s */", (long long)info->exit.rval, error);
    else
        out(d, ", exit={rval=-%s", error);
    if (n > is_error)
        out(d, ", is_error=%u", info->exit.is_error);
    out(d, "}");
}

/* As much of it as the caller has room for. */
static void out_syscall_info(struct decoder *d, uint64_t address)
{
    static const struct name ops[] = {NAME(PTRACE_SYSCALL_INFO_NONE), NAME(PTRACE_SYSCALL_INFO_ENTRY),
                                      NAME(PTRACE_SYSCALL_INFO_EXIT), NAME(PTRACE_SYSCALL_INFO_SECCOMP), NAME_END};
    static const struct name architectures[] = {NAME(AUDIT_ARCH_X86_64), NAME(AUDIT_ARCH_I386), NAME_END};
    struct ptrace_syscall_info info = {0};
    uint64_t room = d->call->args[ADDR_ARG];
    size_t n = call_succeeded(d) ? (size_t)MIN(MIN(room, (uint64_t)d->call->result), (uint64_t)sizeof info) : 0;

    if (n == 0 || !memory_read(d, MEMORY_OUT, address, &info, n)) {
        out_address(d, address);
        return;
    }
    out(d, "{op=");
    out_name(d, ops, info.op, "PTRACE_SYSCALL_INFO_???");
    if (n >= offsetof(struct ptrace_syscall_info, instruction_pointer)) {
        out(d, ", arch=");
        out_name(d, architectures, info.arch, "AUDIT_ARCH_???");
    }
    if (n >= offsetof(struct ptrace_syscall_info, stack_pointer))
        out(d, ", instruction_pointer=%#llx", (unsigned long long)info.instruction_pointer);
    if (n >= offsetof(struct ptrace_syscall_info, entry))
        out(d, ", stack_pointer=%#llx", (unsigned long long)info.stack_pointer);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_SECCOMP)
        out_call_entry(d, &info, n);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        out_call_exit(d, &info, n);
    out(d, "}");
}

static void out_rseq_configuration(struct decoder *d, uint64_t address)
{
    struct {
        uint64_t pointer;
        uint32_t size, signature, flags, pad;
    } r;

    if (!fetch_out(d, address, &r, sizeof r))
        return;
    out(d, "{rseq_abi_pointer=");
    out_address(d, r.pointer);
    out(d, ", rseq_abi_size=%u, signature=%#x, flags=%u}", r.size, r.signature, r.flags);
}

static void out_filter_offset(struct decoder *d, uint64_t address)
{
    uint64_t offset;

    if (d->call->args[ADDR_ARG] >= sizeof offset && fetch_in(d, address, &offset, sizeof offset))
        out(d, "{filter_off=%llu}", (unsigned long long)offset);
    else if (d->call->args[ADDR_ARG] < sizeof offset)
        out_address(d, address);
}

static void out_mask(struct decoder *d, uint64_t address, bool stored)
{
    uint64_t set;

    if (d->call->args[ADDR_ARG] != sizeof set)
        out_address(d, address);
    else if (stored ? fetch_out(d, address, &set, sizeof set) : fetch_in(d, address, &set, sizeof set))
        out_signal_set(d, set);
}

static void out_stored_word(struct decoder *d, uint64_t address, const char *format)
{
    uint64_t word;

    if (fetch_out(d, address, &word, sizeof word))
        out(d, format, (unsigned long long)word);
}

void print_ptrace_addr(struct decoder *d, uint64_t value)
{
    static const struct name sets[] = {NAME(NT_PRSTATUS), {NT_PRFPREG, "NT_FPREGSET"}, NAME(NT_PRPSINFO), NAME(NT_TASKSTRUCT),
                                       NAME(NT_AUXV), NAME(NT_386_TLS), NAME(NT_386_IOPERM), NAME(NT_X86_XSTATE), NAME_END};

    switch (d->call->args[REQUEST_ARG]) {
    case PTRACE_TRACEME: case PTRACE_ATTACH: case PTRACE_KILL: case PTRACE_INTERRUPT: case PTRACE_LISTEN: case PTRACE_GETREGS:
    case PTRACE_SETREGS: case PTRACE_GETFPREGS: case PTRACE_SETFPREGS:
        d->skipped = true;
        break;
    case PTRACE_PEEKUSR: case PTRACE_POKEUSR:
        out_user_offset(d, value);
        break;
    case PTRACE_GETREGSET: case PTRACE_SETREGSET:
        out_name(d, sets, value, "NT_???");
        break;
    case PTRACE_PEEKSIGINFO:
        out_peek_arguments(d, value);
        break;
    case PTRACE_GETSIGMASK: case PTRACE_SETSIGMASK: case PTRACE_SECCOMP_GET_FILTER: case PTRACE_SECCOMP_GET_METADATA:
    case PTRACE_GET_SYSCALL_INFO: case PTRACE_GET_RSEQ_CONFIGURATION:
        out(d, "%llu", (unsigned long long)value);
        break;
    default:
        out_address(d, value);
    }
}

static void out_register_struct(struct decoder *d, uint64_t address, bool stored, bool general)
{
    if (!address || (stored && !call_succeeded(d)))
        out_address(d, address);
    else
        out_registers(d, stored ? MEMORY_OUT : MEMORY_IN, address, general ? GENERAL_SIZE : FLOATING_SIZE, general);
}

/* Of those whose data is the address of something; false: not one of them. */
static bool print_structure(struct decoder *d, uint64_t value)
{
    uint64_t request = d->call->args[REQUEST_ARG];

    switch (request) {
    case PTRACE_GETREGS: case PTRACE_SETREGS:
        out_register_struct(d, value, request == PTRACE_GETREGS, true);
        return true;
    case PTRACE_GETFPREGS: case PTRACE_SETFPREGS:
        out_register_struct(d, value, request == PTRACE_GETFPREGS, false);
        return true;
    case PTRACE_GETREGSET: case PTRACE_SETREGSET:
        out_register_set(d, value, request == PTRACE_GETREGSET);
        return true;
    case PTRACE_GETSIGINFO:
        print_siginfo_out(d, value);
        return true;
    case PTRACE_SETSIGINFO:
        print_siginfo_in(d, value);
        return true;
    case PTRACE_PEEKSIGINFO:
        out_siginfos(d, value);
        return true;
    case PTRACE_GETSIGMASK: case PTRACE_SETSIGMASK:
        out_mask(d, value, request == PTRACE_GETSIGMASK);
        return true;
    case PTRACE_GET_SYSCALL_INFO:
        out_syscall_info(d, value);
        return true;
    case PTRACE_GET_RSEQ_CONFIGURATION:
        out_rseq_configuration(d, value);
        return true;
    case PTRACE_SECCOMP_GET_METADATA:
        out_filter_offset(d, value);
        return true;
    default:
        return false;
    }
}

void print_ptrace_data(struct decoder *d, uint64_t value)
{
    switch (d->call->args[REQUEST_ARG]) {
    case PTRACE_TRACEME: case PTRACE_ATTACH: case PTRACE_KILL: case PTRACE_INTERRUPT: case PTRACE_LISTEN:
        d->skipped = true;
        break;
    case PTRACE_PEEKTEXT: case PTRACE_PEEKDATA: case PTRACE_PEEKUSR:
        out_stored_word(d, value, "[%#llx]");
        break;
    case PTRACE_GETEVENTMSG:
        out_stored_word(d, value, "[%llu]");
        break;
    case PTRACE_POKETEXT: case PTRACE_POKEDATA: case PTRACE_POKEUSR:
        out_number(d, value);
        break;
    case PTRACE_CONT: case PTRACE_DETACH: case PTRACE_SYSCALL: case PTRACE_SINGLESTEP: case PTRACE_SINGLEBLOCK:
    case PTRACE_SYSEMU: case PTRACE_SYSEMU_SINGLESTEP:
        out_signal(d, value);
        break;
    case PTRACE_SETOPTIONS: case PTRACE_SEIZE:
        out_options(d, value);
        break;
    default:
        if (!print_structure(d, value))
            out_address(d, value);
    }
}
