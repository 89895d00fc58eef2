/*
 * Capabilities: what they are, how user ids, execve, capset and prctl change them, and that they are what counts.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "abi_test.h"

static const char *self_path;

struct sets {
    uint64_t effective, permitted, inheritable;
};

#define CAP(name) (1ULL << CAP_##name)
/* Without one that the machine that this runs on may not give. */
#define ALL (((1ULL << (CAP_LAST_CAP + 1)) - 1) & ~CAP(SYS_RESOURCE))

static long get(struct sets *s)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{0}};
    long result = syscall(SYS_capget, &h, d);

    s->effective = d[0].effective | (uint64_t)d[1].effective << 32;
    s->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
    s->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
    return result;
}

static long set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
                                          {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};

    return syscall(SYS_capset, &h, d);
}

/* A newer kernel may have more of them than this header names. */
static const char *word(uint64_t caps, char *text)
{
    if ((caps & ALL) == ALL)
        return "all";
    sprintf(text, "%llx", (unsigned long long)(caps & ~CAP(SYS_RESOURCE)));
    return text;
}

static void tell(const char *what)
{
    char a[20], b[20], c[20];
    struct sets s;

    get(&s);
    printf("%s: uid %d %d, effective %s permitted %s inheritable %s, securebits %d, chown %d, ambient %d\n", what, getuid(), geteuid(),
           word(s.effective, a), word(s.permitted, b), word(s.inheritable, c), prctl(PR_GET_SECUREBITS),
           prctl(PR_CAPBSET_READ, CAP_CHOWN), prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    fflush(stdout);
}

static void again(void)
{
    execl(self_path, "self", "tell", NULL);
    _exit(1);
}

static void versions(void)
{
    struct __user_cap_header_struct h = {0, 0};
    struct __user_cap_data_struct d[2];

    SHOW(syscall(SYS_capget, &h, NULL));
    CHECK(h.version == _LINUX_CAPABILITY_VERSION_3);
    h.version = 0;
    SHOW(syscall(SYS_capget, &h, d));
    h.version = _LINUX_CAPABILITY_VERSION_1;
    SHOW(syscall(SYS_capget, &h, d));
    h.pid = -1;
    SHOW(syscall(SYS_capget, &h, d));
    h.pid = 99999;
    SHOW(syscall(SYS_capget, &h, d));
    h.pid = getppid();
    SHOW(syscall(SYS_capset, &h, d));
    SHOW(syscall(SYS_capget, (void *)8, d));
    h = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    SHOW(syscall(SYS_capget, &h, (void *)8));
    SHOW(syscall(SYS_capset, &h, (void *)8));
}

static void drop(void)
{
    tell("at first");
    SHOW(set(CAP(CHOWN) | CAP(KILL), CAP(CHOWN) | CAP(KILL) | CAP(SETPCAP), CAP(CHOWN)));
    tell("dropped");
    SHOW(set(CAP(CHOWN) | CAP(FOWNER), CAP(CHOWN) | CAP(KILL), 0)); /* not permitted */
    SHOW(set(CAP(CHOWN), CAP(CHOWN) | CAP(FOWNER), 0));             /* not to be had again */
    SHOW(set(CAP(KILL), CAP(CHOWN), 0));
    SHOW(set(CAP(SETPCAP), CAP(CHOWN) | CAP(SETPCAP), CAP(CHOWN) | CAP(SYS_ADMIN)));
    tell("with more to inherit");
    SHOW(set(0, CAP(CHOWN), 0));
    SHOW(chown("file", 5, 5));
    SHOW(set(CAP(CHOWN), CAP(CHOWN), 0));
    SHOW(chown("file", 5, 5));
    SHOW(chmod("file", 0600));
    SHOW(open("file", O_RDONLY) >= 0);
    SHOW(setuid(7));
    SHOW(sethostname("x", 1));
    SHOW(mknod("node", S_IFCHR | 0600, 0x103));
    SHOW(setpriority(PRIO_PROCESS, 0, -5));
    SHOW(chroot("."));
    SHOW(setgroups(0, NULL));
    SHOW(setgid(7));
    SHOW(kill(1, 0));
    again();
}

static void reading(void)
{
    set(CAP(DAC_READ_SEARCH), CAP(DAC_READ_SEARCH), 0);
    mkdir("closed", 0);
    SHOW(open("secret", O_RDONLY) >= 0);
    SHOW(open("secret", O_WRONLY) >= 0);
    SHOW(access("secret", R_OK));
    SHOW(open("closed/x", O_CREAT | O_WRONLY, 0600));
    SHOW(open("closed", O_RDONLY) >= 0);
}

static void other_user(void)
{
    SHOW(setresuid(1000, 1000, 0));
    tell("one root id left");
    SHOW(setresuid(-1, 0, -1));
    tell("root again");
    SHOW(setresuid(1000, 1000, 1000));
    tell("no root id");
    SHOW(set(0, 0, 0));
    SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    SHOW(prctl(PR_SET_SECUREBITS, 0));
    again();
}

static void keep(void)
{
    SHOW(prctl(PR_SET_KEEPCAPS, 1));
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(setuid(1000));
    tell("kept");
    SHOW(set(CAP(CHOWN), CAP(CHOWN) | CAP(KILL), CAP(CHOWN)));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 99, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, 77, CAP_CHOWN, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 1, 0));
    tell("ambient");
    SHOW(chown("file", 6, 6));
    again();
}

static void file_ids(void)
{
    struct sets s;

    syscall(SYS_setfsuid, 1000);
    get(&s);
    printf("without root's fsuid: %d %d\n", !!(s.effective & CAP(CHOWN)), !!(s.effective & CAP(KILL)));
    syscall(SYS_setfsuid, 0);
    tell("with it");
}

static void bounds(void)
{
    SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_DROP, 99));
    SHOW(prctl(PR_CAPBSET_READ, 99));
    SHOW(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    SHOW(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED));
    SHOW(prctl(PR_SET_KEEPCAPS, 0));
    SHOW(prctl(PR_SET_SECUREBITS, 0));
    SHOW(prctl(PR_SET_SECUREBITS, 0x10000));
    SHOW(prctl(PR_SET_KEEPCAPS, 2));
    again();
}

static void no_root(void)
{
    SHOW(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP));
    SHOW(setuid(1000));
    tell("no fix-up");
    SHOW(setuid(0));
    again();
}

int main(int argc, char **argv)
{
    static char path[4096];

    if (argc > 1 && !strcmp(argv[1], "tell")) {
        tell("after execve");
        return 0;
    }
    self_path = readlink("/proc/self/exe", path, sizeof path - 1) > 0 ? path : argv[0];
    close(open("file", O_CREAT | O_WRONLY, 0644));
    close(open("secret", O_CREAT | O_WRONLY, 0600));
    if (chown("secret", 9, 9))
        return 1;
    chmod(".", 0755);
    show_child("versions", versions);
    show_child("drop", drop);
    show_child("reading", reading);
    show_child("other user", other_user);
    show_child("keep", keep);
    show_child("file ids", file_ids);
    show_child("bounds", bounds);
    show_child("no root", no_root);
    return 0;
}
