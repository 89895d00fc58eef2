/*
 * Printers of prctl's operation and of what each takes: one row an operation, one letter an argument.
 */
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "abi/decode_internal.h"
#include "abi/decode_seccomp.h"
#include "lib/string.h"

#define TASK_NAME_SIZE 16

struct operation {
    uint32_t number;
    const char *name;
    const char *arguments; /* letters of print_argument(); there is one for each argument that is shown */
};

#define ROW(operation, arguments)                                                                                      \
    {                                                                                                                  \
        operation, #operation, arguments                                                                               \
    }

static const struct operation operations[] = {ROW(PR_SET_PDEATHSIG, "s"),
                                              ROW(PR_GET_PDEATHSIG, "S"),
                                              ROW(PR_GET_DUMPABLE, ""),
                                              ROW(PR_SET_DUMPABLE, "d"),
                                              ROW(PR_GET_UNALIGN, "i"),
                                              ROW(PR_SET_UNALIGN, "U"),
                                              ROW(PR_GET_KEEPCAPS, ""),
                                              ROW(PR_SET_KEEPCAPS, "u"),
                                              ROW(PR_GET_FPEMU, "i"),
                                              ROW(PR_SET_FPEMU, "u"),
                                              ROW(PR_GET_FPEXC, "i"),
                                              ROW(PR_SET_FPEXC, "u"),
                                              ROW(PR_GET_TIMING, ""),
                                              ROW(PR_SET_TIMING, "u"),
                                              ROW(PR_SET_NAME, "N"),
                                              ROW(PR_GET_NAME, "G"),
                                              ROW(PR_GET_ENDIAN, "i"),
                                              ROW(PR_SET_ENDIAN, "u"),
                                              ROW(PR_GET_SECCOMP, ""),
                                              ROW(PR_SET_SECCOMP, "FPxx"),
                                              ROW(PR_CAPBSET_READ, "c"),
                                              ROW(PR_CAPBSET_DROP, "c"),
                                              ROW(PR_GET_TSC, "T"),
                                              ROW(PR_SET_TSC, "t"),
                                              ROW(PR_GET_SECUREBITS, ""),
                                              ROW(PR_SET_SECUREBITS, "b"),
                                              ROW(PR_SET_TIMERSLACK, "u"),
                                              ROW(PR_GET_TIMERSLACK, ""),
                                              ROW(PR_TASK_PERF_EVENTS_DISABLE, ""),
                                              ROW(PR_TASK_PERF_EVENTS_ENABLE, ""),
                                              ROW(PR_MCE_KILL, "mkxx"),
                                              ROW(PR_MCE_KILL_GET, "xxxx"),
                                              ROW(PR_SET_MM, "Mxxx"),
                                              ROW(PR_SET_CHILD_SUBREAPER, "u"),
                                              ROW(PR_GET_CHILD_SUBREAPER, "i"),
                                              ROW(PR_SET_NO_NEW_PRIVS, "uxxx"),
                                              ROW(PR_GET_NO_NEW_PRIVS, "xxxx"),
                                              ROW(PR_GET_TID_ADDRESS, "p"),
                                              ROW(PR_SET_THP_DISABLE, "uxxx"),
                                              ROW(PR_GET_THP_DISABLE, "xxxx"),
                                              ROW(PR_MPX_ENABLE_MANAGEMENT, "xxxx"),
                                              ROW(PR_MPX_DISABLE_MANAGEMENT, "xxxx"),
                                              ROW(PR_SET_FP_MODE, "x"),
                                              ROW(PR_GET_FP_MODE, ""),
                                              ROW(PR_CAP_AMBIENT, "acxx"),
                                              ROW(PR_GET_SPECULATION_CTRL, "e"),
                                              ROW(PR_SET_SPECULATION_CTRL, "ef"),
                                              ROW(PR_SET_IO_FLUSHER, "uxxx"),
                                              ROW(PR_GET_IO_FLUSHER, "xxxx"),
                                              ROW(PR_SET_SYSCALL_USER_DISPATCH, "DxxA"),
                                              ROW(PR_SCHED_CORE, "CITO"),
                                              ROW(PR_SET_VMA, "VAQE"),
                                              ROW(PR_SET_PTRACER, "R"),
                                              ROW(PR_SVE_SET_VL, "L"),
                                              ROW(PR_SVE_GET_VL, ""),
                                              ROW(PR_SME_SET_VL, "l"),
                                              ROW(PR_SME_GET_VL, ""),
                                              ROW(PR_PAC_RESET_KEYS, "Kxxx"),
                                              ROW(PR_PAC_SET_ENABLED_KEYS, "KKxx"),
                                              ROW(PR_PAC_GET_ENABLED_KEYS, "xxxx"),
                                              ROW(PR_SET_TAGGED_ADDR_CTRL, "gxxx"),
                                              ROW(PR_GET_TAGGED_ADDR_CTRL, "xxxx"),
                                              {0, NULL, "xxxx"}};

