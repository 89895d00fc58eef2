/*
 * Signals, errors, ends of processes.
 */
#include "abi/decode_internal.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/audit.h>
#include <linux/audit.h>

#include "abi/capture.h"
#include "lib/format.h"
#include "lib/string.h"

#define SIGNALS 64
#define UCONTEXT_SIZE 304u   /* struct ucontext of x86-64 with its 64-bit mask, which comes last */
#define FRAME_SIZE 440u      /* return address, ucontext, siginfo: Linux's struct rt_sigframe */

static const struct {
    const char *name, *text;
} errors[] = {
#define ERROR(name, text) {#name, text},
#include "abi/errors.def"
#undef ERROR
};

/* errors.def lists 1 to 133 without the two numbers that Linux does not use. */
static int error_index(unsigned number)
{
    if (number == 0 || number == 41 || number == 58 || number > ARRAY_SIZE(errors) + 2)
        return -1;
    return (int)number - 1 - (number > 41) - (number > 58);
}

const char *error_name(unsigned number)
{
    int i = error_index(number);

    return i < 0 ? NULL : errors[i].name;
}

const char *error_text(unsigned number)
{
    int i = error_index(number);

    return i < 0 ? NULL : errors[i].text;
}

const char *signal_name(unsigned number)
{
    static const char *const names[] = {
        NULL,      "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP", "SIGABRT",   "SIGBUS",
        "SIGFPE",  "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM",   "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU",   "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",  "SIGPWR",    "SIGSYS",
        "SIGRTMIN", "SIGRT_1", "SIGRT_2",  "SIGRT_3", "SIGRT_4", "SIGRT_5", "SIGRT_6",   "SIGRT_7",
        "SIGRT_8", "SIGRT_9", "SIGRT_10",  "SIGRT_11", "SIGRT_12", "SIGRT_13", "SIGRT_14", "SIGRT_15",
        "SIGRT_16", "SIGRT_17", "SIGRT_18", "SIGRT_19", "SIGRT_20", "SIGRT_21", "SIGRT_22", "SIGRT_23",
        "SIGRT_24", "SIGRT_25", "SIGRT_26", "SIGRT_27", "SIGRT_28", "SIGRT_29", "SIGRT_30", "SIGRT_31",
        "SIGRT_32"};

    return number < ARRAY_SIZE(names) ? names[number] : NULL;
}

void out_signal(struct decoder *d, uint64_t number)
{
    const char *name = number <= SIGNALS ? signal_name((unsigned)number) : NULL;

    if (name && d->style->names == DECODE_NAMES) {
        out_text(d, name);
        return;
    }
    out_signed(d, (int)number);
    if (name && d->style->names == DECODE_BOTH)
        out(d, " /* %s */", name);
}

void print_signal(struct decoder *d, uint64_t value)
{
    out_signal(d, (uint32_t)value);
}

/* INT, or its number. */
static void out_member(struct decoder *d, unsigned number)
{
    if (d->style->names == DECODE_NAMES)
        out_text(d, signal_name(number) + 3);
    else
        out(d, d->style->names == DECODE_BOTH ? "%u /* %s */" : "%u", number, signal_name(number) + 3);
}

/* [INT TERM], or ~[...] if two thirds or more are in it; names without SIG. */
void out_signal_set(struct decoder *d, uint64_t set)
{
    const char *separator = "";

    if (__builtin_popcountll(set) >= SIGNALS * 2 / 3) {
        out_text(d, "~");
        set = ~set;
    }
    out_text(d, "[");
    for (unsigned i = 1; i <= SIGNALS; i++) {
        if (set & BIT(i - 1)) {
            out_text(d, separator);
            out_member(d, i);
            separator = " ";
        }
    }
    out_text(d, "]");
}

void print_sighow(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(SIG_BLOCK), NAME(SIG_UNBLOCK), NAME(SIG_SETMASK), NAME_END};

    out_name(d, names, (uint32_t)value, "SIG_???");
}

/* The size of the set is the next argument of that kind: with another one only the address is shown. */
static bool sigset_size_is_wrong(const struct decoder *d)
{
    for (unsigned i = d->index + 1; i < SYSCALL_ARGS_MAX; i++) {
        if (d->row->kinds[i] == ARG_SIZE)
            return d->call->args[i] != sizeof(uint64_t);
    }
    return false;
}

void print_sigset_in(struct decoder *d, uint64_t value)
{
    uint64_t set;

    if (sigset_size_is_wrong(d))
        out_address(d, value);
    else if (fetch_in(d, value, &set, sizeof set))
        out_signal_set(d, set);
}

