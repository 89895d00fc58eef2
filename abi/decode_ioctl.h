/*
 * ioctl requests that are not a terminal's (abi/decode_ioctl.c; the others: decode_terminal.c).
 */
#ifndef ABI_DECODE_IOCTL_H
#define ABI_DECODE_IOCTL_H

#include "abi/decode_internal.h"

/* NULL: not one of them. */
const char *ioctl_name(uint32_t request);
/* Print what the request takes; false, and nothing is printed: not one of them. */
bool ioctl_print(struct decoder *d, uint32_t request, uint64_t value);

#endif
