/*
 * See abi/decode_seccomp.h; and the printers of seccomp's arguments.
 */
#include "abi/decode_seccomp.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "abi/decode_fields.h"

#define INSTRUCTIONS_MAX 4096u

static const struct name classes[] = {NAME(BPF_LD), NAME(BPF_LDX), NAME(BPF_ST), NAME(BPF_STX), NAME(BPF_ALU), NAME(BPF_JMP), NAME(BPF_RET),
                                      NAME(BPF_MISC), NAME_END};
static const struct name extended_classes[] = {NAME(BPF_LD), NAME(BPF_LDX), NAME(BPF_ST), NAME(BPF_STX), NAME(BPF_ALU), NAME(BPF_JMP),
                                               NAME(BPF_JMP32), NAME(BPF_ALU64), NAME_END};
static const struct name sizes[] = {NAME(BPF_W), NAME(BPF_H), NAME(BPF_B), NAME_END};
static const struct name extended_sizes[] = {NAME(BPF_W), NAME(BPF_H), NAME(BPF_B), NAME(BPF_DW), NAME_END};
static const struct name modes[] = {NAME(BPF_IMM), NAME(BPF_ABS), NAME(BPF_IND), NAME(BPF_MEM), NAME(BPF_LEN), NAME(BPF_MSH), NAME_END};
static const struct name extended_modes[] = {NAME(BPF_IMM), NAME(BPF_ABS), NAME(BPF_IND), NAME(BPF_MEM), NAME(BPF_ATOMIC), NAME_END};
static const struct name sources[] = {NAME(BPF_K), NAME(BPF_X), NAME_END};
static const struct name results[] = {NAME(BPF_K), NAME(BPF_X), NAME(BPF_A), NAME_END};
static const struct name arithmetic[] = {NAME(BPF_ADD), NAME(BPF_SUB), NAME(BPF_MUL), NAME(BPF_DIV), NAME(BPF_OR), NAME(BPF_AND), NAME(BPF_LSH),
                                         NAME(BPF_RSH), NAME(BPF_NEG), NAME(BPF_MOD), NAME(BPF_XOR), NAME_END};
static const struct name extended_arithmetic[] = {
    NAME(BPF_ADD), NAME(BPF_SUB), NAME(BPF_MUL), NAME(BPF_DIV), NAME(BPF_OR), NAME(BPF_AND), NAME(BPF_LSH), NAME(BPF_RSH), NAME(BPF_NEG),
    NAME(BPF_MOD), NAME(BPF_XOR), NAME(BPF_MOV), NAME(BPF_ARSH), NAME(BPF_END), NAME_END};
static const struct name jumps[] = {NAME(BPF_JA), NAME(BPF_JEQ), NAME(BPF_JGT), NAME(BPF_JGE), NAME(BPF_JSET), NAME_END};
static const struct name extended_jumps[] = {
    NAME(BPF_JA), NAME(BPF_JEQ), NAME(BPF_JGT), NAME(BPF_JGE), NAME(BPF_JSET), NAME(BPF_JNE), NAME(BPF_JSGT), NAME(BPF_JSGE), NAME(BPF_CALL),
    NAME(BPF_EXIT), NAME(BPF_JLT), NAME(BPF_JLE), NAME(BPF_JSLT), NAME(BPF_JSLE), NAME_END};
static const struct name misc[] = {NAME(BPF_TAX), NAME(BPF_TXA), NAME_END};

static void out_code_part(struct decoder *d, const struct name *names, uint32_t value)
{
    out_text(d, "|");
    out_name(d, names, value, "BPF_???");
}

/* Bits of a code that mean nothing there. */
static void out_code_rest(struct decoder *d, uint32_t rest)
{
    if (rest)
        out(d, d->style->names == DECODE_NUMBERS ? "|%#x" : "|%#x /* BPF_??? */", rest);
}

