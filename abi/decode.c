/*
 * See abi/decode.h: a whole call, and text output.
 */
#include "abi/decode_internal.h"

#include "lib/format.h"
#include "lib/string.h"

void out(struct decoder *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = format_va(d->buffer + d->used, d->size - d->used, fmt, ap);
    va_end(ap);
    d->used = MIN(d->used + (size_t)MAX(n, 0), d->size - 1);
}

void out_bytes(struct decoder *d, const char *text, size_t n)
{
    n = MIN(n, d->size - 1 - d->used);
    memcpy(d->buffer + d->used, text, n);
    d->used += n;
    d->buffer[d->used] = '\0';
}

void out_unsigned(struct decoder *d, uint64_t value)
{
    char digits[FORMAT_DIGITS_MAX];

    out_bytes(d, digits, format_decimal(digits, value));
}

void out_signed(struct decoder *d, int64_t value)
{
    char digits[1 + FORMAT_DIGITS_MAX] = "-";
    size_t sign = value < 0;

    out_bytes(d, digits, sign + format_decimal(digits + sign, sign ? -(uint64_t)value : (uint64_t)value));
}

void out_hex(struct decoder *d, uint64_t value)
{
    char digits[2 + FORMAT_DIGITS_MAX] = "0x";
    size_t prefix = value ? 2 : 0;

    out_bytes(d, digits, prefix + format_hex(digits + prefix, value));
}

void out_octal(struct decoder *d, uint32_t value)
{
    char digits[12];
    size_t at = sizeof digits;

    for (; value; value >>= 3)
        digits[--at] = (char)('0' + (value & 7));
    digits[--at] = '0';
    while (sizeof digits - at < 3)
        digits[--at] = '0';
    out_bytes(d, digits + at, sizeof digits - at);
}

void out_address(struct decoder *d, uint64_t address)
{
    if (address)
        out_hex(d, address);
    else
        out_text(d, "NULL");
}

void print_none(struct decoder *d, uint64_t value)
{
    d->skipped = true;
}

static decode_printer *const printers[ARG_COUNT] = {
#define KIND(name, printer, text) [ARG_##name] = print_##printer,
#include "abi/syscall_kinds.def"
#undef KIND
};

/* Linux's restart codes never reach a program; strace shows them, and so do we where the kernel told them. */
static const struct restart {
    int64_t code;
    const char *text;
} restarts[] = {
    {-512, "ERESTARTSYS (To be restarted if SA_RESTART is set)"},
    {-513, "ERESTARTNOINTR (To be restarted)"},
    {-514, "ERESTARTNOHAND (To be restarted if no handler)"},
    {-516, "ERESTART_RESTARTBLOCK (Interrupted by signal)"},
};

static void print_error(struct decoder *d, int64_t result)
{
    for (size_t i = 0; i < ARRAY_SIZE(restarts); i++) {
        if (restarts[i].code == result) {
            out(d, "? %s", restarts[i].text);
            return;
        }
    }
    unsigned number = (unsigned)-result;
    if (error_name(number)) {
        out_text(d, "-1 ");
        out_text(d, error_name(number));
        out_text(d, " (");
        out_text(d, error_text(number));
        out_text(d, ")");
    } else {
        out(d, "-1 (errno %u)", number);
    }
}

static void print_value(struct decoder *d, int64_t result)
{
    switch (d->row->result) {
    case RESULT_ADDR:
    case RESULT_HEX:
        out_bytes(d, "0x", result ? 0 : 2);
        out_hex(d, (uint64_t)result);
        break;
    case RESULT_OCTAL:
        out(d, "%#03llo", (unsigned long long)result);
        break;
    case RESULT_POLL:
        print_result_poll(d);
        break;
    case RESULT_SELECT:
        print_result_select(d);
        break;
    case RESULT_FCNTL:
        print_result_fcntl(d);
        break;
    case RESULT_PRCTL:
        print_result_prctl(d);
        break;
    case RESULT_PERSONALITY:
        print_result_personality(d);
        break;
    case RESULT_MEMBARRIER:
        print_result_membarrier(d);
        break;
    case RESULT_IOPRIO:
        print_result_ioprio(d);
        break;
    case RESULT_SIGNAL:
        print_result_signal(d);
        break;
    case RESULT_TIMEX:
        print_result_timex(d);
        break;
    case RESULT_TIME:
        print_result_time(d);
        break;
    case RESULT_MESSAGES:
        print_result_messages(d);
        break;
    case RESULT_SCHED_POLICY:
        out_signed(d, result);
        if (result & ~7) /* with SCHED_RESET_ON_FORK, which has no name there */
            break;
        out_text(d, " (");
        print_sched_policy(d, (uint64_t)result);
        out_text(d, ")");
        break;
    case RESULT_FD:
        out_fd(d, (int)result);
        break;
    default:
        out_signed(d, result);
    }
}

