/*
 * Core files: when there is one, what it is called, what is in it.
 */
#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "tests/abi/abi_test.h"

static long marker[1024] = {0x1234567};
static char *anonymous, *untouched, *shared;

static void limit_to(unsigned long size)
{
    struct rlimit l = {size, size};

    setrlimit(RLIMIT_CORE, &l);
}

static long size_of(const char *name)
{
    struct stat st;

    return stat(name, &st) ? -1 : st.st_size;
}

/* In a child: how it ended, with the core bit, and what file there is. */
static void show_end(const char *what, void (*body)(void), unsigned long limit)
{
    int status = 0;

    unlink("core");
    pid_t pid = fork_clean();
    if (!pid) {
        limit_to(limit);
        body();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    struct stat st = {0};
    int none = stat("core", &st);
    printf("%s: status %x file %s mode %o\n", what, status, none ? "none" : st.st_size > 4096 ? "large" : "small", st.st_mode);
}

static void fault(void)
{
    *(volatile int *)8 = 1;
}

static void quit(void)
{
    raise(SIGQUIT);
}

static void terminate(void)
{
    raise(SIGTERM);
}

static void not_dumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    fault();
}

static void other_user(void)
{
    chmod(".", 0777);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    prctl(PR_SET_DUMPABLE, 1);
    fault();
}

static void no_directory(void)
{
    mkdir("gone", 0700);
    chdir("gone");
    rmdir("../gone");
    fault();
}

static void over_a_link(void)
{
    symlink("/etc/passwd", "core");
    fault();
}

static void over_a_file(void)
{
    int fd = open("core", O_CREAT | O_WRONLY, 0666);

    write(fd, "old", 3);
    close(fd);
    fault();
}

static void over_a_directory(void)
{
    mkdir("core", 0700);
    fault();
}

static void *other_thread(void *arg)
{
    prctl(PR_SET_NAME, "other");
    for (;;)
        pause();
    return NULL;
}

static void prepare(void)
{
    anonymous = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    untouched = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy(anonymous, "anonymous");
    strcpy(shared, "shared");
}

static void crash_with_threads(void)
{
    pthread_t t;

    pthread_create(&t, NULL, other_thread, NULL);
    pthread_create(&t, NULL, other_thread, NULL);
    usleep(50000);
    prctl(PR_SET_NAME, "a crash");
    __asm__ volatile("mov $0x5150, %%r15; mov $16, %%rax; movl $0, (%%rax)" : : : "rax", "r15", "memory");
}

static const unsigned char *image;

static const char *segment(const Elf64_Ehdr *e, const void *address)
{
    const Elf64_Phdr *p = (const void *)(image + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && (unsigned long)address - p[i].p_vaddr < p[i].p_memsz)
            return (unsigned long)address - p[i].p_vaddr < p[i].p_filesz
                       ? (const char *)image + p[i].p_offset + ((unsigned long)address - p[i].p_vaddr)
                       : "(not written)";
    return "(no segment)";
}

static void show_note(const Elf64_Nhdr *n, const char *owner, const unsigned char *data)
{
    printf("note %s %x", owner, n->n_type);
    if (n->n_type == NT_PRSTATUS) {
        const struct elf_prstatus *s = (const void *)data;
        const struct user_regs_struct *r = (const void *)&s->pr_reg;
        printf(" signal %d %d size %u%s", s->pr_info.si_signo, s->pr_cursig, n->n_descsz, r->r15 == 0x5150 ? " with r15" : "");
    } else if (n->n_type == NT_PRPSINFO) {
        const struct elf_prpsinfo *s = (const void *)data;
        printf(" %s uid %d size %u arguments %d", s->pr_fname, s->pr_uid, n->n_descsz, s->pr_psargs[0] != 0);
    } else if (n->n_type == NT_SIGINFO) {
        const siginfo_t *info = (const void *)data;
        printf(" signal %d code %d address %ld", info->si_signo, info->si_code, (long)info->si_addr);
    } else if (n->n_type == NT_AUXV) {
        const unsigned long *a = (const void *)data;
        printf(" ends with 0: %d", a[n->n_descsz / 8 - 2] == 0);
    } else if (n->n_type == NT_FILE) {
        const unsigned long *a = (const void *)data;
        printf(" page size %ld has files %d", a[1], a[0] > 0);
    } else if (n->n_type == NT_PRFPREG) {
        printf(" size %u", n->n_descsz);
    }
    printf("\n");
}