static const struct operation *operation_of(const struct decoder *d)
{
    const struct operation *o = operations;

    while (o->name && o->number != (uint32_t)d->call->args[0])
        o++;
    return o;
}

void print_prctl_op(struct decoder *d, uint64_t value)
{
    const struct operation *o = operation_of(d);
    const struct name names[] = {{o->number, o->name}, NAME_END}; /* an empty list if it has no name */

    out_name(d, names, (uint32_t)value, "PR_???");
}

/* 15 bytes at most; a longer one that the program gives is cut. */
static void print_task_name(struct decoder *d, uint64_t address, enum memory which)
{
    uint8_t name[TASK_NAME_SIZE];
    size_t known = address ? memory_read_string(d, which, address, name, sizeof name) : 0;

    size_t length = strnlen((char *)name, known);
    if (known == 0 || (length == known && known < TASK_NAME_SIZE - (which == MEMORY_IN))) {
        out_address(d, address);
        return;
    }
    out_quoted(d, name, MIN(length, (size_t)TASK_NAME_SIZE - 1), which == MEMORY_IN && length >= TASK_NAME_SIZE - 1 && length == known);
}

static const struct name dumpable[] = {
    {0, "SUID_DUMP_DISABLE"}, {1, "SUID_DUMP_USER"}, {2, "SUID_DUMP_ROOT"}, NAME_END};
static const struct name kill_policies[] = {NAME(PR_MCE_KILL_LATE), NAME(PR_MCE_KILL_EARLY), NAME(PR_MCE_KILL_DEFAULT), NAME_END};
static const struct name tsc[] = {NAME(PR_TSC_ENABLE), NAME(PR_TSC_SIGSEGV), NAME_END};

/* What the call stored, in brackets. */
static void print_stored(struct decoder *d, char kind, uint64_t address)
{
    uint64_t wide;
    uint32_t word;

    if (kind == 'p' ? !fetch_out(d, address, &wide, sizeof wide) : !fetch_out(d, address, &word, sizeof word))
        return;
    out(d, "[");
    if (kind == 'p')
        out_address(d, wide);
    else if (kind == 'T')
        out_name(d, tsc, word, "PR_TSC_???");
    else if (word || kind != 'S')
        out_signal(d, word);
    else
        out(d, "0");
    out(d, "]");
}

static void print_secure_bits(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(SECBIT_NOROOT),
                                        NAME(SECBIT_NOROOT_LOCKED),
                                        NAME(SECBIT_NO_SETUID_FIXUP),
                                        NAME(SECBIT_NO_SETUID_FIXUP_LOCKED),
                                        NAME(SECBIT_KEEP_CAPS),
                                        NAME(SECBIT_KEEP_CAPS_LOCKED),
                                        NAME(SECBIT_NO_CAP_AMBIENT_RAISE),
                                        NAME(SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
                                        NAME_END};

    out_flags(d, names, value, "SECBIT_???");
}

