/*
 * The guest kernel's virtio devices, found on PCI and started by virtio_driver_init(): console (multiport, ports of
 * abi/init_spec.h) and entropy.  Works on QEMU's and Trapline's devices alike; device answers are checked.
 */
#ifndef VIRTIO_DRIVER_DRIVER_H
#define VIRTIO_DRIVER_DRIVER_H

#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

/* Scans PCI bus 0, starts what it knows.  Missing devices are logged, not fatal. */
void virtio_driver_init(void);

/* A port of the console.  `readable` is woken on input, host close and resize; `writable` when a send buffer frees. */
struct console_port {
    const char *name;
    struct wait_queue readable, writable;
};

struct console_port *console_port_find(unsigned number); /* PORT_NR_*; NULL: not there */
/* Both never block: bytes moved, 0 when nothing is there (or no room). */
size_t console_port_read(struct console_port *p, void *dst, size_t n);
size_t console_port_write(struct console_port *p, const void *src, size_t n);
bool console_port_has_input(struct console_port *p);
bool console_port_at_end(struct console_port *p); /* the host closed it and all input was read: end of file */
bool console_port_can_write(struct console_port *p);
/* There was no memory for even one send buffer: a write moves nothing, and waiting will not help. */
bool console_port_is_starved(struct console_port *p);
/*
 * Waits until all that was written has been taken by the device.  Sleeps; as long as the reader out there does, since
 * what is given up here would be lost output.  (A device discards what is written to a port that the host closed.)
 */
void console_port_drain(struct console_port *p);
bool console_size(unsigned *rows, unsigned *columns);

/* Entropy: bytes put into dst, 0 if there is no device or nothing came within 1 s.  May sleep. */
size_t rng_read(void *dst, size_t n);

#endif
