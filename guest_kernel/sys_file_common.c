/*
 * See guest_kernel/sys_file.h.
 */
#include "guest_kernel/sys_file.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"

int path_from_user(user_ptr src, char **out)
{
    char *path = mem_alloc(FS_PATH_MAX);

    *out = NULL;
    if (!path)
        return -ENOMEM;
    long n = copy_string_from_user(path, src, FS_PATH_MAX);
    if (n < 0) {
        mem_free(path);
        return (int)n;
    }
    *out = path;
    return 0;
}

unsigned walk_flags_of(int at_flags)
{
    return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

int path_at(int dirfd, user_ptr name, int at_flags, struct path *out)
{
    char *path;
    int error = path_from_user(name, &path);

    if (error)
        return error;
    error = path_walk(dirfd, path, walk_flags_of(at_flags), out);
    mem_free(path);
    return error;
}

uint64_t time_to_ns(int64_t seconds, uint64_t nanoseconds)
{
    if (seconds < 0)
        return 0; /* before 1970: the earliest that is kept */
    if ((uint64_t)seconds > UINT64_MAX / NS_PER_S - 1)
        return UINT64_MAX - UINT64_MAX % NS_PER_S + nanoseconds % NS_PER_S;
    return (uint64_t)seconds * NS_PER_S + nanoseconds;
}
