/*
 * See tools/trace_machine.h.
 */
#include "tools/trace_machine.h"

#include <asm/vmx.h>
#include <linux/virtio_ids.h>
#include <stdio.h>

struct name {
    unsigned number;
    const char *name;
};

static const struct name reasons[] = {VMX_EXIT_REASONS};
static const struct name devices[] = {{VIRTIO_ID_NET, "net"}, {VIRTIO_ID_BLOCK, "blk"}, {VIRTIO_ID_CONSOLE, "console"},
                                      {VIRTIO_ID_RNG, "rng"}, {VIRTIO_ID_9P, "9p"},     {VIRTIO_ID_PMEM, "pmem"}};

static const char *name_of(const struct name *names, size_t count, unsigned number, char *room, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number)
            return names[i].name;
    snprintf(room, size, "%u", number);
    return room;
}

const char *trace_machine_kind(const struct trace_machine_body *b)
{
    static const char *const kinds[] = {[TRACE_MACHINE_EXIT] = "vmexit", [TRACE_MACHINE_EPT] = "ept",
                                        [TRACE_MACHINE_INTERRUPT] = "interrupt", [TRACE_MACHINE_DEVICE] = "notify"};

    return b->kind < ARRAY_SIZE(kinds) ? kinds[b->kind] : NULL;
}

const char *trace_machine_name(const struct trace_machine_body *b, char *room, size_t size)
{
    switch (b->kind) {
    case TRACE_MACHINE_EXIT:
        return name_of(reasons, ARRAY_SIZE(reasons), b->number, room, size);
    case TRACE_MACHINE_EPT:
        snprintf(room, size, "%s%s%s", b->number & 1 ? "r" : "", b->number & 2 ? "w" : "", b->number & 4 ? "x" : "");
        return room;
    case TRACE_MACHINE_DEVICE:
        return name_of(devices, ARRAY_SIZE(devices), b->number, room, size);
    default:
        snprintf(room, size, "%u", b->number);
        return room;
    }
}

size_t trace_machine_text(const struct trace_machine_body *b, char *to, size_t size)
{
    const char *kind = trace_machine_kind(b);
    char room[32];
    const char *name = trace_machine_name(b, room, sizeof room);
    int n;

    if (!kind)
        n = snprintf(to, size, "event %u", b->kind);
    else if (b->kind == TRACE_MACHINE_EXIT)
        n = snprintf(to, size, "exit %s %#llx", name, (unsigned long long)b->value);
    else if (b->kind == TRACE_MACHINE_EPT)
        n = snprintf(to, size, "ept %s %#llx", name, (unsigned long long)b->address);
    else if (b->kind == TRACE_MACHINE_DEVICE)
        n = snprintf(to, size, "notify virtio-%s queue %llu", name, (unsigned long long)b->value);
    else
        n = snprintf(to, size, "interrupt %s", name);
    return MIN((size_t)n, size - 1);
}
