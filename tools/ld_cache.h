/*
 * /etc/ld.so.cache, as ldconfig(8) of the GNU C library writes it ("glibc-ld.so.cache1.1").  Every offset is checked.
 * No I/O.
 */
#ifndef TOOLS_LD_CACHE_H
#define TOOLS_LD_CACHE_H

#include "tools/bytes.h"

/*
 * The path of the next x86-64 library of that name from entry *at on (0 at first), which is moved behind it; NULL: no
 * further one, or not such a cache.  The string lies inside of the cache.
 */
const char *ld_cache_next(const struct bytes *cache, const char *name, uint32_t *at);

#endif
