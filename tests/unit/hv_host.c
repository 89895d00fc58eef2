/*
 * What the hypervisor's memory code under test expects of its kernel: a direct map (one to one), and a panic that ends the test.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hv/alloc.h"
#include "lib/log.h"

int log_level = LOG_ERROR;

void log_line(enum log_level level, const char *fmt, ...)
{
}

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

void *phys_to_virt(uint64_t phys)
{
    return (void *)(uintptr_t)phys;
}

uint64_t virt_to_phys(const void *direct_map_address)
{
    return (uintptr_t)direct_map_address;
}
