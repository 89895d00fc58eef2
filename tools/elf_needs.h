/*
 * What an ELF file wants to find when it is started: its interpreter and the libraries in its dynamic section.  The
 * file is not trusted: every offset is checked, every string ends inside of the file.  No I/O.
 */
#ifndef TOOLS_ELF_NEEDS_H
#define TOOLS_ELF_NEEDS_H

#include "tools/run_options.h"

struct elf_needs { /* all strings allocated */
    char *interpreter;         /* PT_INTERP; NULL: none */
    char *name;                /* DT_SONAME; NULL: none */
    char *rpath, *runpath;     /* folders, separated by colons; NULL: none */
    struct string_list needed; /* DT_NEEDED, in order */
};

/* 0; -ENOEXEC: not an x86-64 ELF64 program or library; -EINVAL: one whose headers or dynamic section are broken. */
int elf_needs_read(struct elf_needs *needs, const void *file, size_t size) must_check;
void elf_needs_free(struct elf_needs *needs);

#endif
