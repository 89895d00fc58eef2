/*
 * System V shared memory: shmget(2), shmctl(2).  Attaching and detaching are in sysv_shm_attach.c.  A segment holds a
 * file of tmpfs without a name; its mappings hold that file, and tell here how many they are.  A segment that was
 * removed lives until the last of them goes.
 */
#include <asm/errno.h>
#include <linux/mman.h>
#include <limits.h>
#include <linux/shm.h>

#include "abi/syscalls.h"
#include "fs/inode.h"
#include "fs/shmem.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/process.h"
#include "guest_kernel/sysv_shm.h"
#include "lib/format.h"

/* Bits of the mode: linux/shm.h keeps them to itself. */
#define SHM_DEST   01000u
#define SHM_LOCKED 02000u

static struct ipc_table table = {.lock = SPINLOCK_INIT, .limit = SHMMNI};
static uint64_t total_pages; /* table.lock */

static struct segment *segment_of(struct ipc_object *o)
{
    return container_of(o, struct segment, ipc);
}

static uint64_t pages_of(const struct segment *s)
{
    return (s->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static long now(void)
{
    return (long)(clock_realtime_ns() / NS_PER_S);
}

/* The lock is not held: the file's pages go here. */
static void segment_free(struct segment *s)
{
    file_put(s->file);
    mem_free(s);
}

/* Out of the table, if nothing needs it any more; true: the caller is to free it. */
static bool leaves(struct segment *s)
{
    if (!(s->ipc.mode & SHM_DEST) || s->mappings || s->held)
        return false;
    total_pages -= pages_of(s);
    ipc_remove(&table, &s->ipc);
    return true;
}

/* fs/mapping.c: an area of a segment came or went. */
static void segment_mapped(struct file *f, bool more)
{
    struct segment *s = f->data;

    spin_lock(&table.lock);
    s->mappings += more ? 1 : -1;
    *(more ? &s->attach_time : &s->detach_time) = now();
    s->last_pid = process_current() ? process_current()->pid : 0;
    bool gone = !more && leaves(s);
    spin_unlock(&table.lock);
    if (gone)
        segment_free(s);
}

static const struct file_ops segment_ops = {.mapped = segment_mapped};

bool file_is_segment(const struct file *f)
{
    return f->ops == &segment_ops;
}

struct segment *segment_hold(int32_t id, unsigned access, long *error)
{
    spin_lock(&table.lock);
    struct ipc_object *o = ipc_find(&table, id);
    *error = o ? ipc_permission(o, access) : -EINVAL;
    if (!*error)
        segment_of(o)->held++;
    spin_unlock(&table.lock);
    return *error ? NULL : segment_of(o);
}

void segment_drop(struct segment *s)
{
    spin_lock(&table.lock);
    s->held--;
    bool gone = leaves(s);
    spin_unlock(&table.lock);
    if (gone)
        segment_free(s);
}

struct get_request {
    uint64_t size;
    int32_t key;
    bool reserve;
};

static struct ipc_object *segment_make(const void *request)
{
    const struct get_request *r = request;
    struct segment *s = mem_alloc_zero(sizeof *s);
    char name[16];

    if (!s)
        return NULL;
    s->size = r->size;
    s->creator_pid = process_current()->pid;
    s->change_time = now();
    (void)format(name, sizeof name, "SYSV%08x", (unsigned)r->key);
    struct shmem_request shmem = {.name = name, .size = r->size, .mode = 0777, .numbered = true, .reserve = r->reserve, .ops = &segment_ops};
    if (shmem_create(&shmem, &s->file)) {
        mem_free(s);
        return NULL;
    }
    s->file->data = s;
    return &s->ipc;
}

static void segment_discard(struct ipc_object *o)
{
    segment_free(segment_of(o));
}

static int segment_check(const struct ipc_object *o, const void *request)
{
    const struct get_request *r = request;

    return container_of(o, const struct segment, ipc)->size < r->size ? -EINVAL : 0;
}

static int segment_admit(struct ipc_object *o)
{
    uint64_t pages = pages_of(segment_of(o));

    if (total_pages + pages < total_pages || total_pages + pages > SHMALL)
        return -ENOSPC;
    total_pages += pages;
    segment_of(o)->file->inode->number = (uint64_t)o->id; /* as /proc/PID/maps shows it on Linux */
    return 0;
}

static const struct ipc_type segment_type = {
    .table = &table,
    .make = segment_make,
    .discard = segment_discard,
    .check = segment_check,
    .admit = segment_admit,
};

long sys_shmget(const struct syscall_args *args)
{
    struct get_request r = {.key = (int32_t)args->a[0], .size = args->a[1], .reserve = !(args->a[2] & SHM_NORESERVE)};
    int flags = (int)args->a[2], unfit = 0;

    if (r.size < SHMMIN || r.size > SHMMAX || r.size > INT64_MAX)
        unfit = -EINVAL;
    else if (flags & SHM_HUGETLB)
        unfit = -ENOMEM; /* no huge page was set aside */
    return ipc_get(&segment_type, r.key, flags, &r, unfit);
}

static void segment_stat(const struct segment *s, struct shmid64_ds *out)
{
    *out = (struct shmid64_ds){
        .shm_perm = ipc_perm_of(&s->ipc),
        .shm_segsz = s->size,
        .shm_atime = s->attach_time,
        .shm_dtime = s->detach_time,
        .shm_ctime = s->change_time,
        .shm_cpid = s->creator_pid,
        .shm_lpid = s->last_pid,
        .shm_nattch = s->mappings,
    };
}

static long control_stat(int32_t id, int command, user_ptr out)
{
    struct shmid64_ds copy;
    long result = -EINVAL;

    spin_lock(&table.lock);
    struct ipc_object *o = command == IPC_STAT ? ipc_find(&table, id) : ipc_find_slot(&table, id);
    if (o)
        result = command == SHM_STAT_ANY ? 0 : ipc_permission(o, IPC_READ);
    if (!result) {
        segment_stat(segment_of(o), &copy);
        result = command == IPC_STAT ? 0 : o->id;
    }
    spin_unlock(&table.lock);
    return result >= 0 && put_user(out, copy) ? -EFAULT : result;
}

static long control_limits(user_ptr out)
{
    struct shminfo64 info = {.shmmax = SHMMAX, .shmmin = SHMMIN, .shmmni = SHMMNI, .shmseg = SHMSEG, .shmall = SHMALL};

    spin_lock(&table.lock);
    long highest = ipc_highest_slot(&table);
    spin_unlock(&table.lock);
    return put_user(out, info) ? -EFAULT : highest;
}

static uint64_t resident_pages(const struct segment *s)
{
    return __atomic_load_n(&s->file->inode->pages.count, __ATOMIC_RELAXED);
}

static long control_usage(user_ptr out)
{
    struct shm_info info = {.used_ids = 0};
    unsigned slot = 0;
    struct ipc_object *o;

    spin_lock(&table.lock);
    info.used_ids = (int)table.used;
    info.shm_tot = total_pages;
    for (; (o = ipc_next(&table, &slot)); slot++)
        info.shm_rss += resident_pages(segment_of(o));
    long highest = ipc_highest_slot(&table);
    spin_unlock(&table.lock);
    return put_user(out, info) ? -EFAULT : highest;
}

static long control_set(struct segment *s, const struct shmid64_ds *wanted)
{
    long error = ipc_ownership(&s->ipc);

    if (!error)
        error = ipc_perm_set(&s->ipc, &wanted->shm_perm);
    if (!error)
        s->change_time = now();
    return error;
}

static long control_remove(struct segment *s, bool *gone)
{
    long error = ipc_ownership(&s->ipc);

    if (error)
        return error;
    ipc_forget_key(&table, &s->ipc);
    s->ipc.mode |= SHM_DEST;
    *gone = leaves(s);
    return 0;
}

/* All memory stays where it is: the mark is all there is to it. */
static long control_lock(struct segment *s, bool lock)
{
    if (!cred_may(CAP_IPC_LOCK)) {
        if (ipc_ownership(&s->ipc) || (lock && !process_limit(RLIMIT_MEMLOCK)))
            return -EPERM;
    }
    s->ipc.mode = lock ? s->ipc.mode | SHM_LOCKED : s->ipc.mode & ~SHM_LOCKED;
    return 0;
}

static long control_change(int32_t id, int command, user_ptr argument)
{
    struct shmid64_ds wanted;
    bool gone = false;
    long result;

    if (command == IPC_SET && get_user(wanted, argument))
        return -EFAULT;
    spin_lock(&table.lock);
    struct ipc_object *o = ipc_find(&table, id);
    if (!o)
        result = -EINVAL;
    else if (command == IPC_SET)
        result = control_set(segment_of(o), &wanted);
    else if (command == IPC_RMID)
        result = control_remove(segment_of(o), &gone);
    else
        result = control_lock(segment_of(o), command == SHM_LOCK);
    spin_unlock(&table.lock);
    if (gone)
        segment_free(segment_of(o));
    return result;
}

long sys_shmctl(const struct syscall_args *args)
{
    int32_t id = (int32_t)args->a[0];
    int command = (int)args->a[1];
    user_ptr argument = user(args->a[2]);

    if (command < 0 || id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
        return control_limits(argument);
    case SHM_INFO:
        return control_usage(argument);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return control_stat(id, command, argument);
    case IPC_SET:
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK:
        return control_change(id, command, argument);
    default:
        return -EINVAL;
    }
}

static int show_segments(struct text *t)
{
    unsigned slot = 0;
    struct ipc_object *o;

    text_printf(t, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      "
                   "atime      dtime      ctime                   rss                  swap\n");
    spin_lock(&table.lock);
    for (; (o = ipc_next(&table, &slot)); slot++) {
        const struct segment *s = segment_of(o);

        ipc_show_head(o, t);
        text_printf(t, "%21llu %5d %5d  %5llu ", (unsigned long long)s->size, s->creator_pid, s->last_pid,
                    (unsigned long long)s->mappings);
        ipc_show_owners(o, t);
        text_printf(t, "%10ld %10ld %10ld %21llu %21u\n", s->attach_time, s->detach_time, s->change_time,
                    (unsigned long long)resident_pages(s) * PAGE_SIZE, 0);
    }
    spin_unlock(&table.lock);
    return 0;
}

int sysv_shm_init(void)
{
    RB_INIT(&table.keys);
    return procfs_register("sysvipc/shm", 0444, show_segments);
}
