/*
 * /proc and /dev as programs use them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/mman.h>

#include "abi_test.h"

static char buf[100000];

static long slurp(const char *path)
{
    int fd = open(path, O_RDONLY);
    long n, total = 0;

    memset(buf, 0, sizeof buf);
    while ((n = read(fd, buf + total, sizeof buf - 1 - total)) > 0)
        total += n;
    close(fd);
    return fd < 0 ? -1 : total;
}

static void keys(const char *path, const char *const *wanted)
{
    slurp(path);
    for (; *wanted; wanted++)
        printf("%s has %s: %d\n", path, *wanted, strstr(buf, *wanted) != NULL);
}

static void show_file(const char *path)
{
    struct stat st;

    if (lstat(path, &st))
        printf("%s: errno %d\n", path, errno);
    else
        printf("%s: mode %o size %ld rdev %x:%x\n", path, st.st_mode, S_ISDIR(st.st_mode) ? 0L : (long)st.st_size,
               major(st.st_rdev), minor(st.st_rdev));
}

static void own_process(void)
{
    char path[64];
    int pid, ppid, fields = 0;
    char state;

    show("self is me", (readlink("/proc/self", buf, 100), atoi(buf) == getpid()));
    memset(buf, 0, 100);
    readlink("/proc/self/exe", buf, 100);
    printf("exe %s\n", strrchr(buf, '/') ? strrchr(buf, '/') : "?");
    mkdir("here", 0755), chdir("here");
    memset(buf, 0, 100);
    readlink("/proc/self/cwd", buf, 100);
    printf("cwd %s\n", strrchr(buf, '/'));
    chdir("..");
    memset(buf, 0, 100);
    readlink("/proc/self/root", buf, 100);
    printf("root %s\n", buf);
    show_call(access("/proc/self/cwd/here", F_OK));
    show_call(access("/proc/self/root/proc", F_OK));
    slurp("/proc/self/stat");
    show("stat fields", sscanf(buf, "%d (%*[^)]) %c %d", &pid, &state, &ppid));
    printf("pid ok %d state %c parent ok %d\n", pid == getpid(), state, ppid == getppid());
    for (char *p = buf; *p; p++)
        fields += *p == ' ';
    show("blanks", fields);
    slurp("/proc/self/comm");
    printf("comm %s", buf);
    long n = slurp("/proc/self/cmdline");
    printf("cmdline ends %d\n", n > 0 && buf[n - 1] == 0);
    n = slurp("/proc/self/statm");
    show("statm", sscanf(buf, "%*d %*d %*d %*d %*d %*d %d", &pid));
    keys("/proc/self/status", (const char *[]){"Name:\t", "State:\tR (running)\n", "Tgid:\t", "Pid:\t", "PPid:\t", "TracerPid:\t0\n",
         "Uid:\t0\t0\t0\t0\n", "Gid:\t0\t0\t0\t0\n", "FDSize:\t", "VmSize:\t", "VmRSS:\t", "Threads:\t1\n", "SigQ:\t", "SigCgt:\t",
         "CapEff:\t", "NoNewPrivs:\t0\n", NULL});
    keys("/proc/self/maps", (const char *[]){"r-xp", "[stack]", "[heap]", "file_proc", NULL});
    keys("/proc/self/limits", (const char *[]){"Limit                     Soft Limit           Hard Limit           Units     \n",
         "Max open files  ", "Max cpu time              unlimited            unlimited            seconds   \n", NULL});
    sprintf(path, "/proc/%d", getpid());
    show_file("/proc/self/fd"), show_file("/proc/self/status"), show_file("/proc/self/exe"), show_file("/proc/self/environ");
    show_file("/proc/self"), show_file("/proc/999999"), show_file("/proc/self/nothing"), show_file("/proc/0"), show_file("/proc/01");
}

static void descriptors(void)
{
    struct stat st;
    int fd = open("file", O_CREAT | O_RDWR, 0600), fds[2];
    char path[64];

    open("file", O_WRONLY);
    open("file", O_RDONLY);
    pipe(fds);
    for (int n = fd; n <= fds[1]; n++) {
        sprintf(path, "/proc/self/fd/%d", n);
        lstat(path, &st);
        memset(buf, 0, 100);
        readlink(path, buf, 100);
        printf("%d: mode %o size %ld %s\n", n, st.st_mode, (long)st.st_size, strrchr(buf, '/') ? strrchr(buf, '/') : strchr(buf, ':') ? "pipe" : buf);
    }
    write(fd, "text", 4);
    unlink("file");
    sprintf(path, "/proc/self/fd/%d", fd);
    memset(buf, 0, 100);
    readlink(path, buf, 100);
    printf("%s\n", strrchr(buf, '/'));
    int again = open(path, O_RDONLY);
    show_call(read(again, buf, 10));
    stat(path, &st);
    show("links", st.st_nlink);
    close(again);
    show_ok(open("/proc/self/fd/77", O_RDONLY));
    show_ok(readlink("/proc/self/fd/77", buf, 10));
    DIR *d = opendir("/proc/self/fd");
    int count = 0;
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    show("listed", count > fds[1] - fd);
    closedir(d);
    d = opendir("/proc");
    int pids = 0, me = 0, meminfo = 0, types = 0;
    for (struct dirent *e; (e = readdir(d));) {
        pids += e->d_name[0] >= '1' && e->d_name[0] <= '9';
        me += atoi(e->d_name) == getpid();
        meminfo += !strcmp(e->d_name, "meminfo");
        types += !strcmp(e->d_name, "self") && e->d_type == DT_LNK;
    }
    printf("pids %d me %d meminfo %d self %d\n", pids > 0, me, meminfo, types);
    closedir(d);
    for (int n = fd; n <= fds[1]; n++)
        close(n);
}

static int number_of(const char *key)
{
    char *at = strstr(buf, key);

    return at ? atoi(at + strlen(key)) : -1;
}

static void *thread(void *argument)
{
    char path[64], link[64] = "";
    int tid = syscall(SYS_gettid), pid = getpid(), count = 0, me = 0;
    DIR *d = opendir("/proc/self/task");

    prctl(PR_SET_NAME, "the-thread");
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.', me += atoi(e->d_name) == tid;
    closedir(d);
    printf("tasks %d me %d\n", count, me);
    sprintf(path, "/proc/self/task/%d/comm", tid);
    slurp(path);
    printf("comm %s", buf);
    sprintf(path, "/proc/self/task/%d/status", tid);
    slurp(path);
    printf("tgid %d pid %d threads %d\n", number_of("Tgid:\t") == pid, number_of("\nPid:\t") == tid, number_of("Threads:\t"));
    sprintf(path, "/proc/%d/comm", tid);
    show_ok(slurp(path));
    printf("comm %s", buf);
    slurp("/proc/self/comm");
    printf("leader %s", buf);
    readlink("/proc/thread-self", link, 60);
    sprintf(path, "%d/task/%d", pid, tid);
    show("thread-self", strcmp(path, link) == 0);
    sprintf(path, "/proc/self/task/%d/task", tid);
    show_ok(access(path, F_OK));
    show_ok(access("/proc/self/task/1000000", F_OK));
    sprintf(path, "/proc/self/task/%d/fd/0", tid);
    show_ok(readlink(path, link, 60));
    show_ok(access("/proc/thread-self/maps", F_OK));
    return NULL;
}

static void threads(void)
{
    pthread_t t;
    int count = 0;

    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    show("tasks", count);
    show_file("/proc/self/task"), show_file("/proc/thread-self");
}

static void system_files(void)
{
    struct statfs fs;
    double up, idle;

    keys("/proc/meminfo", (const char *[]){"MemTotal:  ", "MemFree:  ", "MemAvailable:  ", "Buffers:  ", "Cached:  ", "SwapTotal:  ", " kB\n", NULL});
    keys("/proc/cpuinfo", (const char *[]){"processor\t: 0\n", "vendor_id\t: ", "model name\t: ", "flags\t\t: fpu ", "cpu MHz\t\t: ", NULL});
    keys("/proc/stat", (const char *[]){"cpu  ", "\ncpu0 ", "\nbtime ", "\nprocesses ", NULL});
    keys("/proc/mounts", (const char *[]){" /proc proc ", NULL});
    keys("/proc/version", (const char *[]){"Linux version ", NULL});
    keys("/proc/filesystems", (const char *[]){"nodev\ttmpfs\n", "nodev\tproc\n", NULL});
    slurp("/proc/uptime");
    show("uptime", sscanf(buf, "%lf %lf", &up, &idle) == 2 && up > 0);
    slurp("/proc/loadavg");
    show("loadavg", sscanf(buf, "%lf %*f %*f %*d/%*d %*d", &up));
    slurp("/proc/sys/kernel/ostype");
    printf("ostype %s", buf);
    show("uuid", slurp("/proc/sys/kernel/random/uuid"));
    statfs("/proc", &fs);
    printf("type %lx bsize %ld\n", (long)fs.f_type, (long)fs.f_bsize);
    show_ok(open("/proc/version", O_WRONLY | O_TRUNC));
    show_ok(open("/proc/new", O_CREAT | O_RDWR, 0600));
    show_ok(mkdir("/proc/new", 0600));
    show_ok(unlink("/proc/version"));
    show_ok(rmdir("/proc/sys"));
    show_ok(rename("/proc/version", "/proc/v"));
    int fd = open("/proc/version", O_RDONLY);
    show_call(lseek(fd, 6, SEEK_SET));
    memset(buf, 0, 100);
    show_call(read(fd, buf, 7));
    printf("%s\n", buf);
    show_call(pread(fd, buf, 5, 0));
    struct pollfd p = {fd, POLLIN, 0};
    show_call(poll(&p, 1, 0));
    close(fd);
}

static void devices(void)
{
    static const char *names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};

    for (unsigned n = 0; n < 6; n++)
        show_file(names[n]);
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    int random = open("/dev/urandom", O_RDWR);
    show_call(read(null, buf, 10));
    show_call(write(null, buf, 10));
    show_call(write(null, (void *)16, 10));
    show_call(lseek(null, 100, SEEK_SET));
    show_call(lseek(null, 0, SEEK_CUR));
    memset(buf, 7, 100);
    show_call(read(zero, buf, 50));
    printf("%d %d\n", buf[49], buf[50]);
    show_call(read(zero, (void *)16, 10));
    show_call(pread(zero, buf, 100, 1L << 40));
    show_call(read(full, buf, 10));
    show_call(write(full, buf, 10));
    show_call(write(full, buf, 0));
    show_call(read(random, buf, 1000));
    show_call(write(random, buf, 1000));
    show_call(ftruncate(null, 0));
    show_ok(open("/dev/none", O_RDONLY));
    show_ok(open("/dev/null", O_RDONLY | O_DIRECTORY));
    show_ok(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600));
    show_ok(open("/dev/null", O_RDWR | O_CREAT | O_EXCL, 0600));
    char *z = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0);
    printf("map null: errno %d\n", z == MAP_FAILED ? errno : 0);
}

int main(void)
{
    own_process();
    descriptors();
    threads();
    system_files();
    devices();
    return 0;
}
