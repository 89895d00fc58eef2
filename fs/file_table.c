/*
 * Descriptor tables: number to file.  Two levels of bits say which numbers are taken (`open`) and which words of 64
 * are full (`full`), so that the lowest free number is found by looking at a few words among a million.  The table's
 * spinlock guards all of it; it only grows.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/resource.h>

#include "fs/file_lock.h"
#include "fs/vfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

#define WORD 64u
#define FIRST_SIZE WORD
#define SIZE_MAX_FDS (1u << 20) /* fs.nr_open of Linux */

struct file_table {
    uint32_t refs; /* atomic */
    struct spinlock lock;
    unsigned size; /* numbers there is room for, a multiple of WORD; lock, as the rest */
    struct file **files;
    uint64_t *open, *close_on_exec, *full;
    struct file *first_files[FIRST_SIZE];
    uint64_t first_bits[3];
};

static unsigned words(unsigned bits)
{
    return (bits + WORD - 1) / WORD;
}

static bool bit_get(const uint64_t *map, unsigned n)
{
    return map[n / WORD] & BIT(n % WORD);
}

static void bit_assign(uint64_t *map, unsigned n, bool value)
{
    if (value)
        map[n / WORD] |= BIT(n % WORD);
    else
        map[n / WORD] &= ~BIT(n % WORD);
}

struct file_table *file_table_create(void)
{
    struct file_table *t = mem_alloc_zero(sizeof *t);

    if (!t)
        return NULL;
    t->refs = 1;
    t->size = FIRST_SIZE;
    t->files = t->first_files;
    t->open = &t->first_bits[0];
    t->close_on_exec = &t->first_bits[1];
    t->full = &t->first_bits[2];
    return t;
}

/* Room for number `fd`.  Files and maps come in one piece of memory, whose start is `files`. */
static int table_grow(struct file_table *t, unsigned fd)
{
    unsigned size = MIN(MAX(ALIGN_UP(fd + 1, WORD), t->size * 2), SIZE_MAX_FDS);
    size_t map_bytes = words(size) * sizeof(uint64_t);
    size_t full_bytes = words(words(size)) * sizeof(uint64_t);
    struct file **files = mem_alloc_zero(size * sizeof *files + 2 * map_bytes + full_bytes);

    if (!files)
        return -ENOMEM;
    uint64_t *open = (uint64_t *)(files + size);
    uint64_t *close_on_exec = open + words(size);
    uint64_t *full = close_on_exec + words(size);
    memcpy(files, t->files, t->size * sizeof *files);
    memcpy(open, t->open, words(t->size) * sizeof *open);
    memcpy(close_on_exec, t->close_on_exec, words(t->size) * sizeof *open);
    memcpy(full, t->full, words(words(t->size)) * sizeof *full);
    if (t->files != t->first_files)
        mem_free(t->files);
    t->files = files;
    t->open = open;
    t->close_on_exec = close_on_exec;
    t->full = full;
    t->size = size;
    return 0;
}

static void slot_mark(struct file_table *t, unsigned fd, bool taken, bool close_on_exec)
{
    bit_assign(t->open, fd, taken);
    bit_assign(t->close_on_exec, fd, taken && close_on_exec);
    bit_assign(t->full, fd / WORD, t->open[fd / WORD] == UINT64_MAX);
}

static void slot_set(struct file_table *t, unsigned fd, struct file *f, bool close_on_exec)
{
    t->files[fd] = f;
    slot_mark(t, fd, f != NULL, close_on_exec);
}

/* The lowest number >= from that is not taken; t->size when all are. */
static unsigned lowest_free(const struct file_table *t, unsigned from)
{
    if (from >= t->size)
        return from;
    uint64_t free = ~t->open[from / WORD] & (UINT64_MAX << from % WORD);
    unsigned word = from / WORD;
    if (!free) {
        unsigned count = words(t->size);
        word++;
        while (word < count && (t->full[word / WORD] & BIT(word % WORD))) {
            uint64_t with_room = ~t->full[word / WORD] & (UINT64_MAX << word % WORD);
            word = with_room ? (unsigned)(ALIGN_DOWN(word, WORD) + __builtin_ctzll(with_room))
                             : ALIGN_DOWN(word, WORD) + WORD;
        }
        if (word >= count)
            return t->size;
        free = ~t->open[word];
    }
    return word * WORD + (unsigned)__builtin_ctzll(free);
}

