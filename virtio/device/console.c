/*
 * virtio-console with several ports (virtio 1.2, section 5.3), device side.  Three pumps move what can be moved and stop
 * where the guest gave no buffer or the backend has nothing: output, input, and control messages to the guest.  Callers
 * hold the lock of the VM's devices.
 *
 * The doorbell of an input queue is switched off while there is nothing to deliver: then a guest that posts buffers need
 * not exit.
 */
#include "virtio/device/console.h"

#include <linux/errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "lib/log.h"
#include "lib/string.h"

#define CONTROL_INPUT_QUEUE 2u
#define CONTROL_OUTPUT_QUEUE 3u
#define QUEUE_COUNT (2 * PORT_COUNT + 2)

/* Control messages to the guest, in the order in which a port needs them. */
enum tell { TELL_ADD, TELL_CONSOLE, TELL_NAME, TELL_OPEN, TELL_RESIZE, TELL_CLOSE, TELL_COUNT };

static const struct {
    uint16_t event, value;
} messages[TELL_COUNT] = {
    [TELL_ADD] = {VIRTIO_CONSOLE_PORT_ADD, 1},     [TELL_CONSOLE] = {VIRTIO_CONSOLE_CONSOLE_PORT, 1},
    [TELL_NAME] = {VIRTIO_CONSOLE_PORT_NAME, 1},   [TELL_OPEN] = {VIRTIO_CONSOLE_PORT_OPEN, 1},
    [TELL_RESIZE] = {VIRTIO_CONSOLE_RESIZE, 1},    [TELL_CLOSE] = {VIRTIO_CONSOLE_PORT_OPEN, 0},
};

static const char *const names[PORT_COUNT] = {
    [PORT_NR_CONSOLE] = "console",  [PORT_NR_STDIN] = PORT_STDIN,     [PORT_NR_STDOUT] = PORT_STDOUT,
    [PORT_NR_STDERR] = PORT_STDERR, [PORT_NR_CONTROL] = PORT_CONTROL,
};

static unsigned input_queue(unsigned port)
{
    return port ? 2 * port + 2 : 0;
}

static unsigned port_of_queue(unsigned queue)
{
    return queue < CONTROL_INPUT_QUEUE ? 0 : queue / 2 - 1;
}

static bool port_has_input(unsigned port)
{
    return port == PORT_NR_CONSOLE || port == PORT_NR_STDIN || port == PORT_NR_CONTROL;
}

/* Control messages to the guest. */

static size_t message_build(const struct console *c, unsigned port, enum tell what, uint8_t *to)
{
    struct virtio_console_control message = {
        .id = port, .event = messages[what].event, .value = messages[what].value};
    uint16_t size[2] = {(uint16_t)c->columns, (uint16_t)c->rows}; /* 5.3.6.2 */

    memcpy(to, &message, sizeof(message));
    if (what == TELL_NAME) {
        size_t n = strlen(names[port]);
        memcpy(to + sizeof(message), names[port], n);
        return sizeof(message) + n;
    }
    if (what == TELL_RESIZE) {
        memcpy(to + sizeof(message), size, sizeof(size));
        return sizeof(message) + sizeof(size);
    }
    return sizeof(message);
}

/* 1: told; 0: no buffer; -errno. */
static int message_send(struct console *c, struct queue *q, unsigned port, enum tell what)
{
    int got = queue_peek(q, &c->chain);
    if (got <= 0)
        return got;
    size_t n = message_build(c, port, what, c->bytes);
    long written = chain_write(q, &c->chain, 0, c->bytes, n);
    if (written < 0)
        return (int)written;
    int error = queue_finish(q, &c->chain, (uint32_t)written);
    return error ? error : 1;
}

/* All that can be told: 0 if nothing is left, 1 if the guest must give buffers first, -errno.  *sent counts. */
static int messages_move(struct console *c, struct queue *q, unsigned *sent)
{
    for (unsigned port = 0; port < PORT_COUNT; port++) {
        uint32_t *to_tell = &c->ports[port].to_tell;
        while (*to_tell) {
            int result = message_send(c, q, port, (enum tell)__builtin_ctz(*to_tell));
            if (result <= 0)
                return result ? result : 1;
            *to_tell &= *to_tell - 1;
            (*sent)++;
        }
    }
    return 0;
}

static void control_pump(struct console *c)
{
    struct queue *q = virtio_ring(&c->virtio, CONTROL_INPUT_QUEUE);
    unsigned sent = 0;

    if (!virtio_is_running(&c->virtio))
        return;
    int left = messages_move(c, q, &sent);
    int error = left < 0 ? left : queue_want_doorbell(q, left);
    if (!error && left) { /* buffers that came just before the doorbell was on */
        left = messages_move(c, q, &sent);
        error = MIN(left, 0);
    }
    if (error)
        virtio_break(&c->virtio, CONTROL_INPUT_QUEUE, error);
    else if (sent)
        virtio_interrupt(&c->virtio, CONTROL_INPUT_QUEUE);
}

