/*
 * Reading ELF64 x86-64 files that nobody trusts: programs (execve), kernels (the hypervisor's loader), images (the
 * launcher).  Works on a copy of the headers in memory; every offset and size is checked for overflow before use.
 * Pure: no allocation, no I/O.  Structures are those of <linux/elf.h>.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include <linux/elf.h>

#include "lib/compiler.h"

#define ELF_PHDR_MAX 128u /* more program headers than any real program has; Linux allows 64 KiB of them */

/*
 * Check the file header: ELF64, little-endian, x86-64, ET_EXEC or ET_DYN, program headers of the right size and a sane
 * number.  Returns 0 or -ENOEXEC.
 */
int elf_check_header(const Elf64_Ehdr *e) must_check;

/*
 * Check one PT_LOAD header: p_filesz <= p_memsz, no overflow of offset or address, offset and address congruent modulo
 * the page size.  Returns 0 or -ENOEXEC.
 */
int elf_check_load(const Elf64_Phdr *p) must_check;

/*
 * The same for a whole file in memory: header, program headers and every PT_LOAD's bytes lie inside [0, size).
 * The file may lie unaligned in memory: read program headers with elf_phdr. Returns 0 or -ENOEXEC.
 */
int elf_check_image(const void *file, size_t size) must_check;
void elf_phdr(const void *file, unsigned index, Elf64_Phdr *out); /* after elf_check_image; index < e_phnum */

/* The PVH entry point (ELF note "Xen", type 18) of a checked image: 0 and *entry, or -ENOENT. */
int elf_pvh_entry(const void *file, size_t size, uint64_t *entry) must_check;

#endif