static void print_named(struct decoder *d, char kind, uint64_t value)
{
    static const struct name ambient[] = {NAME(PR_CAP_AMBIENT_IS_SET), NAME(PR_CAP_AMBIENT_RAISE),
                                          NAME(PR_CAP_AMBIENT_LOWER), NAME(PR_CAP_AMBIENT_CLEAR_ALL), NAME_END};
    static const struct name failure[] = {NAME(PR_MCE_KILL_CLEAR), NAME(PR_MCE_KILL_SET), NAME_END};
    static const struct name features[] = {NAME(PR_SPEC_STORE_BYPASS), NAME(PR_SPEC_INDIRECT_BRANCH),
                                           NAME(PR_SPEC_L1D_FLUSH), NAME_END};
    static const struct name controls[] = {NAME(PR_SPEC_ENABLE), NAME(PR_SPEC_DISABLE), NAME(PR_SPEC_FORCE_DISABLE),
                                           NAME(PR_SPEC_DISABLE_NOEXEC), NAME_END};

    switch (kind) {
    case 'a':
        out_name(d, ambient, value, "PR_CAP_AMBIENT_???");
        break;
    case 'm':
        out_name(d, failure, value, "PR_MCE_KILL_???");
        break;
    case 'k':
        out_name(d, kill_policies, value, "PR_MCE_KILL_???");
        break;
    case 'e':
        out_name(d, features, value, "PR_SPEC_???");
        break;
    case 'd':
        out_name(d, dumpable, value, "SUID_DUMP_???");
        break;
    case 't':
        out_name(d, tsc, (uint32_t)value, "PR_TSC_???");
        break;
    default:
        out_name(d, controls, value, "PR_SPEC_???");
    }
}

/* What a task's memory map has that PR_SET_MM changes. */
static const struct name map_parts[] = {
    NAME(PR_SET_MM_START_CODE), NAME(PR_SET_MM_END_CODE), NAME(PR_SET_MM_START_DATA), NAME(PR_SET_MM_END_DATA), NAME(PR_SET_MM_START_STACK),
    NAME(PR_SET_MM_START_BRK), NAME(PR_SET_MM_BRK), NAME(PR_SET_MM_ARG_START), NAME(PR_SET_MM_ARG_END), NAME(PR_SET_MM_ENV_START),
    NAME(PR_SET_MM_ENV_END), NAME(PR_SET_MM_AUXV), NAME(PR_SET_MM_EXE_FILE), NAME(PR_SET_MM_MAP), NAME(PR_SET_MM_MAP_SIZE), NAME_END};

/* Operations of newer kernels: a number with its meaning behind it, tasks, texts. */
static void print_newer(struct decoder *d, char kind, uint64_t value)
{
    static const struct name unaligned[] = {NAME(PR_UNALIGN_NOPRINT), NAME(PR_UNALIGN_SIGBUS), NAME_END};
    static const struct name modes[] = {{0, "SECCOMP_MODE_DISABLED"}, {1, "SECCOMP_MODE_STRICT"}, {2, "SECCOMP_MODE_FILTER"}, NAME_END};
    static const struct name dispatch[] = {NAME(PR_SYS_DISPATCH_OFF), NAME(PR_SYS_DISPATCH_ON), NAME_END};
    static const struct name cookies[] = {NAME(PR_SCHED_CORE_GET), NAME(PR_SCHED_CORE_CREATE), NAME(PR_SCHED_CORE_SHARE_TO),
                                          NAME(PR_SCHED_CORE_SHARE_FROM), NAME_END};
    static const char *const tasks[] = {"PIDTYPE_PID", "PIDTYPE_TGID", "PIDTYPE_PGID", "PIDTYPE_SID"};
    static const struct name areas[] = {NAME(PR_SET_VMA_ANON_NAME), NAME_END};
    static const struct name anyone[] = {{(uint64_t)PR_SET_PTRACER_ANY, "PR_SET_PTRACER_ANY"}, NAME_END};

    switch (kind) {
    case 'U': out_flags(d, unaligned, (uint32_t)value, "PR_UNALIGN_???"); break;
    case 'F': out_name(d, modes, value, "SECCOMP_MODE_???"); break;
    case 'M': out_name(d, map_parts, value, "PR_SET_MM_???"); break;
    case 'D': out_name(d, dispatch, value, "PR_SYS_DISPATCH_???"); break;
    case 'C': out_name(d, cookies, (uint32_t)value, "PR_SCHED_CORE_???"); break;
    case 'I': out_signed(d, (int)value); break;
    case 'W':
        out_hex(d, (uint32_t)value);
        if (d->style->names != DECODE_NUMBERS)
            out(d, " /* %s */", (uint32_t)value < ARRAY_SIZE(tasks) ? tasks[(uint32_t)value] : "PIDTYPE_???");
        break;
    case 'V': out_name(d, areas, value, "PR_SET_VMA_???"); break;
    case 'Q':
    case 'E':
        if (d->call->args[1] != PR_SET_VMA_ANON_NAME)
            kind == 'Q' ? out_hex(d, value) : out_address(d, value);
        else if (kind == 'Q')
            out_unsigned(d, value);
        else
            out_string(d, MEMORY_IN, value, shown_max(d));
        break;
    default:
        if (value == (uint64_t)PR_SET_PTRACER_ANY)
            out_name(d, anyone, value, NULL);
        else
            out_signed(d, (int)value);
    }
}