/* Input. */

static void want_input(struct console *c, unsigned port, bool wanted)
{
    if (port == PORT_NR_CONTROL || c->ports[port].wanted == wanted)
        return;
    c->ports[port].wanted = wanted;
    c->backend->input_wanted(c->virtio.pci.vm, port, wanted);
}

static size_t source_read(struct console *c, unsigned port, void *to, size_t n)
{
    if (port != PORT_NR_CONTROL)
        return c->backend->input(c->virtio.pci.vm, port, to, n);
    n = MIN(n, c->text_length);
    memcpy(to, c->text, n);
    memmove(c->text, c->text + n, c->text_length - n);
    c->text_length -= n;
    return n;
}

/* Move input into the chain that was peeked at: 1, 0 (there is no input), or -errno. */
static int chain_fill(struct console *c, struct queue *q, unsigned port)
{
    if (c->chain.writable == 0)
        return -EINVAL;
    size_t n = source_read(c, port, c->bytes, MIN(c->chain.writable, sizeof(c->bytes)));
    if (n == 0)
        return 0;
    long written = chain_write(q, &c->chain, 0, c->bytes, n);
    if (written < 0)
        return (int)written;
    int error = queue_finish(q, &c->chain, (uint32_t)written);
    return error ? error : 1;
}

/* The source is dry: wait for it, or tell the guest that nothing will follow. */
static void source_is_empty(struct console *c, unsigned port)
{
    struct console_port_state *state = &c->ports[port];

    if (port == PORT_NR_CONTROL)
        return;
    if (!c->backend->input_at_end(c->virtio.pci.vm, port)) {
        want_input(c, port, true);
        return;
    }
    want_input(c, port, false);
    if (!state->end_told)
        state->to_tell |= BIT(TELL_CLOSE);
    state->end_told = true;
}

/* Up to a queue's worth of chains: 0 if the source is dry, 1 if the guest must give buffers first, -errno. */
static int input_move(struct console *c, struct queue *q, unsigned port, unsigned *filled)
{
    for (unsigned i = 0; i < q->size; i++) {
        int result = queue_peek(q, &c->chain);
        if (result == 0)
            return 1;
        if (result > 0)
            result = chain_fill(c, q, port);
        if (result <= 0)
            return result;
        (*filled)++;
    }
    return 1;
}

static void input_pump(struct console *c, unsigned port)
{
    unsigned filled = 0, queue = input_queue(port);
    struct queue *q = virtio_ring(&c->virtio, queue);

    if (!virtio_is_running(&c->virtio) || !port_has_input(port) || !c->ports[port].guest_open || !q->enabled)
        return;
    int result = input_move(c, q, port, &filled);
    if (result > 0) {
        result = queue_want_doorbell(q, true);
        if (!result) /* buffers that came just before that */
            result = input_move(c, q, port, &filled);
        if (result > 0)
            want_input(c, port, false);
    }
    if (result == 0) {
        source_is_empty(c, port);
        result = queue_want_doorbell(q, false);
    }
    if (result < 0)
        virtio_break(&c->virtio, queue, result);
    else if (filled)
        virtio_interrupt(&c->virtio, queue);
}

/* Output. */

/*
 * One doorbell's work is done with interrupts off, so it must end soon: after this much it is to be rung again.  Drivers send
 * 32 KiB at a time (Linux) or a page; a longer chain is taken for an attempt to keep the CPU.
 */
#define OUTPUT_ONCE_MAX KiB(64)

/* Hand the readable parts to the backend straight from the guest's memory: bytes of a stream need no check. */
static int chain_output(struct console *c, unsigned port)
{
    struct vm *vm = c->virtio.pci.vm;

    if (c->chain.readable > OUTPUT_ONCE_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < c->chain.read_parts; i++) {
        gpa_t at = c->chain.part[i].at;
        for (size_t left = c->chain.part[i].length; left;) {
            size_t n;
            const void *window = guest_window(vm, at, left, &n);
            if (!window)
                return -EFAULT;
            c->backend->output(vm, port, window, n);
            at = gpa_add(at, n);
            left -= n;
        }
    }
    return 0;
}

