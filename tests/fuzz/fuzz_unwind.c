/*
 * tools/unwind.c and elf_image.c on a program of this machine with bytes changed, and on any stack and registers.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tools/unwind.h"

#define VICTIM "/bin/true"
#define CHANGES 24u
#define STEPS 12u

static struct bytes original;

static uint64_t number(const uint8_t *data, size_t size, size_t at)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 8 && size; i++)
        value = value << 8 | data[(at + i) % size];
    return value;
}

/* The header, its segments and call frames are what matters: an eighth of the changes goes where those are. */
static struct elf_image *image_make(const uint8_t *data, size_t size)
{
    struct bytes changed = {0};

    bytes_append(&changed, original.data, original.size);
    for (size_t i = 0; i < CHANGES && 6 * i + 6 <= size; i++) {
        const uint8_t *d = data + 6 * i;
        size_t at = (size_t)number(d, 4, 0) % (d[5] % 8 ? changed.size : MIN((size_t)1024, changed.size));
        changed.data[at] = d[4];
    }
    int fd = anonymous_file("image", changed.data, changed.size);
    char *path = descriptor_path(fd);
    struct elf_image *e = elf_image_open(path);
    free(path);
    close(fd);
    bytes_free(&changed);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!original.size && bytes_read_file(&original, VICTIM))
        abort();
    struct elf_image *e = size ? image_make(data, size) : NULL;
    if (!e)
        return 0;
    if (size % 2)
        e->frames_header = 0;
    unwind_index(e);
    struct unwind_frame f = {.stack = data, .base = 0x7ffffff00000, .size = size};
    for (unsigned i = 0; i < UNWIND_REGISTERS; i++)
        f.reg[i] = data[i % size] & 1 ? f.base + data[(i + 1) % size] : number(data, size, i);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t pc = number(data, size, 3 * i) % original.size;
        const struct elf_symbol *s = elf_image_symbol(e, pc);
        if (s && strlen(s->name) > original.size)
            abort();
        if (unwind_step(&f, e, pc, 0) == UNWIND_UNKNOWN)
            (void)unwind_by_frame_pointer(&f);
    }
    elf_image_free(e);
    return 0;
}
