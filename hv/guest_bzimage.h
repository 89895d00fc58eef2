/*
 * bzImages and the 64-bit boot protocol of Linux (Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL"; structures
 * from <asm/bootparam.h>).  The file is hostile: its header is copied once, each field is checked before it is used.
 * Pure: what is to be written where, the caller writes.
 */
#ifndef HV_GUEST_BZIMAGE_H
#define HV_GUEST_BZIMAGE_H

#include <asm/bootparam.h>

#include "lib/compiler.h"

#define BZIMAGE_ENTRY_64 0x200u /* after the start of the loaded code */
#define BZIMAGE_CODE_SELECTOR 0x10u
#define BZIMAGE_DATA_SELECTOR 0x18u
#define BZIMAGE_GDT_ENTRIES 4u
#define BZIMAGE_TABLE_PAGES 6u /* PML4, PDPT, four page directories: 4 GiB one to one */

struct bzimage {
    struct setup_header header; /* as copied, fields beyond the file's own header are 0 */
    size_t code_offset, code_size; /* in the file */
    uint64_t load_address;
    uint64_t end;          /* of the memory that it needs before it has read the memory map */
    uint64_t initrd_limit; /* first address at which no initrd may lie */
    uint32_t command_line_max; /* bytes without the NUL */
};

/* Where the caller puts things; 0 for what is not there. */
struct bzimage_places {
    uint64_t command_line, rsdp, initrd, initrd_size;
    uint64_t low_memory_end, high_memory_start, memory_end; /* RAM: from 0, and up to the end */
};

/* Does it look like a bzImage at all (and not like an ELF file)? */
bool bzimage_detect(const void *file, size_t size);
/* NULL, or why it cannot be booted. */
const char *bzimage_parse(const void *file, size_t size, struct bzimage *b) must_check;
void bzimage_fill_params(const struct bzimage *b, const struct bzimage_places *p, struct boot_params *params);
/* Page tables that are to lie at `address`, and a GDT. */
void bzimage_fill_tables(uint64_t (*tables)[512], uint64_t address);
void bzimage_fill_gdt(uint64_t gdt[BZIMAGE_GDT_ENTRIES]);

#endif
