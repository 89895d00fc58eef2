/*
 * Names of the system calls, and the check that the table's numbers are those of the system's own header.
 */
#include "abi/syscalls.h"

#include <asm/unistd_64.h>

#define SYSCALL(nr, name, result, args, status, note) _Static_assert(nr == __NR_##name, #name);
#include "abi/syscalls.def"
#undef SYSCALL

static const char *const names[SYSCALL_COUNT] = {
#define SYSCALL(nr, name, result, args, status, note) [nr] = #name,
#include "abi/syscalls.def"
#undef SYSCALL
};

const char *syscall_name(uint64_t nr)
{
    return nr < SYSCALL_COUNT ? names[nr] : NULL;
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

int syscall_number(const char *name)
{
    for (int nr = 0; nr < SYSCALL_COUNT; nr++) {
        if (names[nr] && same(names[nr], name))
            return nr;
    }
    return -1;
}
