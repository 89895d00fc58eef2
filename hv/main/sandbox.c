/*
 * See hv/main/sandbox.h.
 */
#include "hv/main/sandbox.h"

#include <asm-generic/errno.h>

#include "abi/boot_image.h"
#include "abi/init_spec.h"
#include "hv/alloc.h"
#include "hv/channel.h"
#include "hv/guest_acpi.h"
#include "hv/guest_load.h"
#include "hv/vm.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "virtio/device/device.h"
#include "vmexit/lapic.h"
#include "vmexit/vmexit.h"

#define MEMORY_MIN_MIB 4ULL
#define MEMORY_MAX_MIB 3072ULL /* device registers lie above */
#define WAIT_STATUS_SIGNAL 0x7f
#define POWER_PORT 0x604
#define KEYBOARD_PORT 0x64
#define KEYBOARD_RESET 0xfe
#define POWER_SLEEP_ENABLE BIT(13)
#define CONTROL_NAME_MAX 32u

static unsigned input_port; /* constant after boot */

static void control_line(struct vm *vm, const char *line)
{
    unsigned long long status;

    if (strncmp(line, "exit ", 5) == 0 && string_to_u64(line + 5, &status) == 0 && status <= 0xffff)
        vm_end(vm, VM_EXITED, (uint32_t)status);
    else
        log_warn("sandbox %u: the guest said '%s' on the control port", vm->number, line);
}

static void control_output(struct vm *vm, const char *data, size_t n)
{
    struct sandbox *s = vm->sandbox;

    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\n') {
            s->line[s->line_length] = 0;
            s->line_length = 0;
            control_line(vm, s->line);
        } else if (s->line_length < CONTROL_LINE_MAX - 1) {
            s->line[s->line_length++] = data[i];
        }
    }
}

static void port_output(struct vm *vm, unsigned port, const void *data, size_t n)
{
    switch (port) {
    case PORT_NR_CONSOLE:
    case PORT_NR_STDOUT:
        channel_send_of(vm->number, CHANNEL_DATA, STREAM_STDOUT, data, n);
        break;
    case PORT_NR_STDERR:
        channel_send_of(vm->number, CHANNEL_DATA, STREAM_STDERR, data, n);
        break;
    case PORT_NR_CONTROL:
        control_output(vm, data, n);
        break;
    }
}

/* Standard input is the first sandbox's; the others' is at its end. */
static bool is_input(const struct vm *vm, unsigned port)
{
    return vm->number == 0 && port == input_port;
}

static size_t port_input(struct vm *vm, unsigned port, void *dst, size_t n)
{
    return is_input(vm, port) ? channel_input_read(dst, n) : 0;
}

static bool port_input_at_end(struct vm *vm, unsigned port)
{
    if (vm->number != 0)
        return port == input_port;
    return port == input_port && channel_input_at_end();
}

static void port_input_wanted(struct vm *vm, unsigned port, bool wanted)
{
    if (is_input(vm, port))
        channel_input_wanted(wanted);
}

static const struct console_backend console = {port_output, port_input, port_input_at_end, port_input_wanted};

/* ACPI's soft-off, where QEMU's chipsets have it. */
static void power_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    if (!(value & POWER_SLEEP_ENABLE))
        return;
    log_error("sandbox %u: the guest powered off without saying how its program ended", v->vm->number);
    vm_end(v->vm, VM_CRASHED, 0);
}

static const struct region_ops power_ops = {.write = power_write};

/* A kernel of the user's own says by these that it is done; our guest kernel says it on the control port. */
static void sleep_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset != 0 || !(value & SLEEP_ENABLE) || (value >> SLEEP_TYPE_SHIFT & 7) != SLEEP_TYPE_OFF)
        return;
    log_info("sandbox %u: the guest switched itself off", v->vm->number);
    vm_end(v->vm, VM_EXITED, 0);
}

static const struct region_ops sleep_ops = {.write = sleep_write};

/* A sandbox is not started again: a reset is its end. */
static void reset_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    const uint64_t *wanted = context;

    if (value != *wanted)
        return;
    log_info("sandbox %u: the guest reset its machine", v->vm->number);
    vm_end(v->vm, VM_EXITED, 0);
}

static const struct region_ops reset_ops = {.write = reset_write};

/* The kernel that found no reset register, or does not look for one, pulses the keyboard controller's line. */
static int power_create(struct vm *vm)
{
    static uint64_t reset_value = RESET_VALUE, keyboard_value = KEYBOARD_RESET;
    int error = vm_add_ports(vm, POWER_PORT, 2, &power_ops, NULL);

    if (!error)
        error = vm_add_ports(vm, SLEEP_CONTROL_PORT, 2, &sleep_ops, NULL);
    if (!error)
        error = vm_add_ports(vm, RESET_PORT, 1, &reset_ops, &reset_value);
    if (!error)
        error = vm_add_ports(vm, KEYBOARD_PORT, 1, &reset_ops, &keyboard_value);
    return error;
}

