/*
 * System V shared memory: shmget, shmat, shmdt, shmctl, what is refused, who may, and what /proc/sysvipc/shm says.
 */
#include <limits.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "tests/abi/abi_test.h"

#define PAGE     4096UL
#define KEY      0x5472
#define RMID(id) shmctl(id, IPC_RMID, NULL)
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

static struct shmid_ds info_of(int id)
{
    struct shmid_ds d = {0};

    show_call(shmctl(id, IPC_STAT, &d));
    return d;
}

static void show_info(const char *what, int id)
{
    struct shmid_ds d = info_of(id);

    printf("%s: size %zu, attached %lu, mode %o, uid %u gid %u, creator %u %u, cpid %d, lpid %d, times %d %d %d\n",
           what, d.shm_segsz, (unsigned long)d.shm_nattch, d.shm_perm.mode, d.shm_perm.uid, d.shm_perm.gid,
           d.shm_perm.cuid, d.shm_perm.cgid, d.shm_cpid == getpid(), d.shm_lpid == getpid(), d.shm_atime != 0,
           d.shm_dtime != 0, d.shm_ctime != 0);
}

static void show_get(void)
{
    show_call(shmget(KEY, PAGE, 0));
    show_call(shmget(KEY, 0, IPC_CREAT | 0600));
    show_call(shmget(KEY, ULONG_MAX, IPC_CREAT | 0600));
    show_call(shmget(KEY, ULONG_MAX - (1UL << 24), IPC_CREAT | 0600));
    show_call(shmget(KEY, (size_t)-1 / 2 + 1, IPC_CREAT | 0600));
    int id = SHOW(shmget(KEY, 3 * PAGE + 5, IPC_CREAT | IPC_EXCL | 0640));
    show_call(shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    show_call(shmget(KEY, 4 * PAGE, 0));
    show_call(shmget(KEY, 4 * PAGE + 1, 0));
    show_call(shmget(KEY, 3 * PAGE + 5, IPC_CREAT));
    show_call(shmget(KEY, 0, 0));
    show_info("fresh", id);
    int private = SHOW(shmget(IPC_PRIVATE, 1, 0600));
    show_call(RMID(private));
    show_call(RMID(private));
    int again = SHOW(shmget(IPC_PRIVATE, 1, 0600)); /* the slot again, another number */
    show_call(RMID(SHOW(shmget(IPC_PRIVATE, 1, 0600))));
    show_call(RMID(again));
    show_call(shmctl(-1, IPC_STAT, NULL));
    show_call(shmctl(id, -1, NULL));
    show_call(shmctl(id, 77, NULL));
    show_call(shmctl(id, IPC_STAT, NULL));
    show_call(shmctl(id, IPC_SET, NULL));
    show_call(shmctl(12345, IPC_STAT, NULL));
    show_call(shmctl(id, IPC_STAT | 0x100, NULL));
}

static void show_attach(void)
{
    int id = shmget(KEY, 0, 0);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);

    show("attached", p != (char *)-1 && q != (char *)-1 && p != q);
    show("zeros", p[0] + p[3 * PAGE + 4]);
    p[0] = 'a';
    p[3 * PAGE + 9] = 'b'; /* behind the size, in its last page */
    show("the same memory", q[0] == 'a' && q[3 * PAGE + 9] == 'b');
    show_info("two", id);
    show_call(mprotect(q, PAGE, PROT_READ | PROT_WRITE));
    show_ok(shmat(id, p, 0));
    show_ok(shmat(id, p + 1, 0));
    show("rounded", shmat(id, q + 5, SHM_RND | SHM_REMAP) == q);
    q[1] = 'c';
    show("and writable", p[1]);
    show_ok(shmat(id, NULL, SHM_REMAP));
    show_ok(shmat(id, (void *)1, SHM_RND | SHM_REMAP));
    show_ok(shmat(-1, NULL, 0));
    show_ok(shmat(4711, NULL, 0));
    show_ok(shmat(id, (void *)(1UL << 47), 0));
    show("executable", shmat(id, NULL, SHM_EXEC) != (void *)-1);
    show_call(shmdt(p + PAGE));
    show_call(shmdt(p + 1));
    show_call(shmdt(NULL));
    show_call(munmap(p + PAGE, PAGE));
    show_info("a hole in the first", id);
    show_call(shmdt(p));
    show_info("detached", id);
    show_call(shmdt(p));
    show_call(munmap(q, PAGE));
    show_call(shmdt(q)); /* its start is gone, the rest is found */
    show_info("detached", id);
}

