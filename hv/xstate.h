/*
 * The vector and floating-point state of vCPUs.  Root mode uses none (general registers only), so a vCPU's state stays
 * live in the CPU across exits and moves only when another vCPU is loaded.
 */
#ifndef HV_XSTATE_H
#define HV_XSTATE_H

#include "lib/compiler.h"

/* Features (XCR0 bits) that guests may have on this machine. */
uint64_t xstate_features(void);
/* Is XSAVEC's compacted format wrong on this CPU (a known emulator's error, found by trying)? */
bool xstate_compaction_is_broken(void);

void xstate_init(void);   /* the boot CPU */
void xstate_enable(void); /* each other CPU */
void *xstate_create(void) must_check; /* an area in the initial state, or NULL */
void xstate_free(void *area);
void xstate_save(void *area);
void xstate_restore(const void *area);

static inline void xcr0_write(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

#endif
