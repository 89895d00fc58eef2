/*
 * Where the hypervisor's words go (the channel, or COM1 where there is none), and the two ways to stop.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "lib/compiler.h"
#include "lib/log.h"

struct trap_frame;

void log_init(void);
/* panic() with the registers of an exception. */
noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...) printf_like(2, 3);
/* End the emulator where there is one (Bochs' port 0x8900, QEMU's isa-debug-exit), else halt for good. */
noreturn void machine_stop(void);
/* Text to the log at LOG_ERROR, one line "backtrace: ..." a frame, starting at a frame pointer of our own code. */
void log_backtrace(uint64_t rip, uint64_t rbp);

#endif
