/*
 * ACPI tables of any content, with signatures and checksums set right so that the reader gets far: no read outside of what
 * it asked for (a copy of just that, so that the sanitizer sees it), and a list that fits.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/madt.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY 4096u
#define RSDP 16u
#define ROOT 64u
#define TABLE 512u
#define HEADER 36u

static uint8_t memory[MEMORY];

static const void *reach(uint64_t phys, uint64_t n)
{
    static void *last;

    free(last);
    last = NULL;
    if (phys >= MEMORY || n > MEMORY - phys)
        return NULL;
    last = malloc(n);
    memcpy(last, memory + phys, n);
    return last;
}

static void checksum_set(unsigned at, unsigned n, unsigned field)
{
    uint8_t sum = 0;

    if (n > MEMORY - at)
        return;
    memory[at + field] = 0;
    for (unsigned i = 0; i < n; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + field] = (uint8_t)-sum;
}

/* Lengths are the input's, mostly small. */
static void table_set(unsigned at, const char *signature, uint32_t length)
{
    if (length % 8)
        length %= MEMORY / 4;
    memcpy(memory + at, signature, 4);
    memcpy(memory + at + 4, &length, sizeof length);
    checksum_set(at, length, 9);
}

static void pointer_set(unsigned at, uint64_t to, unsigned width)
{
    memcpy(memory + at, &to, width);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct madt_cpus cpus;
    uint32_t lengths[2];

    if (size < sizeof lengths + 2)
        return 0;
    memcpy(lengths, data, sizeof lengths);
    memset(memory, 0, sizeof memory);
    for (size_t i = 0; i < MEMORY - ROOT; i++)
        memory[ROOT + i] = data[8 + i % (size - 8)];
    unsigned width = data[8] & 1 ? 8 : 4;
    pointer_set(ROOT + HEADER + (data[8] >> 1 & 3) * width, data[9] & 1 ? TABLE : TABLE + data[9], width);
    table_set(TABLE, data[9] & 2 ? "APIC" : "FACP", lengths[1]);
    table_set(ROOT, width == 8 ? "XSDT" : "RSDT", lengths[0]);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = width == 8 ? 2 : 0;
    pointer_set(RSDP + 16, ROOT, 4);
    memory[RSDP + 20] = HEADER;
    pointer_set(RSDP + 24, ROOT, 8);
    checksum_set(RSDP, 20, 8);
    checksum_set(RSDP, HEADER, 32);
    if (madt_find_rsdp(0, MEMORY, reach) != RSDP)
        abort();
    int error = madt_read(RSDP, reach, &cpus);
    if (cpus.count > MADT_CPUS_MAX || (error && cpus.count))
        abort();
    return 0;
}
