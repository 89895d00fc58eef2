/*
 * Data of the console's ports: bytes to and from the buffers of their queues.  Nothing here sleeps but
 * console_port_drain().
 *
 * A port is opened towards the host (and gets its receive buffers) when it is first read, polled or written: a host
 * keeps back its data until then.  Send buffers are made when needed and then kept.  Interrupts of the send queue are off
 * until a writer finds no room, since most devices are done before the doorbell returns.
 */
#include "virtio/driver/console.h"

#include "guest_kernel/core/alloc.h"
#include "lib/log.h"
#include "lib/string.h"

static const struct {
    const char *name;
    uint16_t rx_limit, tx_limit, buffer_size;
} plans[PORT_COUNT] = {
    [PORT_NR_CONSOLE] = {"console", 4, 4, 1024},
    [PORT_NR_STDIN] = {PORT_STDIN, 8, 0, PAGE_SIZE},
    [PORT_NR_STDOUT] = {PORT_STDOUT, 0, 8, PAGE_SIZE},
    [PORT_NR_STDERR] = {PORT_STDERR, 0, 4, PAGE_SIZE},
    [PORT_NR_CONTROL] = {PORT_CONTROL, 2, 2, 1024},
};

void port_init(struct port *p, unsigned number)
{
    *p = (struct port){.number = number};
    p->public.name = plans[number].name;
    p->rx_limit = plans[number].rx_limit;
    p->tx_limit = plans[number].tx_limit;
    p->buffer_size = plans[number].buffer_size;
    wait_queue_init(&p->public.readable);
    wait_queue_init(&p->public.writable);
    SLIST_INIT(&p->tx_free);
}

static struct port *port_of(struct console_port *public)
{
    return container_of(public, struct port, public);
}

/* Memory for one more buffer; NULL: none. */
static uint8_t *buffer_memory(struct port *p)
{
    if (p->chunk_left < p->buffer_size) {
        struct page *page = page_alloc(0);
        if (!page)
            return NULL;
        p->chunk = page_address(page);
        p->chunk_left = PAGE_SIZE;
    }
    p->chunk_left -= p->buffer_size;
    return p->chunk + p->chunk_left;
}

static void tx_want_interrupts(struct port *p, bool wanted)
{
    if (p->tx_limit)
        virtqueue_want_interrupts(&p->tx, wanted);
}

static void rx_post(struct port *p, struct port_buffer *b)
{
    b->length = b->offset = 0;
    /* Cannot fail but for a broken queue: there are no more buffers than entries. */
    if (!virtqueue_add(&p->rx, virt_to_phys(b->memory), p->buffer_size, true, b))
        log_debug("console: %s takes no more input", p->public.name);
}

