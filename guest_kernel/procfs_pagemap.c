/*
 * /proc/PID/pagemap: a word a page of the address space (Documentation/admin-guide/mm/pagemap.rst).  Page frame numbers
 * are for those alone who had CAP_SYS_ADMIN as they opened it.
 */
#include <asm/errno.h>

#include "fs/file.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"

#define WORD        sizeof(uint64_t)
#define BATCH_WORDS ((unsigned)(PAGE_SIZE / WORD))

struct pagemap {
    struct space *space; /* held; NULL: of a zombie */
    bool frames;
};

static int pagemap_open(struct file *f)
{
    struct pagemap *m = mem_alloc(sizeof *m);
    int error = m ? procfs_hold_space(f, &m->space) : -ENOMEM;

    if (error) {
        mem_free(m);
        return error;
    }
    m->frames = cred_may(CAP_SYS_ADMIN);
    f->data = m;
    return 0;
}

static void pagemap_release(struct file *f)
{
    struct pagemap *m = f->data;

    if (m->space)
        space_release(m->space);
    mem_free(m);
}

/* Bytes, as far as it goes; -EFAULT if that is nowhere. */
static long transfer(const struct pagemap *m, struct io_iter *it, uint64_t *position, uint64_t *words)
{
    uint64_t page = *position / WORD, last = USER_END >> PAGE_SHIFT;
    long total = 0;

    while (it->remaining && page < last && !(total && task_signal_pending())) {
        unsigned n = (unsigned)MIN(MIN(it->remaining / WORD, (size_t)BATCH_WORDS), last - page);

        space_pagemap(m->space, page << PAGE_SHIFT, n, m->frames, words);
        if (iter_write(it, words, n * WORD) != n * WORD)
            return -EFAULT;
        page += n;
        total += (long)(n * WORD);
        *position += n * WORD;
        task_relax();
    }
    return total;
}

static long pagemap_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    const struct pagemap *m = f->data;

    if (!m->space || !space_get_live(m->space))
        return 0;
    long result = *position % WORD || it->remaining % WORD ? -EINVAL : 0;
    uint64_t *words = result ? NULL : mem_alloc(PAGE_SIZE);

    if (words)
        result = transfer(m, it, position, words);
    else if (!result)
        result = -ENOMEM;
    mem_free(words);
    space_put(m->space);
    return result;
}

const struct file_ops procfs_pagemap_ops = {
    .open = pagemap_open, .read = pagemap_read, .seek = procfs_seek_endless, .release = pagemap_release};
