/*
 * The PVH boot protocol: what a boot loader hands to the 32-bit entry point that an ELF note of type 18 names (Xen,
 * docs/misc/pvh.pandoc; also spoken by QEMU's -kernel and by Firecracker).  At entry: 32-bit protected mode, paging
 * off, EBX = physical address of struct pvh_start_info.
 */
#ifndef LIB_PVH_H
#define LIB_PVH_H

#include <stdint.h>

#define PVH_MAGIC 0x336ec578u
#define PVH_ELF_NOTE_TYPE 18 /* XEN_ELFNOTE_PHYS32_ENTRY, name "Xen" */

struct pvh_start_info {
    uint32_t magic;
    uint32_t version; /* 1: memmap is there */
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    uint64_t memmap_paddr;
    uint32_t memmap_entries;
    uint32_t reserved;
};

struct pvh_module {
    uint64_t paddr;
    uint64_t size;
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct pvh_memmap_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type; /* as E820: 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 unusable */
    uint32_t reserved;
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH start info, version 1");
_Static_assert(sizeof(struct pvh_module) == 32, "PVH module");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "PVH memory map entry");

#endif
