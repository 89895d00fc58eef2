/*
 * prctl's operations that only ARM's kernels know: a program may try them anywhere.
 */
#include <linux/prctl.h>

#include "abi/decode_internal.h"

#define VECTOR_LENGTH 0xffffu

void out_vector_length(struct decoder *d, uint64_t value, bool is_sve)
{
    static const struct name sve[] = {NAME(PR_SVE_SET_VL_ONEXEC), NAME(PR_SVE_VL_INHERIT), NAME_END};
    static const struct name sme[] = {NAME(PR_SME_SET_VL_ONEXEC), NAME(PR_SME_VL_INHERIT), NAME_END};
    uint64_t flags = value & ~(uint64_t)VECTOR_LENGTH;
    struct parts p;

    if (!flags) {
        out_hex(d, value);
        return;
    }
    if (!parts_begin(d, value, &p))
        return;
    out_flags(d, is_sve ? sve : sme, flags, NULL);
    out_text(d, "|");
    out_hex(d, value & VECTOR_LENGTH);
    parts_end(d, &p);
}

void out_pointer_keys(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(PR_PAC_APIAKEY), NAME(PR_PAC_APIBKEY), NAME(PR_PAC_APDAKEY), NAME(PR_PAC_APDBKEY),
                                        NAME(PR_PAC_APGAKEY), NAME_END};
    /* APGAKEY cannot be enabled and disabled. */
    static const struct name enabled[] = {NAME(PR_PAC_APIAKEY), NAME(PR_PAC_APIBKEY), NAME(PR_PAC_APDAKEY), NAME(PR_PAC_APDBKEY), NAME_END};

    out_flags(d, (uint32_t)d->call->args[0] == PR_PAC_RESET_KEYS ? names : enabled, value, "PR_PAC_???");
}

void out_tagged_addresses(struct decoder *d, uint64_t value)
{
    static const struct name checks[] = {NAME(PR_MTE_TCF_NONE), NAME(PR_MTE_TCF_SYNC), NAME(PR_MTE_TCF_ASYNC), NAME(PR_MTE_TCF_MASK),
                                         NAME_END};
    uint64_t tags = (value & PR_MTE_TAG_MASK) >> PR_MTE_TAG_SHIFT;
    uint64_t rest = value & ~(PR_TAGGED_ADDR_ENABLE | PR_MTE_TCF_MASK | PR_MTE_TAG_MASK);
    struct parts p;

    if (!parts_begin(d, value, &p))
        return;
    out_text(d, value & PR_TAGGED_ADDR_ENABLE ? "PR_TAGGED_ADDR_ENABLE|" : "!PR_TAGGED_ADDR_ENABLE|");
    out_name(d, checks, value & PR_MTE_TCF_MASK, "PR_MTE_TCF_???");
    if (tags)
        out(d, "|%#llx<<PR_MTE_TAG_SHIFT", (unsigned long long)tags);
    if (rest)
        out(d, "|%#llx", (unsigned long long)rest);
    parts_end(d, &p);
}
