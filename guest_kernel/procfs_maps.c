/*
 * /proc/PID/maps, smaps and smaps_rollup (man 5 proc), made area by area as they are read: a reader never sees half an
 * area, nor loses one that stays while others come and go.  Reads return what Linux's seq_file returns: what is left of
 * the last text, then as many areas as fit a page, at least one.
 */
#include <asm/errno.h>
#include <linux/mman.h>

#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

#define NAME_COLUMN 73u /* where Linux starts the name of an area */

struct stream {
    struct mutex lock;   /* guards the rest but `space` and `show`; taken before a space's lock */
    struct space *space; /* held; NULL: of a zombie */
    /* The next text, of what begins behind *at, which it moves; false: there is nothing more. */
    bool (*show)(struct stream *s, uint64_t *at, struct text *t);
    uint64_t at;         /* an address: all before it has been shown */
    uint64_t position;   /* in the file: of the next byte */
    struct text text;    /* made, not read yet: from `from` on */
    size_t from;
};

static void show_name(struct text *t, const char *name)
{
    for (const char *end; (end = strchr(name, '\n')); name = end + 1) {
        text_write(t, name, (size_t)(end - name));
        text_printf(t, "\\012"); /* a line is an area, whatever files are called */
    }
    text_printf(t, "%s", name);
}

/* Sets t->failed where there is no memory for a path. */
static void show_area_name(struct text *t, const struct area *a)
{
    char *path = NULL;
    const char *name = a->name;

    if (!name && a->file && a->file->ops->path) {
        path = mem_alloc(FS_PATH_MAX);
        name = path && a->file->ops->path(a->file, path, FS_PATH_MAX) > 0 ? path : NULL;
        t->failed |= !path;
    }
    if (name && *name)
        show_name(t, name);
    mem_free(path);
}

/* Spaces up to where the name is. */
static void pad_line(struct text *t, size_t line)
{
    size_t used = t->used - line;

    text_printf(t, "%*s", used < NAME_COLUMN ? (int)(NAME_COLUMN - used) : 0, "");
}

static void show_head(struct text *t, const struct area *a)
{
    uint64_t device = 0, inode = 0;
    size_t line = t->used;

    if (a->file && a->file->ops->identity)
        a->file->ops->identity(a->file, &device, &inode);
    text_printf(t, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)a->start,
                (unsigned long long)a->end, a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
                a->prot & PROT_EXEC ? 'x' : '-', a->flags & MAP_SHARED ? 's' : 'p',
                (unsigned long long)(a->file ? a->file_offset : 0), device_major(device), device_minor(device),
                (unsigned long long)inode);
    size_t head = t->used;

    pad_line(t, line);
    size_t padded = t->used;

    show_area_name(t, a);
    if (t->used == padded)
        t->used = head; /* no name: nothing to be in a column */
    text_printf(t, "\n");
}

static void forget_area(const struct area *a)
{
    if (a->file)
        a->file->ops->put(a->file, false);
}

static bool show_maps(struct stream *s, uint64_t *at, struct text *t)
{
    struct area a;

    if (!space_area_copy(s->space, *at, &a))
        return false;
    show_head(t, &a);
    *at = a.end;
    forget_area(&a);
    return true;
}

static void show_row(struct text *t, const char *name, uint64_t bytes)
{
    text_printf(t, "%-15s %8llu kB\n", name, (unsigned long long)bytes / 1024);
}

static void show_usage(struct text *t, const struct space_usage *u, bool kinds)
{
    enum { FILES, OWN, SHARED_MEMORY };
    uint64_t share = (u->share[FILES] + u->share[OWN] + u->share[SHARED_MEMORY]) >> SPACE_USAGE_SHIFT;

    show_row(t, "Rss:", u->resident);
    show_row(t, "Pss:", share);
    show_row(t, "Pss_Dirty:", u->share_dirty >> SPACE_USAGE_SHIFT);
    if (kinds) {
        show_row(t, "Pss_Anon:", u->share[OWN] >> SPACE_USAGE_SHIFT);
        show_row(t, "Pss_File:", u->share[FILES] >> SPACE_USAGE_SHIFT);
        show_row(t, "Pss_Shmem:", u->share[SHARED_MEMORY] >> SPACE_USAGE_SHIFT);
    }
    show_row(t, "Shared_Clean:", u->by_sharing[false][false]);
    show_row(t, "Shared_Dirty:", u->by_sharing[false][true]);
    show_row(t, "Private_Clean:", u->by_sharing[true][false]);
    show_row(t, "Private_Dirty:", u->by_sharing[true][true]);
    show_row(t, "Referenced:", u->referenced);
    show_row(t, "Anonymous:", u->anonymous);
    show_row(t, "LazyFree:", 0); /* MADV_FREE frees at once */
    show_row(t, "AnonHugePages:", u->large);
    show_row(t, "ShmemPmdMapped:", 0);
    show_row(t, "FilePmdMapped:", 0);
    text_printf(t, "Shared_Hugetlb: %7u kB\nPrivate_Hugetlb: %7u kB\n", 0, 0);
    show_row(t, "Swap:", 0);
    show_row(t, "SwapPss:", 0);
    show_row(t, "Locked:", u->share_locked >> SPACE_USAGE_SHIFT);
}

