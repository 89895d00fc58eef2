/*
 * bzImages of any content: whatever is accepted lies inside the file and below 4 GiB.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/guest_bzimage.h"
#include "tests/fuzz/fuzz.h"

static void check(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* its end is guarded by the sanitizer */
    static struct boot_params params;
    struct bzimage b;

    memcpy(copy, data, size);
    if (!bzimage_parse(copy, size, &b)) {
        const struct bzimage_places places = {.memory_end = b.end};
        if (b.code_offset + b.code_size != size || b.code_size <= BZIMAGE_ENTRY_64 || b.load_address < MiB(1) ||
            b.end > GiB(4) || b.load_address + b.code_size > b.end)
            abort();
        bzimage_fill_params(&b, &places, &params);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t file[4096] = {0};

    check(data, size);
    memcpy(file + 0x1f1, data, size < sizeof file - 0x1f1 ? size : sizeof file - 0x1f1);
    memcpy(file + 0x1fe, "\x55\xaa\xeb", 3);
    memcpy(file + 0x202, "HdrS\x0f\x02", 6);
    file[0x1f1] &= 7;
    file[0x211] |= LOADED_HIGH;
    file[0x236] |= XLF_KERNEL_64;
    check(file, sizeof file - (size ? data[0] : 0));
    memset(file + 0x258, 0, 8); /* pref_address, then init_size: small enough now and then */
    file[0x25b] = 1;
    file[0x263] = 0;
    check(file, sizeof file);
    return 0;
}
