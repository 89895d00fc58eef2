/*
 * Printing system calls, signals and ends of tasks from trace records, in the form of strace's output.  Pure: depends on
 * lib/ and the table only.  All input is hostile: numbers, addresses and captured bytes come from a program in a sandbox
 * by way of its kernel; nothing outside the given arrays is read, and no text is longer than its buffer.
 *
 * All functions write a NUL-terminated text of at most size - 1 bytes and return its length; a longer one is cut.
 */
#ifndef ABI_DECODE_H
#define ABI_DECODE_H

#include "lib/compiler.h"

#define DECODE_LINE_MAX 32768u /* a buffer that holds all but absurd calls */

struct decode_call {
    uint64_t nr;
    uint64_t args[6];
    bool returned; /* else `result` means nothing */
    bool answered; /* by the hypervisor: the guest kernel never saw it */
    int64_t result;
    const void *items; /* struct capture_item of abi/capture.h, one after the other; NULL: none */
    size_t items_size;
};

enum decode_names { DECODE_NAMES, DECODE_NUMBERS, DECODE_BOTH }; /* O_CREAT; 0x40; 0x40 with O_CREAT in a comment */
enum decode_hex { DECODE_HEX_NEVER, DECODE_HEX_BINARY, DECODE_HEX_ALWAYS }; /* strings with bytes that are no text; all */

/* How things are shown: strace's options of the same meaning. */
struct decode_style {
    unsigned string_max; /* bytes of a string, elements of an array */
    bool whole;          /* structures with all their fields */
    bool addresses;      /* structures, and arrays of them, by their addresses alone; strings are shown all the same */
    bool argument_names; /* name=value */
    uint8_t names;       /* enum decode_names */
    uint8_t hex;         /* enum decode_hex */
    /* Both may be NULL.  What descriptor fd of the calling task is, as text that follows the number; returns its length. */
    size_t (*descriptor)(void *context, int fd, char *buffer, size_t size);
    /* What comes from now on is known only since the call has returned. */
    void (*returned)(void *context);
    void *context;
};

extern const struct decode_style decode_style_plain;

#define DECODE_STRING_LIMIT 4096u /* more of a string is not shown, whatever string_max says */

/* Where the parts of a call's text lie. */
struct decode_text {
    size_t size;      /* of the whole text */
    size_t entered;   /* up to here it was known at entry */
    size_t arguments; /* up to here: name(...), with its parenthesis; a result follows after a space */
};

/* With all six arguments as numbers, if `raw`. */
struct decode_text decode_call_as(const struct decode_call *call, const struct decode_style *style, bool raw, char *buffer,
                                  size_t size);
size_t decode_call(const struct decode_call *call, char *buffer, size_t size); /* name(...) = ... */
size_t decode_siginfo(const void *siginfo, char *buffer, size_t size);        /* --- SIGCHLD {...} ---, 128 bytes */
size_t decode_task_exit(uint32_t wait_status, char *buffer, size_t size);     /* +++ exited with 0 +++ */

/* One argument, or the result, alone: for formats that have a place for each. */
size_t decode_argument(const struct decode_call *call, const struct decode_style *style, unsigned index, char *buffer,
                       size_t size);
size_t decode_result(const struct decode_call *call, const struct decode_style *style, char *buffer, size_t size);
/* "fd", "filename": as Linux's source calls the argument; 0 and an empty text: it has no name. */
size_t decode_argument_name(uint64_t nr, unsigned index, char *buffer, size_t size);
#define DECODE_ARGUMENT_NAME_MAX 24u

/* n bytes from the address on that the call read (or `stored`) as far as they are known; returns how many. */
size_t decode_memory(const struct decode_call *call, bool stored, uint64_t address, void *to, size_t n);

/* "SIGINT", "SIGRT_3"; NULL if there is no such signal. */
const char *signal_name(unsigned number);
/* "ENOENT" and "No such file or directory"; NULL if there is no such error. */
const char *error_name(unsigned number);
const char *error_text(unsigned number);

#endif