void print_sigset_out(struct decoder *d, uint64_t value)
{
    uint64_t set = 0, size = d->call->args[d->index + 1];

    /* rt_sigpending stores as much of a set as there is room for. */
    if (d->row->kinds[0] == ARG_SIGSET_OUT && size < sizeof set) {
        if (size == 0)
            out_address(d, value);
        else if (fetch_out(d, value, &set, (size_t)size))
            out_signal_set(d, set);
        return;
    }

    if (sigset_size_is_wrong(d))
        out_address(d, value);
    else if (fetch_out(d, value, &set, sizeof set))
        out_signal_set(d, set);
}

void print_sigset_arg6(struct decoder *d, uint64_t value)
{
    struct {
        uint64_t set, size;
    } pair;

    if (!fetch_in(d, value, &pair, sizeof pair))
        return;
    out_text(d, "{sigmask=");
    if (pair.size != sizeof(uint64_t))
        out_address(d, pair.set);
    else
        print_sigset_in(d, pair.set);
    out(d, ", sigsetsize=%llu}", (unsigned long long)pair.size);
}

static void out_sigaction(struct decoder *d, const struct sigaction *a)
{
    static const struct name flags[] = {NAME(SA_RESTORER), NAME(SA_ONSTACK), NAME(SA_RESTART), {0x20000000, "SA_INTERRUPT"},
                                        NAME(SA_NODEFER), NAME(SA_RESETHAND), NAME(SA_SIGINFO), NAME(SA_NOCLDSTOP),
                                        NAME(SA_NOCLDWAIT), NAME_END};
    uint64_t mask;

    static const struct name handlers[] = {{0, "SIG_DFL"}, {1, "SIG_IGN"}, NAME_END};

    out_text(d, "{sa_handler=");
    if (a->sa_handler == SIG_DFL || a->sa_handler == SIG_IGN)
        out_name(d, handlers, (uint64_t)(uintptr_t)a->sa_handler, NULL);
    else
        out_address(d, (uint64_t)(uintptr_t)a->sa_handler);
    memcpy(&mask, &a->sa_mask, sizeof mask);
    out_text(d, ", sa_mask=");
    out_signal_set(d, mask);
    out_text(d, ", sa_flags=");
    out_flags(d, flags, a->sa_flags, "SA_???");
    if (a->sa_flags & SA_RESTORER) {
        out_text(d, ", sa_restorer=");
        out_address(d, (uint64_t)(uintptr_t)a->sa_restorer);
    }
    out_text(d, "}");
}

void print_sigaction_in(struct decoder *d, uint64_t value)
{
    struct sigaction a;

    if (fetch_in(d, value, &a, sizeof a))
        out_sigaction(d, &a);
}

void print_sigaction_out(struct decoder *d, uint64_t value)
{
    struct sigaction a;

    if (fetch_out(d, value, &a, sizeof a))
        out_sigaction(d, &a);
}

static void out_stack(struct decoder *d, const stack_t *s)
{
    static const struct name flags[] = {{1, "SS_ONSTACK"}, {2, "SS_DISABLE"}, {1u << 31, "SS_AUTODISARM"}, NAME_END};

    out_text(d, "{ss_sp=");
    out_address(d, (uint64_t)(uintptr_t)s->ss_sp);
    out_text(d, ", ss_flags=");
    out_flags(d, flags, (uint32_t)s->ss_flags, "SS_???");
    out(d, ", ss_size=%llu}", (unsigned long long)s->ss_size);
}

void print_stack_in(struct decoder *d, uint64_t value)
{
    stack_t s;

    if (fetch_in(d, value, &s, sizeof s))
        out_stack(d, &s);
}

void print_stack_out(struct decoder *d, uint64_t value)
{
    stack_t s;

    if (fetch_out(d, value, &s, sizeof s))
        out_stack(d, &s);
}

static const struct name general_codes[] = {NAME(SI_USER), NAME(SI_KERNEL), NAME(SI_QUEUE), NAME(SI_TIMER),
                                            NAME(SI_MESGQ), NAME(SI_ASYNCIO), NAME(SI_SIGIO), NAME(SI_TKILL), NAME_END};

