/*
 * What the two halves of the console driver share: console.c (the device, its control queues, interrupts) and
 * console_port.c (the data of a port).  Lock order: a port's lock, then the control lock, then wait queues.
 */
#ifndef VIRTIO_DRIVER_CONSOLE_H
#define VIRTIO_DRIVER_CONSOLE_H

#include <bsd/sys/queue.h>
#include <linux/virtio_console.h>

#include "abi/init_spec.h"
#include "lib/spinlock.h"
#include "virtio/driver/driver.h"
#include "virtio/driver/virtio_pci.h"

#define PORT_BUFFERS_MAX 8u

struct port_buffer { /* one buffer that the device reads or fills */
    uint8_t *memory;
    uint32_t length, offset;             /* received, and read so far */
    SLIST_ENTRY(port_buffer) link;       /* send buffers that are free */
};

struct port {
    struct console_port public;
    unsigned number;
    uint32_t buffer_size;                /* divides PAGE_SIZE */
    unsigned rx_limit, tx_limit;         /* buffers each way; 0: nothing goes that way */

    struct spinlock lock;                /* guards all below; taken in interrupts */
    bool present;                        /* the device has it and its queues are set up */
    bool started;                        /* we told the host that it is open, receive buffers are posted */
    bool host_closed;                    /* it was open and the host closed it */
    struct virtqueue rx, tx;
    struct port_buffer *rx_current;      /* being read; NULL: none */
    struct port_buffer rx_buffers[PORT_BUFFERS_MAX], tx_buffers[PORT_BUFFERS_MAX];
    unsigned tx_made;                    /* send buffers that have memory: made when first needed */
    SLIST_HEAD(, port_buffer) tx_free;
    uint8_t *chunk;                      /* what is left of the last page for buffers */
    size_t chunk_left;
};

struct port *port_of_number(unsigned number); /* NULL: no such number */
void port_init(struct port *p, unsigned number);
void port_interrupt(struct port *p);
void port_set_host_open(struct port *p, bool open);

/* Tell the device VIRTIO_CONSOLE_PORT_OPEN or the like; takes the control lock. */
void control_send(unsigned port, unsigned event, unsigned value);

#endif
