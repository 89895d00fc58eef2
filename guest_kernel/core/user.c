/*
 * See user.h: the one door to user memory.  A copy of no bytes always succeeds.
 */
#include "guest_kernel/core/user.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

/* user_copy.S */
size_t user_copy_bytes(void *dst, const void *src, size_t n);
size_t user_zero_bytes(void *dst, size_t n);
long user_string_bytes(char *dst, const char *src, size_t n);
long user_compare_exchange(void *at, uint32_t *expected, uint32_t desired);
long user_load(const void *at);

/* How many of the n bytes at p may be user memory at all. */
static size_t range_limit(user_ptr p, size_t n)
{
    if (p.address >= USER_END || !task_current()->space)
        return 0;
    return MIN(n, (size_t)(USER_END - p.address));
}

size_t copy_from_user_some(void *dst, user_ptr src, size_t n)
{
    size_t limit = range_limit(src, n);
    size_t done = limit - user_copy_bytes(dst, (const void *)src.address, limit);

    if (capture_active() && done)
        capture_append(src.address, dst, done, CAPTURE_IN);
    return done;
}

size_t copy_to_user_some(user_ptr dst, const void *src, size_t n)
{
    size_t limit = range_limit(dst, n);
    size_t done = limit - user_copy_bytes((void *)dst.address, src, limit);

    if (capture_active() && done)
        capture_append(dst.address, src, done, CAPTURE_OUT);
    return done;
}

int poke_user(user_ptr dst, const void *src, size_t n)
{
    return range_limit(dst, n) == n && user_copy_bytes((void *)dst.address, src, n) == 0 ? 0 : -EFAULT;
}

size_t peek_user_some(void *dst, user_ptr src, size_t n)
{
    size_t limit = range_limit(src, n);

    return limit - user_copy_bytes(dst, (const void *)src.address, limit);
}

int copy_from_user(void *dst, user_ptr src, size_t n)
{
    return copy_from_user_some(dst, src, n) == n ? 0 : -EFAULT;
}

int copy_to_user(user_ptr dst, const void *src, size_t n)
{
    return copy_to_user_some(dst, src, n) == n ? 0 : -EFAULT;
}

static size_t clear_user_some(user_ptr dst, size_t n)
{
    static const uint8_t zeros[CAPTURE_ITEM_MAX];
    size_t limit = range_limit(dst, n);
    size_t done = limit - user_zero_bytes((void *)dst.address, limit);

    if (capture_active() && done)
        capture_append_cut(dst.address, zeros, MIN(done, sizeof zeros), done, CAPTURE_OUT);
    return done;
}

int clear_user(user_ptr dst, size_t n)
{
    return clear_user_some(dst, n) == n ? 0 : -EFAULT;
}

int copy_address_from_user(void *dst, user_ptr src, size_t n)
{
    if (copy_from_user(dst, src, n))
        return -EFAULT;
    return !capture_active() || capture_judge(CAPTURE_ADDRESS, src.address, dst, n) ? 0 : -EFAULT;
}

long copy_word_from_user(char *dst, user_ptr src, size_t size)
{
    size_t limit = range_limit(src, size);
    long length = limit ? user_string_bytes(dst, (const char *)src.address, limit) : -1;

    if (length < 0)
        return -EFAULT;
    if ((size_t)length == limit)
        return limit == size ? -ENAMETOOLONG : -EFAULT;
    if (capture_active())
        for (size_t at = 0; at <= (size_t)length; at += CAPTURE_ITEM_MAX)
            capture_append(src.address + at, dst + at, (size_t)length + 1 - at, CAPTURE_IN);
    return length;
}

long copy_string_from_user(char *dst, user_ptr src, size_t size)
{
    long length = copy_word_from_user(dst, src, size);

    if (length < 0 || !capture_active() || capture_judge(CAPTURE_TEXT, src.address, dst, (size_t)length + 1))
        return length;
    return -EFAULT;
}

int copy_struct_from_user(void *dst, size_t known, user_ptr src, size_t size)
{
    uint8_t more[64];

    memset(dst, 0, known);
    if (copy_from_user(dst, src, MIN(known, size)))
        return -EFAULT;
    for (size_t at = known; at < size; at += sizeof more) {
        size_t n = MIN(size - at, sizeof more);

        if (copy_from_user(more, user_add(src, at), n))
            return -EFAULT;
        for (size_t i = 0; i < n; i++)
            if (more[i])
                return -E2BIG;
    }
    return 0;
}

