/*
 * The hypervisor's command line: words key=value, then " -- " and the guest kernel's own (docs/building.md).
 */
#ifndef HV_MAIN_OPTIONS_H
#define HV_MAIN_OPTIONS_H

#include "lib/compiler.h"
#include "hv/main/spec.h"

struct options {
    int log_level;
    bool tty;       /* standard input goes to the console, not to its own port */
    bool smt;       /* threads of one core may run different sandboxes at the same time */
    bool maps;      /* when a sandbox ends, log which memory each has; a test */
    uint64_t fail_allocation;
    uint64_t repeat; /* make and end each sandbox this many times more; a test */
    struct sandbox_spec sandbox; /* the only one, if the bundle has no specs; its strings point into the text that was parsed */
};

/* 0, or -EINVAL: a word is unknown or its value is not one, which is logged.  `text` must outlive `o`. */
int options_parse(const char *text, struct options *o) must_check;

#endif
