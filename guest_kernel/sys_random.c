/*
 * getrandom(2); the generator is fs/random.h.
 */
#include <asm/errno.h>
#include <linux/random.h>

#include "abi/syscalls.h"
#include "fs/random.h"
#include "guest_kernel/core/user.h"

#define REQUEST_MAX 0x1ffffffUL /* one call gives at most this much, as Linux */

long sys_getrandom(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[2];
    uint64_t wanted = MIN(args->a[1], REQUEST_MAX), done = 0;
    uint8_t block[256];

    if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    while (done < wanted) {
        size_t n = MIN(wanted - done, sizeof(block));
        random_bytes(block, n);
        size_t copied = copy_to_user_some(user(args->a[0] + done), block, n);
        done += copied;
        if (copied < n)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}
