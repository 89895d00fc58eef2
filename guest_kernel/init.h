/*
 * The first process: pid 1 is the program itself; its end is the sandbox's.
 */
#ifndef GUEST_KERNEL_INIT_H
#define GUEST_KERNEL_INIT_H

#include "lib/compiler.h"

/* Wait status words for a program that could not be run, as shells and containers number them. */
#define STATUS_NOT_RUN (125u << 8)        /* the spec itself is bad, or no memory */
#define STATUS_NOT_EXECUTABLE (126u << 8)
#define STATUS_NOT_FOUND (127u << 8)

struct boot_info;

/*
 * Start the program that `text` (abi/init_spec.h; NULL: the kernel command line) names; the text must stay.  Ends the
 * sandbox on failure.
 */
void init_start(const struct boot_info *boot, const char *text, size_t size);
/* Set a little memory aside, so that the end can be told even when there is none left.  Early at boot. */
void init_reserve_memory(void);
/*
 * Say why nothing can be run: in the log and, since that is seen only by who asks for it, where the program's standard
 * error would go.
 */
void init_report(const char *fmt, ...) printf_like(1, 2);
/* The first process has ended with this wait status: all output leaves, the host is told, the machine goes off. */
noreturn void init_ended(uint32_t status);

#endif
