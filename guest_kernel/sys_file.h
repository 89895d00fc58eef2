/*
 * What the bodies of the file calls share.
 */
#ifndef GUEST_KERNEL_SYS_FILE_H
#define GUEST_KERNEL_SYS_FILE_H

#include "abi/syscalls.h"
#include "fs/inode.h"
#include "guest_kernel/core/user.h"

#define RW_COUNT_MAX 0x7ffff000ULL /* most that one read or write moves, as in Linux */

/* A path from user memory: mem_alloc memory, or -EFAULT, -ENAMETOOLONG, -ENOMEM. */
int path_from_user(user_ptr src, char **out) must_check;

/* Does [address, address + size) lie in the user half? */
static inline bool user_range_ok(uint64_t address, uint64_t size)
{
    return size <= USER_END && address <= USER_END - size;
}

#define VECTOR_INLINE 8

/* A struct iovec array of a program's.  -EINVAL, -EFAULT, -ENOMEM; on success vector_free() ends its use. */
struct vector {
    struct io_iter it; /* over all of it, cut to RW_COUNT_MAX bytes */
    struct io_segment *segments, few[VECTOR_INLINE];
};
int vector_from_user(struct vector *v, user_ptr vector, size_t count) must_check;
void vector_free(struct vector *v);

/* fallocate(2) of a file open for writing; the mode is a valid one. */
int file_allocate(struct file *f, int mode, uint64_t offset, uint64_t length) must_check;

/* WALK_* of the AT_* flags that name lookups share. */
unsigned walk_flags_of(int at_flags);

/*
 * The path of an *at() call: of the descriptor itself where the name is empty and AT_EMPTY_PATH is given.  Counted.
 * `follow`: links are followed unless AT_SYMLINK_NOFOLLOW says otherwise.
 */
int path_at(int dirfd, user_ptr name, int at_flags, struct path *out) must_check;

/* Seconds and nanoseconds to ns since 1970, cut to what a file can hold. */
uint64_t time_to_ns(int64_t seconds, uint64_t nanoseconds);

#endif