static bool has_name(const struct area *a, const char *name)
{
    return a->name && !strcmp(a->name, name);
}

/* By Linux's names for the bits of vm_flags, in their order. */
static void show_flags(struct text *t, const struct area *a)
{
    bool shared = a->flags & MAP_SHARED, may_write = !(a->flags & SPACE_MAP_NO_WRITE);
    bool clock = has_name(a, "[vvar]"), special = clock || has_name(a, "[vdso]");
    const struct {
        const char *name;
        bool set;
    } rows[] = {
        {"rd", a->prot & PROT_READ},
        {"wr", a->prot & PROT_WRITE},
        {"ex", a->prot & PROT_EXEC},
        {"sh", shared && may_write},
        {"mr", true},
        {"mw", may_write && !clock},
        {"me", !(a->flags & SPACE_MAP_NO_EXEC) && !clock},
        {"ms", shared},
        {"gd", a->flags & MAP_GROWSDOWN},
        {"pf", clock},
        {"lo", a->flags & MAP_LOCKED},
        {"io", clock},
        {"sr", a->flags & SPACE_MAP_SEQUENTIAL},
        {"rr", a->flags & SPACE_MAP_RANDOM},
        {"dc", a->flags & SPACE_MAP_NO_FORK},
        {"de", special},
        {"lf", a->flags & SPACE_MAP_ON_FAULT},
        {"ac", a->flags & SPACE_MAP_CHARGED},
        {"nr", a->flags & MAP_NORESERVE},
        {"wf", a->flags & SPACE_MAP_WIPE_ON_FORK},
        {"dd", clock || (a->flags & SPACE_MAP_NO_DUMP)},
        {"sd", !a->soft_clean},
        {"hg", a->flags & SPACE_MAP_LARGE},
        {"nh", a->flags & SPACE_MAP_NO_LARGE},
    };

    text_printf(t, "VmFlags: ");
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        if (rows[n].set)
            text_printf(t, "%s ", rows[n].name);
    text_printf(t, "\n");
}

static bool show_smaps(struct stream *s, uint64_t *at, struct text *t)
{
    struct space_usage usage = {0};
    struct area a;

    if (!space_area_usage(s->space, *at, &a, &usage))
        return false;
    show_head(t, &a);
    show_row(t, "Size:", a.end - a.start);
    show_row(t, "KernelPageSize:", PAGE_SIZE);
    show_row(t, "MMUPageSize:", PAGE_SIZE);
    show_usage(t, &usage, false);
    text_printf(t, "THPeligible:    %d\n", space_large_is_possible(s->space, &a));
    show_flags(t, &a);
    *at = a.end;
    forget_area(&a);
    return true;
}

/* One text for all areas; *at is past it afterwards. */
static bool show_rollup(struct stream *s, uint64_t *at, struct text *t)
{
    struct space_usage usage = {0};
    uint64_t start = 0, end = 0;
    struct area a;

    if (*at)
        return false;
    while (space_area_usage(s->space, end, &a, &usage)) {
        start = end ? start : a.start;
        end = a.end;
        forget_area(&a);
        task_relax();
    }
    size_t line = t->used;

    text_printf(t, "%08llx-%08llx ---p 00000000 00:00 0 ", (unsigned long long)start, (unsigned long long)end);
    pad_line(t, line);
    text_printf(t, "[rollup]\n");
    show_usage(t, &usage, true);
    *at = USER_END;
    return true;
}

