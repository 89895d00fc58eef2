/*
 * What kind of program a file is: the questions execve will ask, answered before a sandbox is made.
 */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include "lib/compiler.h"

struct program_kind {
    char *interpreter; /* of a #! script, absolute, allocated; NULL: an ELF file */
    char *loader;      /* PT_INTERP of an ELF file, allocated; NULL: static */
};

/* Ends the launcher with status 126 if the file is neither a static or dynamic x86-64 ELF64 program nor a #! script. */
struct program_kind program_examine(const char *path, const void *content, size_t size);

/* Ends the launcher if loader is not NULL, naming what is missing. */
void program_refuse_dynamic(const char *path, const char *loader);

#endif
