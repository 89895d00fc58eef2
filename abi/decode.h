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

#define DECODE_LINE_MAX 16384u /* a buffer that holds all but absurd calls */

struct decode_call {
    uint64_t nr;
    uint64_t args[6];
    bool returned; /* else `result` means nothing */
    bool answered; /* by the hypervisor: the guest kernel never saw it */
    int64_t result;
    const void *items; /* struct capture_item of abi/capture.h, one after the other; NULL: none */
    size_t items_size;
};

size_t decode_call(const struct decode_call *call, char *buffer, size_t size); /* name(...) = ... */
size_t decode_siginfo(const void *siginfo, char *buffer, size_t size);        /* --- SIGCHLD {...} ---, 128 bytes */
size_t decode_task_exit(uint32_t wait_status, char *buffer, size_t size);     /* +++ exited with 0 +++ */

/* "SIGINT", "SIGRT_3"; NULL if there is no such signal. */
const char *signal_name(unsigned number);
/* "ENOENT" and "No such file or directory"; NULL if there is no such error. */
const char *error_name(unsigned number);
const char *error_text(unsigned number);

#endif
