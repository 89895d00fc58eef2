/*
 * See hv/vmx/entry_check.h.  The order is that of the SDM's sections.
 */
#include "hv/vmx/entry_check.h"

#include "lib/x86.h"

#define R(field) c->read(VMCS_##field)
#define RULE(broken, text)                                                                                             \
    do {                                                                                                               \
        if (broken)                                                                                                    \
            return text;                                                                                               \
    } while (0)

#define RIGHTS_TYPE 0xf
#define RIGHTS_ACCESSED 1
#define RIGHTS_CODE_OR_WRITABLE 2
#define RIGHTS_S BIT(4)
#define RIGHTS_PRESENT BIT(7)
#define RIGHTS_RESERVED 0xfffe0f00ULL
#define RIGHTS_DB BIT(14)
#define RIGHTS_GRANULARITY BIT(15)
#define ACTIVITY_HLT 1
#define ACTIVITY_LAST 3
#define DEBUGCTL_KNOWN 0xffc3ULL
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

static bool is_canonical(const struct entry_check *c, uint64_t address)
{
    int64_t sign = (int64_t)address >> (c->linear_bits - 1);

    return sign == 0 || sign == -1;
}

static bool is_physical(const struct entry_check *c, uint64_t address)
{
    return address >> c->physical_bits == 0;
}

static const char *check_controls(const struct entry_check *c)
{
    uint64_t event = R(ENTRY_EVENT);

    RULE(R(CR3_TARGET_COUNT) > 4, "27.2.1.1: CR3-target count above 4");
    RULE(!IS_ALIGNED(R(MSR_BITMAP), PAGE_SIZE), "27.2.1.1: MSR bitmap not page aligned");
    RULE((R(EPT_POINTER) & 7) != 6 && (R(EPT_POINTER) & 7) != 0, "27.2.1.1: EPT pointer's memory type");
    RULE((R(EPT_POINTER) >> 3 & 7) != 3, "27.2.1.1: EPT pointer's walk length is not 4");
    RULE((R(SECONDARY_CONTROLS) & PROC2_VPID) && R(VPID) == 0, "27.2.1.1: VPID is 0");
    if (!(event & EVENT_VALID))
        return NULL;
    RULE((event & EVENT_TYPE_MASK) == EVENT_NMI && (event & EVENT_VECTOR) != 2, "27.2.1.3: NMI with a vector not 2");
    RULE((event & EVENT_TYPE_MASK) == EVENT_EXCEPTION && (event & EVENT_VECTOR) > 31,
         "27.2.1.3: hardware exception with a vector above 31");
    RULE(event & 0x7ffff000, "27.2.1.3: reserved bits of the event are set");
    RULE((event & EVENT_HAS_ERROR) && !(R(GUEST_CR0) & CR0_PE), "27.2.1.3: error code in real mode");
    RULE((event & EVENT_HAS_ERROR) && R(ENTRY_EVENT_ERROR) >> 16, "27.2.1.3: error code above 16 bits");
    RULE((event & EVENT_TYPE_MASK) >= EVENT_SOFTWARE_INTERRUPT && R(ENTRY_EVENT_LENGTH) > 15,
         "27.2.1.3: software event's instruction length above 15");
    return NULL;
}

static const char *check_host(const struct entry_check *c)
{
    RULE((R(HOST_CR0) & c->cr0_fixed0) != c->cr0_fixed0 || (R(HOST_CR0) & ~c->cr0_fixed1), "27.2.2: host CR0");
    RULE((R(HOST_CR4) & c->cr4_fixed0) != c->cr4_fixed0 || (R(HOST_CR4) & ~c->cr4_fixed1), "27.2.2: host CR4");
    RULE(!is_physical(c, R(HOST_CR3)), "27.2.2: host CR3 above the physical-address width");
    RULE(!is_canonical(c, R(HOST_RIP)), "27.2.2: host RIP not canonical");
    RULE(!is_canonical(c, R(HOST_GS_BASE)) || !is_canonical(c, R(HOST_FS_BASE)), "27.2.3: host FS or GS base");
    RULE(!is_canonical(c, R(HOST_TR_BASE)) || !is_canonical(c, R(HOST_GDTR_BASE)) ||
             !is_canonical(c, R(HOST_IDTR_BASE)), "27.2.3: host TR, GDTR or IDTR base");
    RULE(R(HOST_CS_SELECTOR) == 0, "27.2.3: host CS selector is 0");
    RULE(R(HOST_TR_SELECTOR) == 0, "27.2.3: host TR selector is 0");
    RULE((R(HOST_CS_SELECTOR) | R(HOST_SS_SELECTOR) | R(HOST_DS_SELECTOR) | R(HOST_ES_SELECTOR) |
          R(HOST_TR_SELECTOR)) & 7, "27.2.3: host selector with RPL or TI");
    RULE((R(HOST_EFER) & (EFER_LMA | EFER_LME)) != (EFER_LMA | EFER_LME), "27.2.4: host EFER without LMA and LME");
    return NULL;
}

