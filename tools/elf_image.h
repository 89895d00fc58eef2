/*
 * What unwinding needs of an ELF file: where its bytes are mapped, its call frame information, its symbols.  Hostile input: the file is
 * what somebody packed.
 */
#ifndef TOOLS_ELF_IMAGE_H
#define TOOLS_ELF_IMAGE_H

#include <elf.h>

#include "tools/bytes.h"

struct elf_symbol {
    uint64_t value, size;
    const char *name;
};

/* Call frame information of a function. */
struct elf_frame {
    uint64_t start, entry; /* addresses in the file */
};

struct elf_image {
    struct bytes file;
    Elf64_Ehdr header;
    const Elf64_Phdr *segments; /* header.e_phnum of them */
    struct elf_symbol *symbols; /* of functions, by value */
    size_t symbol_count;
    uint64_t frames_header;     /* address of .eh_frame_hdr; 0: none: then */
    uint64_t frames_section, frames_size; /* .eh_frame, 0: none */
    struct elf_frame *frames;   /* what unwind_index() found there, by start */
    size_t frame_count;
};

/* NULL: it cannot be read, or is no ELF file for x86-64. */
struct elf_image *elf_image_open(const char *path);
void elf_image_free(struct elf_image *e);

/* The file's address for an offset in it, by its segments; false: it is not mapped. */
bool elf_image_address(const struct elf_image *e, uint64_t offset, uint64_t *address);
/* n bytes at an address of the file; NULL: they are not all there. */
const uint8_t *elf_image_at(const struct elf_image *e, uint64_t address, size_t n);
/* How many bytes of the file there are from an address on. */
size_t elf_image_rest(const struct elf_image *e, uint64_t address);
/* The function that an address lies in; NULL: none is known. */
const struct elf_symbol *elf_image_symbol(const struct elf_image *e, uint64_t address);
const Elf64_Phdr *elf_image_segment(const struct elf_image *e, uint32_t type); /* the first of a type; NULL: none */

#endif
