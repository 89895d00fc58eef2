/*
 * What a system call's body is given: the number and six raw arguments, never the CPU's trap frame.
 */
#ifndef ABI_SYSCALL_ARGS_H
#define ABI_SYSCALL_ARGS_H

#include <stdint.h>

struct syscall_args {
    uint64_t nr;
    uint64_t a[6];
};

/* A body: the result in [0, LONG_MAX] or a negative errno (restart codes of Linux, 512 and up, stay inside). */
typedef long syscall_body(const struct syscall_args *args);

#endif