static const char *check_control_registers(const struct entry_check *c)
{
    uint64_t cr0 = R(GUEST_CR0), cr4 = R(GUEST_CR4), efer = R(GUEST_EFER);
    bool ia32e = R(ENTRY_CONTROLS) & ENTRY_IA32E;
    uint64_t cr0_fixed0 = c->cr0_fixed0 & ~(CR0_PE | CR0_PG); /* unrestricted guest */

    RULE((cr0 & cr0_fixed0) != cr0_fixed0 || (cr0 & ~c->cr0_fixed1), "27.3.1.1: guest CR0's fixed bits");
    RULE((cr0 & CR0_PG) && !(cr0 & CR0_PE), "27.3.1.1: guest CR0.PG without PE");
    RULE((cr4 & c->cr4_fixed0) != c->cr4_fixed0 || (cr4 & ~c->cr4_fixed1), "27.3.1.1: guest CR4's fixed bits");
    RULE(R(GUEST_DEBUGCTL) & ~DEBUGCTL_KNOWN, "27.3.1.1: guest IA32_DEBUGCTL's reserved bits");
    RULE(ia32e && !((cr0 & CR0_PG) && (cr4 & CR4_PAE)), "27.3.1.1: IA-32e mode guest without CR0.PG and CR4.PAE");
    RULE(!ia32e && (cr4 & CR4_PCIDE), "27.3.1.1: guest CR4.PCIDE outside IA-32e mode");
    RULE(!is_physical(c, R(GUEST_CR3) & ~BIT(63)), "27.3.1.1: guest CR3 above the physical-address width");
    RULE(R(GUEST_DR7) >> 32, "27.3.1.1: guest DR7's high half");
    RULE(!is_canonical(c, R(GUEST_SYSENTER_ESP)) || !is_canonical(c, R(GUEST_SYSENTER_EIP)),
         "27.3.1.1: guest SYSENTER address not canonical");
    RULE(efer & ~EFER_KNOWN, "27.3.1.1: guest EFER's reserved bits");
    RULE(!!(efer & EFER_LMA) != ia32e, "27.3.1.1: guest EFER.LMA differs from the IA-32e entry control");
    RULE((cr0 & CR0_PG) && !!(efer & EFER_LMA) != !!(efer & EFER_LME),
         "27.3.1.1: guest EFER.LMA differs from LME with paging on");
    return NULL;
}

struct segment {
    enum vmcs_field base, limit, rights;
    const char *reserved, *limit_rule, *type_rule;
};

static const char *check_data_segment(const struct entry_check *c, const struct segment *s)
{
    uint64_t rights = c->read(s->rights), limit = c->read(s->limit);

    if (rights & RIGHTS_UNUSABLE)
        return NULL;
    RULE(!(rights & RIGHTS_S) || !(rights & RIGHTS_PRESENT) || !(rights & RIGHTS_ACCESSED), s->type_rule);
    RULE((rights & 8) && !(rights & RIGHTS_CODE_OR_WRITABLE), s->type_rule);
    RULE(rights & RIGHTS_RESERVED, s->reserved);
    RULE((limit & 0xfff) != 0xfff && (rights & RIGHTS_GRANULARITY), s->limit_rule);
    RULE((limit >> 20) != 0 && !(rights & RIGHTS_GRANULARITY), s->limit_rule);
    return NULL;
}

#define SEGMENT(name)                                                                                                  \
    {VMCS_GUEST_##name##_BASE, VMCS_GUEST_##name##_LIMIT, VMCS_GUEST_##name##_RIGHTS,                                  \
     "27.3.1.2: guest " #name " rights' reserved bits", "27.3.1.2: guest " #name " limit and granularity disagree",    \
     "27.3.1.2: guest " #name " type, S or P"}

static const char *check_segments(const struct entry_check *c)
{
    static const struct segment segments[] = {SEGMENT(CS), SEGMENT(SS), SEGMENT(DS),
                                              SEGMENT(ES), SEGMENT(FS), SEGMENT(GS)};
    uint64_t cs = R(GUEST_CS_RIGHTS), ss = R(GUEST_SS_RIGHTS), tr = R(GUEST_TR_RIGHTS), ldtr = R(GUEST_LDTR_RIGHTS);
    bool ia32e = R(ENTRY_CONTROLS) & ENTRY_IA32E;

    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        const char *broken = check_data_segment(c, &segments[i]);
        if (broken)
            return broken;
    }
    RULE(cs & RIGHTS_UNUSABLE, "27.3.1.2: guest CS is unusable");
    RULE(ia32e && (cs & RIGHTS_LONG_MODE) && (cs & RIGHTS_DB), "27.3.1.2: guest CS.L with CS.D");
    RULE((cs & RIGHTS_TYPE) >= 9 && (cs & RIGHTS_TYPE) <= 11 && (cs & RIGHTS_TYPE) != 10 &&
             (cs >> RIGHTS_DPL_SHIFT & 3) != (ss >> RIGHTS_DPL_SHIFT & 3), "27.3.1.2: guest CS.DPL differs from SS.DPL");
    RULE(R(GUEST_CS_BASE) >> 32, "27.3.1.2: guest CS base above 32 bits");
    RULE(!(ss & RIGHTS_UNUSABLE) && R(GUEST_SS_BASE) >> 32, "27.3.1.2: guest SS base above 32 bits");
    RULE(!is_canonical(c, R(GUEST_FS_BASE)) || !is_canonical(c, R(GUEST_GS_BASE)) ||
             !is_canonical(c, R(GUEST_TR_BASE)), "27.3.1.2: guest FS, GS or TR base not canonical");
    RULE(tr & RIGHTS_UNUSABLE, "27.3.1.2: guest TR is unusable");
    RULE((tr & RIGHTS_TYPE) != 11 && (ia32e || (tr & RIGHTS_TYPE) != 3), "27.3.1.2: guest TR type is not a busy TSS");
    RULE((tr & RIGHTS_S) || !(tr & RIGHTS_PRESENT), "27.3.1.2: guest TR's S or P");
    RULE(R(GUEST_TR_SELECTOR) & 4, "27.3.1.2: guest TR selector's TI");
    RULE(!(ldtr & RIGHTS_UNUSABLE) && (ldtr & RIGHTS_TYPE) != 2, "27.3.1.2: guest LDTR type");
    RULE(!is_canonical(c, R(GUEST_GDTR_BASE)) || !is_canonical(c, R(GUEST_IDTR_BASE)),
         "27.3.1.3: guest GDTR or IDTR base not canonical");
    RULE(R(GUEST_GDTR_LIMIT) >> 16 || R(GUEST_IDTR_LIMIT) >> 16, "27.3.1.3: guest GDTR or IDTR limit above 16 bits");
    return NULL;
}

