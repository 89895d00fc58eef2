/*
 * mmap(2), memfd_create(2) and remap_file_pages(2): what is mapped, and what the file it comes from allows.  The
 * address space itself is core/space.h.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/mount.h>

#include "abi/syscalls.h"
#include "fs/inode.h"
#include "fs/shmem.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/sys_memory.h"

/* Flags that MAP_SHARED_VALIDATE accepts (Linux's LEGACY_MAP_MASK). */
#define VALIDATED_FLAGS                                                                                                \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_UNINITIALIZED |       \
     MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT |  \
     MAP_FIXED_NOREPLACE)

#define MEMFD_NAME     "memfd:"
#define MEMFD_NAME_MAX (FS_NAME_MAX - (sizeof MEMFD_NAME - 1))

struct map_request {
    uint64_t address, length;
    uint32_t prot, flags; /* of mmap; with SPACE_MAP_NO_WRITE and _NO_EXEC for a later mprotect */
    uint64_t offset;
};

static long map(const struct map_request *r, struct space_file *file)
{
    return space_map(task_current()->space, r->address, r->length, r->prot, r->flags, file, r->offset);
}

static bool is_shared(const struct map_request *r)
{
    return (r->flags & MAP_TYPE) != MAP_PRIVATE;
}

/* What the way the file is open, and how it is mounted, allow. */
static long file_check(const struct file *f, struct map_request *r)
{
    uint32_t mode = f->flags & O_ACCMODE;

    if (is_shared(r) && mode != O_RDWR) {
        if ((r->prot & PROT_WRITE) || mode == O_WRONLY)
            return -EACCES;
        r->flags |= SPACE_MAP_NO_WRITE;
    }
    if (mode == O_WRONLY)
        return -EACCES;
    if (f->mount && (f->mount->flags & MS_NOEXEC)) {
        if (r->prot & PROT_EXEC)
            return -EPERM;
        r->flags |= SPACE_MAP_NO_EXEC;
    }
    return 0;
}

static long map_shared_file(struct file *f, struct map_request *r, struct space_file *mapping)
{
    bool may_write;

    if (r->flags & SPACE_MAP_NO_WRITE)
        return map(r, mapping);
    long result = file_map_begin(f, r->prot & PROT_WRITE, &may_write);
    if (result)
        return result;
    if (!may_write)
        r->flags |= SPACE_MAP_NO_WRITE;
    result = map(r, mapping);
    file_map_end(f, may_write);
    return result;
}

/* Shared anonymous memory is a file that only its mappings know. */
static long map_shared_zeros(struct map_request *r)
{
    struct shmem_request shmem = {
        .name = "dev/zero",
        .size = ALIGN_UP(r->length, PAGE_SIZE),
        .mode = 0777,
        .reserve = !(r->flags & MAP_NORESERVE),
    };
    struct file *f;

    r->offset = 0;
    long result = shmem_create(&shmem, &f);
    if (result)
        return result;
    result = map(r, file_mapping(f));
    file_put(f);
    return result;
}

static long map_file(struct file *f, struct map_request *r)
{
    struct space_file *mapping = file_mapping(f);

    if (!r->length || (r->flags & MAP_HUGETLB))
        return -EINVAL; /* no file here is made of huge pages */
    long error = file_check(f, r);
    if (error)
        return error;
    if (!mapping)
        return -ENODEV;
    if (r->flags & MAP_GROWSDOWN)
        return -EINVAL;
    if (!is_shared(r))
        return map(r, mapping);
    return f->ops->maps_zeros ? map_shared_zeros(r) : map_shared_file(f, r, mapping);
}

static bool is_huge_size(uint32_t flags)
{
    uint32_t size = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

    return !size || size == 21 || size == 30;
}

