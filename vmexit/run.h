/*
 * Inside of running vCPUs: the loop of one vCPU (loop.c), what other vCPUs ask of it (start.c), and the CPU's choice
 * (run.c).
 */
#ifndef VMEXIT_RUN_H
#define VMEXIT_RUN_H

#include "hv/vm.h"

enum run_end {
    RUN_ENDED,      /* the sandbox has ended */
    RUN_ASLEEP,     /* it halts or is parked */
    RUN_SLICE_OVER,
    RUN_YIELDED,    /* it spins: another may well be what it waits for */
};

/* Until it stops for one of these reasons; it was picked by this CPU. */
enum run_end vcpu_run(struct vcpu *v);

/* INIT, start-up message, NMI: what others asked of the loaded vCPU since. */
void requests_answer(struct vcpu *v);
/* For interrupt messages; set at boot. */
void requests_init(void);

#endif
