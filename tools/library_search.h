/*
 * Where the dynamic loaders look for a library (ld.so(8), "DESCRIPTION"; musl: its /etc/ld-musl-x86_64.path), on this
 * machine.
 */
#ifndef TOOLS_LIBRARY_SEARCH_H
#define TOOLS_LIBRARY_SEARCH_H

#include "tools/bytes.h"
#include "tools/elf_needs.h"

struct loaded { /* a file in a running program's address space, as far as searches see it */
    const char *path;            /* without links */
    struct elf_needs needs;
    const struct loaded *loader; /* whose DT_NEEDED it is; NULL: the program itself */
};

struct library_search {
    const char *library_path;  /* the program's LD_LIBRARY_PATH; NULL: none */
    bool musl;                 /* the program's loader is musl's */
    struct bytes cache;        /* /etc/ld.so.cache; empty: none */
};

void library_search_start(struct library_search *s, const struct run_options *o, const char *interpreter);
void library_search_end(struct library_search *s);

/*
 * All the files that loading `name` for `user` may open, by the rule that finds it: one, and its variants for newer
 * CPUs.  Paths are allocated and added to `out`; false: there is none.
 */
bool library_find(const struct library_search *s, const struct loaded *user, const char *name, struct string_list *out);

/* musl is itself the library of these names. */
bool library_is_in_loader(const struct library_search *s, const char *name);

#endif
