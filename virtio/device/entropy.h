/*
 * Random bytes for guests, from the CPU's generator where it has one.
 */
#ifndef VIRTIO_DEVICE_ENTROPY_H
#define VIRTIO_DEVICE_ENTROPY_H

#include "lib/compiler.h"

/*
 * Fills `to`.  True: all of it from RDSEED or RDRAND.  False: this CPU has neither (or it failed), and the bytes are
 * mixed from the time stamp counter: they differ from run to run, but an attacker can guess them.
 */
bool entropy_fill(void *to, size_t n);

#endif
