/*
 * Classic BPF programs, as seccomp and socket filters take them, and names that eBPF shares with them.
 */
#ifndef ABI_DECODE_SECCOMP_H
#define ABI_DECODE_SECCOMP_H

#include "abi/decode_internal.h"

/* What an instruction's number means where it is printed. */
enum filter_use { FILTER_SECCOMP, FILTER_SOCKET };

/* A struct sock_fprog: {len=N, filter=[...]}, the filter by its address unless structures are shown whole. */
void out_filter_program(struct decoder *d, uint64_t address, enum filter_use use);
/* An instruction's code: BPF_LD|BPF_W|BPF_ABS; `extended`: with what eBPF has in addition. */
void out_filter_code(struct decoder *d, uint16_t code, bool extended);

#endif
