/*
 * Root archives with random damage: the first bytes of the input say where a good archive is changed and how, the rest
 * is put behind it.  Whatever happens, all memory comes back.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/archive_builder.h"
#include "tests/unit/fake_core.h"

#define ROOM 65536u

static size_t build(char *data)
{
    static char big[5000];
    struct archive a = {.data = data, .room = ROOM / 2};

    archive_add(&a, &(struct archive_member){"dir", 0040755});
    archive_add(&a, &(struct archive_member){"dir/file", 0100644, big, sizeof big, .align = 4096});
    archive_add(&a, &(struct archive_member){"dir/link", 0120777, "../dir/file", 11});
    archive_add(&a, &(struct archive_member){"h1", 0100600, "", 0, .inode = 9, .links = 2});
    archive_add(&a, &(struct archive_member){"dir/h2", 0100600, "data", 4, .inode = 9, .links = 2});
    archive_add(&a, &(struct archive_member){"fifo", 0010600});
    archive_add(&a, &(struct archive_member){".trapline.init", 0100600, "arg=/bin/x", 11});
    archive_end(&a);
    return a.used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdefABCDEF/.\0x";
    static bool started;
    void *spec;
    size_t spec_size;

    if (!started) {
        fake_start();
        started = true;
    }
    long before = fake_allocations_live();
    char *archive = aligned_alloc(4096, ROOM);
    size_t used = build(archive);
    for (int n = 0; n < 8 && size >= 4; n++, data += 4, size -= 4) {
        size_t at = (data[0] | (size_t)data[1] << 8) % used;
        archive[at] = data[2] & 1 ? (char)data[3] : digits[data[3] % sizeof digits];
    }
    size_t more = size < ROOM - used ? size : ROOM - used;
    if (more)
        memcpy(archive + used, data, more);
    fake_enter_mount();
    if (fs_unpack_cpio(archive, used + more, &spec, &spec_size) == 0)
        mem_free(spec);
    fake_leave_mount();
    free(archive);
    if (fake_allocations_live() != before)
        abort();
    return 0;
}
