/*
 * This floor's part of a VM: made, flushed, destroyed.  See vmexit/vmexit.h.
 */
#include "vmexit/vmexit.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/channel.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "vmexit/lapic.h"
#include "vmexit/mmio.h"
#include "vmexit/msr.h"
#include "vmexit/state.h"

#define KERNEL_LOG_PORT 0xe9u
#define SERIAL_PORT 0x3f8u
#define SERIAL_LINE_CONTROL 3u
#define SERIAL_LINE_STATUS 5u
#define SERIAL_DIVISOR_LATCH 0x80
#define SERIAL_IDLE 0x60
#define TOGGLE_SLICE 5000u /* ticks of the TSC */

static void log_flush(struct vm *vm)
{
    struct vmexit_vm *x = vm->exits;

    if (x->log_used)
        channel_send_of(vm->number, CHANNEL_DATA, STREAM_KERNEL_LOG, x->log, x->log_used);
    x->log_used = 0;
}

/* Reads as emulators' debug port does, so that a guest finds it. */
static uint64_t log_read(struct vcpu *v, void *context, uint64_t offset, unsigned size)
{
    return KERNEL_LOG_PORT;
}

static void log_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct vmexit_vm *x = context;

    spin_lock(&x->log_lock);
    x->log[x->log_used++] = (char)value;
    if ((char)value == '\n' || x->log_used == sizeof x->log)
        log_flush(v->vm);
    spin_unlock(&x->log_lock);
}

static const struct region_ops log_ops = {log_read, log_write};

/* As much of a serial port as a kernel's polled console needs: always ready to send, nothing to receive. */
static uint64_t serial_read(struct vcpu *v, void *context, uint64_t offset, unsigned size)
{
    return offset == SERIAL_LINE_STATUS ? SERIAL_IDLE : 0;
}

static void serial_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct vmexit_vm *x = context;

    if (offset == SERIAL_LINE_CONTROL)
        x->serial_control = (uint8_t)value;
    else if (offset == 0 && !(x->serial_control & SERIAL_DIVISOR_LATCH))
        log_write(v, context, 0, size, value);
}

static const struct region_ops serial_ops = {serial_read, serial_write};

static int vcpu_part_create(struct vcpu *v)
{
    v->exits = mem_alloc_zero(sizeof *v->exits);
    v->lapic = lapic_create(v, v->index);
    if (!v->exits || !v->lapic)
        return -ENOMEM;
    v->exits->watch = WATCH_FIRST;
    if (v->vm->exits->options.toggle)
        v->exits->watch |= WATCH_TOGGLE;
    if (!v->vm->exits->options.stats)
        return 0;
    v->exits->watch |= WATCH_STATS;
    v->exits->stats = mem_alloc_zero(EXIT_REASONS * sizeof(struct exit_stats));
    return v->exits->stats ? 0 : -ENOMEM;
}

int vmexit_create(struct vm *vm, const struct vmexit_options *options)
{
    struct vmexit_vm *x = mem_alloc_zero(sizeof *x);
    int error = 0;

    if (!x)
        return -ENOMEM;
    vm->exits = x;
    x->options = *options;
    x->start_tsc = tsc_read();
    if (options->toggle) /* untrapped programs hardly exit by themselves */
        vm->slice = MIN(vm->slice, TOGGLE_SLICE);
    cpuid_table_build(&x->cpuid, vm->vcpu_count);
    msr_pass_all(vm);
    for (unsigned i = 0; !error && i < vm->vcpu_count; i++)
        error = vcpu_part_create(vm->vcpu[i]);
    if (!error)
        error = gate_create(vm);
    if (!error)
        error = vm_add_ports(vm, KERNEL_LOG_PORT, 1, &log_ops, x);
    if (!error)
        error = vm_add_ports(vm, SERIAL_PORT, 8, &serial_ops, x);
    if (!error)
        error = vm_mmio_create(vm);
    if (error)
        vmexit_destroy(vm);
    return error;
}

void vmexit_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *v = vm->vcpu[i];
        lapic_destroy(v->lapic);
        v->lapic = NULL;
        if (v->exits)
            mem_free(v->exits->stats);
    }
    if (vm->vcpu_count && vm->vcpu[0]->exits)
        gate_destroy(vm);
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        mem_free(vm->vcpu[i]->exits);
        vm->vcpu[i]->exits = NULL;
    }
    mem_free(vm->exits);
    vm->exits = NULL;
}

void vm_flush(struct vm *vm, bool records)
{
    log_flush(vm);
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        trace_buffer_flush(&vm->vcpu[i]->exits->gate.trace);
        if (records)
            trace_buffer_dump(&vm->vcpu[i]->exits->gate.trace);
    }
}
