/*
 * From the loader's 32-bit entry (boot.S) to the first kernel thread: reads the PVH start info, takes what RAM there
 * is, brings up core in the order below and starts the thread "main" that calls kernel_main().  The boot stack becomes
 * the idle task's.
 */
#include "guest_kernel/core/boot.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/console_log.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/memory_map.h"
#include "guest_kernel/core/pages.h"
#include "guest_kernel/core/paging.h"
#include "guest_kernel/core/sched.h"
#include "guest_kernel/core/smp.h"
#include "guest_kernel/core/space_init.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/task_init.h"
#include "guest_kernel/core/timers.h"
#include "lib/log.h"
#include "lib/pvh.h"
#include "lib/string.h"

noreturn void boot_start(uint32_t start_info);

static char command_line[BOOT_COMMAND_LINE_MAX];
static struct boot_info boot_info = {.command_line = command_line};

/* Reach n bytes of loader data before the direct map is complete. */
static const void *loader_data(uint64_t phys, uint64_t n)
{
    if (!phys || phys + n > GiB(4) || !paging_map_direct(phys, phys + n))
        panic("boot: the loader's data at 0x%lx is out of reach", phys);
    return phys_to_virt(phys);
}

const char *boot_command_line(void)
{
    return command_line;
}

static void read_command_line(uint64_t phys)
{
    size_t n = 0;

    if (!phys)
        return;
    while (n + 1 < sizeof command_line) {
        char c = *(const char *)loader_data(phys + n, 1);

        if (!c)
            break;
        command_line[n++] = c;
    }
}

static void read_start_info(uint32_t phys)
{
    const struct pvh_start_info *info = loader_data(phys, sizeof *info);

    if (info->magic != PVH_MAGIC || info->version < 1 || !info->memmap_entries)
        panic("boot: not a PVH start info with a memory map");
    read_command_line(info->cmdline_paddr);
    smp_find(info->rsdp_paddr);
    if (info->nr_modules) {
        const struct pvh_module *m = loader_data(info->modlist_paddr, sizeof *m);

        boot_info.initrd_phys = m->paddr;
        boot_info.initrd_size = m->size;
    }
    memory_map_read(loader_data(info->memmap_paddr, info->memmap_entries * sizeof(struct pvh_memmap_entry)),
                    info->memmap_entries);
}

int boot_option(const char *name, char *value, size_t size)
{
    size_t n = strlen(name);
    const char *s = command_line;

    while (*s) {
        while (*s == ' ')
            s++;
        size_t word = 0;

        while (s[word] && s[word] != ' ')
            word++;
        if (word >= n && !strncmp(s, name, n) && (word == n || s[n] == '=')) {
            size_t skip = word == n ? n : n + 1;
            size_t length = MIN(word - skip, size - 1);

            memcpy(value, s + skip, length);
            value[length] = '\0';
            return (int)(word - skip);
        }
        s += word;
    }
    return -ENOENT;
}

uint64_t boot_option_u64(const char *name, uint64_t otherwise)
{
    char text[24];
    unsigned long long value;

    if (boot_option(name, text, sizeof text) < 0 || string_to_u64(text, &value))
        return otherwise;
    return value;
}

static void main_thread(void *argument)
{
    log_info("core: up after %lu us, %lu pages touched", clock_monotonic_ns() / 1000, memory_touched_pages());
    alloc_fail_at(boot_option_u64("failalloc", 0));
    kernel_main(&boot_info);
}

static void start_main_thread(void)
{
    struct task *t = task_create_kernel("main", main_thread, NULL);

    if (!t)
        panic("boot: no memory for the first task");
    task_start(t);
}

void boot_start(uint32_t start_info)
{
    cpu_init_early(0);          /* per-CPU data, exceptions: panic works */
    console_log_init();         /* log */
    paging_init_image();        /* W^X */
    read_start_info(start_info); /* command line, memory map */
    log_level = (int)boot_option_u64("loglevel", LOG_WARN);
    boot_info.memory_size = memory_map_start(boot_info.initrd_phys, boot_info.initrd_size); /* page_alloc, mem_alloc */
    apic_init();                /* interrupt vectors */
    clock_init();               /* monotonic and real time */
    timers_init();              /* timers */
    fpu_init();
    space_init();               /* address spaces */
    sched_init();               /* task_current(): the idle task */
    cpu_init_syscall();
    capture_init();             /* trace pages, before the first user task */
    task_init();                /* tasks can be made */
    smp_start(boot_option_u64("maxcpus", CPU_MAX)); /* the other CPUs */
    start_main_thread();
    sched_idle();
}