static int open_stream(struct file *f, bool (*show)(struct stream *s, uint64_t *at, struct text *t))
{
    struct stream *s = mem_alloc_zero(sizeof *s);
    int error = s ? procfs_hold_space(f, &s->space) : -ENOMEM;

    if (error) {
        mem_free(s);
        return error;
    }
    mutex_init(&s->lock);
    s->show = show;
    f->data = s;
    return 0;
}

static int maps_open(struct file *f)
{
    return open_stream(f, show_maps);
}

static int smaps_open(struct file *f)
{
    return open_stream(f, show_smaps);
}

static int rollup_open(struct file *f)
{
    return open_stream(f, show_rollup);
}

static void stream_release(struct file *f)
{
    struct stream *s = f->data;

    if (s->space)
        space_release(s->space);
    mem_free(s->text.data);
    mem_free(s);
}

/* Text for `want` bytes, if there is so much and it fits a page.  0, -ENOMEM: nothing was made. */
static int fill(struct stream *s, size_t want)
{
    s->text.used = s->from = 0;
    while (s->text.used < want) {
        size_t before = s->text.used;
        uint64_t at = s->at;

        if (!s->show(s, &at, &s->text))
            break;
        if (s->text.failed) {
            s->text.used = before;
            s->text.failed = false;
            return before ? 0 : -ENOMEM;
        }
        if (before && s->text.used > PAGE_SIZE) {
            s->text.used = before; /* it is made again by the next read */
            break;
        }
        s->at = at;
        task_relax();
    }
    return 0;
}

static void rewind(struct stream *s)
{
    s->at = s->position = 0;
    s->text.used = s->from = 0;
}

/* From the start to another position than where the last read ended: all is made again. */
static int skip_to(struct stream *s, uint64_t position)
{
    while (s->position < position) {
        int error = fill(s, 1);

        if (error)
            return error;
        if (!s->text.used)
            return 0; /* it is past the end */
        s->from = MIN(s->text.used, position - s->position);
        s->position += s->from;
    }
    return 0;
}

/* Bytes of what is made. */
static size_t take(struct stream *s, struct io_iter *it)
{
    size_t n = iter_write(it, s->text.data + s->from, MIN(s->text.used - s->from, it->remaining));

    s->from += n;
    s->position += n;
    return n;
}

/*
 * Is there a space to be shown?  1: yes, and s->space has a user more; 0: the process has ended; -ESRCH: and nobody even
 * remembers it.
 */
static int begin(const struct file *f, struct stream *s)
{
    if (procfs_is_gone(procfs_file_pid(f)))
        return -ESRCH;
    if (s->space && space_get_live(s->space))
        return 1;
    return s->show == show_rollup ? -ESRCH : 0;
}

/* What was left, without a look at the process, and new text up to a page. *live: as begin() says. */
static long read_locked(const struct file *f, struct stream *s, struct io_iter *it, uint64_t position, int *live)
{
    bool goes_on = position == s->position;
    size_t done = goes_on ? take(s, it) : 0;

    if (!it->remaining)
        return (long)done;
    if (goes_on && s->from < s->text.used)
        return done ? (long)done : -EFAULT;
    if (!goes_on)
        rewind(s);
    *live = begin(f, s);
    if (*live <= 0)
        return done ? (long)done : *live;
    int error = goes_on ? 0 : skip_to(s, position);

    if (!error && s->from == s->text.used && s->position == position + done)
        error = fill(s, it->remaining);
    if (error)
        return done ? (long)done : error;
    if (s->position != position + done)
        return 0; /* past the end */
    done += take(s, it);
    return done || !s->text.used ? (long)done : -EFAULT;
}

static long stream_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct stream *s = f->data;
    int live = 0;

    mutex_lock(&s->lock);
    long n = read_locked(f, s, it, *position, &live);

    mutex_unlock(&s->lock);
    if (live > 0)
        space_put(s->space);
    *position += n > 0 ? (uint64_t)n : 0;
    return n;
}

const struct file_ops procfs_maps_ops = {
    .open = maps_open, .read = stream_read, .seek = procfs_seek_endless, .release = stream_release};
const struct file_ops procfs_smaps_ops = {
    .open = smaps_open, .read = stream_read, .seek = procfs_seek_endless, .release = stream_release};
const struct file_ops procfs_smaps_rollup_ops = {
    .open = rollup_open, .read = stream_read, .seek = procfs_seek_endless, .release = stream_release};
