/*
 * The decoder of device accesses on arbitrary bytes, in each mode, and what it says carried out.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmexit/mmio_decode.h"

static uint64_t device_read(void *context, unsigned size)
{
    return 0x8877665544332211ULL & (size == 8 ? UINT64_MAX : BIT(8 * size) - 1);
}

static void device_write(void *context, unsigned size, uint64_t value)
{
    if (size != 1 && size != 2 && size != 4 && size != 8)
        abort();
    if (size != 8 && value >> 8 * size)
        abort();
}

static const struct mmio_target target = {device_read, device_write, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t regs[16], rflags = 2;
    struct mmio_access a;

    memset(regs, 0x5a, sizeof(regs));
    for (size_t at = 0; at < size; at++) {
        enum mmio_mode mode = (enum mmio_mode)(data[at] % 3);
        if (mmio_decode(data + at, size - at, mode, &a))
            continue;
        if (!a.length || a.length > INSTRUCTION_MAX || a.length > size - at)
            abort();
        mmio_perform(&a, regs, &rflags, &target);
    }
    return 0;
}
