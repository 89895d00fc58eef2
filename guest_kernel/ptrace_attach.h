/*
 * The requests of ptrace(2) that make a tracee (ptrace_link.c).
 */
#ifndef GUEST_KERNEL_PTRACE_ATTACH_H
#define GUEST_KERNEL_PTRACE_ATTACH_H

#include "lib/compiler.h"

long ptrace_traceme(void) must_check;
long ptrace_attach(int32_t tid, bool seize, uint64_t address, uint64_t options) must_check;

#endif
