/*
 * flock(2) and the record locks of fcntl(2): from the caller's structures to fs/file_lock.h and back.
 */
#include "guest_kernel/sys_lock.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "fs/file_lock.h"
#include "fs/lease.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/file_owner.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sys_file.h"

static bool is_ofd(unsigned command)
{
    return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

/* Where l_start and l_len lead: bytes [start, end]. */
static int decode_range(struct file *f, const struct flock *l, struct file_lock_request *r)
{
    int64_t base = 0, start, last;

    switch (l->l_whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)f->position;
        break;
    case SEEK_END:
        base = f->inode ? (int64_t)f->inode->size : 0;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, l->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    r->start = (uint64_t)start;
    r->end = UINT64_MAX;
    if (!l->l_len)
        return 0;
    if (__builtin_add_overflow(start, l->l_len - (l->l_len > 0), &last))
        return -EOVERFLOW;
    if (l->l_len > 0) {
        r->end = (uint64_t)last;
        return 0;
    }
    if (last < 0)
        return -EINVAL;
    r->start = (uint64_t)last; /* the l_len bytes before start */
    r->end = (uint64_t)start - 1;
    return 0;
}

static int decode(struct file *f, const struct flock *l, unsigned command, struct file_lock_request *r)
{
    *r = (struct file_lock_request){.type = l->l_type, .owner = file_lock_process_owner(), .pid = fs_process_id()};
    if (l->l_type != F_RDLCK && l->l_type != F_WRLCK && l->l_type != F_UNLCK)
        return -EINVAL;
    if (is_ofd(command)) {
        if (l->l_pid)
            return -EINVAL;
        r->owner = f;
        r->pid = -1;
    }
    return decode_range(f, l, r);
}

static int check_mode(const struct file *f, short type)
{
    unsigned mode = f->flags & O_ACCMODE;

    if (type == F_RDLCK && mode == O_WRONLY)
        return -EBADF;
    return type == F_WRLCK && mode == O_RDONLY ? -EBADF : 0;
}

static long test(struct file *f, struct file_lock_request *r, user_ptr out)
{
    struct flock l;

    if (r->type == F_UNLCK)
        return -EINVAL;
    file_lock_test(f, r);
    if (copy_from_user(&l, out, sizeof l))
        return -EFAULT;
    l.l_type = r->type;
    if (r->type != F_UNLCK) {
        l.l_whence = SEEK_SET;
        l.l_start = (int64_t)r->start;
        l.l_len = r->end == UINT64_MAX ? 0 : (int64_t)(r->end - r->start + 1);
        l.l_pid = r->pid;
    }
    return put_user(out, l);
}

/* Whoever gets a first one is told of what happens to it, unless somebody else was named. */
long lease_fcntl(struct file *f, int fd, int type)
{
    const struct inode *i = f->inode;

    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
        return -EINVAL;
    if (!i || (task_current()->cred.fsuid != i->uid && !cred_may(CAP_LEASE)))
        return i ? -EACCES : -EINVAL;
    if (!S_ISREG(i->mode))
        return -EINVAL;
    long result = lease_set(f, fd, type);
    if (!result && type == F_UNLCK)
        file_owner_forget(f);
    if (result == 1 && !f->owner.id)
        return file_owner_set(f, process_current()->pid);
    return MIN(result, 0);
}

long lock_fcntl(struct file *f, unsigned command, user_ptr flock)
{
    struct file_lock_request r;
    struct flock l;

    if (copy_from_user(&l, flock, sizeof l))
        return -EFAULT;
    int error = decode(f, &l, command, &r);
    if (error)
        return error;
    if (command == F_GETLK || command == F_OFD_GETLK)
        return test(f, &r, flock);
    error = check_mode(f, r.type);
    return error ? error : file_lock_set(f, &r, command == F_SETLKW || command == F_OFD_SETLKW);
}

long sys_flock(const struct syscall_args *args)
{
    static const short types[] = {[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK};
    unsigned operation = (unsigned)args->a[1], kind = operation & ~LOCK_NB;

    if (operation & LOCK_MAND)
        return 0; /* never did anything in Linux, and is still taken */
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    struct file *f = fd_get((int)args->a[0]);
    if (!f)
        return -EBADF;
    struct file_lock_request r = {.type = types[kind], .end = UINT64_MAX, .owner = f, .whole_file = true};
    int error = file_lock_set(f, &r, !(operation & LOCK_NB));
    file_put(f);
    return error;
}
