/*
 * See fs/device.h.  The list is written at boot only, before there are processes, and is short.
 */
#include "fs/device.h"

#include <asm/errno.h>
#include <bsd/sys/tree.h>
#include <linux/major.h>

#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"

struct device_entry {
    RB_ENTRY(device_entry) node;
    uint64_t rdev;
    const struct file_ops *ops;
    void *device;
};

static int device_compare(struct device_entry *a, struct device_entry *b)
{
    return a->rdev < b->rdev ? -1 : a->rdev > b->rdev;
}

static RB_HEAD(device_tree, device_entry) devices = RB_INITIALIZER(&devices);
RB_GENERATE_INTERNAL(device_tree, device_entry, node, device_compare, static __attribute__((unused)))

int device_register(uint64_t rdev, const struct file_ops *ops, void *device)
{
    struct device_entry *e = mem_alloc_zero(sizeof *e);

    if (!e)
        return -ENOMEM;
    *e = (struct device_entry){.rdev = rdev, .ops = ops, .device = device};
    if (RB_INSERT(device_tree, &devices, e)) {
        mem_free(e);
        return -EEXIST;
    }
    return 0;
}

int device_bind(struct file *f, uint64_t rdev)
{
    struct device_entry key = {.rdev = rdev};
    struct device_entry *e = RB_FIND(device_tree, &devices, &key);

    if (!e) /* a pseudoterminal's slave is found by its node in devpts, not by its number */
        return device_major(rdev) == UNIX98_PTY_SLAVE_MAJOR ? -EIO : -ENXIO;
    f->ops = e->ops;
    f->data = e->device;
    return 0;
}
