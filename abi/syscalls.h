/*
 * What abi/syscalls.def says, as C: the kinds, the table for programs that print traces, the names for everyone, and the
 * prototypes of the bodies that the guest kernel implements.
 */
#ifndef ABI_SYSCALLS_H
#define ABI_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/syscall_args.h"

#define SYSCALL_COUNT 451 /* one more than the highest number; some numbers in between are not assigned */
#define SYSCALL_ARGS_MAX 6

enum syscall_argument {
    ARG_END, /* no more arguments */
#define KIND(name, printer, text) ARG_##name,
#include "abi/syscall_kinds.def"
#undef KIND
    ARG_COUNT
};

/* How a result that is not an error is shown. */
enum syscall_result {
    RESULT_INT,          /* signed decimal */
    RESULT_OFF,          /* the same: a file offset */
    RESULT_FD,           /* the same: a new descriptor */
    RESULT_ADDR,         /* hexadecimal address */
    RESULT_HEX,          /* hexadecimal */
    RESULT_OCTAL,        /* octal, as umask */
    RESULT_NONE,         /* does not return */
    RESULT_POLL,         /* a count, then what is ready, or (Timeout) */
    RESULT_SELECT,       /* a count, then which sets, or (Timeout) */
    RESULT_FCNTL,        /* by the command */
    RESULT_PRCTL,        /* by the operation */
    RESULT_SIGRETURN,    /* the restored register */
    RESULT_SCHED_POLICY, /* SCHED_* */
    RESULT_PERSONALITY,  /* hexadecimal, and its names */
    RESULT_MEMBARRIER,   /* hexadecimal, and names of commands */
    RESULT_IOPRIO,       /* a number, and its parts */
    RESULT_SIGNAL,       /* a number, and its name */
    RESULT_TIMEX,        /* a number, and the clock's state */
    RESULT_TIME,         /* seconds, and the date */
    RESULT_MESSAGES,     /* a count, and the time that was left, or (Timeout) */
};

enum syscall_status { SYSCALL_UNASSIGNED, SYSCALL_none, SYSCALL_partial, SYSCALL_full };

struct syscall_row {
    const char *name; /* NULL: the number is not assigned */
    uint16_t kinds[SYSCALL_ARGS_MAX]; /* enum syscall_argument */
    uint8_t result;
    uint8_t status;
    const char *note;
};

/* Indexed by number (abi/syscall_table.c: host programs). */
extern const struct syscall_row syscall_rows[SYSCALL_COUNT];

/* Number of arguments of a row: the kinds before ARG_END. */
unsigned int syscall_row_arity(const struct syscall_row *row);

/* Is the kind one of the n in the list? */
bool syscall_kind_is_in(unsigned int kind, const uint16_t *kinds, size_t n);

/* Name of a number, NULL if it is not assigned (abi/syscall_names.c: kernels too). */
const char *syscall_name(uint64_t nr);

/* Number of a name, -1 if there is none. */
int syscall_number(const char *name);

/* Prototypes: a row with status `none` has no body. */
#define SYSCALL_BODY_none(name)
#define SYSCALL_BODY_partial(name) syscall_body sys_##name;
#define SYSCALL_BODY_full(name) syscall_body sys_##name;
#define SYSCALL(nr, name, result, args, status, note) SYSCALL_BODY_##status(name)
#include "abi/syscalls.def"
#undef SYSCALL

/* The dispatch array, indexed by number; NULL: no body.  Defined by guest_kernel/dispatch_table.c. */
extern syscall_body *const syscall_table[SYSCALL_COUNT];

#endif