struct file_table *file_table_clone(struct file_table *t)
{
    struct file_table *copy = file_table_create();

    if (!copy)
        return NULL;
    spin_lock(&t->lock);
    if (t->size > copy->size && table_grow(copy, t->size - 1)) {
        spin_unlock(&t->lock);
        file_table_put(copy);
        return NULL;
    }
    for (unsigned word = 0; word < words(t->size); word++) {
        for (uint64_t left = t->open[word]; left; left &= left - 1) {
            unsigned fd = word * WORD + (unsigned)__builtin_ctzll(left);
            if (t->files[fd])
                slot_set(copy, fd, file_get(t->files[fd]), bit_get(t->close_on_exec, fd));
        }
    }
    spin_unlock(&t->lock);
    return copy;
}

struct file_table *file_table_get(struct file_table *t)
{
    __atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

/* Takes a file out of its slot; the reference is the caller's. */
static struct file *slot_take(struct file_table *t, unsigned fd)
{
    spin_lock(&t->lock);
    struct file *f = fd < t->size ? t->files[fd] : NULL;
    if (f)
        slot_set(t, fd, NULL, false);
    spin_unlock(&t->lock);
    return f;
}

static void file_closed(struct file *f)
{
    file_locks_release_process(f);
    file_put(f);
}

/* The bits of the numbers of one word that are taken, or of those marked close-on-exec.  False: it is past the end. */
static bool word_read(struct file_table *t, unsigned word, bool marked_only, uint64_t *bits)
{
    spin_lock(&t->lock);
    bool there = word < words(t->size);
    *bits = there ? t->open[word] & (marked_only ? t->close_on_exec[word] : UINT64_MAX) : 0;
    spin_unlock(&t->lock);
    return there;
}

/* Close all in [first, last], or those of them marked close-on-exec. */
static void close_many(struct file_table *t, unsigned first, unsigned last, bool marked_only)
{
    uint64_t left;

    for (unsigned word = first / WORD; word <= last / WORD && word_read(t, word, marked_only, &left); word++) {
        for (; left; left &= left - 1) {
            unsigned fd = word * WORD + (unsigned)__builtin_ctzll(left);
            struct file *f = fd >= first && fd <= last ? slot_take(t, fd) : NULL;
            if (f)
                file_closed(f);
        }
    }
}

void file_table_put(struct file_table *t)
{
    if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    close_many(t, 0, UINT32_MAX, false);
    if (t->files != t->first_files)
        mem_free(t->files);
    mem_free(t);
}

void file_table_close_on_exec(struct file_table *t)
{
    close_many(t, 0, UINT32_MAX, true);
}

int file_table_unshare(void)
{
    struct file_table *old = task_current()->files;

    if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
        return 0;
    struct file_table *copy = file_table_clone(old);
    if (!copy)
        return -ENOMEM;
    file_table_put(fs_swap_files(copy));
    return 0;
}

struct file *file_table_at(struct file_table *t, int fd)
{
    spin_lock(&t->lock);
    struct file *f = (unsigned)fd < t->size ? t->files[fd] : NULL;
    if (f)
        file_get(f);
    spin_unlock(&t->lock);
    return f;
}

int file_table_next(struct file_table *t, int after)
{
    unsigned fd = (unsigned)(after + 1);

    spin_lock(&t->lock);
    while (fd < t->size && !t->files[fd]) {
        uint64_t left = t->open[fd / WORD] & (UINT64_MAX << fd % WORD << 1);
        if (fd % WORD == WORD - 1)
            left = 0;
        fd = left ? ALIGN_DOWN(fd, WORD) + (unsigned)__builtin_ctzll(left) : ALIGN_DOWN(fd, WORD) + WORD;
    }
    int found = fd < t->size ? (int)fd : -1;
    spin_unlock(&t->lock);
    return found;
}

int file_table_size(struct file_table *t)
{
    return (int)__atomic_load_n(&t->size, __ATOMIC_RELAXED);
}

struct file *fd_get_any(int fd)
{
    return file_table_at(task_current()->files, fd);
}

struct file *fd_get(int fd)
{
    struct file *f = fd_get_any(fd);

