/*
 * The devices of major 1: null, zero, full, random, urandom (mem(4), random(4)).
 */
#include <asm/errno.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/poll.h>

#include "fs/devfs.h"
#include "fs/random.h"
#include "lib/string.h"

#define CHUNK 256u

static long null_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    return 0;
}

/* All is taken and nothing looked at: as in Linux, bad addresses do not matter. */
static long null_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    return (long)it->remaining;
}

static long memory_seek(struct file *f, int64_t offset, int whence)
{
    f->position = 0;
    return 0;
}

static long zero_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    size_t want = it->remaining;
    size_t done = iter_zero(it, want);

    return want && !done ? -EFAULT : (long)done;
}

static long full_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    return -ENOSPC;
}

static long random_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    char bytes[CHUNK];
    long total = 0;

    while (it->remaining) {
        size_t want = MIN(it->remaining, sizeof bytes);
        random_bytes(bytes, want);
        size_t done = iter_write(it, bytes, want);
        total += (long)done;
        if (done < want)
            return total ? total : -EFAULT;
    }
    memset(bytes, 0, sizeof bytes);
    return total;
}

static long random_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    char bytes[CHUNK];
    long total = 0;

    while (it->remaining) {
        size_t want = MIN(it->remaining, sizeof bytes);
        size_t done = iter_read(it, bytes, want);
        random_mix(bytes, done);
        total += (long)done;
        if (done < want)
            return total ? total : -EFAULT;
    }
    return total;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = memory_seek};
static const struct file_ops zero_ops = {
    .read = zero_read, .write = null_write, .seek = memory_seek, .maps_zeros = true};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = memory_seek};
static const struct file_ops random_ops = {.read = random_read, .write = random_write, .seek = memory_seek};

int memory_devices_init(void)
{
    static const struct {
        const char *name;
        unsigned minor;
        const struct file_ops *ops;
    } devices[] = {
        {"null", 3, &null_ops}, {"zero", 5, &zero_ops}, {"full", 7, &full_ops},
        {"random", 8, &random_ops}, {"urandom", 9, &random_ops},
    };
    int error = 0;

    for (size_t n = 0; n < ARRAY_SIZE(devices) && !error; n++)
        error = devfs_register(devices[n].name, MEM_MAJOR, devices[n].minor, 0666, devices[n].ops, NULL);
    return error;
}
