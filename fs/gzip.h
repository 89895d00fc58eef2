/*
 * gzip (RFC 1952) in memory, for root archives.
 */
#ifndef FS_GZIP_H
#define FS_GZIP_H

#include "lib/compiler.h"

/*
 * Inflate one gzip member at data: *out is mem_alloc memory of *out_size bytes, *used how much of data it took.
 * -EINVAL: damaged; -ENOMEM.
 */
int gzip_inflate(const void *data, size_t size, void **out, size_t *out_size, size_t *used) must_check;

#endif