static const char *check_instruction_state(const struct entry_check *c)
{
    uint64_t rflags = R(GUEST_RFLAGS), event = R(ENTRY_EVENT), blocked = R(GUEST_INTERRUPTIBILITY);
    bool long_code = (R(ENTRY_CONTROLS) & ENTRY_IA32E) && (R(GUEST_CS_RIGHTS) & RIGHTS_LONG_MODE);
    bool external = (event & EVENT_VALID) && (event & EVENT_TYPE_MASK) == EVENT_EXTERNAL;

    RULE(!long_code && R(GUEST_RIP) >> 32, "27.3.1.4: guest RIP above 32 bits outside 64-bit code");
    RULE(long_code && !is_canonical(c, R(GUEST_RIP)), "27.3.1.4: guest RIP not canonical");
    RULE((rflags & ~0x3f7fd7ULL) || !(rflags & RFLAGS_FIXED), "27.3.1.4: guest RFLAGS' reserved bits");
    RULE((rflags & RFLAGS_VM) && (R(ENTRY_CONTROLS) & ENTRY_IA32E), "27.3.1.4: guest RFLAGS.VM in IA-32e mode");
    RULE(external && !(rflags & RFLAGS_IF), "27.3.1.4: external interrupt injected with RFLAGS.IF clear");
    RULE(R(GUEST_ACTIVITY) > ACTIVITY_LAST, "27.3.1.5: guest activity state");
    RULE(R(GUEST_ACTIVITY) == ACTIVITY_HLT && (R(GUEST_SS_RIGHTS) >> RIGHTS_DPL_SHIFT & 3),
         "27.3.1.5: guest halted with SS.DPL not 0");
    RULE(R(GUEST_ACTIVITY) && (blocked & BLOCKED_SHADOW), "27.3.1.5: guest not active in an STI or MOV-SS shadow");
    RULE((blocked & BLOCKED_SHADOW) == BLOCKED_SHADOW, "27.3.1.5: blocking by STI and by MOV SS at once");
    RULE((blocked & BLOCKED_BY_STI) && !(rflags & RFLAGS_IF), "27.3.1.5: blocking by STI with RFLAGS.IF clear");
    RULE(external && (blocked & BLOCKED_SHADOW), "27.3.1.5: external interrupt injected in an STI or MOV-SS shadow");
    RULE((event & EVENT_VALID) && (event & EVENT_TYPE_MASK) == EVENT_NMI && (blocked & BLOCKED_BY_MOV_SS),
         "27.3.1.5: NMI injected in a MOV-SS shadow");
    RULE((blocked & BLOCKED_SHADOW) && (rflags & RFLAGS_TF) && !(R(GUEST_PENDING_DEBUG) & PENDING_DEBUG_SINGLE_STEP),
         "27.3.1.5: single step pending bit clear in a shadow with RFLAGS.TF");
    RULE(R(LINK_POINTER) != ~0ULL, "27.3.1.5: VMCS link pointer");
    return NULL;
}

const char *entry_check(const struct entry_check *c)
{
    const char *(*const checks[])(const struct entry_check *) = {check_controls, check_host, check_control_registers,
                                                                 check_segments, check_instruction_state};

    for (unsigned i = 0; i < ARRAY_SIZE(checks); i++) {
        const char *broken = checks[i](c);
        if (broken)
            return broken;
    }
    return NULL;
}