/* The names of a signal's own codes, or of those that any signal may have. */
static const struct name *code_names(int signal, int code)
{
    static const struct name child[] = {NAME(CLD_EXITED), NAME(CLD_KILLED), NAME(CLD_DUMPED), NAME(CLD_TRAPPED),
                                        NAME(CLD_STOPPED), NAME(CLD_CONTINUED), NAME_END};
    static const struct name segv[] = {NAME(SEGV_MAPERR), NAME(SEGV_ACCERR), NAME(SEGV_BNDERR), NAME(SEGV_PKUERR),
                                       {5, "SEGV_ACCADI"}, {6, "SEGV_ADIDERR"}, {7, "SEGV_ADIPERR"}, {8, "SEGV_MTEAERR"},
                                       {9, "SEGV_MTESERR"}, NAME_END};
    static const struct name bus[] = {NAME(BUS_ADRALN), NAME(BUS_ADRERR), NAME(BUS_OBJERR), NAME(BUS_MCEERR_AR),
                                      NAME(BUS_MCEERR_AO), NAME_END};
    static const struct name fpe[] = {NAME(FPE_INTDIV), NAME(FPE_INTOVF), NAME(FPE_FLTDIV), NAME(FPE_FLTOVF),
                                      NAME(FPE_FLTUND), NAME(FPE_FLTRES), NAME(FPE_FLTINV), NAME(FPE_FLTSUB), NAME_END};
    static const struct name ill[] = {NAME(ILL_ILLOPC), NAME(ILL_ILLOPN), NAME(ILL_ILLADR), NAME(ILL_ILLTRP),
                                      NAME(ILL_PRVOPC), NAME(ILL_PRVREG), NAME(ILL_COPROC), NAME(ILL_BADSTK), NAME_END};
    static const struct name trap[] = {NAME(TRAP_BRKPT), NAME(TRAP_TRACE), NAME(TRAP_BRANCH), NAME(TRAP_HWBKPT),
                                       NAME(TRAP_UNK), NAME(TRAP_PERF), NAME_END};
    static const struct name poll[] = {NAME(POLL_IN), NAME(POLL_OUT), NAME(POLL_MSG), NAME(POLL_ERR), NAME(POLL_PRI),
                                       NAME(POLL_HUP), NAME_END};
    static const struct name sys[] = {NAME(SYS_SECCOMP), NAME_END};
    const struct name *own = signal == SIGIO ? poll : signal == SIGSYS ? sys : signal == SIGCHLD ? child : signal == SIGSEGV ? segv : signal == SIGBUS ? bus
                             : signal == SIGFPE ? fpe : signal == SIGILL ? ill : signal == SIGTRAP ? trap : NULL;
    return !own || name_find(general_codes, (uint64_t)code) ? general_codes : own;
}

/* The name, or the number without a remark. */
static void out_code(struct decoder *d, int signal, int code)
{
    const char *text = name_find(code_names(signal, code), (uint64_t)code);

    if (text && d->style->names == DECODE_NAMES) {
        out_text(d, text);
        return;
    }
    out_hex(d, (uint32_t)code);
    if (text && d->style->names == DECODE_BOTH)
        out(d, " /* %s */", text);
}

static void out_sender(struct decoder *d, const siginfo_t *s)
{
    out(d, ", si_pid=%d, si_uid=", s->si_pid);
    print_uid(d, s->si_uid);
}

static void out_payload(struct decoder *d, const siginfo_t *s)
{
    out(d, ", si_int=%d, si_ptr=", s->si_int);
    out_address(d, (uint64_t)(uintptr_t)s->si_ptr);
}

static void out_child(struct decoder *d, const siginfo_t *s)
{
    out_sender(d, s);
    out_text(d, ", si_status=");
    if (s->si_code == CLD_EXITED)
        out_signed(d, s->si_status);
    else
        out_signal(d, (uint32_t)s->si_status);
    out_text(d, ", si_utime=");
    out_clock_ticks(d, (uint64_t)s->si_utime);
    out_text(d, ", si_stime=");
    out_clock_ticks(d, (uint64_t)s->si_stime);
}

/* What some faults say beside the address. */
static void out_fault(struct decoder *d, const siginfo_t *s)
{
    if (s->si_signo == SIGBUS && (s->si_code == BUS_MCEERR_AR || s->si_code == BUS_MCEERR_AO)) {
        out(d, s->si_addr_lsb ? ", si_addr_lsb=%#x" : ", si_addr_lsb=0", (uint16_t)s->si_addr_lsb);
    } else if (s->si_signo == SIGSEGV && s->si_code == SEGV_BNDERR) {
        out_text(d, ", si_lower=");
        out_address(d, (uint64_t)(uintptr_t)s->si_lower);
        out_text(d, ", si_upper=");
        out_address(d, (uint64_t)(uintptr_t)s->si_upper);
    } else if (s->si_signo == SIGSEGV && s->si_code == SEGV_PKUERR) {
        out(d, ", si_pkey=%u", s->si_pkey);
    }
}

/* What a filter refused: where, which call, of which interface. */
static void out_seccomp(struct decoder *d, const siginfo_t *s)
{
    static const struct name machines[] = {NAME(AUDIT_ARCH_X86_64), NAME(AUDIT_ARCH_I386), NAME_END};
    uint64_t nr = (uint32_t)s->si_syscall;
    const char *name = s->si_arch == AUDIT_ARCH_X86_64 ? syscall_name(nr) : NULL;

    out_text(d, ", si_call_addr=");
    out_address(d, (uint64_t)(uintptr_t)s->si_call_addr);
    out_text(d, ", si_syscall=");
    if (name && d->style->names == DECODE_NAMES)
        out(d, "__NR_%s", name);
    else
        out(d, name && d->style->names == DECODE_BOTH ? "%llu /* __NR_%s */" : "%llu", (unsigned long long)nr, name);
    out_text(d, ", si_arch=");
    out_name(d, machines, s->si_arch, "AUDIT_ARCH_???");
}