static void print_filter(struct decoder *d, uint64_t value)
{
    if (d->call->args[1] == 2) /* SECCOMP_MODE_FILTER */
        out_filter_program(d, value, FILTER_SECCOMP);
    else if (d->call->args[1] == 1)
        d->skipped = true;
    else
        out_hex(d, value);
}

static void print_argument(struct decoder *d, char kind, uint64_t value)
{
    switch (kind) {
    case 'h':
        d->skipped = true;
        break;
    case 'A':
    case 'O':
        out_address(d, value);
        break;
    case 'P':
        print_filter(d, value);
        break;
    case 'L':
    case 'l':
        out_vector_length(d, value, kind == 'L');
        break;
    case 'K':
        out_pointer_keys(d, value);
        break;
    case 'g':
        out_tagged_addresses(d, value);
        break;
    case 'U': case 'F': case 'M': case 'D': case 'C': case 'I': case 'V': case 'Q': case 'E': case 'R': case 'W':
        print_newer(d, kind, value);
        break;
    case 'N':
        print_task_name(d, value, MEMORY_IN);
        break;
    case 'G':
        if (call_succeeded(d))
            print_task_name(d, value, MEMORY_OUT);
        else
            out_address(d, value);
        break;
    case 's':
        if (value <= UINT32_MAX && signal_name((unsigned)value))
            out_signal(d, value);
        else
            out(d, "%llu", (unsigned long long)value);
        break;
    case 'i':
        print_uint_out(d, value);
        break;
    case 'S':
    case 'T':
    case 'p':
        print_stored(d, kind, value);
        break;
    case 'u':
        out(d, "%llu", (unsigned long long)value);
        break;
    case 'c':
        out_capability(d, value);
        break;
    case 'b':
        print_secure_bits(d, value);
        break;
    case 'x':
        out(d, "%#llx", (unsigned long long)value);
        break;
    default:
        print_named(d, kind, value);
    }
}

/* The last two of PR_CAP_AMBIENT_CLEAR_ALL's and PR_MCE_KILL_CLEAR's arguments are no capability and no policy. */
static char kind_of(const struct decoder *d, char kind)
{
    uint64_t operation = d->call->args[1];

    if ((uint32_t)d->call->args[0] == PR_SET_SECCOMP && operation == 1)
        return 'h'; /* nothing more */
    if ((uint32_t)d->call->args[0] == PR_SET_SECCOMP && operation == 2 && d->index > 2)
        return 'h';
    if (kind == 'T' && (uint32_t)d->call->args[0] == PR_SCHED_CORE)
        return 'W';
    if (kind == 'c' && d->index == 2 && operation != PR_CAP_AMBIENT_IS_SET && operation != PR_CAP_AMBIENT_RAISE &&
        operation != PR_CAP_AMBIENT_LOWER)
        return 'x';
    return kind == 'k' && operation != PR_MCE_KILL_SET ? 'x' : kind;
}

void print_prctl_arg(struct decoder *d, uint64_t value)
{
    const char *arguments = operation_of(d)->arguments;

    if (strlen(arguments) < d->index)
        d->skipped = true;
    else
        print_argument(d, kind_of(d, arguments[d->index - 1]), value);
}

void print_prctl_rest(struct decoder *d, uint64_t value)
{
    print_prctl_arg(d, value);
}

void print_result_prctl(struct decoder *d)
{
    uint32_t operation = (uint32_t)d->call->args[0];
    unsigned long long result = (unsigned long long)d->call->result;

    if (operation == PR_GET_SECUREBITS && result) {
        out(d, "%#llx (", result);
        print_secure_bits(d, result);
        out(d, ")");
        return;
    }
    out_signed(d, (int64_t)result);
    if (operation != PR_GET_DUMPABLE && operation != PR_MCE_KILL_GET)
        return;
    out_text(d, " (");
    if (operation == PR_GET_DUMPABLE)
        out_name(d, dumpable, result, "SUID_DUMP_???");
    else
        out_name(d, kill_policies, result, "PR_MCE_KILL_???");
    out_text(d, ")");
}
