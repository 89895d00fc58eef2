/*
 * An emulator started for one sandbox: Bochs or QEMU.  All its files are anonymous and inherited, it has a process group
 * of its own (so that the terminal's signals reach only us) and dies with us.
 */
#ifndef TOOLS_MACHINE_H
#define TOOLS_MACHINE_H

#include <sys/types.h>

#include "abi/init_spec.h"
#include "tools/bytes.h"
#include "tools/mailbox.h"
#include "tools/run_options.h"

/* Our images, found beside this program's own file. */
struct images {
    char *hypervisor_path, *guest_kernel_path, *rom_path;
    struct bytes hypervisor, guest_kernel; /* as on disk, with symbols */
};

struct payload;

struct machine {
    pid_t pid;
    int output;            /* what the emulator prints: frames, if it has a mailbox, and chatter */
    int log_fd;            /* the emulator's own log, an anonymous file; -1: none */
    bool has_mailbox;
    struct mailbox mailbox;
    int guest_log;         /* QEMU alone: the guest kernel's log; else -1, as the ports */
    int ports[PORT_COUNT]; /* QEMU alone: our ends of the console's ports, not blocking */
};

void images_find(struct images *images, const char *guest_kernel); /* guest_kernel NULL: ours */

/* Decides for MACHINE_AUTO; says why on standard error.  Ends the launcher if an asked-for machine cannot be had. */
enum machine_kind machine_choose(const struct run_options *o);

/* Start it.  Ends the launcher if that fails. */
void machine_start_bochs(struct machine *m, const struct run_options *o, const struct images *images,
                         const struct payload *payload);
void machine_start_kvm(struct machine *m, const struct run_options *o, const struct images *images,
                       const struct payload *payload);
/* `root` is the root archive. */
void machine_start_qemu(struct machine *m, const struct run_options *o, const struct images *images,
                        const struct bytes *root);

/* The hypervisor's command line, docs/building.md; allocated. */
char *hypervisor_command_line(const struct run_options *o);
char *guest_command_line(const struct run_options *o);
/* Start a child with these descriptors as 0, 1 and 2. */
pid_t machine_spawn(char *const argv[], int in, int out, int err);

#endif
