/*
 * Capabilities and credentials: the sets, what setuid, execve and prctl do to them, and that checks ask for the one
 * that Linux asks for.  The set of all is not shown: a Linux in a container may lack some.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "abi_test.h"

#define BITS(n) (1ULL << (n))

struct sets {
    unsigned long long effective, permitted, inheritable;
};

static long cap_get(int pid, struct sets *s)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
    struct __user_cap_data_struct d[2] = {{0}};
    long result = syscall(SYS_capget, &h, d);

    s->effective = d[0].effective | (unsigned long long)d[1].effective << 32;
    s->permitted = d[0].permitted | (unsigned long long)d[1].permitted << 32;
    s->inheritable = d[0].inheritable | (unsigned long long)d[1].inheritable << 32;
    return result;
}

static long cap_set(unsigned long long effective, unsigned long long permitted, unsigned long long inheritable)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{(unsigned)effective, (unsigned)permitted, (unsigned)inheritable},
                                          {effective >> 32, permitted >> 32, inheritable >> 32}};

    return syscall(SYS_capset, &h, d);
}

static const char *size_of(unsigned long long set)
{
    static char text[32];

    if (__builtin_popcountll(set) > 30)
        return "most";
    snprintf(text, sizeof text, "%llx", set);
    return text;
}

static void show_sets(const char *what)
{
    struct sets s;

    cap_get(0, &s);
    printf("%s: effective %s", what, size_of(s.effective));
    printf(", permitted %s", size_of(s.permitted));
    printf(", inheritable %s\n", size_of(s.inheritable));
}

static void show_headers(void)
{
    struct __user_cap_header_struct h = {0x11111111, 0};
    struct __user_cap_data_struct d[2] = {{0}};

    show_call(syscall(SYS_capget, &h, NULL));
    show("told the version", h.version == _LINUX_CAPABILITY_VERSION_3);
    h.version = 0x11111111;
    show_call(syscall(SYS_capget, &h, d));
    h.version = 0x11111111;
    show_call(syscall(SYS_capset, &h, d));
    h.version = _LINUX_CAPABILITY_VERSION_3;
    h.pid = -1;
    show_call(syscall(SYS_capget, &h, d));
    show_call(syscall(SYS_capset, &h, d));
    h.pid = 99999;
    show_call(syscall(SYS_capget, &h, d));
    show_call(syscall(SYS_capset, &h, d));
    h.pid = 0;
    show_call(syscall(SYS_capget, &h, 1));
    show_call(syscall(SYS_capget, NULL, d));
    show_call(syscall(SYS_capset, &h, NULL));
    h.version = _LINUX_CAPABILITY_VERSION_1;
    memset(d, 0x77, sizeof d);
    show_call(syscall(SYS_capget, &h, d));
    show("the first version has one half", d[1].effective == 0x77777777);
}

static void setuid_drops(void)
{
    show_sets("as root");
    show_call(setresuid(0, 1000, 0));
    show_sets("effective id away");
    show_call(setresuid(0, 0, 0));
    show_sets("and back");
    setfsuid(1000);
    struct sets s;
    cap_get(0, &s);
    show("no DAC_OVERRIDE", s.effective >> CAP_DAC_OVERRIDE & 1);
    show("still KILL", s.effective >> CAP_KILL & 1);
    setfsuid(0);
    cap_get(0, &s);
    show("DAC_OVERRIDE again", s.effective >> CAP_DAC_OVERRIDE & 1);
    show_call(setuid(1000));
    show_sets("all ids away");
    show_call(setuid(0));
    show_call(prctl(PR_GET_DUMPABLE));
}

static void keeps(void)
{
    show_call(prctl(PR_GET_KEEPCAPS));
    show_call(prctl(PR_SET_KEEPCAPS, 2));
    show_call(prctl(PR_SET_KEEPCAPS, 1));
    show_call(prctl(PR_GET_KEEPCAPS));
    show("securebits", prctl(PR_GET_SECUREBITS));
    show_call(setuid(1000));
    show_sets("kept over setuid");
    show_call(cap_set(BITS(CAP_KILL), BITS(CAP_KILL) | BITS(CAP_CHOWN), BITS(CAP_KILL)));
    show_sets("chosen");
    show_call(cap_set(BITS(CAP_SETUID), BITS(CAP_SETUID), 0));
    show_call(cap_set(BITS(CAP_CHOWN), BITS(CAP_KILL), 0));
    show_call(cap_set(0, BITS(CAP_KILL), BITS(CAP_SETUID)));
    show_call(kill(1, 0));
    show_call(cap_set(0, BITS(CAP_KILL), 0));
    show_call(kill(1, 0));
    show_call(setuid(0));
    show_call(cap_set(0, 1ULL << 45, 0));
}

static void bounding(void)
{
    show_call(prctl(PR_CAPBSET_READ, CAP_KILL));
    show_call(prctl(PR_CAPBSET_READ, 41));
    show_call(prctl(PR_CAPBSET_READ, -1));
    show_call(prctl(PR_CAPBSET_DROP, CAP_KILL));
    show_call(prctl(PR_CAPBSET_READ, CAP_KILL));
    show_call(prctl(PR_CAPBSET_DROP, 41));
    struct sets s;
    cap_get(0, &s);
    show("still had", s.effective >> CAP_KILL & 1);
    show_call(cap_set(s.effective, s.permitted, BITS(CAP_KILL)));
    show_call(cap_set(s.effective & ~BITS(CAP_SETPCAP), s.permitted, 0));
    show_call(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    show_call(prctl(PR_CAPBSET_DROP, 41));
}

static void secure_bits(void)
{
    show_call(prctl(PR_SET_SECUREBITS, 1 << 20));
    show_call(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED));
    show_call(prctl(PR_SET_KEEPCAPS, 1));
    show_call(prctl(PR_SET_SECUREBITS, 0));
    show_call(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT));
    show("securebits", prctl(PR_GET_SECUREBITS));
    show_call(setuid(1000));
    show_sets("no fix-up");
}

static void ambient(void)
{
    struct sets s;

    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    cap_get(0, &s);
    show_call(cap_set(s.effective, s.permitted, BITS(CAP_KILL)));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 41, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    show_call(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
}

static char self[] = "/proc/self/exe";

static void again(const char *how)
{
    char *argv[] = {self, (char *)how, NULL}, *envp[] = {NULL};

    fflush(stdout);
    execve(self, argv, envp);
    printf("execve: errno %d\n", errno);
}

static void exec_as_root(void)
{
    show_call(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
    show_call(cap_set(0, 0, 0));
    again("root regains what the bounding set allows");
}

static void exec_ambient(void)
{
    prctl(PR_SET_KEEPCAPS, 1);
    setuid(1000);
    cap_set(BITS(CAP_KILL) | BITS(CAP_CHOWN), BITS(CAP_KILL) | BITS(CAP_CHOWN), BITS(CAP_KILL));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    show_call(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    again("ambient ones are kept");
}

static void exec_no_new_privs(void)
{
    cap_set(BITS(CAP_KILL), BITS(CAP_KILL), 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    again("no new privileges for root either");
}

static void exec_not_root(void)
{
    struct sets s;

    cap_get(0, &s);
    cap_set(s.effective, s.permitted, BITS(CAP_KILL));
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT);
    again("NOROOT: nothing");
}

static void after_exec(const char *how)
{
    show_sets(how);
    show("SYS_TIME in the bounding set", prctl(PR_CAPBSET_READ, CAP_SYS_TIME));
    show("ambient KILL", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    show("keeps", prctl(PR_GET_KEEPCAPS));
    show("dumpable", prctl(PR_GET_DUMPABLE));
}

/* With one capability only: what it allows, and what it does not. */
static void with(int capability)
{
    cap_set(capability < 0 ? 0 : BITS(capability), capability < 0 ? 0 : BITS(capability), 0);
}

