/*
 * Every port, read and written with 1, 2 and 4 bytes, alone and by string instructions.  What is written is 0: that ends
 * nothing, also where a port can.
 */
#include "tests/guests/guest.h"
#include "virtio/pci.h"

#define LOG_PORT 0xe9
#define SERIAL_FIRST 0x3f8
#define SERIAL_LAST 0x3ff
#define PORTS 65536u

static uint64_t odd; /* ports that read as something else than nobody's */

/* Those that are somebody's, of whose registers a read of `size` at `port` may touch one. */
static bool may_answer(unsigned port, unsigned size)
{
    return (port + size > LOG_PORT && port <= LOG_PORT) || (port + size > SERIAL_FIRST && port <= SERIAL_LAST) ||
           (port + size > PCI_ADDRESS_PORT && port < PCI_DATA_PORT + 4) || (port + size > 0x600 && port <= 0x607) || port == 0x64;
}

static void judge(unsigned port, unsigned size, uint32_t value)
{
    if (value == (size == 4 ? 0xffffffff : (1u << 8 * size) - 1))
        return;
    odd++;
    if (may_answer(port, size))
        return;
    print_number(port);
    check_equal(": a port that nobody has", value, ~0u);
}

static void read_all(void)
{
    for (unsigned port = 0; port < PORTS; port++) {
        judge(port, 1, port_inb((uint16_t)port));
        judge(port, 2, port_inw((uint16_t)port));
        judge(port, 4, port_inl((uint16_t)port));
    }
    say("ports that answer", odd);
}

/* The log would be full of what is written to it. */
static bool is_log(unsigned port)
{
    return port == LOG_PORT || port == SERIAL_FIRST;
}

static void write_all(void)
{
    for (unsigned port = 0; port < PORTS; port++) {
        if (is_log(port))
            continue;
        port_outb((uint16_t)port, 0);
        port_outw((uint16_t)port, 0);
        port_outl((uint16_t)port, 0);
    }
}

static void strings_all(void)
{
    void *const scratch = (void *)SCRATCH;

    memory_fill(scratch, 0, 64);
    for (unsigned port = 0; port < PORTS; port++) {
        void *to = (char *)scratch + 128;
        const void *from = scratch;
        size_t n = 2;
        switch (port & 3) { /* the sizes in turn: every port has each direction */
        case 0:
            __asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"((uint16_t)port) : "memory");
            break;
        case 1:
            __asm__ volatile("std; rep insw; cld" : "+D"(to), "+c"(n) : "d"((uint16_t)port) : "memory");
            break;
        default:
            __asm__ volatile("rep insl" : "+D"(to), "+c"(n) : "d"((uint16_t)port) : "memory");
        }
        if (is_log(port))
            continue;
        n = 2;
        switch (port & 3) {
        case 0:
            __asm__ volatile("rep outsl" : "+S"(from), "+c"(n) : "d"((uint16_t)port) : "memory");
            break;
        case 1:
            __asm__ volatile("std; rep outsw; cld" : "+S"(from), "+c"(n) : "d"((uint16_t)port) : "memory");
            break;
        default:
            __asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"((uint16_t)port) : "memory");
        }
    }
}

void guest_main(void)
{
    read_all();
    write_all();
    strings_all();
    check("every port was read and written", true);
    print("done\n");
}
