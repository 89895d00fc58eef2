/*
 * See hv/main/sandboxes.h.  All here runs on the boot CPU, between exits, but for vm_ended().
 */
#include "hv/main/sandboxes.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/channel.h"
#include "hv/cpu.h"
#include "hv/main/memory_map.h"
#include "hv/main/sandbox.h"
#include "hv/vm.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "virtio/device/device.h"

#define SPEC_NAME_MAX 32u
#define SPEC_MAX      65536u

static const struct boot_info *boot;
static struct sandbox *sandboxes[SANDBOX_MAX]; /* NULL: gone, or never there */
static unsigned count, running;
static uint64_t made;
static bool maps; /* the option */

static struct spinlock ended_lock = SPINLOCK_INIT; /* a leaf */
static struct vm *ended;                           /* ended_lock: VMs without vCPUs, to be destroyed */

/* On any CPU: the boot CPU does the rest. */
static void vm_ended(struct vm *vm)
{
    uint64_t flags = spin_lock_irqsave(&ended_lock);

    vm->ended_next = ended;
    ended = vm;
    spin_unlock_irqrestore(&ended_lock, flags);
    cpu_call(cpu_at(0));
}

static struct vm *ended_take(void)
{
    uint64_t flags = spin_lock_irqsave(&ended_lock);
    struct vm *vm = ended;

    if (vm)
        ended = vm->ended_next;
    spin_unlock_irqrestore(&ended_lock, flags);
    return vm;
}

/* The channel's events are for the first sandbox. */

static struct vm *served(void)
{
    return sandboxes[0] ? sandboxes[0]->vm : NULL;
}

static void event_input(void)
{
    if (served())
        vm_devices_input(served()->devices, sandbox_input_port());
}

static void event_signal(unsigned number)
{
    char text[32];

    if (served())
        vm_devices_control(served()->devices, text, (size_t)format(text, sizeof text, "signal %u\n", number));
}

static void event_trap(bool on)
{
    if (served())
        vm_trap_switch(served(), on);
}

static void event_size(unsigned rows, unsigned columns)
{
    char text[32];

    if (!served())
        return;
    vm_devices_resize(served()->devices, rows, columns);
    vm_devices_control(served()->devices, text, (size_t)format(text, sizeof text, "size %u %u\n", rows, columns));
}

/* A command says which sandbox it is for. */
static int event_command(const void *bytes, size_t n)
{
    const struct trace_command *c = bytes;

    if (n < sizeof *c || n - sizeof *c != c->size || c->sandbox >= SANDBOX_MAX)
        return -EINVAL;
    struct vm *vm = sandboxes[c->sandbox] ? sandboxes[c->sandbox]->vm : NULL;
    if (!vm)
        return -ESRCH;
    switch (c->type) {
    case TRACE_COMMAND_CONFIG:
        return vm_trace_configure(vm, c + 1, c->size);
    case TRACE_COMMAND_ANSWER:
        return c->size == sizeof(struct trace_answer) ? vm_trace_answer(vm, (const void *)(c + 1)) : -EINVAL;
    default:
        return -EINVAL;
    }
}

static const struct channel_events events = {event_input, event_signal, event_trap, event_size, event_command};

static void exit_send(unsigned number, struct channel_exit how)
{
    channel_send_of(number, CHANNEL_EXIT, 0, &how, sizeof how);
}

static void sandbox_free(struct sandbox *s)
{
    sandboxes[s->number] = NULL;
    mem_free(s->text);
    mem_free(s);
}

/* False: it could not be made, which the launcher has been told. */
static bool start(struct sandbox *s)
{
    int error = sandbox_start(s, boot);

    if (error) {
        exit_send(s->number, (struct channel_exit){EXIT_REFUSED, (uint32_t)-error});
        sandbox_free(s);
        return false;
    }
    made++;
    running++;
    return true;
}

static void maps_log(void)
{
    for (unsigned i = 0; i < count; i++)
        if (sandboxes[i] && sandboxes[i]->vm)
            memory_map_log(sandboxes[i]->vm);
}

static void reap(struct vm *vm)
{
    struct sandbox *s = vm->sandbox;

    if (maps)
        maps_log();
    struct channel_exit how = sandbox_finish(s);

    running--;
    if (s->repeat > 0) {
        s->repeat--;
        start(s);
        return;
    }
    exit_send(s->number, how);
    sandbox_free(s);
}

