/*
 * Starting Bochs: our own boot ROM, one RAM image, the channel on port 0xE9 and the mailbox as its only disk.
 */
#include "tools/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/boot_image.h"
#include "tools/boot_image.h"
#include "tools/message.h"
#include "tools/payload.h"

#define BOCHS_MEMORY_MAX MiB(2048) /* above it Bochs takes seconds to start, and RAM ends below the PCI hole */

/*
 * Time: with sync=slowdown the guest's clock does not run ahead of the real one (Bochs looks once a second) and waiting
 * uses no CPU; with sync=none a sleeping guest jumps to its next timer, so that a wait for input of one second is many
 * minutes of guest time, but two runs are equal to the tick (--clock virtual).  The number of instructions per second is more than this machine can do: no run is held back.
 */
static char *bochs_configuration(const struct run_options *o, const struct machine *m, const char *rom,
                                 const char *image, uint64_t memory)
{
    return must_format("megs: %llu\n"
                       "cpu: model=%s, count=%u, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=0\n"
                       "romimage: file=%s\n"
                       "optramimage1: file=%s, address=%#x\n"
                       "display_library: rfb, options=\"timeout=0\"\n"
                       "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
                       "ata0-master: type=disk, path=%s, mode=flat, cylinders=%u, heads=16, spt=63\n"
                       "port_e9_hack: enabled=1\n"
                       "speaker: enabled=0\n"
                       "sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\n"
                       "clock: %s\n"
                       "log: %s\n"
                       "panic: action=fatal\n"
                       "error: action=%s\n"
                       "info: action=ignore\n"
                       "debug: action=ignore\n",
                       (unsigned long long)(memory >> 20), o->cpu_model ? o->cpu_model : "corei7_skylake_x",
                       o->host_cpus, rom, image,
                       BOOT_IMAGE_ADDRESS, descriptor_path(m->mailbox.fd), MAILBOX_CYLINDERS,
                       o->virtual_clock ? "sync=none, time0=946684800" : "sync=slowdown, time0=utc",
                       descriptor_path(m->log_fd), o->verbose ? "report" : "ignore");
}

void machine_start_bochs(struct machine *m, const struct run_options *o, const struct images *images,
                         const struct payload *payload)
{
    uint64_t memory = payload->memory;
    int pipes[2];

    if (!images->hypervisor.size || access(images->rom_path, R_OK) != 0)
        fail(EXIT_LAUNCHER, "%s or %s is missing: build the project first", images->hypervisor_path, images->rom_path);
    if (memory > BOCHS_MEMORY_MAX)
        fail(EXIT_LAUNCHER, "--memory: Bochs has at most %llu MiB, and %llu MiB would be needed with the hypervisor and all roots",
             (unsigned long long)(BOCHS_MEMORY_MAX >> 20), (unsigned long long)(memory >> 20));
    struct bytes image = boot_image_build(&images->hypervisor, &payload->bundle, payload->command_line, memory);
    int image_fd = anonymous_file("trapline-image", image.data, image.size);
    bytes_free(&image);
    *m = (struct machine){.has_mailbox = true, .guest_log = -1, .ports = {-1, -1, -1, -1, -1}};
    mailbox_create(&m->mailbox);
    m->log_fd = anonymous_file("trapline-bochs-log", NULL, 0);
    char *text = bochs_configuration(o, m, images->rom_path, descriptor_path(image_fd), memory);
    int configuration = anonymous_file("trapline-bochsrc", text, strlen(text));
    int script = anonymous_file("trapline-bochs-rc", "c\n", 2); /* Debian's Bochs waits in its debugger */
    char *argv[] = {"bochs", "-q", "-unlock", "-f", descriptor_path(configuration), "-rc", descriptor_path(script), NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || pipe2(pipes, O_CLOEXEC) != 0)
        fail(EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(errno));
    fcntl(pipes[0], F_SETPIPE_SZ, 1 << 20); /* fewer switches; its refusal does no harm */
    m->pid = machine_spawn(argv, nothing, pipes[1], pipes[1]);
    m->output = pipes[0];
    close(pipes[1]);
    close(nothing);
    free(text);
}