static void show_content(void)
{
    int status, fd;

    unlink("core");
    prepare();
    pid_t pid = fork_clean();
    if (!pid) {
        limit_to(RLIM_INFINITY);
        marker[5] = 99;
        crash_with_threads();
    }
    waitpid(pid, &status, 0);
    printf("with threads: %x\n", status);
    fd = open("core", O_RDONLY);
    long size = size_of("core");
    image = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    const Elf64_Ehdr *e = (const void *)image;
    if (image == MAP_FAILED || memcmp(e->e_ident, ELFMAG, SELFMAG)) {
        printf("no ELF file\n");
        return;
    }
    printf("type %d machine %d notes first %d\n", e->e_type, e->e_machine, ((const Elf64_Phdr *)(image + e->e_phoff))->p_type == PT_NOTE);
    const Elf64_Phdr *p = (const void *)(image + e->e_phoff);
    for (unsigned long at = 0; at < p->p_filesz;) {
        const Elf64_Nhdr *n = (const void *)(image + p->p_offset + at);
        const char *owner = (const char *)(n + 1);
        at += sizeof *n + (n->n_namesz + 3) / 4 * 4;
        if (n->n_type != 0x205) /* newer kernels describe the XSAVE layout */
            show_note(n, owner, image + p->p_offset + at);
        at += (n->n_descsz + 3) / 4 * 4;
    }
    printf("data %ld anonymous %s shared %s untouched %s\n", *(const long *)(const void *)segment(e, &marker[5]),
           segment(e, anonymous), segment(e, shared), segment(e, untouched));
    printf("file is whole: %d\n", (long)(p[e->e_phnum - 1].p_offset + p[e->e_phnum - 1].p_filesz) == size);
}

static void filter(const char *value)
{
    char text[32] = "";
    int fd = open("/proc/self/coredump_filter", O_RDWR);

    errno = 0;
    long n = write(fd, value, strlen(value));
    printf("filter %s: %ld errno %d", value, n, n < 0 ? errno : 0);
    close(fd);
    fd = open("/proc/self/coredump_filter", O_RDONLY);
    read(fd, text, sizeof text - 1);
    printf(" then %s", text);
    close(fd);
}

static void no_memory_wanted(void)
{
    filter("0");
    fault();
}

static void bad_call(void)
{
    syscall(SYS_kill, getpid(), SIGABRT);
}

int main(void)
{
    show_end("no limit", fault, RLIM_INFINITY);
    show_end("limit 0", fault, 0);
    show_end("limit 4095", fault, 4095);
    show_end("limit 4096", fault, 4096);
    show_end("SIGQUIT", quit, RLIM_INFINITY);
    show_end("SIGABRT from kill", bad_call, RLIM_INFINITY);
    show_end("SIGTERM", terminate, RLIM_INFINITY);
    show_end("not dumpable", not_dumpable, RLIM_INFINITY);
    show_end("removed directory", no_directory, RLIM_INFINITY);
    show_end("over a link", over_a_link, RLIM_INFINITY);
    show_end("over a file", over_a_file, RLIM_INFINITY);
    show_end("over a directory", over_a_directory, RLIM_INFINITY);
    rmdir("core");
    show_end("another user", other_user, RLIM_INFINITY);
    unlink("core");
    filter("0x13");
    filter("33\n");
    filter("nonsense");
    filter("0xffffffff");
    filter("0x33");
    show_content();
    long whole = size_of("core");
    show_end("no memory wanted", no_memory_wanted, RLIM_INFINITY);
    show("smaller", size_of("core") < whole);
    unlink("core");
    return 0;
}
