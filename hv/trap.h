/*
 * The interrupt descriptor table of root mode, one for all CPUs.
 */
#ifndef HV_TRAP_H
#define HV_TRAP_H

#include "lib/compiler.h"

void idt_init(void);
void idt_load(void);       /* on each CPU */
void idt_use_stacks(void); /* when this CPU's TSS names the exception stacks */
uint64_t idt_base(void);

#endif