/* A fault with interrupts off is not repaired (trap.c). */
int user_load32_now(uint32_t *value, user_ptr src)
{
    uint64_t flags = rflags_read();

    if (range_limit(src, sizeof(*value)) < sizeof(*value))
        return -EFAULT;
    irq_disable();
    long word = user_load((const void *)src.address);

    if (flags & RFLAGS_IF)
        irq_enable();
    *value = (uint32_t)word;
    return word < 0 ? -EFAULT : 0;
}

int user_compare_exchange32_now(user_ptr dst, uint32_t *expected, uint32_t desired)
{
    uint64_t flags = rflags_read();

    if (range_limit(dst, sizeof(*expected)) < sizeof(*expected))
        return -EFAULT;
    irq_disable();
    long fault = user_compare_exchange((void *)dst.address, expected, desired);

    if (flags & RFLAGS_IF)
        irq_enable();
    return fault ? -EFAULT : 0;
}

int user_touch32(user_ptr p, bool write)
{
    uint32_t zero = 0;

    if (range_limit(p, sizeof(zero)) < sizeof(zero))
        return -EFAULT;
    /* A word of 0 is replaced by 0: a write that changes nothing. */
    long fault = write ? user_compare_exchange((void *)p.address, &zero, 0) : user_load((const void *)p.address);

    return fault < 0 ? -EFAULT : 0;
}

void iter_init_user(struct io_iter *it, user_ptr base, size_t length)
{
    *it = (struct io_iter){.count = 1, .remaining = length, .one = {base.address, length}};
    it->segments = &it->one;
}

void iter_init_kernel(struct io_iter *it, void *base, size_t length)
{
    *it = (struct io_iter){.count = 1, .remaining = length, .kernel = true, .one = {(uintptr_t)base, length}};
    it->segments = &it->one;
}

void iter_init_segments(struct io_iter *it, const struct io_segment *segments, size_t count)
{
    *it = (struct io_iter){.segments = segments, .count = count};
    for (size_t i = 0; i < count; i++)
        it->remaining += segments[i].length;
}

/* The piece of the current segment that can be worked on next, at most n bytes; 0: the end. */
static size_t iter_piece(struct io_iter *it, size_t n, uint64_t *address)
{
    while (it->count && it->offset == it->segments->length) {
        it->segments++;
        it->count--;
        it->offset = 0;
    }
    if (!it->count)
        return 0;
    *address = it->segments->base + it->offset;
    return MIN(n, it->segments->length - it->offset);
}

static size_t piece_write(const struct io_iter *it, uint64_t address, const char *src, size_t n)
{
    if (!it->kernel)
        return copy_to_user_some(user(address), src, n);
    memcpy((void *)address, src, n);
    return n;
}

static size_t piece_read(const struct io_iter *it, uint64_t address, char *dst, size_t n)
{
    if (!it->kernel)
        return copy_from_user_some(dst, user(address), n);
    memcpy(dst, (const void *)address, n);
    return n;
}

static size_t piece_zero(const struct io_iter *it, uint64_t address, size_t n)
{
    if (!it->kernel)
        return clear_user_some(user(address), n);
    memset((void *)address, 0, n);
    return n;
}

static void iter_advance(struct io_iter *it, size_t n)
{
    it->offset += n;
    it->remaining -= n;
}

size_t iter_write(struct io_iter *it, const void *src, size_t n)
{
    uint64_t address;
    size_t done = 0, piece;

    while (done < n && (piece = iter_piece(it, n - done, &address))) {
        size_t moved = piece_write(it, address, (const char *)src + done, piece);

        iter_advance(it, moved);
        done += moved;
        if (moved < piece)
            break;
    }
    return done;
}

size_t iter_read(struct io_iter *it, void *dst, size_t n)
{
    uint64_t address;
    size_t done = 0, piece;

    while (done < n && (piece = iter_piece(it, n - done, &address))) {
        size_t moved = piece_read(it, address, (char *)dst + done, piece);

        iter_advance(it, moved);
        done += moved;
        if (moved < piece)
            break;
    }
    return done;
}

size_t iter_zero(struct io_iter *it, size_t n)
{
    uint64_t address;
    size_t done = 0, piece;

    while (done < n && (piece = iter_piece(it, n - done, &address))) {
        size_t moved = piece_zero(it, address, piece);

        iter_advance(it, moved);
        done += moved;
        if (moved < piece)
            break;
    }
    return done;
}
