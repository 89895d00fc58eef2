/*
 * The hypervisor checks what needs no VT-x, on all CPUs at the same time (option selftest=1): allocators, interrupts
 * between CPUs, timers, run queues with made-up vCPUs, frames.  Meant for QEMU's multi-threaded TCG, where CPUs really
 * run at once.
 */
#ifndef HV_MAIN_SELFTEST_H
#define HV_MAIN_SELFTEST_H

/* On the boot CPU; starts the others.  A wrong result panics. */
void selftest_run(void);

#endif