/* First use.  Without memory for one receive buffer the port stays as it was, to be tried again at the next use. */
static void port_start(struct port *p)
{
    if (p->started)
        return;
    for (unsigned i = 0; i < p->rx_limit; i++) {
        struct port_buffer *b = &p->rx_buffers[i];
        b->memory = buffer_memory(p);
        if (!b->memory && i == 0)
            return;
        if (!b->memory)
            break;
        rx_post(p, b);
    }
    p->started = true;
    if (p->rx_limit)
        virtqueue_kick(&p->rx);
    tx_want_interrupts(p, false);
    control_send(p->number, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* The buffer to read from next, with at least a byte in it; NULL: no input. */
static struct port_buffer *rx_next(struct port *p)
{
    uint32_t length;

    while (!p->rx_current && p->rx_limit) {
        struct port_buffer *b = virtqueue_take(&p->rx, &length);
        if (!b)
            return NULL;
        b->length = length;
        if (length)
            p->rx_current = b;
        else
            rx_post(p, b);
    }
    return p->rx_current;
}

size_t console_port_read(struct console_port *public, void *dst, size_t n)
{
    struct port *p = port_of(public);
    struct port_buffer *b;
    size_t done = 0;
    bool reposted = false;

    uint64_t flags = spin_lock_irqsave(&p->lock);
    port_start(p);
    while (p->started && done < n && (b = rx_next(p))) {
        size_t part = MIN(n - done, (size_t)(b->length - b->offset));
        memcpy((uint8_t *)dst + done, b->memory + b->offset, part);
        done += part;
        b->offset += (uint32_t)part;
        if (b->offset == b->length) {
            p->rx_current = NULL;
            rx_post(p, b);
            reposted = true;
        }
    }
    if (reposted)
        virtqueue_kick(&p->rx);
    spin_unlock_irqrestore(&p->lock, flags);
    return done;
}

static void tx_reclaim(struct port *p)
{
    struct port_buffer *b;
    uint32_t unused;

    while (p->tx_limit && (b = virtqueue_take(&p->tx, &unused)))
        SLIST_INSERT_HEAD(&p->tx_free, b, link);
}

/* Is there a free send buffer on the list, or can one be made? */
static bool tx_prepare(struct port *p)
{
    if (!SLIST_EMPTY(&p->tx_free))
        return true;
    if (p->tx_made == p->tx_limit)
        return false;
    struct port_buffer *b = &p->tx_buffers[p->tx_made];
    b->memory = buffer_memory(p);
    if (!b->memory)
        return false;
    p->tx_made++;
    SLIST_INSERT_HEAD(&p->tx_free, b, link);
    return true;
}

size_t console_port_write(struct console_port *public, const void *src, size_t n)
{
    struct port *p = port_of(public);
    size_t done = 0;

    uint64_t flags = spin_lock_irqsave(&p->lock);
    port_start(p);
    tx_reclaim(p);
    while (p->started && done < n && tx_prepare(p)) {
        struct port_buffer *b = SLIST_FIRST(&p->tx_free);
        size_t part = MIN(n - done, (size_t)p->buffer_size);
        memcpy(b->memory, (const uint8_t *)src + done, part);
        if (!virtqueue_add(&p->tx, virt_to_phys(b->memory), (uint32_t)part, false, b))
            break;
        SLIST_REMOVE_HEAD(&p->tx_free, link);
        done += part;
    }
    if (done)
        virtqueue_kick(&p->tx);
    spin_unlock_irqrestore(&p->lock, flags);
    return done;
}

bool console_port_has_input(struct console_port *public)
{
    struct port *p = port_of(public);

    uint64_t flags = spin_lock_irqsave(&p->lock);
    port_start(p);
    bool has = p->started && rx_next(p) != NULL;
    spin_unlock_irqrestore(&p->lock, flags);
    return has;
}

bool console_port_at_end(struct console_port *public)
{
    struct port *p = port_of(public);

    uint64_t flags = spin_lock_irqsave(&p->lock);
    port_start(p);
    /* The host filled its last buffer before it closed, so once closed is seen, an empty queue stays empty. */
    bool end = p->rx.broken || (p->host_closed && p->started && rx_next(p) == NULL);
    spin_unlock_irqrestore(&p->lock, flags);
    return end;
}

/* Without memory for even one buffer no interrupt will ever come: the writer must find that out by itself. */
static bool tx_has_room(struct port *p)
{
    tx_reclaim(p);
    return tx_prepare(p) || (p->tx_limit && p->tx_made == 0);
}

bool console_port_can_write(struct console_port *public)
{
    struct port *p = port_of(public);

    uint64_t flags = spin_lock_irqsave(&p->lock);
    bool room = tx_has_room(p);
    if (!room) { /* the caller may go to sleep: be told, and look again for what came just before that */
        tx_want_interrupts(p, true);
        room = tx_has_room(p);
    }
    if (room)
        tx_want_interrupts(p, false);
    spin_unlock_irqrestore(&p->lock, flags);
    return room;
}

bool console_port_is_starved(struct console_port *public)
{
    struct port *p = port_of(public);

    uint64_t flags = spin_lock_irqsave(&p->lock);
    bool starved = p->tx_limit && !tx_prepare(p) && p->tx_made == 0;
    spin_unlock_irqrestore(&p->lock, flags);
    return starved;
}

static bool tx_is_drained(struct port *p)
{
    uint64_t flags = spin_lock_irqsave(&p->lock);
    tx_want_interrupts(p, true);
    tx_reclaim(p);
    bool drained = !p->tx_limit || p->tx.broken || virtqueue_outstanding(&p->tx) == 0;
    spin_unlock_irqrestore(&p->lock, flags);
    return drained;
}

void console_port_drain(struct console_port *public)
{
    struct port *p = port_of(public);

    if (!tx_is_drained(p))
        wait_event_uninterruptible(&public->writable, tx_is_drained(p));
}

void port_interrupt(struct port *p)
{
    spin_lock(&p->lock);
    bool readable = p->started && p->rx_limit && virtqueue_has_used(&p->rx);
    bool writable = p->started && p->tx_limit && virtqueue_has_used(&p->tx);
    spin_unlock(&p->lock);
    if (readable)
        wake_all(&p->public.readable);
    if (writable)
        wake_all(&p->public.writable);
}

void port_set_host_open(struct port *p, bool open)
{
    uint64_t flags = spin_lock_irqsave(&p->lock);
    p->host_closed = !open;
    spin_unlock_irqrestore(&p->lock, flags);
    wake_all(&p->public.readable);
    wake_all(&p->public.writable);
}
