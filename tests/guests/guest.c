/*
 * See guest.h.
 */
#include "tests/guests/guest.h"

#define CODE64 0x08ULL
#define STUB_SIZE 16
#define GATE_RING0 0x8e00ULL
#define GATE_RING3 0xee00ULL
#define VECTOR_BREAKPOINT 3
#define LOG_PORT 0xe9

struct tss {
    uint32_t reserved;
    uint64_t rsp[3];
} packed_layout;

extern const char stubs[];
extern uint64_t idt[64][2], gdt[];
extern struct tss tss;
extern char trap_stack_top[];

void tables_fill(void)
{
    uint64_t base = (uintptr_t)&tss;

    for (unsigned v = 0; v < 64; v++) {
        uint64_t at = (uintptr_t)stubs + v * STUB_SIZE;
        uint64_t gate = v == VECTOR_BREAKPOINT ? GATE_RING3 : GATE_RING0;
        idt[v][0] = (at & 0xffff) | CODE64 << 16 | gate << 32 | (at >> 16 & 0xffff) << 48;
        idt[v][1] = at >> 32;
    }
    tss.rsp[0] = (uintptr_t)trap_stack_top;
    gdt[6] = 103 | (base & 0xffffff) << 16 | 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
}

void print(const char *text)
{
    for (; *text; text++)
        port_outb(LOG_PORT, (uint8_t)*text);
}

void print_number(uint64_t n)
{
    print("0x");
    for (int shift = 60; shift >= 0; shift -= 4)
        port_outb(LOG_PORT, (uint8_t)"0123456789abcdef"[n >> shift & 15]);
}

void check(const char *name, bool good)
{
    print(good ? "ok " : "FAILED ");
    print(name);
    print("\n");
}

void check_equal(const char *name, uint64_t got, uint64_t expected)
{
    if (got == expected) {
        check(name, true);
        return;
    }
    print("FAILED ");
    print(name);
    print(": got ");
    print_number(got);
    print(", expected ");
    print_number(expected);
    print("\n");
}