void out_filter_code(struct decoder *d, uint16_t code, bool extended)
{
    uint32_t class = BPF_CLASS(code);

    out_name(d, extended ? extended_classes : classes, class, "BPF_???");
    if (class == BPF_LD || class == BPF_LDX || (extended && (class == BPF_ST || class == BPF_STX))) {
        out_code_part(d, extended ? extended_sizes : sizes, BPF_SIZE(code));
        out_code_part(d, extended ? extended_modes : modes, BPF_MODE(code));
    } else if (class == BPF_ST || class == BPF_STX) {
        out_code_rest(d, code & ~class);
    } else if (class == BPF_ALU || (extended && class == BPF_ALU64)) {
        out_code_part(d, sources, BPF_SRC(code));
        out_code_part(d, extended ? extended_arithmetic : arithmetic, BPF_OP(code));
    } else if (class == BPF_JMP || (extended && class == BPF_JMP32)) {
        out_code_part(d, sources, BPF_SRC(code));
        out_code_part(d, extended ? extended_jumps : jumps, BPF_OP(code));
    } else if (class == BPF_RET) {
        out_code_part(d, results, BPF_RVAL(code));
        out_code_rest(d, code & ~(class | 0x18u));
    } else {
        out_code_part(d, misc, BPF_MISCOP(code));
        out_code_rest(d, code & ~(class | 0xf8u));
    }
}

static const struct name actions[] = {NAME(SECCOMP_RET_KILL_PROCESS), NAME(SECCOMP_RET_KILL_THREAD), NAME(SECCOMP_RET_TRAP),
                                      NAME(SECCOMP_RET_ERRNO), NAME(SECCOMP_RET_USER_NOTIF), NAME(SECCOMP_RET_TRACE), NAME(SECCOMP_RET_LOG),
                                      NAME(SECCOMP_RET_ALLOW), NAME_END};

/* What a seccomp filter returns: an action and data. */
static void out_action(struct decoder *d, uint32_t k)
{
    uint32_t data = k & SECCOMP_RET_DATA;

    if (!name_find(actions, k & SECCOMP_RET_ACTION_FULL)) {
        out(d, d->style->names == DECODE_NUMBERS ? "%#x" : "%#x /* SECCOMP_RET_??? */", k);
        return;
    }
    out_name(d, actions, k & SECCOMP_RET_ACTION_FULL, "SECCOMP_RET_???");
    if (data)
        out(d, "|%#x", data);
}

/* Where a socket filter loads from: offsets of these kinds are not in the packet. */
static void out_load_offset(struct decoder *d, uint32_t k)
{
    static const struct name areas[] = {{(uint32_t)SKF_LL_OFF, "SKF_LL_OFF"}, {(uint32_t)SKF_NET_OFF, "SKF_NET_OFF"},
                                        {(uint32_t)SKF_AD_OFF, "SKF_AD_OFF"}, NAME_END};
    static const struct name extras[] = {
        NAME(SKF_AD_PROTOCOL), NAME(SKF_AD_PKTTYPE), NAME(SKF_AD_IFINDEX), NAME(SKF_AD_NLATTR), NAME(SKF_AD_NLATTR_NEST), NAME(SKF_AD_MARK),
        NAME(SKF_AD_QUEUE), NAME(SKF_AD_HATYPE), NAME(SKF_AD_RXHASH), NAME(SKF_AD_CPU), NAME(SKF_AD_ALU_XOR_X), NAME(SKF_AD_VLAN_TAG),
        NAME(SKF_AD_VLAN_TAG_PRESENT), NAME(SKF_AD_PAY_OFFSET), NAME(SKF_AD_RANDOM), NAME(SKF_AD_VLAN_TPID), NAME_END};
    uint32_t area = k >= (uint32_t)SKF_AD_OFF    ? (uint32_t)SKF_AD_OFF
                    : k >= (uint32_t)SKF_NET_OFF ? (uint32_t)SKF_NET_OFF
                    : k >= (uint32_t)SKF_LL_OFF  ? (uint32_t)SKF_LL_OFF
                                                 : 0;

    if (!area) {
        out_hex(d, k);
        return;
    }
    out_name(d, areas, area, "SKF_???");
    out_text(d, "+");
    if (area == (uint32_t)SKF_AD_OFF)
        out_name(d, extras, k - area, "SKF_AD_???");
    else
        out_unsigned(d, k - area);
}

