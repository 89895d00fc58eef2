/*
 * What the printers of abi/decode_*.c share.  A printer prints one argument; it may look at the call's other arguments
 * and at captured memory.
 */
#ifndef ABI_DECODE_INTERNAL_H
#define ABI_DECODE_INTERNAL_H

#include "abi/decode.h"
#include "abi/syscalls.h"

#define STRING_SHOWN 32u /* where a style has no say, for room on the stack; else shown_max() */

struct ucred;

struct decoder {
    const struct decode_call *call;
    const struct syscall_row *row;
    unsigned index; /* of the argument being printed */
    char *buffer;
    size_t size, used;
    bool skipped; /* the printer printed nothing: no comma */
    const struct decode_style *style;
    size_t argument; /* where the text of the argument being printed begins */
    bool is_return;  /* something was printed, or asked for, that only the return tells */
    size_t entered;  /* if so, what was printed before */
};

/* Bytes of a string, elements of an array. */
static inline unsigned shown_max(const struct decoder *d)
{
    return d->style->string_max;
}

#define WHOLE_ELEMENTS 256u /* as many as leave room for what follows in a line */

/* Elements of an array: with -v all but absurd ones. */
static inline unsigned elements_max(const struct decoder *d)
{
    return d->style->whole && d->style->string_max < WHOLE_ELEMENTS ? WHOLE_ELEMENTS : d->style->string_max;
}

typedef void decode_printer(struct decoder *d, uint64_t value);

/* Output.  out() is for what has no function of its own: most of a trace's cost is the text of its calls. */
void out(struct decoder *d, const char *fmt, ...) printf_like(2, 3);
void out_bytes(struct decoder *d, const char *text, size_t n);
void out_unsigned(struct decoder *d, uint64_t value);
void out_signed(struct decoder *d, int64_t value);
void out_hex(struct decoder *d, uint64_t value);   /* as %#llx: 0 alone has no 0x */
void out_octal(struct decoder *d, uint32_t value); /* as %#03o: 0644, 000 */

/* Mostly of a length that the compiler knows. */
static inline void out_text(struct decoder *d, const char *text)
{
    size_t n = __builtin_strlen(text);

    if (n >= d->size - d->used) {
        out_bytes(d, text, n);
        return;
    }
    __builtin_memcpy(d->buffer + d->used, text, n + 1);
    d->used += n;
}

/* What was printed since d->used was this is taken back. */
static inline void out_back(struct decoder *d, size_t used)
{
    d->used = used;
    d->buffer[used] = '\0';
}

void out_address(struct decoder *d, uint64_t address); /* NULL or 0x... */
void out_fd(struct decoder *d, int fd);                /* and what it is, if that is asked for */
void out_quoted(struct decoder *d, const uint8_t *bytes, size_t n, bool ends_early); /* "..." and the dots */
void out_hex_quoted(struct decoder *d, const uint8_t *bytes, size_t n, bool ends_early);
void out_signal(struct decoder *d, uint64_t number);
void out_signal_set(struct decoder *d, uint64_t set);
void out_siginfo(struct decoder *d, const void *siginfo);
void out_mode(struct decoder *d, uint32_t mode); /* S_IFREG|0644 */
void out_capability(struct decoder *d, uint64_t number); /* CAP_KILL */
void out_futex_wake_op(struct decoder *d, uint32_t value);
void out_date(struct decoder *d, int64_t seconds, int64_t nanoseconds); /* a comment, if there is one to make */
void out_clock_ticks(struct decoder *d, uint64_t ticks); /* 2 and a comment: 0.02 s */

/*
 * Captured user memory.  IN: what the kernel read; OUT: what it wrote, over what it read.  All or nothing: false if any byte
 * is not known.
 */
enum memory { MEMORY_IN, MEMORY_OUT };
bool memory_read(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n);
/* As many bytes from the address on as are known, at most n; of a structure only if those are shown. */
size_t memory_read_some(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n);
/* The same for strings and other bytes that are shown as such. */
size_t memory_read_string(struct decoder *d, enum memory which, uint64_t address, void *to, size_t n);
/* Printers learn of the return by these, not from the call itself: it tells what strace would print only then. */
bool call_returned(struct decoder *d);
/* Did the call do its work?  What it stores is shown only then. */
bool call_succeeded(struct decoder *d);
/* Read a struct that the call has stored, or print the address and return false. */
bool fetch_out(struct decoder *d, uint64_t address, void *to, size_t n);
bool fetch_in(struct decoder *d, uint64_t address, void *to, size_t n);

