/*
 * virtio-console with several ports (virtio 1.2, section 5.3): the device, its control queues and its interrupt.
 *
 * Ports are known by number, as abi/init_spec.h gives them; a device whose name for a port differs is reported.  The
 * control lock guards the two control queues and the terminal's size.
 */
#include "virtio/driver/console.h"

#include <linux/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/log.h"
#include "lib/string.h"
#include "virtio/driver/devices.h"

#define CONTROL_RX_QUEUE 2
#define CONTROL_TX_QUEUE 3
#define CONTROL_ENTRIES VIRTQUEUE_MAX
#define CONTROL_MESSAGE_MAX 64u /* longest that we read; a name fits */

static struct virtio_device device;
static struct port ports[PORT_COUNT];
static bool ready; /* set at the end of console_start(), before any user of the driver runs */

static struct spinlock control_lock = SPINLOCK_INIT;
static struct virtqueue control_rx, control_tx;
static uint8_t (*control_rx_messages)[CONTROL_MESSAGE_MAX];
static struct virtio_console_control *control_tx_messages;
static unsigned size_rows, size_columns; /* 0: not known */

struct port *port_of_number(unsigned number)
{
    return number < PORT_COUNT ? &ports[number] : NULL;
}

struct console_port *console_port_find(unsigned number)
{
    struct port *p = port_of_number(number);

    return p && ready && __atomic_load_n(&p->present, __ATOMIC_ACQUIRE) ? &p->public : NULL;
}

bool console_size(unsigned *rows, unsigned *columns)
{
    uint64_t flags = spin_lock_irqsave(&control_lock);
    *rows = size_rows;
    *columns = size_columns;
    spin_unlock_irqrestore(&control_lock, flags);
    return *rows && *columns;
}

static void control_rx_post(uint8_t *message)
{
    if (!virtqueue_add(&control_rx, virt_to_phys(message), CONTROL_MESSAGE_MAX, true, message))
        log_debug("console: the device sends no more control messages");
}

void control_send(unsigned port, unsigned event, unsigned value)
{
    uint32_t unused;

    if (!virtio_device_has(&device, VIRTIO_CONSOLE_F_MULTIPORT))
        return;
    uint64_t flags = spin_lock_irqsave(&control_lock);
    while (virtqueue_take(&control_tx, &unused))
        ;
    bool sent = control_tx.free_count != 0;
    if (sent) {
        /* The head of the free list is the descriptor that the message will have, so its buffer is free too. */
        struct virtio_console_control *message = &control_tx_messages[control_tx.free_head];
        *message = (struct virtio_console_control){.id = port, .event = (uint16_t)event, .value = (uint16_t)value};
        sent = virtqueue_add(&control_tx, virt_to_phys(message), sizeof(*message), false, message);
        virtqueue_kick(&control_tx);
    }
    spin_unlock_irqrestore(&control_lock, flags);
    if (!sent)
        log_warn("console: control message %u of port %u was lost", event, port);
}

static void name_check(unsigned number, const char *name, size_t length)
{
    const char *expected = ports[number].public.name;

    length = strnlen(name, length);
    if (strlen(expected) != length || memcmp(expected, name, length))
        log_warn("console: port %u is named %.*s by the device, not %s", number, (int)length, name, expected);
}

static void size_set(unsigned rows, unsigned columns)
{
    uint64_t flags = spin_lock_irqsave(&control_lock);
    size_rows = rows;
    size_columns = columns;
    spin_unlock_irqrestore(&control_lock, flags);
}

/* One message of the device, in a copy of our own (interrupt context, no lock held). */
static void control_handle(const uint8_t *bytes, uint32_t length)
{
    struct virtio_console_control message;
    uint16_t size[2]; /* columns, rows (5.3.6.2) */

    if (length < sizeof(message))
        return;
    memcpy(&message, bytes, sizeof(message));
    if (message.id >= PORT_COUNT || !ports[message.id].present)
        return;
    struct port *p = &ports[message.id];
    bytes += sizeof(message);
    length -= (uint32_t)sizeof(message);

    switch (message.event) {
    case VIRTIO_CONSOLE_PORT_ADD:
        control_send(message.id, VIRTIO_CONSOLE_PORT_READY, 1);
        break;
    case VIRTIO_CONSOLE_PORT_OPEN:
        port_set_host_open(p, message.value != 0);
        break;
    case VIRTIO_CONSOLE_PORT_REMOVE:
        port_set_host_open(p, false);
        break;
    case VIRTIO_CONSOLE_PORT_NAME:
        name_check(message.id, (const char *)bytes, length);
        break;
    case VIRTIO_CONSOLE_RESIZE:
        if (length >= sizeof(size)) {
            memcpy(size, bytes, sizeof(size));
            size_set(size[1], size[0]);
            wake_all(&p->public.readable);
        }
        break;
    }
}

