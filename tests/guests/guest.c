/*
 * See guest.h.
 */
#include "tests/guests/guest.h"

#include "lib/pvh.h"

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
extern struct tss tss;
extern char trap_stack_top[];
extern uint32_t start_info; /* physical address, as the boot protocol hands it over */

void tables_fill(void)
{
    uint64_t base = (uintptr_t)&tss;

    for (unsigned v = 0; v < 256; v++) {
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

noreturn void fault_unexpected(void)
{
    print("FAILED unexpected fault: vector");
    print_number(fault.vector);
    print(", error ");
    print_number(fault.error);
    print(", rip ");
    print_number(fault.rip);
    print(", cr2 ");
    print_number(cr2_read());
    print("\n");
    power_off();
}

/* The options. */

static const struct pvh_start_info *info(void)
{
    return (const struct pvh_start_info *)(uintptr_t)start_info;
}

static uint64_t number_read(const char *text)
{
    uint64_t n = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    return n;
}

/* What follows "name=" at the beginning of a word; NULL: it is not there. */
static const char *word_value(const char *text, const char *name)
{
    for (; *text; text++) {
        const char *t = text, *n = name;
        while (*n && *t == *n)
            t++, n++;
        if (!*n && *t == '=')
            return t + 1;
        while (*text && *text != ' ')
            text++;
        if (!*text)
            break;
    }
    return NULL;
}

uint64_t option(const char *name, uint64_t otherwise)
{
    const char *value = word_value((const char *)(uintptr_t)info()->cmdline_paddr, name);

    return value ? number_read(value) : otherwise;
}

uint64_t memory_end(void)
{
    const struct pvh_memmap_entry *map = (const struct pvh_memmap_entry *)(uintptr_t)info()->memmap_paddr;
    uint64_t end = 0;

    for (uint32_t i = 0; i < info()->memmap_entries; i++)
        if (map[i].type == 1)
            end = MAX(end, map[i].addr + map[i].size);
    return end;
}

/* xorshift64* needs a state that is not 0. */
static uint64_t random_state = 0x123456789abcdef1;

void random_seed(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ULL + 0x123456789abcdef1;
    if (!random_state)
        random_state = 1;
}

uint64_t random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dULL;
}

uint64_t random_value(void)
{
    uint64_t r = random();

    switch (r & 3) {
    case 0:
        return r >> 8 & 0xff;
    case 1:
        return (1ULL << (r >> 8 & 63)) - (r >> 16 & 3);
    case 2:
        return SCRATCH + (r >> 8 & 0xfffff);
    default:
        return random();
    }
}

void memory_fill(void *to, uint8_t value, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

void print_decimal(uint64_t n)
{
    if (n >= 10)
        print_decimal(n / 10);
    port_outb(LOG_PORT, (uint8_t)('0' + n % 10));
}

void say(const char *what, uint64_t n)
{
    print(what);
    print(" ");
    print_decimal(n);
    print("\n");
}

void fourth_gib_map(void)
{
    static uint64_t directory[512] aligned_to(4096);

    for (unsigned i = 0; i < 512; i++)
        directory[i] = (GiB(3) + MiB(2) * i) | 0x83;
    tables[1][3] = (uintptr_t)directory | 3;
}
