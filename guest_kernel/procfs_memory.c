/*
 * /proc/PID/maps, cmdline, environ and auxv: what is read out of a process's address space.
 */
#include <asm/errno.h>
#include <linux/mman.h>

#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

#define NAME_COLUMN 73u         /* where Linux starts the name of an area */
#define STRINGS_MAX KiB(128)    /* of arguments or environment that are shown */

struct maps_state {
    struct text *text;
    char *path; /* FS_PATH_MAX */
};

static const char *area_name(const struct area *a, char *path)
{
    if (a->name)
        return a->name;
    if (!a->file)
        return "";
    int n = a->file->ops->path ? a->file->ops->path(a->file, path, FS_PATH_MAX) : -ENOENT;
    return n > 0 ? path : "";
}

static bool show_area(const struct area *a, void *context)
{
    struct maps_state *s = context;
    struct text *t = s->text;
    uint64_t device = 0, inode = 0;
    size_t line = t->used;

    if (a->file && a->file->ops->identity)
        a->file->ops->identity(a->file, &device, &inode);
    text_printf(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)a->start,
                (unsigned long long)a->end, a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
                a->prot & PROT_EXEC ? 'x' : '-', a->flags & MAP_SHARED ? 's' : 'p',
                (unsigned long long)(a->file ? a->file_offset : 0), device_major(device), device_minor(device),
                (unsigned long long)inode);
    const char *name = area_name(a, s->path);
    size_t used = t->used - line;
    if (*name)
        text_printf(t, "%*s%s", used < NAME_COLUMN ? (int)(NAME_COLUMN - used) : 0, "", name);
    text_printf(t, "\n");
    return !t->failed;
}

int procfs_show_maps(int pid, struct text *t)
{
    struct maps_state state = {.text = t};
    struct space *s = process_space(pid);

    if (!s)
        return 0; /* a zombie maps nothing */
    state.path = mem_alloc(FS_PATH_MAX);
    if (state.path)
        space_for_each(s, show_area, &state);
    else
        t->failed = true;
    mem_free(state.path);
    space_put(s);
    return 0;
}

static int show_range(struct space *s, uint64_t start, uint64_t end, struct text *t)
{
    size_t size = start < end ? MIN(end - start, STRINGS_MAX) : 0;
    char *copy = size ? mem_alloc(size) : NULL;

    if (!size)
        return 0;
    if (!copy)
        return -ENOMEM;
    text_write(t, copy, space_read(s, start, copy, size));
    mem_free(copy);
    return 0;
}

int procfs_show_cmdline(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->arg_start, space_layout(s)->arg_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}

int procfs_show_auxv(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->auxv_start, space_layout(s)->auxv_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}

int procfs_show_environ(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->env_start, space_layout(s)->env_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}