static void show_remove(void)
{
    int id = shmget(KEY, 0, 0), status;
    char *p = shmat(id, NULL, 0);
    struct shmid_ds d;

    pid_t child = fork_clean();
    if (!child) {
        show_info("in the child", id);
        p[2] = 'd';
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show("the child wrote", p[2]);
    show_call(shmctl(id, SHM_LOCK, NULL));
    show_call(shmctl(id, IPC_STAT, &d));
    printf("mode %o\n", d.shm_perm.mode);
    show_call(shmctl(id, SHM_UNLOCK, NULL));
    show_call(RMID(id));
    show_call(shmctl(id, IPC_STAT, &d));
    printf("mode %o key %x\n", d.shm_perm.mode, d.shm_perm.__key);
    show_call(shmget(KEY, 0, 0));
    show("attached once more", shmat(id, NULL, 0) != (void *)-1);
    show("alive", p[2]);
    show_call(RMID(id));
    int other = SHOW(shmget(KEY, PAGE, IPC_CREAT | 0600));
    show_call(RMID(other));
}

static void as_user(void)
{
    int mine = shmget(KEY + 1, 0, 0), shut = shmget(KEY + 2, 0, 0);
    struct shmid_ds d;

    show_call(setgid(1000));
    show_call(setuid(1000));
    show("readable", shmat(mine, NULL, SHM_RDONLY) != (void *)-1);
    show_ok(shmat(mine, NULL, 0));
    show_ok(shmat(mine, NULL, SHM_RDONLY | SHM_EXEC));
    show_ok(shmat(shut, NULL, SHM_RDONLY));
    show_call(shmctl(mine, IPC_STAT, &d));
    show_call(shmctl(shut, IPC_STAT, &d));
    show_call(shmctl(mine, IPC_SET, &d));
    show_call(shmctl(mine, SHM_LOCK, NULL));
    show_call(RMID(mine));
    show_call(shmget(KEY + 1, 0, 0600));
    show_call(shmget(KEY + 1, 0, 0400));
    show_call(shmget(KEY + 2, 0, 0));
    show_call(shmctl(shut & 0x7fff, SHM_STAT, &d) == shut);
    show_call(shmctl(shut & 0x7fff, SHM_STAT_ANY, &d) == shut);
    int own = shmget(KEY + 3, PAGE, IPC_CREAT | 0);
    show_ok(shmat(own, NULL, SHM_RDONLY));
    show_call(RMID(own));
}

static void show_permissions(void)
{
    struct shmid_ds d;
    int readable = SHOW(shmget(KEY + 1, PAGE, IPC_CREAT | 0604)), shut = SHOW(shmget(KEY + 2, PAGE, IPC_CREAT | 0600));

    show_child("another user", as_user);
    show_call(shmctl(readable, IPC_STAT, &d));
    d.shm_perm.uid = 1000;
    d.shm_perm.mode = 0777777;
    show_call(shmctl(readable, IPC_SET, &d));
    show_info("set", readable);
    d.shm_perm.uid = -1;
    show_call(shmctl(readable, IPC_SET, &d));
    show_call(RMID(readable));
    show_call(RMID(shut));
}

static void show_system(void)
{
    struct shm_info usage;
    struct shminfo limits;
    char line[256];

    int a = shmget(IPC_PRIVATE, 2 * PAGE + 1, 0600), b = shmget(KEY + 9, PAGE, IPC_CREAT | 0644);
    char *p = shmat(a, NULL, 0);
    p[0] = p[PAGE] = 1;
    show_call(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits));
    printf("%lx %lu %lu %lu %lx\n", limits.shmmax, limits.shmmin, limits.shmmni, limits.shmseg, limits.shmall);
    show_call(shmctl(0, SHM_INFO, (struct shmid_ds *)&usage));
    printf("%d %lu %lu\n", usage.used_ids, usage.shm_tot, usage.shm_swp);
    FILE *f = fopen("/proc/sysvipc/shm", "r");
    while (fgets(line, sizeof line, f)) {
        int key, id, mode, cpid, lpid, n = 0;
        unsigned long size, attached;

        if (sscanf(line, "%d %d %o %lu %d %d %lu%n", &key, &id, &mode, &size, &cpid, &lpid, &attached, &n) < 7)
            printf("%s", line);
        else
            printf("%x %d %o %lu %d %lu, %zu characters\n", key, id, mode, size, cpid == getpid(), attached,
                   strlen(line));
    }
    fclose(f);
    f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f))
        if (strstr(line, "SYSV"))
            printf("%.14s, inode %ld %s", strchr(line, ' ') + 1, atol(line + strcspn(line, ":") + 4) - a,
                   strchr(line, '/'));
    fclose(f);
    show_call(RMID(b));
    show_call(shmdt(p));
    show_call(RMID(a));
}

int main(void)
{
    show_get();
    show_attach();
    show_remove();
    show_permissions();
    show_system();
    return 0;
}
