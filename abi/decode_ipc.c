/*
 * Printers of System V IPC: shmget(2), shmat(2), shmctl(2), semget(2), semop(2), semctl(2).
 */
#include <linux/ipc.h>
#include <linux/sem.h>
#include <linux/shm.h>

#include "abi/decode_internal.h"

#define HUGE_SHIFT 26u /* of SHM_HUGETLB: the size of pages stands above it */
#define HUGE_MASK  (0x3fu << HUGE_SHIFT)

void print_ipc_key(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {{IPC_PRIVATE, "IPC_PRIVATE"}, NAME_END};

    if ((uint32_t)value == IPC_PRIVATE)
        out_name(d, names, IPC_PRIVATE, NULL);
    else
        out_hex(d, (uint32_t)value);
}

/* Flags, perhaps a size of pages, and permissions, which are always shown. */
static void out_get_flags(struct decoder *d, const struct name *names, uint32_t value, uint32_t huge)
{
    static const struct name shift[] = {{HUGE_SHIFT, "SHM_HUGE_SHIFT"}, NAME_END};
    uint32_t flags = value & ~0777u & ~(huge << HUGE_SHIFT);

    if (flags) {
        out_flags(d, names, flags, NULL);
        out_text(d, "|");
    }
    if (huge) {
        out(d, "%u<<", huge);
        if (d->style->names == DECODE_NAMES)
            out_name(d, shift, HUGE_SHIFT, NULL);
        else
            out(d, d->style->names == DECODE_BOTH ? "%u /* SHM_HUGE_SHIFT */" : "%u", HUGE_SHIFT);
        out_text(d, "|");
    }
    out_octal(d, value & 0777);
}

void print_ipc_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(IPC_CREAT), NAME(IPC_EXCL), NAME(IPC_NOWAIT), NAME_END};

    out_get_flags(d, names, (uint32_t)value, 0);
}

void print_shm_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(IPC_CREAT), NAME(IPC_EXCL), NAME(SHM_HUGETLB), NAME(SHM_NORESERVE), NAME_END};

    out_get_flags(d, names, (uint32_t)value, ((uint32_t)value & HUGE_MASK) >> HUGE_SHIFT);
}

DECODE_FLAGS(shmat_flags, "SHM_???", NAME(SHM_RDONLY), NAME(SHM_RND), NAME(SHM_REMAP), NAME(SHM_EXEC))

static void out_command(struct decoder *d, const struct name *names, uint32_t value, const char *unknown)
{
    if (value & IPC_64)
        out(d, "IPC_64|");
    out_name(d, names, value & ~IPC_64, unknown);
}

void print_shm_command(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(IPC_RMID), NAME(IPC_SET),      NAME(IPC_STAT), NAME(IPC_INFO),   NAME(SHM_STAT),
                                        NAME(SHM_INFO), NAME(SHM_STAT_ANY), NAME(SHM_LOCK), NAME(SHM_UNLOCK), NAME_END};

    out_command(d, names, (uint32_t)value, "SHM_???");
}

void print_sem_command(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(IPC_RMID), NAME(IPC_SET),      NAME(IPC_STAT), NAME(IPC_INFO), NAME(SEM_STAT),
                                        NAME(SEM_INFO), NAME(SEM_STAT_ANY), NAME(GETPID),   NAME(GETVAL),   NAME(GETALL),
                                        NAME(GETNCNT),  NAME(GETZCNT),      NAME(SETVAL),   NAME(SETALL),   NAME_END};

    out_command(d, names, (uint32_t)value, "SEM_???");
}

/* uid, gid and mode; all of it where the call stored it. */
static void out_perm(struct decoder *d, const char *name, const struct ipc64_perm *p, bool all)
{
    out(d, "{%s={uid=", name);
    print_uid(d, p->uid);
    out(d, ", gid=");
    print_uid(d, p->gid);
    out(d, ", mode=%#o", (unsigned)p->mode);
    if (all) {
        out(d, ", key=%u, cuid=", (unsigned)p->key);
        print_uid(d, p->cuid);
        out(d, ", cgid=");
        print_uid(d, p->cgid);
    }
    out(d, "}");
}

