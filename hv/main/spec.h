/*
 * What one sandbox is to be: from the words of the hypervisor's command line or from a spec in the bundle
 * (abi/sandbox_spec.h).  Specs are read as hostile: they come with the sandbox's own files.
 */
#ifndef HV_MAIN_SPEC_H
#define HV_MAIN_SPEC_H

#include "abi/sandbox_spec.h"
#include "lib/compiler.h"
#include "vmexit/vmexit.h"

struct sandbox_spec {
    char name[SANDBOX_NAME_MAX + 1]; /* "": it has none */
    const char *kernel, *initrd;     /* names of bundle members; initrd NULL: none */
    const char *command_line;        /* the guest kernel's */
    uint64_t memory;
    unsigned cpus;
    uint32_t weight, cap;
    bool last; /* send the flight recorder in any case */
    struct vmexit_options exits;
};

void spec_defaults(struct sandbox_spec *s);
/* One word "key", "value" that both sources know.  `value` is taken apart.  False: not a key, or not a value. */
bool spec_word(struct sandbox_spec *s, const char *key, char *value) must_check;
/*
 * The fields in text[0, n): 0, or -EINVAL with the reason logged.  The text is taken apart and must outlive `s`, which
 * points into it.
 */
int spec_parse(char *text, size_t n, struct sandbox_spec *s) must_check;

/* Numbers of the same grammar: decimal or 0x, at most `max`. */
bool spec_number(const char *text, uint64_t max, uint64_t *out) must_check;
bool spec_flag(const char *text, bool *out) must_check;

#endif