static void files_without(void)
{
    int fd = open("closed", O_CREAT | O_RDWR, 0);

    show_ok(fd);
    close(fd);
    show_call(mkdir("shut", 0));
    with(-1);
    show_call(open("closed", O_RDONLY));
    show_call(access("closed", R_OK));
    show_call(mknod("device", S_IFCHR, 0x103));
    show_call(chown("closed", 5, 5));
    show_call(chmod("closed", 02755));
    show_call(chmod("closed", 0));
    show_call(chroot("/"));
    show_call(setuid(5));
    show_call(setgroups(0, NULL));
    show_call(sethostname("x", 1));
    struct timeval t = {-1, 0};
    show_call(settimeofday(&t, NULL));
}

static void files_read_search(void)
{
    with(CAP_DAC_READ_SEARCH);
    show_ok(open("closed", O_RDONLY));
    show_call(open("closed", O_WRONLY));
    show_ok(open("shut", O_RDONLY | O_DIRECTORY));
    show_call(open("shut/new", O_CREAT | O_WRONLY, 0600));
    show_call(chdir("shut"));
}

static void files_override(void)
{
    with(CAP_DAC_OVERRIDE);
    show_ok(open("closed", O_RDWR));
    show_call(execl("closed", "closed", NULL));
    show_ok(open("shut/new", O_CREAT | O_WRONLY, 0600));
}