static void out_segment(struct decoder *d, uint64_t address)
{
    struct shmid64_ds s;

    if (!fetch_out(d, address, &s, sizeof s))
        return;
    out_perm(d, "shm_perm", &s.shm_perm, true);
    out(d, ", shm_segsz=%llu, shm_cpid=%d, shm_lpid=%d, shm_nattch=%lu, shm_atime=%ld, shm_dtime=%ld, shm_ctime=%ld}",
        (unsigned long long)s.shm_segsz, s.shm_cpid, s.shm_lpid, s.shm_nattch, s.shm_atime, s.shm_dtime, s.shm_ctime);
}

static void out_shm_limits(struct decoder *d, uint64_t address)
{
    struct shminfo64 i;

    if (fetch_out(d, address, &i, sizeof i))
        out(d, "{shmmax=%lu, shmmin=%lu, shmmni=%lu, shmseg=%lu, shmall=%lu}", i.shmmax, i.shmmin, i.shmmni, i.shmseg,
            i.shmall);
}

static void out_shm_usage(struct decoder *d, uint64_t address)
{
    struct shm_info i;

    if (fetch_out(d, address, &i, sizeof i))
        out(d, "{used_ids=%d, shm_tot=%lu, shm_rss=%lu, shm_swp=%lu, swap_attempts=%lu, swap_successes=%lu}", i.used_ids,
            i.shm_tot, i.shm_rss, i.shm_swp, i.swap_attempts, i.swap_successes);
}

void print_shm_argument(struct decoder *d, uint64_t value)
{
    struct shmid64_ds s;

    switch ((uint32_t)d->call->args[1]) {
    case IPC_SET:
        if (!fetch_in(d, value, &s, sizeof s))
            return;
        out_perm(d, "shm_perm", &s.shm_perm, false);
        out(d, "}");
        return;
    case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY:
        out_segment(d, value);
        return;
    case IPC_INFO:
        out_shm_limits(d, value);
        return;
    case SHM_INFO:
        out_shm_usage(d, value);
        return;
    default:
        out_address(d, value);
    }
}

static void out_set(struct decoder *d, uint64_t address)
{
    struct semid64_ds s;

    if (!fetch_out(d, address, &s, sizeof s))
        return;
    out_perm(d, "sem_perm", &s.sem_perm, true);
    out(d, ", sem_otime=%ld, sem_ctime=%ld, sem_nsems=%lu}", s.sem_otime, s.sem_ctime, s.sem_nsems);
}

static void out_sem_info(struct decoder *d, uint64_t address)
{
    struct seminfo i;

    if (fetch_out(d, address, &i, sizeof i))
        out(d, "{semmap=%d, semmni=%d, semmns=%d, semmnu=%d, semmsl=%d, semopm=%d, semume=%d, semusz=%d, semvmx=%d, semaem=%d}",
            i.semmap, i.semmni, i.semmns, i.semmnu, i.semmsl, i.semopm, i.semume, i.semusz, i.semvmx, i.semaem);
}

void print_sem_argument(struct decoder *d, uint64_t value)
{
    struct semid64_ds s;

    switch ((uint32_t)d->call->args[2]) {
    case IPC_SET:
        if (!fetch_in(d, value, &s, sizeof s))
            return;
        out_perm(d, "sem_perm", &s.sem_perm, false);
        out(d, "}");
        return;
    case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
        out_set(d, value);
        return;
    case IPC_INFO: case SEM_INFO:
        out_sem_info(d, value);
        return;
    default:
        out_address(d, value);
    }
}

void print_sembufs(struct decoder *d, uint64_t value)
{
    static const struct name flags[] = {NAME(SEM_UNDO), NAME(IPC_NOWAIT), NAME_END};
    uint32_t count = (uint32_t)d->call->args[d->index + 1];
    struct sembuf b;

    if (!count) {
        out(d, "[]");
        return;
    }
    for (uint32_t n = 0; n < count; n++) {
        if (!memory_read(d, MEMORY_IN, value + n * sizeof b, &b, sizeof b)) {
            if (!n) {
                out_address(d, value);
                return;
            }
            out(d, ", ... /* %#llx */", (unsigned long long)(value + n * sizeof b));
            break;
        }
        if (n >= elements_max(d)) {
            out_text(d, ", ...");
            break;
        }
        out(d, "%s{sem_num=%u, sem_op=%d, sem_flg=", n ? ", " : "[", b.sem_num, b.sem_op);
        out_flags(d, flags, (uint16_t)b.sem_flg, "SEM_???");
        out(d, "}");
    }
    out(d, "]");
}