/* The members of the bundle that the spec names. */
static int bundle_open(const struct sandbox *s, const struct boot_info *boot, struct guest_image *image)
{
    struct cpio_member m;
    const char *bundle = phys_to_virt(boot->bundle);

    if (!boot->bundle) {
        log_error("sandbox: the loader gave no bundle (a module with %s and %s)", BUNDLE_KERNEL, BUNDLE_ROOT);
        return -ENOENT;
    }
    if (cpio_find(bundle, boot->bundle_size, s->spec.kernel, &m) != 1) {
        log_error("sandbox: the bundle has no %s", s->spec.kernel);
        return -ENOENT;
    }
    image->kernel = m.content;
    image->kernel_size = m.size;
    if (s->spec.initrd && cpio_find(bundle, boot->bundle_size, s->spec.initrd, &m) == 1) {
        image->module = boot->bundle + (uint64_t)(m.content - bundle);
        image->module_size = m.size;
        image->copy_module = s->shares_initrd;
    } else if (s->text && s->spec.initrd) {
        log_error("sandbox: the bundle has no %s", s->spec.initrd);
        return -ENOENT;
    }
    return 0;
}

static int memory_check(uint64_t memory)
{
    if (memory >= MiB(MEMORY_MIN_MIB) && memory <= MiB(MEMORY_MAX_MIB) && IS_ALIGNED(memory, PAGE_SIZE))
        return 0;
    log_error("sandbox: its memory must be %llu to %llu MiB in whole pages, not %llu bytes",
              MEMORY_MIN_MIB, MEMORY_MAX_MIB, (unsigned long long)memory);
    return -EINVAL;
}

static int vcpus_create(struct vm *vm, unsigned count)
{
    int error = 0;

    for (unsigned i = 0; !error && i < count; i++)
        error = vcpu_create(vm);
    return error;
}

static int sandbox_create(struct sandbox *s, const struct boot_info *boot)
{
    struct guest_image image = {.command_line = s->spec.command_line};
    struct vm *vm;
    int error = memory_check(s->spec.memory);

    if (!error)
        error = bundle_open(s, boot, &image);
    if (!error)
        error = vm_create(s->spec.memory, &vm);
    if (error)
        return error;
    vm->sandbox = s;
    vm->number = s->number;
    vm->weight = s->spec.weight;
    vm->cap = s->spec.cap;
    error = vcpus_create(vm, s->spec.cpus);
    if (error)
        goto destroy_vm;
    error = vmexit_create(vm, &s->spec.exits);
    if (error)
        goto destroy_vm;
    error = -ENOMEM;
    vm->devices = vm_devices_create(vm, &console);
    if (!vm->devices)
        goto destroy_exits;
    error = power_create(vm);
    if (!error)
        error = guest_load(vm, &image);
    if (error)
        goto destroy_devices;
    s->vm = vm;
    return 0;

destroy_devices:
    vm_devices_destroy(vm->devices);
destroy_exits:
    vmexit_destroy(vm);
destroy_vm:
    vm_destroy(vm);
    return error;
}

static void sandbox_destroy(struct sandbox *s)
{
    struct vm *vm = s->vm;

    s->vm = NULL;
    vm_devices_destroy(vm->devices);
    vmexit_destroy(vm);
    vm_destroy(vm);
}

/* What its gate is told before the first instruction; there may be none. */
static int control_load(struct sandbox *s, const struct boot_info *boot)
{
    const char *bundle = phys_to_virt(boot->bundle);
    char name[CONTROL_NAME_MAX];
    struct cpio_member m;

    format(name, sizeof name, TRACE_CONFIG_PREFIX "%u", s->number);
    if (!boot->bundle || cpio_find(bundle, boot->bundle_size, name, &m) != 1)
        return 0;
    void *copy = m.size <= TRACE_CONFIG_SIZE_MAX ? mem_alloc(MAX(m.size, (size_t)1)) : NULL;
    if (!copy)
        return m.size <= TRACE_CONFIG_SIZE_MAX ? -ENOMEM : -EINVAL;
    memcpy(copy, m.content, m.size);
    int error = vm_trace_configure(s->vm, copy, m.size);
    mem_free(copy);
    if (error == -EINVAL)
        log_error("sandbox: the bundle's %s is malformed", name);
    return error;
}

int sandbox_start(struct sandbox *s, const struct boot_info *boot)
{
    int error = sandbox_create(s, boot);

    if (!error) {
        error = control_load(s, boot);
        if (error)
            sandbox_destroy(s);
    }

    if (error) {
        log_error("sandbox %u: it could not be made: %s", s->number, error == -ENOMEM ? "no memory" : "see above");
        return error;
    }
    vm_start(s->vm);
    return 0;
}

static struct channel_exit exit_of(const struct vm *vm)
{
    switch (vm->end) {
    case VM_EXITED:
        return (struct channel_exit){EXIT_STATUS, vm->end_value};
    case VM_REFUSED:
        return (struct channel_exit){EXIT_REFUSED, vm->end_value};
    default:
        return (struct channel_exit){EXIT_GUEST_CRASH, vm->end_value};
    }
}

struct channel_exit sandbox_finish(struct sandbox *s)
{
    struct vm *vm = s->vm;
    struct channel_exit how = exit_of(vm);
    bool died = how.kind != EXIT_STATUS || (how.value & WAIT_STATUS_SIGNAL);

    s->line_length = 0;
    vm_flush(vm, s->spec.last || died);
    if (s->spec.exits.stats)
        vm_stats_send(vm);
    sandbox_destroy(s);
    return how;
}

void sandbox_init(bool tty)
{
    vm_devices_set_msi(vm_msi);
    input_port = tty ? PORT_NR_CONSOLE : PORT_NR_STDIN;
}

unsigned sandbox_input_port(void)
{
    return input_port;
}