/* Between exits of the boot CPU: true when there is nothing left to run. */
static bool look(void)
{
    struct vm *vm;

    while ((vm = ended_take()))
        reap(vm);
    return running == 0;
}

static struct sandbox *sandbox_new(unsigned number)
{
    struct sandbox *s = mem_alloc_zero(sizeof *s);

    if (!s)
        return NULL;
    s->number = number;
    sandboxes[number] = s;
    return s;
}

/* A copy of the text, since the bundle's pages may be given to guests. */
static int spec_copy(struct sandbox *s, const struct cpio_member *m)
{
    if (m->size > SPEC_MAX) {
        log_error("sandbox %u: its spec is longer than %u bytes", s->number, SPEC_MAX);
        return -EINVAL;
    }
    s->text = mem_alloc(m->size + 1);
    if (!s->text)
        return -ENOMEM;
    memcpy(s->text, m->content, m->size);
    return spec_parse(s->text, m->size, &s->spec);
}

/* Sandbox `number` of the bundle: false, there is no such. */
static bool spec_load(unsigned number)
{
    char name[SPEC_NAME_MAX];
    struct cpio_member m;

    format(name, sizeof name, SANDBOX_SPEC_PREFIX "%u", number);
    if (!boot->bundle || cpio_find(phys_to_virt(boot->bundle), boot->bundle_size, name, &m) != 1)
        return false;
    struct sandbox *s = sandbox_new(number);
    int error = s ? spec_copy(s, &m) : -ENOMEM;
    if (!error)
        return true;
    log_error("sandbox %u: its spec was refused", number);
    exit_send(number, (struct channel_exit){EXIT_REFUSED, (uint32_t)-error});
    if (s)
        sandbox_free(s);
    return true;
}

static void specs_load(const struct options *o)
{
    while (count < SANDBOX_MAX && spec_load(count))
        count++;
    if (count > 0)
        return;
    struct sandbox *s = sandbox_new(0);
    count = 1;
    if (s)
        s->spec = o->sandbox;
    else
        exit_send(0, (struct channel_exit){EXIT_REFUSED, ENOMEM});
}

/* Does `b` load that member of the bundle too? */
static bool loads(const struct sandbox *b, const char *member)
{
    return strcmp(b->spec.kernel, member) == 0 || (b->spec.initrd && strcmp(b->spec.initrd, member) == 0);
}

/*
 * Whose root archive another sandbox loads too, or who will be made again, gets a copy of it: else it is mapped, to be
 * written.
 */
static void initrds_share(void)
{
    for (unsigned i = 0; i < count; i++) {
        struct sandbox *a = sandboxes[i];
        if (!a || !a->spec.initrd)
            continue;
        a->shares_initrd = a->repeat;
        for (unsigned j = 0; j < count; j++)
            if (j != i && sandboxes[j] && loads(sandboxes[j], a->spec.initrd))
                a->shares_initrd = true;
    }
}

/* All that sandboxes took must be back when they are gone, also if one could not be made. */
static void leak_check(const struct memory_stats *before)
{
    struct memory_stats after;

    memory_stats(&after);
    uint64_t kept_before = before->free_pages + before->slab_pages, kept_after = after.free_pages + after.slab_pages;
    if (kept_before != kept_after || before->objects != after.objects)
        log_error("sandbox: it is gone but left %lld pages and %lld objects behind",
                  (long long)(kept_before - kept_after), (long long)(after.objects - before->objects));
    log_debug("sandbox: %llu made and ended; %llu allocations, %llu pages free before, %llu after",
              (unsigned long long)made, (unsigned long long)(after.allocations - before->allocations),
              (unsigned long long)before->free_pages, (unsigned long long)after.free_pages);
}

void sandboxes_run(const struct boot_info *b, const struct options *o)
{
    struct memory_stats before;

    boot = b;
    maps = o->maps;
    sandbox_init(o->tty);
    vm_set_gone(vm_ended);
    channel_set_events(&events);
    channel_input_start();
    memory_stats(&before);
    specs_load(o);
    for (unsigned i = 0; i < count; i++)
        if (sandboxes[i])
            sandboxes[i]->repeat = o->repeat;
    initrds_share();
    for (unsigned i = 0; i < count; i++)
        if (sandboxes[i])
            start(sandboxes[i]);
    if (running)
        cpu_run(look);
    leak_check(&before);
}
