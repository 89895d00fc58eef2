/*
 * SPLICE_F_* of splice(2), which the machine's headers have in the C library's <fcntl.h> only.
 */
#ifndef ABI_SPLICE_FLAGS_H
#define ABI_SPLICE_FLAGS_H

#define SPLICE_F_MOVE     1
#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_MORE     4
#define SPLICE_F_GIFT     8

#endif