static void out_instruction(struct decoder *d, const struct sock_filter *f, enum filter_use use)
{
    bool is_jump = f->jt || f->jf;

    out_text(d, is_jump ? "BPF_JUMP(" : "BPF_STMT(");
    out_filter_code(d, f->code, false);
    out_text(d, ", ");
    if (is_jump)
        out(d, f->jt ? "%#x, %#x, " : "%#x, %x, ", f->k, f->jt), out_hex(d, f->jf);
    else if (use == FILTER_SECCOMP && f->code == (BPF_RET | BPF_K))
        out_action(d, f->k);
    else if (use == FILTER_SOCKET && BPF_CLASS(f->code) == BPF_LD && BPF_MODE(f->code) == BPF_ABS)
        out_load_offset(d, f->k);
    else
        out_hex(d, f->k);
    out_text(d, ")");
}

static void print_seccomp_instruction(struct decoder *d, const void *element)
{
    out_instruction(d, element, FILTER_SECCOMP);
}

static void print_socket_instruction(struct decoder *d, const void *element)
{
    out_instruction(d, element, FILTER_SOCKET);
}

void out_filter_program(struct decoder *d, uint64_t address, enum filter_use use)
{
    struct sock_fprog program;
    struct decode_style all = *d->style;
    const struct decode_style *style = d->style;

    if (!fetch_in(d, address, &program, sizeof program))
        return;
    out(d, "{len=%u, filter=", program.len);
    all.string_max = INSTRUCTIONS_MAX;
    if (style->whole) {
        d->style = &all;
        out_array(d, &(struct array_view){(uint64_t)(uintptr_t)program.filter, program.len, sizeof(struct sock_filter), MEMORY_IN,
                                          use == FILTER_SECCOMP ? print_seccomp_instruction : print_socket_instruction});
        d->style = style;
    } else {
        out_address(d, (uint64_t)(uintptr_t)program.filter);
    }
    out_text(d, "}");
}

DECODE_VALUES(seccomp_op, "SECCOMP_???", NAME(SECCOMP_SET_MODE_STRICT), NAME(SECCOMP_SET_MODE_FILTER), NAME(SECCOMP_GET_ACTION_AVAIL),
              NAME(SECCOMP_GET_NOTIF_SIZES))

void print_seccomp_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(SECCOMP_FILTER_FLAG_TSYNC), NAME(SECCOMP_FILTER_FLAG_LOG), NAME(SECCOMP_FILTER_FLAG_SPEC_ALLOW),
                                        NAME(SECCOMP_FILTER_FLAG_NEW_LISTENER), NAME(SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
                                        NAME(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV), NAME_END};

    if ((uint32_t)d->call->args[0] == SECCOMP_SET_MODE_FILTER)
        out_flags(d, names, (uint32_t)value, "SECCOMP_FILTER_FLAG_???");
    else
        out_hex(d, (uint32_t)value);
}

static void print_notification_sizes(struct decoder *d, uint64_t address)
{
    static const struct field fields[] = {FIELD(struct seccomp_notif_sizes, seccomp_notif, FIELD_UNSIGNED),
                                          FIELD(struct seccomp_notif_sizes, seccomp_notif_resp, FIELD_UNSIGNED),
                                          FIELD(struct seccomp_notif_sizes, seccomp_data, FIELD_UNSIGNED), FIELD_END};
    struct seccomp_notif_sizes s;

    if (!fetch_out(d, address, &s, sizeof s))
        return;
    out_text(d, "{");
    out_fields(d, &s, sizeof s, fields);
    out_text(d, "}");
}

void print_seccomp_arg(struct decoder *d, uint64_t value)
{
    uint32_t action;

    switch ((uint32_t)d->call->args[0]) {
    case SECCOMP_SET_MODE_FILTER:
        out_filter_program(d, value, FILTER_SECCOMP);
        break;
    case SECCOMP_GET_ACTION_AVAIL:
        if (!fetch_in(d, value, &action, sizeof action))
            break;
        out_text(d, "[");
        out_name(d, actions, action, "SECCOMP_RET_???");
        out_text(d, "]");
        break;
    case SECCOMP_GET_NOTIF_SIZES:
        print_notification_sizes(d, value);
        break;
    default:
        out_address(d, value);
    }
}
