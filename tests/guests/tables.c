/*
 * Page tables that map everything, one way a run, chosen by the word way=N.  What they map beyond the sandbox's memory is not
 * there: the first touch ends the sandbox.
 */
#include "tests/guests/guest.h"

#define ENTRIES 512u
#define PRESENT_WRITABLE 3u
#define LARGE 0x80u
#define VECTOR_PAGE_FAULT 14
#define TOUCHES 50000u

/* Own tables, apart from those that this guest runs on; entry 0 of the root stays as it is. */
static uint64_t directory_pointers[ENTRIES] aligned_to(4096), directory[ENTRIES] aligned_to(4096), leaf[ENTRIES] aligned_to(4096);

static void flush(void)
{
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

static uint64_t virtual_at(unsigned slot4, unsigned slot3)
{
    uint64_t address = (uint64_t)slot4 << 39 | (uint64_t)slot3 << 30;

    return slot4 & 256 ? address | 0xffff000000000000 : address;
}

/* The whole virtual space, in pages of 1 GiB that cover all physical addresses; they are touched from the top. */
static void map_all_memory(void)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        directory_pointers[i] = GiB(i) | PRESENT_WRITABLE | LARGE;
    for (unsigned i = 1; i < ENTRIES; i++)
        tables[0][i] = (uintptr_t)directory_pointers | PRESENT_WRITABLE;
    flush();
    check_equal("memory is there 512 GiB further up", *(volatile uint64_t *)(virtual_at(1, 0) + (uintptr_t)&tables[1][0]), tables[1][0]);
    print("done\n");
    for (unsigned i = ENTRIES - 1; i > 0; i--)
        (void)*(volatile uint8_t *)virtual_at(511, i);
}

/* The whole virtual space, in pages of 4 KiB that all are in the sandbox's memory: every one can be used. */
static void map_own_memory(void)
{
    uint64_t pages = memory_end() / PAGE_SIZE;

    for (unsigned i = 0; i < ENTRIES; i++)
        leaf[i] = (SCRATCH + i % (SCRATCH_SIZE / PAGE_SIZE) * PAGE_SIZE) | PRESENT_WRITABLE;
    for (unsigned i = 0; i < ENTRIES; i++)
        directory[i] = (uintptr_t)leaf | PRESENT_WRITABLE;
    for (unsigned i = 0; i < ENTRIES; i++)
        directory_pointers[i] = (uintptr_t)directory | PRESENT_WRITABLE;
    for (unsigned i = 1; i < ENTRIES; i++)
        tables[0][i] = (uintptr_t)directory_pointers | PRESENT_WRITABLE;
    flush();
    for (unsigned i = 0; i < TOUCHES; i++) {
        uint64_t address = virtual_at(1 + (unsigned)(random() % 511), (unsigned)(random() % 512)) | (random() & 0x3ffffff8);
        *(volatile uint64_t *)address = address;
        if (*(volatile uint64_t *)address != address)
            check_equal("what was written", address, 0);
    }
    say("pages of memory", pages);
    check("memory is everywhere", true);
    print("done\n");
}

/* The root is its own entry, and so on: every table is a page of memory, too. */
static void map_itself(void)
{
    tables[0][510] = (uintptr_t)tables[0] | PRESENT_WRITABLE;
    flush();
    volatile uint64_t *root = (volatile uint64_t *)0xffffff7fbfdfe000; /* slot 510, four times */
    check_equal("the root as memory", root[510] | 0x60, tables[0][510] | 0x60); /* accessed, dirty */
    for (unsigned i = 0; i < TOUCHES; i++) {
        unsigned slot = 256 + (unsigned)(random() % 254);
        root[slot] = random_value() | 1; /* where it leads does not matter: it is not walked */
    }
    check("tables are written through themselves", tables[0][510] == root[510]);
    print("done\n");
}

/* Entries with bits that are reserved, or addresses beyond the CPU's: page faults. */
static void map_reserved(void)
{
    unsigned faults = 0;

    tables[0][1] = (uintptr_t)directory_pointers | PRESENT_WRITABLE;
    for (unsigned bit = 40; bit < 52; bit++) {
        directory_pointers[0] = 1ULL << bit | PRESENT_WRITABLE | LARGE;
        flush();
        ATTEMPT("mov (%0), %%al", : : "r"(virtual_at(1, 0)) : "rax");
        faults += fault.vector == VECTOR_PAGE_FAULT && fault.error & 8;
    }
    for (unsigned bit = 13; bit < 30; bit++) {
        directory_pointers[0] = 1ULL << bit | PRESENT_WRITABLE | LARGE;
        flush();
        ATTEMPT("mov (%0), %%al", : : "r"(virtual_at(1, 0)) : "rax");
        faults += fault.vector == VECTOR_PAGE_FAULT && fault.error & 8;
    }
    check_equal("reserved bits fault", faults, 12 + 17);
    print("done\n");
}

/* Every entry of every level is junk; what is present leads where it wants. */
static void map_junk(void)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        leaf[i] = random();
        directory[i] = (random() & 1 ? (uintptr_t)leaf : random()) | PRESENT_WRITABLE;
        directory_pointers[i] = (random() & 1 ? (uintptr_t)directory : random()) | PRESENT_WRITABLE;
        if (i > 0)
            tables[0][i] = (random() & 1 ? (uintptr_t)directory_pointers : random()) | PRESENT_WRITABLE;
    }
    flush();
    print("done\n");
    for (unsigned i = 0; i < TOUCHES; i++) {
        uint64_t address = virtual_at(1 + (unsigned)(random() % 511), (unsigned)(random() % 512)) | (random() & 0x3fffffff);
        ATTEMPT("mov (%0), %%al", : : "r"(address) : "rax");
    }
}

static void (*const ways[])(void) = {map_all_memory, map_own_memory, map_itself, map_reserved, map_junk};

void guest_main(void)
{
    uint64_t way = option("way", 1);

    random_seed(option("seed", 1));
    if (way < ARRAY_SIZE(ways))
        ways[way]();
}