static long map_anonymous(struct map_request *r)
{
    if (r->flags & MAP_HUGETLB)
        return is_huge_size(r->flags) ? -ENOMEM : -EINVAL; /* as where no huge page was set aside */
    r->flags &= ~SPACE_MAP_OWN_FLAGS;
    if ((r->flags & MAP_TYPE) == MAP_PRIVATE)
        return map(r, NULL);
    if ((r->flags & MAP_TYPE) != MAP_SHARED || (r->flags & MAP_GROWSDOWN))
        return -EINVAL;
    return map_shared_zeros(r);
}

long sys_mmap(const struct syscall_args *args)
{
    struct map_request r = {
        .address = args->a[0],
        .length = args->a[1],
        .prot = prot_by_personality((uint32_t)args->a[2]),
        .flags = (uint32_t)args->a[3],
        .offset = args->a[5],
    };

    if (!IS_ALIGNED(r.offset, PAGE_SIZE))
        return -EINVAL;
    if (r.flags & MAP_ANONYMOUS)
        return map_anonymous(&r);
    struct file *f = fd_get((int)args->a[4]);
    if (!f)
        return -EBADF;
    long result = -EOPNOTSUPP;
    if ((r.flags & MAP_TYPE) != MAP_SHARED_VALIDATE || !(r.flags & ~(uint32_t)VALIDATED_FLAGS)) {
        r.flags &= ~SPACE_MAP_OWN_FLAGS;
        result = map_file(f, &r);
    }
    file_put(f);
    return result;
}

/* One after another, areas of a's file with a's rights up to `end`? */
static bool continues(const struct area *a, uint64_t end)
{
    struct area next = *a;
    bool same = true;

    while (same && next.end < end) {
        uint64_t at = next.end;

        if (!space_area_copy(task_current()->space, at, &next))
            return false;
        same = next.start == at && next.file == a->file && next.prot == a->prot && next.flags == a->flags;
        if (next.file)
            next.file->ops->put(next.file, false);
    }
    return same;
}

/* As Linux since 4.0: an ordinary mapping is made in the place of a part of another. */
long sys_remap_file_pages(const struct syscall_args *args)
{
    struct map_request r = {
        .address = ALIGN_DOWN(args->a[0], PAGE_SIZE),
        .length = ALIGN_DOWN(args->a[1], PAGE_SIZE),
        .offset = args->a[3] << PAGE_SHIFT,
    };
    uint64_t end = r.address + r.length;
    struct area a;
    long result = -EINVAL;

    if (args->a[2] || end <= r.address || args->a[3] + (r.length >> PAGE_SHIFT) < args->a[3])
        return -EINVAL;
    if (!space_area_copy(task_current()->space, r.address, &a))
        return -EINVAL;
    r.prot = a.prot;
    r.flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE | ((uint32_t)args->a[4] & MAP_NONBLOCK) |
              (a.flags & (MAP_LOCKED | SPACE_MAP_NO_EXEC));
    if (a.start <= r.address && (a.flags & (MAP_SHARED | SPACE_MAP_NO_WRITE)) == MAP_SHARED && continues(&a, end))
        result = MIN(map(&r, a.file), 0);
    if (a.file)
        a.file->ops->put(a.file, false);
    return result;
}

long sys_memfd_create(const struct syscall_args *args)
{
    unsigned flags = (unsigned)args->a[1];
    char name[FS_NAME_MAX + 1] = MEMFD_NAME;
    struct shmem_request r = {.name = name, .mode = 0777, .sealable = flags & MFD_ALLOW_SEALING};
    struct file *f;

    if (flags & MFD_HUGETLB)
        flags &= ~(MFD_HUGE_MASK << MFD_HUGE_SHIFT);
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB))
        return -EINVAL;
    if (flags & MFD_HUGETLB)
        return -ENOSYS;
    long n = copy_string_from_user(name + sizeof MEMFD_NAME - 1, user(args->a[0]), MEMFD_NAME_MAX + 1);
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    long result = shmem_create(&r, &f);
    if (result)
        return result;
    result = fd_install(f, 0, flags & MFD_CLOEXEC);
    if (result < 0)
        file_put(f);
    return result;
}
