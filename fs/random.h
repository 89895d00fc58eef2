/*
 * Random numbers for /dev/urandom, getrandom(2), AT_RANDOM and address layout: ChaCha20 with fast key erasure, keyed
 * from the virtio entropy device, RDRAND and the TSC.
 */
#ifndef FS_RANDOM_H
#define FS_RANDOM_H

#include "lib/compiler.h"

void random_init(void);                      /* may sleep up to a second if the entropy device is slow */
void random_bytes(void *dst, size_t n);      /* never fails, does not sleep */
void random_mix(const void *data, size_t n); /* what was written to /dev/random: stirs the key, never weakens it */

#endif
