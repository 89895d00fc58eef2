/*
 * The boot from the first kernel thread on, as a list: each line says what works after it.  What comes before is
 * guest_kernel/core/boot.c.
 */
#include <asm/errno.h>

#include "abi/init_spec.h"
#include "fs/random.h"
#include "fs/vfs.h"
#include "guest_kernel/control_port.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/boot.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/file_owner.h"
#include "guest_kernel/futex.h"
#include "guest_kernel/init.h"
#include "guest_kernel/oom.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "guest_kernel/rseq.h"
#include "guest_kernel/signal.h"
#include "guest_kernel/signal_actions.h"
#include "guest_kernel/sysv_ipc.h"
#include "guest_kernel/socket_file.h"
#include "guest_kernel/tty.h"
#include "guest_kernel/vdso.h"
#include "virtio/driver/driver.h"

static bool current_is_dying(void)
{
    return signal_fatal_pending(thread_current());
}

static const struct task_ops task_ops = {
    .signal_work = signal_work,
    .switched = rseq_switched,
    .times = cpu_times_check,
    .call_entered = ptrace_call_entered,
    .call_left = ptrace_call_left,
    .user_fault = signal_user_fault,
    .out_of_memory = oom_wait,
    .limit = process_limit,
    .raise = signal_send_self,
    .is_dying = current_is_dying,
};

static uint64_t limit_for_fs(int resource)
{
    return process_limit((unsigned)resource);
}

static struct file_table *swap_files(struct file_table *new_table)
{
    spin_lock(&process_tree_lock); /* process_files() looks under it */
    struct file_table *old = task_current()->files;
    task_current()->files = new_table;
    spin_unlock(&process_tree_lock);
    return old;
}

static int current_pid(void)
{
    return process_current() ? process_current()->pid : 0;
}

static const struct fs_hooks fs_hooks = {
    .limit = limit_for_fs,
    .signal_self = signal_send_self,
    .async_tell = file_owner_async,
    .swap_files = swap_files,
    .process_id = current_pid,
    .zap = space_zap_file_everywhere,
};

/* Without this step there is nothing to run. */
static void need(int error, const char *what)
{
    if (!error)
        return;
    init_report("%s failed: %s (errno %d)", what, error == -ENOMEM ? "not enough memory" : "see the log", -error);
    init_ended(STATUS_NOT_RUN);
}

noreturn void kernel_main(const struct boot_info *boot)
{
    void *spec = NULL;
    size_t spec_size = 0;

    task_set_ops(&task_ops);   /* signals and limits of programs */
    fs_set_hooks(&fs_hooks);   /* the same for files */
    init_reserve_memory();     /* errors can be told */
    futex_init();              /* futexes */
    virtio_driver_init();      /* console ports, entropy: from here an error reaches the host */
    random_init();             /* random numbers */
    need(fs_init(), "mounting the root"); /* paths */
    if (boot->initrd_size)     /* the programs' files */
        need(fs_unpack_cpio(phys_to_virt(boot->initrd_phys), boot->initrd_size, &spec, &spec_size),
             "unpacking the root archive");
    need(fs_mount_kernel_trees(), "mounting /dev and /proc");
    sockets_start();           /* sockets */
    need(procfs_start(), "filling /proc");           /* what /proc shows */
    need(signal_actions_init(), "making room for signal handlers");
    need(sysv_shm_init(), "starting shared memory"); /* System V's */
    need(sysv_sem_init(), "starting semaphores");
    need(tty_init(), "starting the console");        /* /dev/console, /dev/hvc0, /dev/tty */
    need(pty_init(), "making /dev/ptmx");            /* pseudoterminals */
    need(control_port_start(), "reading the control port"); /* signals from outside */
    need(vdso_init(), "making the vDSO");            /* clocks without calls */
    init_start(boot, spec, spec_size);               /* the program */
    task_exit(task_free);
}