/* Which fields of the union hold something depends on the code (sigaction(2)). */
static void out_siginfo_fields(struct decoder *d, const siginfo_t *s)
{
    if (s->si_code == SI_USER || s->si_code == SI_TKILL) {
        out_sender(d, s);
    } else if (s->si_code == SI_TIMER) {
        out(d, ", si_timerid=%#x, si_overrun=%d", s->si_tid, s->si_overrun);
        out_payload(d, s);
    } else if (s->si_code == SI_SIGIO) {
        out(d, ", si_band=%ld, si_fd=", (long)s->si_band);
        out_fd(d, s->si_fd);
    } else if (s->si_code < 0) {
        out_sender(d, s);
        if (s->si_ptr)
            out_payload(d, s);
    } else if (s->si_signo == SIGCHLD) {
        out_child(d, s);
    } else if (s->si_signo == SIGIO && s->si_code > 0 && s->si_code < SI_KERNEL) {
        out(d, ", si_band=%ld, si_fd=", (long)s->si_band);
        out_fd(d, s->si_fd);
    } else if (s->si_signo == SIGSEGV || s->si_signo == SIGBUS || s->si_signo == SIGFPE || s->si_signo == SIGILL ||
               s->si_signo == SIGTRAP) {
        out_text(d, ", si_addr=");
        out_address(d, (uint64_t)(uintptr_t)s->si_addr);
        out_fault(d, s);
    } else if (s->si_signo == SIGSYS && s->si_code == SYS_SECCOMP) {
        out_seccomp(d, s);
    } else {
        if (s->si_pid || s->si_uid)
            out_sender(d, s);
        if (s->si_ptr)
            out_payload(d, s);
    }
}

void out_siginfo(struct decoder *d, const void *siginfo)
{
    siginfo_t s;

    memcpy(&s, siginfo, sizeof s);
    out_text(d, "{");
    if (s.si_signo) {
        out_text(d, "si_signo=");
        out_signal(d, (uint32_t)s.si_signo);
        out_text(d, ", si_code=");
        out_code(d, s.si_signo, s.si_code);
        const char *error = error_name((unsigned)s.si_errno);
        if (error && d->style->names == DECODE_NAMES)
            out(d, ", si_errno=%s", error);
        else if (error && d->style->names == DECODE_BOTH)
            out(d, ", si_errno=%d /* %s */", s.si_errno, error);
        else if (s.si_errno)
            out(d, ", si_errno=%u", (unsigned)s.si_errno);
        out_siginfo_fields(d, &s);
    }
    out_text(d, "}");
}

void print_siginfo_in(struct decoder *d, uint64_t value)
{
    siginfo_t s;

    if (fetch_in(d, value, &s, sizeof s))
        out_siginfo(d, &s);
}

/* waitid stores single fields. */
void print_siginfo_out(struct decoder *d, uint64_t value)
{
    siginfo_t s = {0};
    uint8_t *bytes = (uint8_t *)&s;

    if (!fetch_out(d, value, &s, offsetof(siginfo_t, si_code) + sizeof s.si_code))
        return;
    for (size_t at = offsetof(siginfo_t, si_code) + sizeof s.si_code; at < sizeof s; at += sizeof(uint32_t))
        memory_read(d, MEMORY_OUT, value + at, bytes + at, sizeof(uint32_t));
    out_siginfo(d, &s);
}

/*
 * The mask that rt_sigreturn restores comes from the frame on the stack, whose address no argument names: it is the item
 * that has the size of the frame or of the ucontext in it.
 */
void print_sigreturn(struct decoder *d)
{
    const uint8_t *items = d->call->items;
    uint64_t mask;

    for (size_t at = 0; items && d->call->items_size - at >= sizeof(struct capture_item);) {
        const struct capture_item *item = (const void *)(items + at);
        size_t left = d->call->items_size - at - sizeof *item;

        if (item->kept > left)
            break;
        size_t skip = item->kept == FRAME_SIZE ? 8 : 0;
        if (item->kept == UCONTEXT_SIZE || item->kept == FRAME_SIZE) {
            memcpy(&mask, item->bytes + skip + UCONTEXT_SIZE - sizeof mask, sizeof mask);
            out_text(d, "{mask=");
            out_signal_set(d, mask);
            out_text(d, "}");
            return;
        }
        at += MIN(ALIGN_UP(sizeof *item + item->kept, (size_t)8), left + sizeof *item);
    }
}
