/*
 * The VM-entry rules retested by name: legal states break none, and each rule is named when it alone is broken.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "hv/vmx/entry_check.h"
#include "lib/x86.h"

static uint64_t fields[0x8000];

static uint64_t field_read(enum vmcs_field field)
{
    return fields[field];
}

static const struct entry_check checker = {
    .read = field_read,
    .cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
    .cr0_fixed1 = 0xffffffff,
    .cr4_fixed0 = CR4_VMXE,
    .cr4_fixed1 = 0x3727ff,
    .physical_bits = 40,
    .linear_bits = 48,
};

struct row {
    enum vmcs_field field;
    uint64_t value;
};

#define SEGMENT_ROWS(name, selector, rights)                                                                           \
    {VMCS_GUEST_##name##_SELECTOR, selector}, {VMCS_GUEST_##name##_LIMIT, 0xffffffff},                                 \
    {VMCS_GUEST_##name##_RIGHTS, rights}

static const struct row common[] = {
    {VMCS_EPT_POINTER, 0x1000 | 0x5e},
    {VMCS_SECONDARY_CONTROLS, PROC2_EPT | PROC2_VPID},
    {VMCS_VPID, 1},
    {VMCS_LINK_POINTER, ~0ULL},
    {VMCS_HOST_CR0, CR0_PE | CR0_NE | CR0_PG},
    {VMCS_HOST_CR4, CR4_VMXE | CR4_PAE},
    {VMCS_HOST_EFER, EFER_LMA | EFER_LME},
    {VMCS_HOST_CS_SELECTOR, 8},
    {VMCS_HOST_TR_SELECTOR, 0x18},
    {VMCS_HOST_RIP, 0xffffffff80200000},
    {VMCS_GUEST_RFLAGS, RFLAGS_FIXED},
    SEGMENT_ROWS(CS, 8, 0xc09b),
    SEGMENT_ROWS(SS, 16, 0xc093),
    SEGMENT_ROWS(DS, 16, 0xc093),
    SEGMENT_ROWS(ES, 16, 0xc093),
    SEGMENT_ROWS(FS, 16, 0xc093),
    SEGMENT_ROWS(GS, 16, 0xc093),
    {VMCS_GUEST_TR_RIGHTS, 0x8b},
    {VMCS_GUEST_TR_LIMIT, 0x67},
    {VMCS_GUEST_LDTR_RIGHTS, RIGHTS_UNUSABLE},
    {VMCS_GUEST_CR0, CR0_PE | CR0_NE | CR0_ET},
    {VMCS_GUEST_CR4, CR4_VMXE},
};

static const struct row in_64_bit[] = {
    {VMCS_ENTRY_CONTROLS, ENTRY_IA32E},
    {VMCS_GUEST_CR0, CR0_PE | CR0_NE | CR0_ET | CR0_PG},
    {VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE},
    {VMCS_GUEST_EFER, EFER_LMA | EFER_LME | EFER_NX},
    {VMCS_GUEST_CS_RIGHTS, 0xa09b},
    {VMCS_GUEST_RIP, 0xffffffff80100000},
};

static void rows_set(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fields[rows[i].field] = rows[i].value;
}

static void state_set(bool is_64_bit)
{
    memset(fields, 0, sizeof fields);
    rows_set(common, ARRAY_SIZE(common));
    if (is_64_bit)
        rows_set(in_64_bit, ARRAY_SIZE(in_64_bit));
}

static void legal_states_pass(void **state)
{
    state_set(false);
    assert_null(entry_check(&checker));
    state_set(true);
    assert_null(entry_check(&checker));
    fields[VMCS_ENTRY_EVENT] = EVENT_VALID | EVENT_EXTERNAL | 0x30;
    fields[VMCS_GUEST_RFLAGS] |= RFLAGS_IF;
    assert_null(entry_check(&checker));
}

/* With one field changed, the message has this word in it. */
static const struct {
    enum vmcs_field field;
    uint64_t value;
    const char *says;
} broken[] = {
    {VMCS_EPT_POINTER, 0x1000 | 0x4e, "walk length"},
    {VMCS_VPID, 0, "VPID is 0"},
    {VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXCEPTION | 32, "above 31"},
    {VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_NMI | 3, "NMI with a vector"},
    {VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXTERNAL | 0x30, "RFLAGS.IF clear"},
    {VMCS_HOST_CR0, CR0_PE | CR0_PG, "host CR0"},
    {VMCS_HOST_CR3, 1ULL << 40, "host CR3"},
    {VMCS_HOST_TR_SELECTOR, 0, "TR selector is 0"},
    {VMCS_HOST_CS_SELECTOR, 11, "RPL"},
    {VMCS_HOST_RIP, 1ULL << 50, "host RIP"},
    {VMCS_GUEST_CR0, CR0_PE | CR0_PG, "CR0's fixed"},
    {VMCS_GUEST_CR4, CR4_PAE, "CR4's fixed"},
    {VMCS_GUEST_EFER, EFER_LME, "LMA differs from the IA-32e"},
    {VMCS_GUEST_EFER, EFER_LME | EFER_LMA | BIT(40), "EFER's reserved"},
    {VMCS_GUEST_CR3, 1ULL << 45, "guest CR3"},
    {VMCS_GUEST_DR7, 1ULL << 32, "DR7"},
    {VMCS_GUEST_CS_RIGHTS, 0xe09b, "CS.L with CS.D"},
    {VMCS_GUEST_CS_RIGHTS, 0xa0fb, "CS.DPL differs"},
    {VMCS_GUEST_CS_RIGHTS, 0xa09b | 0x100, "CS rights' reserved"},
    {VMCS_GUEST_SS_LIMIT, 0xfff00, "SS limit and granularity"},
    {VMCS_GUEST_DS_RIGHTS, 0xc013, "DS type, S or P"},
    {VMCS_GUEST_TR_RIGHTS, 0x89, "TR type"},
    {VMCS_GUEST_FS_BASE, 1ULL << 50, "FS, GS or TR base"},
    {VMCS_GUEST_IDTR_LIMIT, 0x10000, "IDTR limit"},
    {VMCS_GUEST_RIP, 0x0000800000000000, "RIP not canonical"},
    {VMCS_GUEST_RFLAGS, 0, "RFLAGS' reserved"},
    {VMCS_GUEST_INTERRUPTIBILITY, 3, "at once"},
    {VMCS_GUEST_INTERRUPTIBILITY, BLOCKED_BY_STI, "blocking by STI with"},
    {VMCS_GUEST_ACTIVITY, 4, "activity"},
    {VMCS_LINK_POINTER, 0, "link pointer"},
};

static void real_mode_takes_no_error_code(void **state)
{
    state_set(false);
    fields[VMCS_GUEST_CR0] &= ~CR0_PE;
    fields[VMCS_ENTRY_EVENT] = EVENT_VALID | EVENT_EXCEPTION | EVENT_HAS_ERROR | 13;
    assert_non_null(strstr(entry_check(&checker), "real mode"));
}

static void each_rule_is_named(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        state_set(true);
        fields[broken[i].field] = broken[i].value;
        const char *says = entry_check(&checker);
        if (!says || !strstr(says, broken[i].says))
            fail_msg("field %#x = %#llx: says '%s', not '%s'", (unsigned)broken[i].field,
                     (unsigned long long)broken[i].value, says ? says : "nothing", broken[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(legal_states_pass), cmocka_unit_test(each_rule_is_named),
                                        cmocka_unit_test(real_mode_takes_no_error_code)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
