/*
 * Starting QEMU: with KVM as the machine of the hypervisor, or by itself (TCG) as the hypervisor of the guest kernel.
 */
#include "tools/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/message.h"
#include "tools/payload.h"

#define ARGUMENTS_MAX 64

struct arguments {
    char *items[ARGUMENTS_MAX];
    size_t count;
};

static void add(struct arguments *a, const char *option, char *value)
{
    a->items[a->count++] = (char *)option;
    if (value)
        a->items[a->count++] = value;
}

static void add_common(struct arguments *a, const char *machine, const char *cpu, uint64_t memory)
{
    add(a, "qemu-system-x86_64", NULL);
    add(a, "-machine", must_format("%s", machine));
    add(a, "-cpu", must_format("%s", cpu));
    add(a, "-m", must_format("%lluM", (unsigned long long)(memory >> 20)));
    add(a, "-nodefaults", NULL);
    add(a, "-no-user-config", NULL);
    add(a, "-no-reboot", NULL);
    add(a, "-display", "none");
    add(a, "-device", "isa-debug-exit,iobase=0xf4,iosize=4");
}

/* A chardev on our end of a socket pair, which is returned; not blocking. */
static int add_chardev(struct arguments *a, const char *id)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        fail(EXIT_LAUNCHER, "cannot make a socket pair: %s", strerror(errno));
    fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    add(a, "-chardev", must_format("socket,id=%s,fd=%d", id, pair[1]));
    return pair[0];
}

static void start(struct machine *m, struct arguments *a, int out)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    a->items[a->count] = NULL;
    m->pid = machine_spawn(a->items, nothing, out, out);
    /* Our copies of the child's ends must go, or their other ends would never see an end. */
    for (size_t i = 0; i + 1 < a->count; i++) {
        const char *fd = strcmp(a->items[i], "-chardev") == 0 ? strstr(a->items[i + 1], "fd=") : NULL;
        if (fd)
            close(atoi(fd + 3));
    }
    close(nothing);
    close(out);
}

static void output_pipe(int pipes[2])
{
    if (pipe2(pipes, O_CLOEXEC) != 0)
        fail(EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(errno));
}

void machine_start_qemu(struct machine *m, const struct run_options *o, const struct images *images,
                        const struct bytes *root)
{
    static const char *const names[PORT_COUNT] = {NULL, PORT_STDIN, PORT_STDOUT, PORT_STDERR, PORT_CONTROL};
    struct arguments a = {0};
    int pipes[2];

    *m = (struct machine){.log_fd = -1};
    add_common(&a, o->qemu_machine ? o->qemu_machine : "q35", o->cpu_model ? o->cpu_model : "max", o->memory);
    add(&a, "-smp", must_format("%u", o->cpus));
    add(&a, "-kernel", images->guest_kernel_path);
    add(&a, "-initrd", descriptor_path(anonymous_file("trapline-root", root->data, root->size)));
    /* QEMU drops what a console port cannot take at once, and closes it for both directions or none. */
    add(&a, "-append", must_format("%s%s", guest_command_line(o), o->tty ? " tty=stdio" : ""));
    m->guest_log = add_chardev(&a, "log");
    add(&a, "-device", "isa-debugcon,iobase=0xe9,chardev=log");
    add(&a, "-device", "virtio-rng-pci");
    add(&a, "-device", must_format("virtio-serial-pci,max_ports=%d", PORT_COUNT));
    for (int i = 0; i < PORT_COUNT; i++) {
        char *id = must_format("port%d", i);
        m->ports[i] = add_chardev(&a, id);
        if (names[i])
            add(&a, "-device", must_format("virtserialport,nr=%d,chardev=%s,name=%s", i, id, names[i]));
        else
            add(&a, "-device", must_format("virtconsole,nr=%d,chardev=%s", i, id));
        free(id);
    }
    output_pipe(pipes);
    m->output = pipes[0];
    start(m, &a, pipes[1]);
}

void machine_start_kvm(struct machine *m, const struct run_options *o, const struct images *images,
                       const struct payload *payload)
{
    struct arguments a = {0};
    int pipes[2];

    if (!images->hypervisor.size)
        fail(EXIT_LAUNCHER, "%s is missing: build the project first", images->hypervisor_path);
    *m = (struct machine){.has_mailbox = true, .log_fd = -1, .guest_log = -1, .ports = {-1, -1, -1, -1, -1}};
    mailbox_create(&m->mailbox);
    add_common(&a, "pc,accel=kvm", o->cpu_model ? o->cpu_model : "host", payload->memory);
    add(&a, "-smp", must_format("%u", o->host_cpus));
    add(&a, "-kernel", images->hypervisor_path);
    add(&a, "-initrd", descriptor_path(anonymous_file("trapline-bundle", payload->bundle.data, payload->bundle.size)));
    add(&a, "-append", payload->command_line);
    add(&a, "-drive", must_format("file=%s,format=raw,if=ide,index=0", descriptor_path(m->mailbox.fd)));
    add(&a, "-chardev", "stdio,id=channel,signal=off");
    add(&a, "-device", "isa-debugcon,iobase=0xe9,chardev=channel");
    output_pipe(pipes);
    m->output = pipes[0];
    start(m, &a, pipes[1]);
}
