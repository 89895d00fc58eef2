/*
 * See hv/guest_bzimage.h.
 */
#include "hv/guest_bzimage.h"

#include "lib/string.h"

#define HEADER_OFFSET 0x1f1u
#define HEADER_MAGIC 0x53726448u /* "HdrS" */
#define BOOT_FLAG 0xaa55u
#define JUMP_LENGTH_OFFSET 0x201u /* the header ends this many bytes after the jump's operand */
#define JUMP_END 0x202u
#define VERSION_MIN 0x020cu /* xloadflags, and so a 64-bit entry that is said to be there */
#define SECTOR 512u
#define SETUP_SECTORS_DEFAULT 4u
#define LOADER_UNKNOWN 0xffu
#define LOW_LIMIT 0x100000ULL
#define HIGH_LIMIT GiB(4) /* what the page tables map */
#define E820_RAM 1
#define ENTRY_FLAGS 0x03u /* present, writable */
#define ENTRY_LARGE 0x80u
#define TABLE_ENTRIES 512u
#define GDT_CODE_64 0x00af9b000000ffffULL
#define GDT_DATA 0x00cf93000000ffffULL

_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET, "the file's header and the zero page's agree");

bool bzimage_detect(const void *file, size_t size)
{
    uint32_t magic;

    if (size < HEADER_OFFSET + sizeof(struct setup_header))
        return false;
    memcpy(&magic, (const uint8_t *)file + JUMP_END, sizeof magic);
    return magic == HEADER_MAGIC && memcmp(file, "\177ELF", 4) != 0;
}

/* The header is as long as the file says, but no longer than what we know of it. */
static const char *header_copy(const uint8_t *file, size_t size, struct setup_header *h)
{
    size_t length = JUMP_END - HEADER_OFFSET + file[JUMP_LENGTH_OFFSET];

    memset(h, 0, sizeof *h);
    memcpy(h, file + HEADER_OFFSET, MIN(length, sizeof *h)); /* within the file: bzimage_detect() */
    if (h->boot_flag != BOOT_FLAG)
        return "it has no boot flag";
    if (length < offsetof(struct setup_header, init_size) + sizeof h->init_size)
        return "its header is too short";
    return NULL;
}

const char *bzimage_parse(const void *file, size_t size, struct bzimage *b)
{
    struct setup_header *h = &b->header;

    memset(b, 0, sizeof *b);
    if (!bzimage_detect(file, size))
        return "it is not a bzImage";
    const char *wrong = header_copy(file, size, h);
    if (wrong)
        return wrong;
    if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64))
        return "it has no 64-bit entry";
    if (!(h->loadflags & LOADED_HIGH))
        return "it wants to be loaded below 1 MiB";
    b->code_offset = ((h->setup_sects ? h->setup_sects : SETUP_SECTORS_DEFAULT) + (size_t)1) * SECTOR;
    if (b->code_offset >= size || size - b->code_offset <= BZIMAGE_ENTRY_64)
        return "the file ends before its 64-bit entry";
    b->code_size = size - b->code_offset;
    b->load_address = h->pref_address;
    if (b->load_address < LOW_LIMIT || b->load_address >= HIGH_LIMIT || !IS_ALIGNED(b->load_address, PAGE_SIZE))
        return "its preferred address is below 1 MiB, above 4 GiB or not aligned";
    b->end = b->load_address + MAX((uint64_t)h->init_size, (uint64_t)b->code_size);
    if (b->end > HIGH_LIMIT)
        return "it would end above 4 GiB";
    b->initrd_limit = (uint64_t)h->initrd_addr_max + 1;
    b->command_line_max = h->cmdline_size;
    return NULL;
}

static void add_memory(struct boot_params *params, uint64_t start, uint64_t end)
{
    if (start < end)
        params->e820_table[params->e820_entries++] = (struct boot_e820_entry){start, end - start, E820_RAM};
}

void bzimage_fill_params(const struct bzimage *b, const struct bzimage_places *p, struct boot_params *params)
{
    memset(params, 0, sizeof *params);
    params->hdr = b->header;
    params->hdr.type_of_loader = LOADER_UNKNOWN;
    params->hdr.setup_data = 0; /* a list of ours, of which there is none: the file's word does not count */
    params->hdr.code32_start = (uint32_t)b->load_address;
    params->hdr.cmd_line_ptr = (uint32_t)p->command_line;
    params->ext_cmd_line_ptr = (uint32_t)(p->command_line >> 32);
    params->hdr.ramdisk_image = (uint32_t)p->initrd;
    params->ext_ramdisk_image = (uint32_t)(p->initrd >> 32);
    params->hdr.ramdisk_size = (uint32_t)p->initrd_size;
    params->ext_ramdisk_size = (uint32_t)(p->initrd_size >> 32);
    params->acpi_rsdp_addr = p->rsdp;
    add_memory(params, 0, p->low_memory_end);
    add_memory(params, p->high_memory_start, p->memory_end);
}

void bzimage_fill_tables(uint64_t (*tables)[512], uint64_t address)
{
    memset(tables, 0, BZIMAGE_TABLE_PAGES * PAGE_SIZE);
    tables[0][0] = (address + PAGE_SIZE) | ENTRY_FLAGS;
    for (uint64_t i = 0; i < BZIMAGE_TABLE_PAGES - 2; i++) {
        tables[1][i] = (address + (2 + i) * PAGE_SIZE) | ENTRY_FLAGS;
        for (uint64_t j = 0; j < TABLE_ENTRIES; j++)
            tables[2 + i][j] = (i * TABLE_ENTRIES + j) * MiB(2) | ENTRY_FLAGS | ENTRY_LARGE;
    }
}

void bzimage_fill_gdt(uint64_t gdt[BZIMAGE_GDT_ENTRIES])
{
    gdt[0] = gdt[1] = 0;
    gdt[BZIMAGE_CODE_SELECTOR / 8] = GDT_CODE_64;
    gdt[BZIMAGE_DATA_SELECTOR / 8] = GDT_DATA;
}
