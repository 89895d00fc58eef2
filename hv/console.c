/*
 * See hv/console.h.  COM1 is used by polling and only without a channel: on Bochs it is paced at the baud rate.
 */
#include "hv/console.h"

#include "hv/channel.h"
#include "hv/cpu.h"
#include "lib/format.h"
#include "lib/string.h"

#define COM1 0x3f8
#define COM1_LCR (COM1 + 3)
#define COM1_LSR (COM1 + 5)
#define LCR_8N1 0x03
#define LSR_THR_EMPTY 0x20
#define COM1_SPIN 100000

#define BOCHS_SHUTDOWN_PORT 0x8900
#define QEMU_EXIT_PORT 0xf4
#define BACKTRACE_MAX 24

extern const char image_start[], image_end[];

static bool has_channel, has_com1;

void log_init(void)
{
    has_channel = channel_probe();
    if (has_channel)
        return;
    port_outb(COM1_LCR, LCR_8N1);
    has_com1 = port_inb(COM1_LCR) == LCR_8N1;
}

static void com1_write(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned spin = 0; !(port_inb(COM1_LSR) & LSR_THR_EMPTY) && spin < COM1_SPIN; spin++)
            cpu_relax();
        port_outb(COM1, (uint8_t)text[i]);
    }
}

void log_sink(enum log_level level, const char *line, size_t n)
{
    if (has_channel)
        channel_send(CHANNEL_LOG, level, line, n);
    else if (has_com1)
        com1_write(line, n);
}

static bool is_image_address(uint64_t a)
{
    return a >= (uintptr_t)image_start && a < (uintptr_t)image_end;
}

void log_backtrace(uint64_t rip, uint64_t rbp)
{
    log_error("backtrace: %#llx", (unsigned long long)rip);
    for (unsigned i = 0; i < BACKTRACE_MAX && is_image_address(rbp) && IS_ALIGNED(rbp, 8); i++) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (!is_image_address(frame[1]))
            return;
        log_error("backtrace: %#llx", (unsigned long long)frame[1]);
        if (frame[0] <= rbp)
            return;
        rbp = frame[0];
    }
}

/* Nobody else does anything any more, and what this CPU says goes out. */
static void panic_begin(void)
{
    irq_disable();
    channel_seize();
    cpu_stop_others();
}

noreturn static void panic_finish(uint64_t rip, uint64_t rbp)
{
    struct channel_exit how = {EXIT_HOST_CRASH, 0};

    log_backtrace(rip, rbp);
    channel_send(CHANNEL_EXIT, 0, &how, sizeof how);
    channel_send(CHANNEL_BYE, 0, NULL, 0);
    machine_stop();
}

noreturn void panic(const char *fmt, ...)
{
    char text[200];
    va_list ap;

    panic_begin();
    va_start(ap, fmt);
    format_va(text, sizeof text, fmt, ap);
    va_end(ap);
    log_error("hypervisor panic: %s", text);
    panic_finish((uintptr_t)__builtin_return_address(0), *(const uint64_t *)__builtin_frame_address(0));
}

noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    panic_begin();
    va_start(ap, fmt);
    format_va(text, sizeof text, fmt, ap);
    va_end(ap);
    log_error("hypervisor panic: %s", text);
    log_error("rip %016llx rsp %016llx rflags %08llx cr2 %016llx", (unsigned long long)f->rip,
              (unsigned long long)f->rsp, (unsigned long long)f->rflags, (unsigned long long)cr2_read());
    log_error("rax %016llx rbx %016llx rcx %016llx rdx %016llx", (unsigned long long)f->rax,
              (unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx);
    log_error("rsi %016llx rdi %016llx rbp %016llx r8  %016llx", (unsigned long long)f->rsi,
              (unsigned long long)f->rdi, (unsigned long long)f->rbp, (unsigned long long)f->r8);
    log_error("r9  %016llx r10 %016llx r11 %016llx r12 %016llx", (unsigned long long)f->r9,
              (unsigned long long)f->r10, (unsigned long long)f->r11, (unsigned long long)f->r12);
    log_error("r13 %016llx r14 %016llx r15 %016llx", (unsigned long long)f->r13, (unsigned long long)f->r14,
              (unsigned long long)f->r15);
    panic_finish(f->rip, f->rbp);
}

noreturn void machine_stop(void)
{
    irq_disable();
    if (has_channel) {
        port_outsb(BOCHS_SHUTDOWN_PORT, "Shutdown", 8);
        port_outb(QEMU_EXIT_PORT, 0);
    }
    for (;;)
        cpu_halt();
}
