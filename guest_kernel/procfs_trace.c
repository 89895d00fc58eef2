/*
 * What debuggers read in /proc/PID: mem, its memory as ptrace(2) would read and write it, and syscall, the call it is
 * in.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/file.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"

static int mem_open(struct file *f)
{
    struct space *s;
    int error = procfs_hold_space(f, &s);

    f->data = s;
    return error;
}

static void mem_release(struct file *f)
{
    if (f->data)
        space_release(f->data);
}

/* Bytes moved, 0: none there, -EFAULT: the caller's memory. */
static long mem_move(struct space *s, uint64_t at, char *page, struct io_iter *it, bool write)
{
    size_t n = MIN(it->remaining, PAGE_SIZE);

    if (write && iter_read(it, page, n) != n)
        return -EFAULT;
    n = space_access(s, at, page, n, write ? SPACE_FORCE | SPACE_WRITE : SPACE_FORCE);
    return write || iter_write(it, page, n) == n ? (long)n : -EFAULT;
}

/* As far as it goes; -EIO if that is nowhere. */
static long mem_transfer(struct file *f, struct io_iter *it, uint64_t *position, bool write)
{
    struct space *s = f->data;
    char *page = mem_alloc(PAGE_SIZE);
    long total = 0, done;

    if (!page)
        return -ENOMEM;
    if (!s || !space_get_live(s))
        goto out;
    while (it->remaining) {
        done = mem_move(s, *position, page, it, write);
        if (done <= 0) {
            total = done < 0 ? done : total ? total : -EIO;
            break;
        }
        total += done;
        *position += (uint64_t)done;
        if (task_signal_pending())
            break;
        task_relax();
    }
    space_put(s);
out:
    mem_free(page);
    return total;
}

static long mem_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    return mem_transfer(f, it, position, false);
}

static long mem_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    return mem_transfer(f, it, position, true);
}

const struct file_ops procfs_mem_ops = {
    .open = mem_open,
    .read = mem_read,
    .write = mem_write,
    .seek = procfs_seek_endless,
    .release = mem_release,
};

int procfs_show_syscall(int pid, struct text *t)
{
    struct pt_regs regs;
    long error = process_check_access(pid, true);

    if (error)
        return (int)error;
    if (!process_registers(pid, &regs)) {
        text_printf(t, "running\n");
        return 0;
    }
    text_printf(t, "%d", (int)regs.orig_rax);
    if ((int)regs.orig_rax != -1)
        text_printf(t, " 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx", regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8,
                    regs.r9);
    text_printf(t, " 0x%lx 0x%lx\n", regs.rsp, regs.rip);
    return 0;
}