/* A NUL-terminated text of which at most `shown` bytes are printed; a path; n bytes, of which as many as strings have. */
void out_string(struct decoder *d, enum memory which, uint64_t address, size_t shown);
void out_path(struct decoder *d, uint64_t address);
/* A text of which the kernel takes no more than `limit` bytes with its NUL: a longer one is cut there. */
void out_limited_string(struct decoder *d, uint64_t address, size_t limit);
void out_buffer(struct decoder *d, enum memory which, uint64_t address, uint64_t n);

/*
 * A struct iovec array: [{iov_base="...", iov_len=N}, ...].  Of what a call stores (MEMORY_OUT), only the first `stored`
 * bytes.  `foreign`: the memory is another process's, only its addresses are known.
 */
struct iov_view {
    uint64_t address, count;
    enum memory which;
    uint64_t stored;
    bool foreign;
};
void out_iov(struct decoder *d, const struct iov_view *view);
/* A socket's address of `length` bytes; SOL_*; {pid=, uid=, gid=}. */
void out_socket_address(struct decoder *d, enum memory which, uint64_t address, int32_t length);
void out_socket_level(struct decoder *d, uint32_t level);
void out_ucred(struct decoder *d, const struct ucred *u);

/* ARM's numbers of prctl: a vector length with flags, keys, tags of addresses. */
void out_vector_length(struct decoder *d, uint64_t value, bool is_sve);
void out_pointer_keys(struct decoder *d, uint64_t value);
void out_tagged_addresses(struct decoder *d, uint64_t value);

/* What a structure of `size` bytes has beyond those known here, unless it is all zero. */
void out_struct_rest(struct decoder *d, uint64_t address, uint64_t known, uint64_t size);

/* Names of values: the last entry has no name. */
struct name {
    uint64_t value;
    const char *text;
};

#define NAME(constant)                                                                                                 \
    {                                                                                                                  \
        (constant), #constant                                                                                          \
    }
#define NAME_END                                                                                                       \
    {                                                                                                                  \
        0, NULL                                                                                                        \
    }

const char *name_find(const struct name *names, uint64_t value);
/* The name, or 0x... and a comment with the unknown name. */
void out_name(struct decoder *d, const struct name *names, uint64_t value, const char *unknown);
/* A|B|0x..., 0 if there are none; names of value 0 are for that case.  No remark on unknown bits if `unknown` is NULL. */
void out_flags(struct decoder *d, const struct name *names, uint64_t value, const char *unknown);
void out_open_flags(struct decoder *d, uint64_t value);

/*
 * A number that is made of several parts, each with names: `if (parts_begin(d, value, &p)) { names of the parts; parts_end(d, &p); }`.
 * Where numbers are shown, the whole is one; where both are, the parts' names are in one comment.
 */
struct parts {
    struct decode_style style;
    const struct decode_style *before;
};
bool parts_begin(struct decoder *d, uint64_t value, struct parts *p); /* false: it is done, only the number is wanted */
void parts_end(struct decoder *d, struct parts *p);

/* Defines the printer of a 32-bit argument of flags, or of one value, from its list of names. */
#define DECODE_FLAGS(printer, unknown, ...)                                                                            \
    void print_##printer(struct decoder *d, uint64_t value)                                                            \
    {                                                                                                                  \
        static const struct name names[] = {__VA_ARGS__, NAME_END};                                                    \
        out_flags(d, names, (uint32_t)value, unknown);                                                                 \
    }
#define DECODE_VALUES(printer, unknown, ...)                                                                           \
    void print_##printer(struct decoder *d, uint64_t value)                                                            \
    {                                                                                                                  \
        static const struct name names[] = {__VA_ARGS__, NAME_END};                                                    \
        out_name(d, names, (uint32_t)value, unknown);                                                                  \
    }

/* The printers, by the names in abi/syscall_kinds.def. */
#define KIND(name, printer, text) void print_##printer(struct decoder *d, uint64_t value);
#include "abi/syscall_kinds.def"
#undef KIND

/* What follows the result in parentheses, by the result's kind. */
void print_result_poll(struct decoder *d);
void print_result_select(struct decoder *d);
void print_result_fcntl(struct decoder *d);
void print_result_prctl(struct decoder *d);
void print_result_personality(struct decoder *d);
void print_result_membarrier(struct decoder *d);
void print_result_timex(struct decoder *d);
void print_result_ioprio(struct decoder *d);
void print_result_signal(struct decoder *d);
void print_result_messages(struct decoder *d);
void print_result_time(struct decoder *d);
void print_sigreturn(struct decoder *d);

#endif
