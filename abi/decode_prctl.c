/*
 * Printers of prctl's operation and of what each takes: one row an operation, one letter an argument.
 */
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "abi/decode_internal.h"
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
                                              ROW(PR_GET_UNALIGN, "x"),
                                              ROW(PR_SET_UNALIGN, "x"),
                                              ROW(PR_GET_KEEPCAPS, ""),
                                              ROW(PR_SET_KEEPCAPS, "u"),
                                              ROW(PR_GET_FPEMU, "x"),
                                              ROW(PR_SET_FPEMU, "u"),
                                              ROW(PR_GET_FPEXC, "x"),
                                              ROW(PR_SET_FPEXC, "u"),
                                              ROW(PR_GET_TIMING, ""),
                                              ROW(PR_SET_TIMING, "u"),
                                              ROW(PR_SET_NAME, "N"),
                                              ROW(PR_GET_NAME, "G"),
                                              ROW(PR_GET_ENDIAN, "x"),
                                              ROW(PR_SET_ENDIAN, "u"),
                                              ROW(PR_GET_SECCOMP, ""),
                                              ROW(PR_SET_SECCOMP, "xxxx"),
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
                                              ROW(PR_SET_MM, "xxxx"),
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
                                              ROW(PR_SET_SYSCALL_USER_DISPATCH, "xxxx"),
                                              ROW(PR_SCHED_CORE, "xxxx"),
                                              ROW(PR_SET_VMA, "xxxx"),
                                              ROW(PR_SET_PTRACER, "xxxx"),
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

    if (o->name)
        out(d, "%s", o->name);
    else
        out(d, "%#x /* PR_??? */", (uint32_t)value);
}

/* 15 bytes at most; a longer one that the program gives is cut. */
static void print_task_name(struct decoder *d, uint64_t address, enum memory which)
{
    uint8_t name[TASK_NAME_SIZE];
    size_t known = address ? memory_read_string(d, which, address, name, sizeof name) : 0;

    if (known == 0) {
        out_address(d, address);
        return;
    }
    size_t length = strnlen((char *)name, known);
    out_quoted(d, name, MIN(length, (size_t)TASK_NAME_SIZE - 1), which == MEMORY_IN && length > TASK_NAME_SIZE - 1);
}

static const struct name dumpable[] = {
    {0, "SUID_DUMP_DISABLE"}, {1, "SUID_DUMP_USER"}, {2, "SUID_DUMP_ROOT"}, NAME_END};
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
    static const struct name policies[] = {NAME(PR_MCE_KILL_LATE), NAME(PR_MCE_KILL_EARLY), NAME(PR_MCE_KILL_DEFAULT),
                                           NAME_END};
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
        out_name(d, policies, value, "PR_MCE_KILL_???");
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

static void print_argument(struct decoder *d, char kind, uint64_t value)
{
    switch (kind) {
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
    out(d, "%lld", (long long)result);
    if (operation != PR_GET_DUMPABLE)
        return;
    out(d, " (");
    out_name(d, dumpable, result, "SUID_DUMP_???");
    out(d, ")");
}
