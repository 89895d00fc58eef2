/*
 * See tools/machine.h: what Bochs and QEMU have in common.
 */
#include "tools/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/log.h"
#include "tools/message.h"

#define KVM_CPUID_MAX 256
#define CPUID_1_ECX_VMX (1u << 5)

/* The first of the places where the build puts an image. */
static char *find_image(const char *folder, const char *name)
{
    static const char *const places[] = {"", "hv/", "hv/main/", "hv/boot/", "guest_kernel/"};

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char *path = must_format("%s/%s%s", folder, places[i], name);
        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return must_format("%s/%s", folder, name);
}

void images_find(struct images *images, const char *guest_kernel)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        fail(EXIT_LAUNCHER, "cannot find my own file: %s", strerror(errno));
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    images->hypervisor_path = find_image(self, "trapline.elf");
    images->guest_kernel_path = guest_kernel ? must_format("%s", guest_kernel) : find_image(self, "guest_kernel.elf");
    images->rom_path = find_image(self, "rom.bin");
    int error = bytes_read_file(&images->guest_kernel, images->guest_kernel_path);
    if (error)
        fail(EXIT_LAUNCHER, "%s: %s", images->guest_kernel_path, strerror(-error));
    /* Not needed by --machine qemu: the others say so if it is missing. */
    if (bytes_read_file(&images->hypervisor, images->hypervisor_path) != 0)
        images->hypervisor.size = 0;
}

/* Why /dev/kvm will not do, or NULL if it offers VMX to guests. */
static const char *kvm_refusal(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    const char *why = "/dev/kvm offers no VMX to guests";

    if (fd < 0)
        return errno == ENOENT ? "there is no /dev/kvm" : "/dev/kvm cannot be opened";
    struct kvm_cpuid2 *list = must_alloc(sizeof *list + KVM_CPUID_MAX * sizeof list->entries[0]);
    list->nent = KVM_CPUID_MAX;
    if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        why = "/dev/kvm speaks another version of the KVM API";
    } else if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, list) != 0) {
        why = "/dev/kvm does not say what it offers to guests";
    } else {
        for (uint32_t i = 0; i < list->nent && i < KVM_CPUID_MAX; i++) {
            if (list->entries[i].function == 1 && (list->entries[i].ecx & CPUID_1_ECX_VMX))
                why = NULL;
        }
    }
    free(list);
    close(fd);
    return why;
}

enum machine_kind machine_choose(const struct run_options *o)
{
    if (o->machine == MACHINE_BOCHS || o->machine == MACHINE_QEMU)
        return o->machine;
    const char *refusal = kvm_refusal();
    if (o->machine == MACHINE_KVM) {
        if (refusal)
            fail(EXIT_LAUNCHER, "--machine kvm: %s", refusal);
        return MACHINE_KVM;
    }
    if (refusal)
        message("machine bochs, because %s", refusal);
    else
        message("machine kvm, because /dev/kvm offers VMX to guests");
    return refusal ? MACHINE_BOCHS : MACHINE_KVM;
}

char *guest_command_line(const struct run_options *o)
{
    return must_format("loglevel=%d%s%s%s%s", o->verbose ? LOG_DEBUG : LOG_WARN, o->no_vdso ? " vdso=0" : "",
                       o->no_aslr ? " aslr=0" : "", o->guest_words ? " " : "", o->guest_words ? o->guest_words : "");
}

char *hypervisor_command_line(const struct run_options *o)
{
    struct bytes b = {0};

    if (o->memory) /* else each sandbox of a manifest says it */
        bytes_append_text(&b, "memory=%llu ", (unsigned long long)o->memory);
    bytes_append_text(&b, "trap=%d trace=%s last=%d loglevel=%d stats=%d tty=%d", !o->no_trap, trace_mode(o), o->last,
                      o->verbose ? LOG_DEBUG : LOG_WARN, o->stats, o->tty);
    if (o->cpus > 1)
        bytes_append_text(&b, " cpus=%u", o->cpus);
    if (o->denied.count)
        bytes_append_text(&b, " deny=%s", string_list_join(&o->denied, ','));
    if (o->toggle)
        bytes_append_text(&b, " toggle=%u", o->toggle);
    if (o->hypervisor_words)
        bytes_append_text(&b, " %s", o->hypervisor_words);
    bytes_append_text(&b, " -- %s", guest_command_line(o));
    bytes_append(&b, "", 1);
    return (char *)b.data;
}

/* In the child, before exec: nothing here may allocate.  `report` closes by exec, or carries the errno of its failure. */
static noreturn void exec_child(char *const argv[], int in, int out, int err, int report, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    /* Bochs' screen listens on a TCP port for VNC clients: in a network of its own nobody can connect. */
    if (unshare(CLONE_NEWNET) != 0)
        unshare(CLONE_NEWUSER | CLONE_NEWNET);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    execvp(argv[0], argv);
    int error = errno;
    _exit(write(report, &error, sizeof error) == sizeof error ? EXIT_NOT_FOUND : EXIT_LAUNCHER);
}

pid_t machine_spawn(char *const argv[], int in, int out, int err)
{
    pid_t parent = getpid();
    int report[2], error;

    if (pipe2(report, O_CLOEXEC) != 0)
        fail(EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        fail(EXIT_LAUNCHER, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        exec_child(argv, in, out, err, report[1], parent);
    close(report[1]);
    if (read(report[0], &error, sizeof error) == sizeof error)
        fail(EXIT_LAUNCHER, "cannot start %s: %s", argv[0], strerror(error));
    close(report[0]);
    return pid;
}