/* Take the next control message: its length, 0 if there is none. */
static uint32_t control_receive(uint8_t copy[CONTROL_MESSAGE_MAX])
{
    uint32_t length = 0;

    uint64_t flags = spin_lock_irqsave(&control_lock);
    uint8_t *message = virtqueue_take(&control_rx, &length);
    if (message) {
        memcpy(copy, message, length);
        control_rx_post(message);
    }
    spin_unlock_irqrestore(&control_lock, flags);
    return length;
}

static void control_receive_all(void)
{
    uint8_t message[CONTROL_MESSAGE_MAX];
    uint32_t length;
    bool any = false;

    while (control_rx_messages && (length = control_receive(message)) != 0) {
        control_handle(message, length);
        any = true;
    }
    if (!any)
        return;
    uint64_t flags = spin_lock_irqsave(&control_lock);
    virtqueue_kick(&control_rx); /* for all that were posted again */
    spin_unlock_irqrestore(&control_lock, flags);
}

static void console_interrupt(void *context)
{
    control_receive_all();
    for (unsigned i = 0; i < PORT_COUNT; i++)
        if (ports[i].present)
            port_interrupt(&ports[i]);
}

static int port_queues(struct port *p)
{
    unsigned first = p->number ? 2 * p->number + 2 : 0; /* 5.3.2 */
    int error = 0;

    if (p->rx_limit)
        error = virtio_device_queue(&device, first, PORT_BUFFERS_MAX, &p->rx);
    if (!error && p->tx_limit)
        error = virtio_device_queue(&device, first + 1, PORT_BUFFERS_MAX, &p->tx);
    if (error)
        return error;
    p->rx_limit = MIN(p->rx_limit, p->rx.size);
    p->tx_limit = MIN(p->tx_limit, p->tx.size);
    __atomic_store_n(&p->present, true, __ATOMIC_RELEASE);
    return 0;
}

static int control_queues(void)
{
    struct page *page = page_alloc_zero();
    if (!page)
        return -ENOMEM;

    uint8_t *memory = page_address(page);
    control_rx_messages = (uint8_t (*)[CONTROL_MESSAGE_MAX])memory;
    control_tx_messages = (struct virtio_console_control *)(void *)(memory + CONTROL_ENTRIES * CONTROL_MESSAGE_MAX);
    int error = virtio_device_queue(&device, CONTROL_RX_QUEUE, CONTROL_ENTRIES, &control_rx);
    if (!error)
        error = virtio_device_queue(&device, CONTROL_TX_QUEUE, CONTROL_ENTRIES, &control_tx);
    if (error)
        return error;
    virtqueue_want_interrupts(&control_tx, false);
    for (unsigned i = 0; i < control_rx.size; i++)
        control_rx_post(control_rx_messages[i]);
    return 0;
}

static int queues_setup(void)
{
    volatile struct virtio_console_config *config = (volatile void *)device.config;
    unsigned count = 1;

    if (virtio_device_has(&device, VIRTIO_CONSOLE_F_MULTIPORT)) {
        if (!config || device.config_length < sizeof(*config))
            return -EIO;
        count = MIN(config->max_nr_ports, (unsigned)PORT_COUNT);
        int error = control_queues();
        if (error)
            return error;
    }
    for (unsigned i = 0; i < count; i++) {
        int error = port_queues(&ports[i]);
        if (error)
            return error;
    }
    if (virtio_device_has(&device, VIRTIO_CONSOLE_F_SIZE) && config && device.config_length >= 4)
        size_set(config->rows, config->cols);
    return 0;
}

void console_start(const struct pci_function *pci)
{
    if (ready) {
        log_warn("console: only the first device is used");
        return;
    }
    for (unsigned i = 0; i < PORT_COUNT; i++)
        port_init(&ports[i], i);
    if (virtio_device_open(&device, pci, BIT(VIRTIO_CONSOLE_F_MULTIPORT) | BIT(VIRTIO_CONSOLE_F_SIZE)))
        return;
    int error = virtio_device_interrupt(&device, console_interrupt, NULL);
    if (!error)
        error = queues_setup();
    if (error) {
        virtio_device_fail(&device, "console", error);
        return;
    }
    virtio_device_start(&device);
    ready = true;
    virtqueue_kick(&control_rx);
    control_send(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
}
