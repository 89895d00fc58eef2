/*
 * virtio-console with the ports of abi/init_spec.h.
 */
#ifndef VIRTIO_DEVICE_CONSOLE_H
#define VIRTIO_DEVICE_CONSOLE_H

#include "abi/init_spec.h"
#include "virtio/device/device.h"
#include "virtio/device/transport.h"

#define CONSOLE_TEXT_MAX 256u

struct console_port_state {
    uint32_t to_tell; /* enum tell bits: control messages that the guest has not got yet */
    bool guest_open;
    bool end_told;
    bool wanted; /* what the backend was told last */
};

struct console {
    struct virtio virtio;
    const struct console_backend *backend;
    struct console_port_state ports[PORT_COUNT];
    unsigned rows, columns;      /* 0: not known */
    char text[CONSOLE_TEXT_MAX]; /* host to guest on the control port, not yet taken */
    size_t text_length;
    struct chain chain;          /* scratch, as is the next */
    uint8_t bytes[4096];
};

void console_init(struct console *c, struct vm *vm, const struct console_backend *backend, uint32_t bar_address,
                  const struct region_ops *bar_ops, void *bar_context);
void console_input(struct console *c, unsigned port);
void console_text(struct console *c, const char *text, size_t n);
void console_resize(struct console *c, unsigned rows, unsigned columns);
/* Tells the backend that no input is wanted any more. */
void console_stop(struct console *c);

#endif
