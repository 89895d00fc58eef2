/*
 * A manifest: the sandboxes of one boot, as text (docs/manifest.md).  The parser is pure but for memory and takes any
 * bytes; what it accepts has been checked in itself, not against files.
 */
#ifndef TOOLS_MANIFEST_H
#define TOOLS_MANIFEST_H

#include "tools/run_options.h"

struct manifest_section {
    const char *name;           /* unique; abi/sandbox_spec.h says of what letters */
    unsigned line;              /* of its [name] */
    bool is_kernel;             /* kind kernel: kernel, initrd and cmdline; else a program for our guest kernel */
    struct run_options options; /* of this sandbox alone: program, root, memory, cpus, trap, trace, deny, ... */
    const char *kernel, *initrd, *cmdline; /* paths and text; initrd and cmdline may be NULL */
    uint32_t weight, cap;       /* share of CPU time; percent of one CPU, 0: no cap */
};

struct manifest {
    struct manifest_section *sections;
    size_t count;
};

/*
 * Returns NULL, or "FILE:LINE: what is wrong", allocated.  Sections start as a copy of `defaults`.  Nothing is freed
 * before the launcher ends.
 */
const char *manifest_parse(struct manifest *m, const char *text, size_t n, const char *file,
                           const struct run_options *defaults) must_check;

/* Split text into words as a shell does: blanks, '...', "..." and backslashes.  NULL-terminated; NULL: an open quote. */
char **manifest_words(const char *text) must_check;

#endif
