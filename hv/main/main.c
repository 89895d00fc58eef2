/*
 * The hypervisor's boot, a list to be read from top to bottom: each step says what works after it.
 */
#include <asm-generic/errno.h>

#include "abi/host_channel.h"
#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/channel.h"
#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/hygiene.h"
#include "hv/main/boot_info.h"
#include "hv/main/options.h"
#include "hv/main/sandboxes.h"
#include "hv/paging.h"
#include "hv/smp.h"
#include "hv/tsc.h"
#include "hv/vmx/vmx.h"
#include "hv/wall_clock.h"
#include "hv/xstate.h"
#include "lib/log.h"

#define PROTOCOL_VERSION 1

extern uint64_t boot_tsc; /* at our first instruction: hv/boot/entry.S */
noreturn void hv_main(uint64_t start_info);

noreturn static void finish(void)
{
    channel_send(CHANNEL_BYE, 0, NULL, 0);
    log_debug("finished");
    machine_stop();
}

static void refuse_if(bool condition, const char *why)
{
    if (!condition)
        return;
    log_error("%s", why);
    struct channel_exit how = {EXIT_REFUSED, 0};
    channel_send(CHANNEL_EXIT, 0, &how, sizeof how);
    finish();
}

static void run_for_ever(void)
{
    cpu_run(NULL);
}

noreturn void hv_main(uint64_t start_info)
{
    static struct boot_info boot;
    static struct options options;
    char why[160];

    cpu_init(0);    /* exceptions panic; locks */
    paging_init();  /* W^X */
    log_init(); /* log, panic */
    int error = boot_info_read(start_info, &boot); /* memory */
    refuse_if(error, "boot: the loader did not hand over a usable PVH start info");
    refuse_if(options_parse(boot.command_line, &options), "boot: the command line was refused");
    __atomic_store_n(&log_level, options.log_level, __ATOMIC_RELAXED);
    refuse_if(cpu_init_stacks(), "boot: no memory for exception stacks");
    refuse_if(tsc_init(), "boot: nothing here tells the time: no HPET, no PIT"); /* tsc_hz() */
    wall_clock_init(); /* the time of day */
    struct channel_hello hello = {.version = PROTOCOL_VERSION, .tsc_hz = tsc_hz(), .tsc = boot_tsc};
    channel_send(CHANNEL_HELLO, 0, &hello, sizeof hello);
    refuse_if(apic_init(), "boot: this CPU has no usable local APIC"); /* timers while idle */
    refuse_if(vmx_probe(why, sizeof why), why);
    xstate_init(); /* guests' vector state */
    hygiene_init(); /* what to flush between sandboxes */
    refuse_if(vmx_enable(), "boot: VMXON failed");
    smp_start(run_for_ever, boot.rsdp, options.smt, true); /* all CPUs */
    alloc_fail_at(options.fail_allocation); /* counts from here: what boot needs is not a sandbox's matter */
    sandboxes_run(&boot, &options);
    finish();
}
