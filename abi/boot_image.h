/*
 * The one RAM image that Bochs loads at BOOT_IMAGE_ADDRESS, and what our boot ROM knows of it.  The launcher makes it:
 * this header, the hypervisor's loadable segments at their physical addresses, the PVH start info, and one module: the
 * bundle, a cpio archive (newc, file data 4 KiB aligned) with the members BUNDLE_KERNEL and BUNDLE_ROOT.  The same
 * bundle is given to QEMU by -initrd.
 */
#ifndef ABI_BOOT_IMAGE_H
#define ABI_BOOT_IMAGE_H

#include <stdint.h>

#define BOOT_IMAGE_ADDRESS 0x100000u
#define BOOT_IMAGE_MAGIC 0x544f4f424c505254ULL /* "TRPLBOOT" */

struct boot_image_header {
    uint64_t magic;
    uint32_t entry;      /* physical address of the 32-bit PVH entry */
    uint32_t start_info; /* physical address of struct pvh_start_info: goes into EBX */
    uint32_t end;        /* first physical address after the image: the ROM touches each 128 KiB block up to here */
    uint32_t reserved;
};

#define BUNDLE_KERNEL "guest_kernel.elf"
#define BUNDLE_ROOT "initrd"

#endif
