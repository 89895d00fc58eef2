/*
 * /proc/tty and /proc/sys/kernel/pty: what terminals there can be (proc(5), pty(7)).
 */
#include "fs/devpts.h"
#include "guest_kernel/procfs.h"

static int show_drivers(struct text *t)
{
    text_printf(t, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                   "/dev/console         /dev/console    5       1 system:console\n"
                   "/dev/ptmx            /dev/ptmx       5       2 system\n"
                   "hvc                  /dev/hvc      229       0 system\n"
                   "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
                   "pty_master           /dev/ptm      128 0-1048575 pty:master\n");
    return 0;
}

static int show_line_disciplines(struct text *t)
{
    text_printf(t, "n_tty       0\n");
    return 0;
}

static int show_count(struct text *t)
{
    text_printf(t, "%u\n", devpts_count());
    return 0;
}

int procfs_tty_register(void)
{
    int error = procfs_register("tty/drivers", 0444, show_drivers);

    if (!error)
        error = procfs_register("tty/ldiscs", 0444, show_line_disciplines);
    if (!error)
        error = procfs_register("sys/kernel/pty/nr", 0444, show_count);
    return error ? error : procfs_register_number("sys/kernel/pty/max", &devpts_max, 0, DEVPTS_MAX);
}