static void files_chown(void)
{
    with(CAP_CHOWN);
    show_call(chown("closed", 5, 6));
    show_call(chmod("closed", 0640));
}

static void files_fowner(void)
{
    with(CAP_FOWNER);
    show_call(chmod("closed", 02750));
    struct stat st;
    stat("closed", &st);
    show("without FSETID: no set-group-id bit of a foreign group", st.st_mode & 07777);
}

static void show_groups(void)
{
    enum { MANY = 65536 };
    gid_t *groups = malloc((MANY + 1) * sizeof *groups);

    for (int i = 0; i < MANY; i++)
        groups[i] = (gid_t)(MANY - i) * 3;
    show_call(syscall(SYS_setgroups, MANY + 1, groups));
    show_call(syscall(SYS_setgroups, MANY, groups));
    show_call(syscall(SYS_getgroups, 0, NULL));
    show_call(syscall(SYS_getgroups, MANY - 1, groups));
    memset(groups, 0, MANY * sizeof *groups);
    show_call(syscall(SYS_getgroups, MANY, groups));
    show("sorted: the first", groups[0]);
    show("and the last", groups[MANY - 1]);
    close(open("group", O_CREAT | O_WRONLY, 0));
    show_call(chown("group", 7, 3 * 1000));
    show_call(chmod("group", 0040));
    setresgid(8, 8, 8);
    setresuid(8, 8, 8);
    show_ok(open("group", O_RDONLY));
    show_call(syscall(SYS_setgroups, 1, groups));
}

/* Twice the same user: the second passes the limit by its setuid, which only execve minds. */
static void nproc_by_setuid(void)
{
    struct rlimit limit = {0, 0};
    char *argv[] = {self, "this must not run", NULL};

    setrlimit(RLIMIT_NPROC, &limit);
    fflush(stdout);
    pid_t other = fork();
    if (other == 0) {
        setuid(4321);
        pause();
    }
    usleep(50000);
    show_call(setuid(4321));
    show_call(execve(self, argv, NULL));
    show_call(fork());
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    show_call(fork());
}

static void prctl_rest(void)
{
    int word = -1;

    show_call(prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL));
    show_call(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP));
    show_call(prctl(PR_GET_TIMING));
    show_call(prctl(PR_GET_TIMERSLACK));
    show_call(prctl(PR_SET_TIMERSLACK, 12345));
    pid_t child = fork_clean();
    if (child == 0) {
        show_call(prctl(PR_GET_TIMERSLACK));
        show_call(prctl(PR_SET_TIMERSLACK, 1));
        show_call(prctl(PR_SET_TIMERSLACK, 0));
        show_call(prctl(PR_GET_TIMERSLACK));
        child_exit(0);
    }
    waitpid(child, NULL, 0);
    show_call(prctl(PR_SET_TIMERSLACK, 0));
    show_call(prctl(PR_GET_TIMERSLACK));
    show_call(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    show_call(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    show_call(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 1));
    show_call(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    show_call(prctl(PR_SET_CHILD_SUBREAPER, 5));
    show_call(prctl(PR_GET_CHILD_SUBREAPER, &word));
    show("subreaper", word);
    show_call(prctl(PR_SET_CHILD_SUBREAPER, 0));
    show_call(prctl(PR_GET_CHILD_SUBREAPER, 1));
    show_call(prctl(PR_GET_FPEMU, &word));
    show_call(prctl(PR_SET_ENDIAN, 0));
    show_call(prctl(PR_GET_UNALIGN, &word));
    show_call(prctl(12345));
    show_call(prctl(-1));
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        after_exec(argv[1]);
        return 0;
    }
    show_headers();
    show_child("setuid", setuid_drops);
    show_child("keepcaps", keeps);
    show_child("bounding set", bounding);
    show_child("secure bits", secure_bits);
    show_child("ambient", ambient);
    show_child("execve", exec_as_root);
    show_child("execve, ambient", exec_ambient);
    show_child("execve, no new privileges", exec_no_new_privs);
    show_child("execve, not root", exec_not_root);
    show_child("no capability", files_without);
    show_child("READ_SEARCH", files_read_search);
    show_child("CHOWN", files_chown);
    show_child("FOWNER", files_fowner);
    chown("closed", 5, 5);
    chmod("closed", 0);
    show_child("DAC_OVERRIDE", files_override);
    show_child("groups", show_groups);
    show_child("RLIMIT_NPROC and setuid", nproc_by_setuid);
    show_child("prctl", prctl_rest);
    return 0;
}