    if (f && (f->flags & O_PATH)) {
        file_put(f);
        return NULL;
    }
    return f;
}

int fd_reserve(int lowest, bool close_on_exec)
{
    struct file_table *t = task_current()->files;
    uint64_t limit = MIN(fs_limit(RLIMIT_NOFILE), SIZE_MAX_FDS);

    spin_lock(&t->lock);
    unsigned fd = lowest_free(t, (unsigned)lowest);
    int result = fd < limit ? 0 : -EMFILE;
    if (!result && fd >= t->size)
        result = table_grow(t, fd);
    if (!result) {
        slot_mark(t, fd, true, close_on_exec);
        result = (int)fd;
    }
    spin_unlock(&t->lock);
    return result;
}

void fd_publish(int fd, struct file *f)
{
    struct file_table *t = task_current()->files;

    spin_lock(&t->lock);
    assert(!t->files[fd]);
    t->files[fd] = f;
    spin_unlock(&t->lock);
}

void fd_unreserve(int fd)
{
    struct file_table *t = task_current()->files;

    spin_lock(&t->lock);
    slot_mark(t, (unsigned)fd, false, false);
    spin_unlock(&t->lock);
}

int fd_install(struct file *f, int lowest, bool close_on_exec)
{
    int fd = fd_reserve(lowest, close_on_exec);

    if (fd >= 0)
        fd_publish(fd, f);
    return fd;
}

int fd_install_at(struct file *f, int fd, bool close_on_exec)
{
    struct file_table *t = task_current()->files;

    if ((unsigned)fd >= MIN(fs_limit(RLIMIT_NOFILE), SIZE_MAX_FDS))
        return -EBADF;
    spin_lock(&t->lock);
    if ((unsigned)fd >= t->size && table_grow(t, (unsigned)fd)) {
        spin_unlock(&t->lock);
        return -ENOMEM;
    }
    struct file *old = t->files[fd];
    bool reserved = !old && bit_get(t->open, (unsigned)fd);
    if (!reserved)
        slot_set(t, (unsigned)fd, f, close_on_exec);
    spin_unlock(&t->lock);
    if (reserved)
        return -EBUSY; /* another thread is opening a file under that number */
    if (old)
        file_closed(old);
    return fd;
}

int fd_close(int fd)
{
    struct file *f = slot_take(task_current()->files, (unsigned)fd);

    if (!f)
        return -EBADF;
    file_closed(f);
    return 0;
}

int fd_flags(int fd, int set)
{
    struct file_table *t = task_current()->files;
    int result = -EBADF;

    spin_lock(&t->lock);
    if ((unsigned)fd < t->size && t->files[fd]) {
        if (set >= 0)
            bit_assign(t->close_on_exec, (unsigned)fd, set & FD_CLOEXEC);
        result = bit_get(t->close_on_exec, (unsigned)fd) ? FD_CLOEXEC : 0;
    }
    spin_unlock(&t->lock);
    return result;
}

static void mark_close_on_exec(struct file_table *t, unsigned first, unsigned last)
{
    spin_lock(&t->lock);
    for (unsigned fd = first; fd <= last && fd < t->size; fd++)
        if (t->files[fd])
            bit_assign(t->close_on_exec, fd, true);
    spin_unlock(&t->lock);
}

void fd_close_range(unsigned first, unsigned last, bool close_on_exec_only)
{
    struct file_table *t = task_current()->files;

    if (close_on_exec_only)
        mark_close_on_exec(t, first, last);
    else
        close_many(t, first, last, false);
}