static void print_result(struct decoder *d)
{
    int64_t result = d->call->result;

    if (d->row->result == RESULT_NONE || !d->call->returned)
        out_text(d, "?");
    else if (result < 0 && result >= -4095)
        print_error(d, result);
    else
        print_value(d, result);
    if (d->call->answered)
        out_text(d, " (DENIED)");
}

const struct decode_style decode_style_plain = {.string_max = 32};

static void print_one_argument(struct decoder *d, bool raw)
{
    char name[DECODE_ARGUMENT_NAME_MAX];
    uint64_t value = d->call->args[d->index];

    if (d->style->argument_names && decode_argument_name(d->call->nr, d->index, name, sizeof name))
        out(d, "%s=", name);
    if (raw)
        out_hex(d, value);
    else
        printers[d->row->kinds[d->index]](d, value);
}

static void print_arguments(struct decoder *d, bool raw)
{
    unsigned arity = syscall_row_arity(d->row);
    const char *separator = "";

    if (d->row->result == RESULT_SIGRETURN && !raw)
        print_sigreturn(d);
    for (d->index = 0; d->index < arity; d->index++) {
        size_t before = d->used;

        d->skipped = false;
        out_text(d, separator);
        d->argument = d->used;
        print_one_argument(d, raw);
        if (d->skipped) {
            d->used = before;
            d->buffer[before] = '\0';
        } else {
            separator = ", ";
        }
    }
}

/* A number without a name, as strace shows it: six raw arguments. */
static void print_unknown(struct decoder *d)
{
    out(d, "syscall_0x%llx(", (unsigned long long)d->call->nr);
    for (unsigned i = 0; i < SYSCALL_ARGS_MAX; i++)
        out(d, "%s%#llx", i ? ", " : "", (unsigned long long)d->call->args[i]);
}

static bool is_known(const struct decode_call *call)
{
    return call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name;
}

static struct decoder begin(const struct decode_call *call, const struct decode_style *style, char *buffer, size_t size)
{
    static const struct syscall_row unknown = {.result = RESULT_INT};

    if (size > 0)
        buffer[0] = '\0';
    return (struct decoder){.call = call, .row = is_known(call) ? &syscall_rows[call->nr] : &unknown, .style = style,
                            .buffer = buffer, .size = size};
}

struct decode_text decode_call_as(const struct decode_call *call, const struct decode_style *style, bool raw, char *buffer,
                                  size_t size)
{
    struct decoder d = begin(call, style, buffer, size);
    struct decode_text text = {0};

    if (size == 0)
        return text;
    if (is_known(call)) {
        out_text(&d, d.row->name);
        out_text(&d, "(");
        print_arguments(&d, raw);
    } else {
        print_unknown(&d);
    }
    if (!call->returned && d.is_return) { /* what follows will never be known */
        d.used = MIN(d.entered, d.used);
        out_text(&d, " <unfinished ...>");
    }
    d.argument = d.used;
    call_returned(&d);
    text.entered = MIN(d.entered, d.used);
    out_text(&d, ")");
    text.arguments = d.used;
    out_text(&d, " = ");
    print_result(&d);
    text.size = d.used;
    return text;
}

size_t decode_call(const struct decode_call *call, char *buffer, size_t size)
{
    return decode_call_as(call, &decode_style_plain, false, buffer, size).size;
}

size_t decode_argument(const struct decode_call *call, const struct decode_style *style, unsigned index, char *buffer,
                       size_t size)
{
    struct decoder d = begin(call, style, buffer, size);

    if (size == 0 || index >= syscall_row_arity(d.row))
        return 0;
    d.index = index;
    printers[d.row->kinds[index]](&d, call->args[index]);
    return d.used;
}

size_t decode_result(const struct decode_call *call, const struct decode_style *style, char *buffer, size_t size)
{
    struct decoder d = begin(call, style, buffer, size);

    if (size == 0)
        return 0;
    print_result(&d);
    return d.used;
}

size_t decode_siginfo(const void *siginfo, char *buffer, size_t size)
{
    struct decode_call none = {0};
    struct decoder d = begin(&none, &decode_style_plain, buffer, size);
    int32_t number;

    if (size == 0)
        return 0;
    memcpy(&number, siginfo, sizeof number);
    out_text(&d, "--- ");
    out_signal(&d, (uint32_t)number);
    out_text(&d, " ");
    out_siginfo(&d, siginfo);
    out_text(&d, " ---");
    return d.used;
}

size_t decode_task_exit(uint32_t wait_status, char *buffer, size_t size)
{
    struct decode_call none = {0};
    struct decoder d = begin(&none, &decode_style_plain, buffer, size);
    unsigned number = wait_status & 0x7f;

    if (size == 0)
        return 0;
    if (number == 0) {
        out(&d, "+++ exited with %u +++", (wait_status >> 8) & 0xff);
        return d.used;
    }
    out_text(&d, "+++ killed by ");
    out_signal(&d, number);
    out(&d, "%s +++", wait_status & 0x80 ? " (core dumped)" : "");
    return d.used;
}
