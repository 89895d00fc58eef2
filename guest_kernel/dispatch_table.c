/*
 * The dispatch array: the body of each call that abi/syscalls.def marks as implemented, NULL for the rest.
 */
#include "abi/syscalls.h"

#define ENTRY_none(name) NULL
#define ENTRY_partial(name) sys_##name
#define ENTRY_full(name) sys_##name

syscall_body *const syscall_table[SYSCALL_COUNT] = {
#define SYSCALL(nr, name, result, args, status, note) [nr] = ENTRY_##status(name),
#include "abi/syscalls.def"
#undef SYSCALL
};
