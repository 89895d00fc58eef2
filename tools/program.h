/*
 * What kind of program a file is: the questions execve will ask, answered before a sandbox is made.
 */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include "lib/compiler.h"

struct program_kind { /* all strings but `wrong` are allocated */
    const char *wrong; /* why execve would refuse it; NULL: it would not, and */
    char *interpreter; /* of a #! script, absolute; NULL: an ELF file */
    char *argument;    /* the rest of the #! line, never NULL with an interpreter */
    char *loader;      /* PT_INTERP of an ELF file; NULL: static */
};

struct program_kind program_examine(const char *path);
/* The same for bytes in memory. */
struct program_kind program_examine_bytes(const void *content, size_t size);
void program_kind_free(struct program_kind *kind);

/* An executable file that begins with "#!". */
bool program_is_script(const char *path);

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* An executable of that name in PATH (else DEFAULT_PATH), allocated; NULL: none. */
char *program_find_in_path(const char *name);

#endif
