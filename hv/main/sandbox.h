/*
 * One sandbox: made from its spec and the bundle, wired to the channel, ended.  Belongs to the boot CPU but for what its
 * console ports write.
 */
#ifndef HV_MAIN_SANDBOX_H
#define HV_MAIN_SANDBOX_H

#include "abi/host_channel.h"
#include "hv/main/boot_info.h"
#include "hv/main/spec.h"

#define CONTROL_LINE_MAX 64u

struct sandbox {
    unsigned number;
    struct sandbox_spec spec;
    char *text;         /* that the spec points into: its own, or NULL */
    bool shares_initrd; /* another sandbox has the same one, or this one will have it again: copy it */
    uint64_t repeat;    /* how often it will be made again */
    struct vm *vm;      /* NULL: not running */
    char line[CONTROL_LINE_MAX]; /* from the control port, until its newline: lock of the VM's devices */
    size_t line_length;
};

/* Once at boot: which port of sandbox 0 standard input goes to. */
void sandbox_init(bool tty);
/* Makes it and lets it run: 0, or -errno with the reason logged. */
int sandbox_start(struct sandbox *s, const struct boot_info *boot) must_check;
/* No vCPU of it is left: sends what is still to be sent, frees everything, and says what the launcher is to be told. */
struct channel_exit sandbox_finish(struct sandbox *s);

/* The port that standard input goes to. */
unsigned sandbox_input_port(void);

#endif
