/*
 * See tools/boot_image.h.
 */
#include "abi/boot_image.h"

#include <string.h>

#include "lib/elf.h"
#include "lib/pvh.h"
#include "tools/archive.h"
#include "tools/boot_image.h"
#include "tools/message.h"

#define E820_RAM 1
#define E820_RESERVED 2
#define LOW_MEMORY_END 0xa0000u

/* What follows the hypervisor's segments in the image, in this order, before the bundle. */
struct boot_data {
    struct pvh_start_info info;
    struct pvh_module module;
    struct pvh_memmap_entry memmap[3];
    char command_line[2048];
};

struct bytes bundle_build(const struct bundle_member *members, size_t count)
{
    struct archive a = {0};

    for (size_t i = 0; i < count; i++)
        archive_add_file(&a, members[i].name, 0444, members[i].data, members[i].size);
    archive_end(&a);
    return a.bytes;
}

/* Copy the loadable segments to their physical addresses; zeros between them and for .bss. */
static void place_segments(struct bytes *image, const struct bytes *elf)
{
    Elf64_Ehdr header;
    Elf64_Phdr p;
    uint64_t end = BOOT_IMAGE_ADDRESS + sizeof(struct boot_image_header);

    memcpy(&header, elf->data, sizeof header);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        elf_phdr(elf->data, i, &p);
        if (p.p_type != PT_LOAD || p.p_memsz == 0)
            continue;
        if (p.p_paddr < end || p.p_paddr > GiB(1) || p.p_memsz > GiB(1))
            fail(EXIT_LAUNCHER, "the hypervisor's segment %u at %#llx does not fit behind the image header", i,
                 (unsigned long long)p.p_paddr);
        bytes_append_zeros(image, p.p_paddr - BOOT_IMAGE_ADDRESS - image->size);
        bytes_append(image, elf->data + p.p_offset, p.p_filesz);
        bytes_append_zeros(image, p.p_memsz - p.p_filesz);
        end = p.p_paddr + p.p_memsz;
    }
}

static void fill_boot_data(struct boot_data *d, uint64_t at, uint64_t bundle_at, uint64_t bundle_size,
                           const char *command_line, uint64_t machine_memory)
{
    *d = (struct boot_data){
        .info = {.magic = PVH_MAGIC, .version = 1, .nr_modules = 1,
                 .modlist_paddr = at + offsetof(struct boot_data, module),
                 .cmdline_paddr = at + offsetof(struct boot_data, command_line),
                 .memmap_paddr = at + offsetof(struct boot_data, memmap), .memmap_entries = ARRAY_SIZE(d->memmap)},
        .module = {.paddr = bundle_at, .size = bundle_size},
        .memmap = {{.addr = 0, .size = LOW_MEMORY_END, .type = E820_RAM},
                   {.addr = LOW_MEMORY_END, .size = BOOT_IMAGE_ADDRESS - LOW_MEMORY_END, .type = E820_RESERVED},
                   {.addr = BOOT_IMAGE_ADDRESS, .size = machine_memory - BOOT_IMAGE_ADDRESS, .type = E820_RAM}},
    };
    if (strlen(command_line) >= sizeof d->command_line)
        fail(EXIT_LAUNCHER, "the hypervisor's command line is longer than %zu bytes", sizeof d->command_line - 1);
    strcpy(d->command_line, command_line);
}

struct bytes boot_image_build(const struct bytes *hypervisor, const struct bytes *bundle, const char *command_line,
                              uint64_t machine_memory)
{
    struct bytes image = {0};
    struct boot_data data;
    uint64_t entry;

    if (elf_check_image(hypervisor->data, hypervisor->size) != 0 ||
        elf_pvh_entry(hypervisor->data, hypervisor->size, &entry) != 0 || entry > UINT32_MAX)
        fail(EXIT_LAUNCHER, "the hypervisor's image has no PVH entry point");
    bytes_append_zeros(&image, sizeof(struct boot_image_header));
    place_segments(&image, hypervisor);
    bytes_align(&image, PAGE_SIZE);
    uint64_t data_at = BOOT_IMAGE_ADDRESS + image.size;
    uint64_t bundle_at = ALIGN_UP(data_at + sizeof data, PAGE_SIZE);
    uint64_t end = bundle_at + bundle->size;
    if (end > machine_memory)
        fail(EXIT_LAUNCHER, "the root (%zu KiB) does not fit into the machine's memory; raise --memory",
             bundle->size >> 10);
    fill_boot_data(&data, data_at, bundle_at, bundle->size, command_line, machine_memory);
    bytes_append(&image, &data, sizeof data);
    bytes_align(&image, PAGE_SIZE);
    bytes_append(&image, bundle->data, bundle->size);
    struct boot_image_header header = {.magic = BOOT_IMAGE_MAGIC, .entry = (uint32_t)entry,
                                       .start_info = (uint32_t)data_at, .end = (uint32_t)end};
    memcpy(image.data, &header, sizeof header);
    return image;
}
