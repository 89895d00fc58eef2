/*
 * The one door to user memory.  Every access checks the range against the user half, runs with SMAP lifted for just
 * the copy, survives a fault (fix-up table) and, while the current call is traced, appends what it copied to the
 * task's capture buffer (abi/capture.h), so that the trace shows the very bytes that were used.
 * All may sleep (a fault may read or allocate); call with no spinlock held.  Texts and addresses are judged in addition by the
 * sandbox's policy (capture_request.c): what may not be used is -EFAULT to the caller, and the call's result is decided.  That
 * may take as long as somebody thinks about it, so their callers hold no mutex.
 */
#ifndef GUEST_KERNEL_CORE_USER_H
#define GUEST_KERNEL_CORE_USER_H

#include "lib/compiler.h"

/* A user virtual address: not to be dereferenced. */
typedef struct {
    uint64_t address;
} user_ptr;

static inline user_ptr user(uint64_t address)
{
    return (user_ptr){address};
}

static inline user_ptr user_add(user_ptr p, uint64_t n)
{
    return (user_ptr){p.address + n};
}

static inline bool user_is_null(user_ptr p)
{
    return !p.address;
}

#define USER_END 0x00007ffffffff000ULL /* first address past user space (Linux's TASK_SIZE_MAX) */

/* All or nothing: 0 or -EFAULT. */
int copy_from_user(void *dst, user_ptr src, size_t n) must_check;
int copy_to_user(user_ptr dst, const void *src, size_t n) must_check;
int clear_user(user_ptr dst, size_t n) must_check;

/* As copy_to_user, but neither told nor judged: what the hypervisor asked for (capture_request.c). */
int poke_user(user_ptr dst, const void *src, size_t n); /* 0 or -EFAULT */
/* As copy_from_user_some, but neither told nor judged: nothing may be decided on it (capture_observe.c). */
size_t peek_user_some(void *dst, user_ptr src, size_t n) must_check;

/* As far as it goes: the number of bytes copied, 0 if the first byte faults. */
size_t copy_from_user_some(void *dst, user_ptr src, size_t n) must_check;
size_t copy_to_user_some(user_ptr dst, const void *src, size_t n) must_check;

/* A NUL-terminated string into dst[size].  Length without NUL, -EFAULT, or -ENAMETOOLONG when no NUL is in reach. */
long copy_string_from_user(char *dst, user_ptr src, size_t size) must_check;
/* The same for what is no name of anything: words of execve, a task's own name.  It is not judged. */
long copy_word_from_user(char *dst, user_ptr src, size_t size) must_check;
/* As copy_from_user, of a struct sockaddr; n is 0 where the call does without one. */
int copy_address_from_user(void *dst, user_ptr src, size_t n) must_check;

/*
 * A structure that has grown over time: dst[known] from src[size].  What the caller does not pass is zero; what this
 * kernel does not know must be zero.  0, -EFAULT, -E2BIG.
 */
int copy_struct_from_user(void *dst, size_t known, user_ptr src, size_t size) must_check;

/* The same door for a structure in hand. */
#define get_user(value, src) copy_from_user(&(value), (src), sizeof(value))
#define put_user(dst, value) copy_to_user((dst), &(value), sizeof(value))

/*
 * Words that programs and the kernel change together (futexes): each access is atomic, none is shown in the trace.  Those
 * that end in _now do not sleep and may be used with spinlocks held: a page that is not there is -EFAULT, and
 * user_touch32() without locks brings it in, writable if wanted.
 */
int user_load32_now(uint32_t *value, user_ptr src) must_check;
/* Stores `desired` if *expected is there; *expected becomes what was there. */
int user_compare_exchange32_now(user_ptr dst, uint32_t *expected, uint32_t desired) must_check;
int user_touch32(user_ptr p, bool write) must_check; /* 0 or -EFAULT */

/*
 * A scatter list for read and write: user memory (the door above) or kernel memory (execve, cpio, sockets).
 * Advances as it is used.
 */
struct io_segment {
    uint64_t base;
    size_t length;
};

struct io_iter {
    const struct io_segment *segments;
    size_t count;     /* segments left, the current one included */
    size_t offset;    /* into the current segment */
    size_t remaining; /* bytes left in all */
    bool kernel;      /* base is a kernel address */
    struct io_segment one; /* storage for the common single-segment case */
};

void iter_init_user(struct io_iter *it, user_ptr base, size_t length);
void iter_init_kernel(struct io_iter *it, void *base, size_t length);
void iter_init_segments(struct io_iter *it, const struct io_segment *segments, size_t count); /* user memory */

/* Copy and advance; bytes copied (short on a fault). */
size_t iter_write(struct io_iter *it, const void *src, size_t n) must_check; /* into the iterator: for read(2) */
size_t iter_read(struct io_iter *it, void *dst, size_t n) must_check;        /* out of it: for write(2) */
size_t iter_zero(struct io_iter *it, size_t n) must_check;

#endif