static void control_receive(struct console *c, const struct virtio_console_control *message)
{
    unsigned port = message->id;

    if (message->event == VIRTIO_CONSOLE_DEVICE_READY && message->value == 1) {
        for (port = 0; port < PORT_COUNT; port++)
            c->ports[port].to_tell |= BIT(TELL_ADD);
        return;
    }
    if (port >= PORT_COUNT)
        return;
    struct console_port_state *state = &c->ports[port];
    if (message->event == VIRTIO_CONSOLE_PORT_READY && message->value == 1) {
        state->to_tell |= BIT(TELL_NAME) | BIT(TELL_OPEN);
        if (port == PORT_NR_CONSOLE)
            state->to_tell |= BIT(TELL_CONSOLE) | (c->rows && c->columns ? BIT(TELL_RESIZE) : 0);
    } else if (message->event == VIRTIO_CONSOLE_PORT_OPEN) {
        state->guest_open = message->value != 0;
        if (state->guest_open)
            input_pump(c, port);
        else if (port_has_input(port))
            want_input(c, port, false);
    }
}

static void output_pump(struct console *c, unsigned port)
{
    unsigned queue = input_queue(port) + 1, done = 0;
    struct queue *q = virtio_ring(&c->virtio, queue);
    uint32_t bytes = 0;
    int result = 0;

    while (done < q->size && bytes < OUTPUT_ONCE_MAX && (result = queue_peek(q, &c->chain)) > 0) {
        bytes += c->chain.readable;
        result = chain_output(c, port);
        if (!result)
            result = queue_finish(q, &c->chain, 0);
        if (result)
            break;
        done++;
    }
    if (result < 0) {
        virtio_break(&c->virtio, queue, result);
        return;
    }
    c->virtio.unfinished = bytes >= OUTPUT_ONCE_MAX;
    if (done)
        virtio_interrupt(&c->virtio, queue);
}

static void control_output_pump(struct console *c)
{
    struct queue *q = virtio_ring(&c->virtio, CONTROL_OUTPUT_QUEUE);
    struct virtio_console_control message;
    unsigned done = 0;
    int result = 0;

    while (done < q->size && (result = queue_peek(q, &c->chain)) > 0) {
        long n = chain_read(q, &c->chain, 0, &message, sizeof(message));
        if (n >= 0 && n != sizeof(message))
            n = -EINVAL;
        result = n < 0 ? (int)n : queue_finish(q, &c->chain, 0);
        if (result)
            break;
        done++;
        control_receive(c, &message);
    }
    if (result < 0)
        virtio_break(&c->virtio, CONTROL_OUTPUT_QUEUE, result);
    else if (done)
        virtio_interrupt(&c->virtio, CONTROL_OUTPUT_QUEUE);
}

static void console_doorbell(struct virtio *v, unsigned queue)
{
    struct console *c = v->owner;

    if (queue == CONTROL_OUTPUT_QUEUE) {
        control_output_pump(c);
    } else if (queue % 2) {
        output_pump(c, port_of_queue(queue));
        return; /* the only one after which there cannot be anything to tell */
    } else if (queue != CONTROL_INPUT_QUEUE) {
        input_pump(c, port_of_queue(queue));
    }
    control_pump(c);
}

static void console_started(struct virtio *v)
{
    control_pump(v->owner);
}

static void console_reset(struct virtio *v)
{
    struct console *c = v->owner;

    console_stop(c);
    memset(c->ports, 0, sizeof(c->ports));
}

void console_stop(struct console *c)
{
    for (unsigned port = 0; port < PORT_COUNT; port++)
        want_input(c, port, false);
}

void console_input(struct console *c, unsigned port)
{
    if (port >= PORT_COUNT)
        return;
    input_pump(c, port);
    control_pump(c);
}

void console_text(struct console *c, const char *text, size_t n)
{
    if (n > sizeof(c->text) - c->text_length) {
        log_warn("console: the guest does not read its control port; %zu bytes for it are lost", n);
        return;
    }
    memcpy(c->text + c->text_length, text, n);
    c->text_length += n;
    console_input(c, PORT_NR_CONTROL);
}

void console_resize(struct console *c, unsigned rows, unsigned columns)
{
    c->rows = rows;
    c->columns = columns;
    if (rows && columns && c->ports[PORT_NR_CONSOLE].guest_open)
        c->ports[PORT_NR_CONSOLE].to_tell |= BIT(TELL_RESIZE);
    control_pump(c);
}

static const struct virtio_console_config config = {.max_nr_ports = PORT_COUNT};

static const struct virtio_model model = {
    .name = "console",
    .id = VIRTIO_ID_CONSOLE,
    .class_code = 0x078000, /* communication controller, other */
    .features = BIT(VIRTIO_CONSOLE_F_MULTIPORT),
    .queue_count = QUEUE_COUNT,
    .queue_size = QUEUE_SIZE_MAX,
    .config = &config,
    .config_length = sizeof(config),
    .started = console_started,
    .reset = console_reset,
    .doorbell = console_doorbell,
};

void console_init(struct console *c, struct vm *vm, const struct console_backend *backend, uint32_t bar_address,
                  const struct region_ops *bar_ops, void *bar_context)
{
    c->backend = backend;
    virtio_init(&c->virtio, vm, &model, c, bar_address, bar_ops, bar_context);
}
