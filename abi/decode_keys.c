/*
 * Printers of the calls about keys: add_key, request_key, keyctl; one row an operation of keyctl, one letter an argument.
 */
#include "abi/decode_fields.h"

#include <linux/keyctl.h>

#include "lib/string.h"

static const struct name special_keys[] = {
    NAME(KEY_SPEC_THREAD_KEYRING), NAME(KEY_SPEC_PROCESS_KEYRING), NAME(KEY_SPEC_SESSION_KEYRING), NAME(KEY_SPEC_USER_KEYRING),
    NAME(KEY_SPEC_USER_SESSION_KEYRING), NAME(KEY_SPEC_GROUP_KEYRING), NAME(KEY_SPEC_REQKEY_AUTH_KEY), NAME(KEY_SPEC_REQUESTOR_KEYRING),
    NAME_END};

/* A signed number with a name, or without one: then there is nothing to remark. */
static void out_signed_name(struct decoder *d, const struct name *names, int32_t value, const char *unknown)
{
    const char *text = name_find(names, (uint64_t)(int64_t)value);

    if (text && d->style->names == DECODE_NAMES) {
        out_text(d, text);
        return;
    }
    out_signed(d, value);
    if ((text || unknown) && d->style->names != DECODE_NUMBERS)
        out(d, " /* %s */", text ? text : unknown);
}

void print_key(struct decoder *d, uint64_t value)
{
    out_signed_name(d, special_keys, (int32_t)value, NULL);
}

/* What the operation takes. */
struct operation {
    uint32_t number;
    const char *name;
    const char *arguments; /* letters of print_argument() */
};

#define ROW(operation, arguments)                                                                                      \
    {                                                                                                                  \
        operation, #operation, arguments                                                                               \
    }

/*
 * k: key; u: unsigned 32-bit number; i: an id; t: text; b: bytes, their count follows (n: 64 bits); s: text stored, its room follows;
 * p: permissions; v: vector, its count follows; e: error; r: default keyring; d: struct of DH_COMPUTE; x: bytes stored; h: its hash;
 * a: an address; q: PKEY_QUERY's answer; o: struct of an operation of a public key; y, z: its input and output; w: second input;
 * m: flags of MOVE; c: capabilities stored; 0: a word that should be 0
 */
static const struct operation operations[] = {
    ROW(KEYCTL_GET_KEYRING_ID, "kl"), ROW(KEYCTL_JOIN_SESSION_KEYRING, "t"), ROW(KEYCTL_UPDATE, "kbn"), ROW(KEYCTL_REVOKE, "k"),
    ROW(KEYCTL_CHOWN, "kii"), ROW(KEYCTL_SETPERM, "kp"), ROW(KEYCTL_DESCRIBE, "ksn"), ROW(KEYCTL_CLEAR, "k"), ROW(KEYCTL_LINK, "kk"),
    ROW(KEYCTL_UNLINK, "kk"), ROW(KEYCTL_SEARCH, "kttk"), ROW(KEYCTL_READ, "kxn"), ROW(KEYCTL_INSTANTIATE, "kbnk"),
    ROW(KEYCTL_NEGATE, "kuk"), ROW(KEYCTL_SET_REQKEY_KEYRING, "r"), ROW(KEYCTL_SET_TIMEOUT, "ku"), ROW(KEYCTL_ASSUME_AUTHORITY, "k"),
    ROW(KEYCTL_GET_SECURITY, "ksn"), ROW(KEYCTL_SESSION_TO_PARENT, ""), ROW(KEYCTL_REJECT, "kuek"),
    ROW(KEYCTL_INSTANTIATE_IOV, "kvnk"), ROW(KEYCTL_INVALIDATE, "k"), ROW(KEYCTL_GET_PERSISTENT, "ik"),
    ROW(KEYCTL_DH_COMPUTE, "dxnh"), ROW(KEYCTL_PKEY_QUERY, "kgtq"), ROW(KEYCTL_PKEY_ENCRYPT, "otyz"), ROW(KEYCTL_PKEY_DECRYPT, "otyz"),
    ROW(KEYCTL_PKEY_SIGN, "otyz"), ROW(KEYCTL_PKEY_VERIFY, "otyw"), ROW(KEYCTL_RESTRICT_KEYRING, "ktt"), ROW(KEYCTL_MOVE, "kkkm"),
    ROW(KEYCTL_CAPABILITIES, "cn"), {0, NULL, "gggg"}};

static const struct operation *operation_of(const struct decoder *d)
{
    const struct operation *o = operations;

    while (o->name && o->number != (uint32_t)d->call->args[0])
        o++;
    return o;
}

void print_keyctl_op(struct decoder *d, uint64_t value)
{
    const struct operation *o = operation_of(d);
    const struct name names[] = {{o->number, o->name}, NAME_END}; /* an empty list if it has no name */

    out_name(d, names, (uint32_t)value, "KEYCTL_???");
}

static void print_permissions(struct decoder *d, uint64_t value)
{
    static const char *const who[] = {"POS", "USR", "GRP", "OTH"};
    static const char *const what[] = {"VIEW", "READ", "WRITE", "SEARCH", "LINK", "SETATTR"};
    uint32_t left = (uint32_t)value, known = 0;
    const char *separator = "";

    for (unsigned i = 0; i < ARRAY_SIZE(who); i++)
        known |= (left >> (24 - 8 * i) & 0x3f) << (24 - 8 * i);
    if (d->style->names != DECODE_NAMES || !known) {
        out_hex(d, left);
        if (d->style->names == DECODE_NUMBERS || !left)
            return;
        out_text(d, " /* ");
        if (!known)
            out_text(d, "KEY_???");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(who); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(what); j++) {
            uint32_t bit = 1u << (24 - 8 * i + j);
            if (!(left & bit))
                continue;
            out(d, "%sKEY_%s_%s", separator, who[i], what[j]);
            separator = "|";
            left &= ~bit;
        }
    }
    if (known && left)
        out(d, "|%#x", left);
    if (d->style->names != DECODE_NAMES || !known)
        out_text(d, " */");
}

static void print_default_keyring(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        {(uint64_t)KEY_REQKEY_DEFL_NO_CHANGE, "KEY_REQKEY_DEFL_NO_CHANGE"}, NAME(KEY_REQKEY_DEFL_DEFAULT), NAME(KEY_REQKEY_DEFL_THREAD_KEYRING),
        NAME(KEY_REQKEY_DEFL_PROCESS_KEYRING), NAME(KEY_REQKEY_DEFL_SESSION_KEYRING), NAME(KEY_REQKEY_DEFL_USER_KEYRING),
        NAME(KEY_REQKEY_DEFL_USER_SESSION_KEYRING), NAME(KEY_REQKEY_DEFL_GROUP_KEYRING), NAME(KEY_REQKEY_DEFL_REQUESTOR_KEYRING),
        NAME_END};

    out_signed_name(d, names, (int32_t)value, "KEY_REQKEY_DEFL_???");
}

static void print_error_number(struct decoder *d, uint64_t value)
{
    const char *name = value <= 4095 ? error_name((unsigned)value) : NULL;

    if (name && d->style->names == DECODE_NAMES)
        out_text(d, name);
    else if (name && d->style->names == DECODE_BOTH)
        out(d, "%u /* %s */", (unsigned)value, name);
    else
        out_unsigned(d, (uint32_t)value);
}

static void print_dh_parameters(struct decoder *d, uint64_t address)
{
    struct keyctl_dh_params p;

    if (!fetch_in(d, address, &p, sizeof p))
        return;
    out_text(d, "{private=");
    print_key(d, (uint32_t)p.private);
    out_text(d, ", prime=");
    print_key(d, (uint32_t)p.prime);
    out_text(d, ", base=");
    print_key(d, (uint32_t)p.base);
    out_text(d, "}");
}

/* The hash's name and further bytes. */
static void print_dh_hash(struct decoder *d, uint64_t address)
{
    static const struct field rest[] = {FIELD(struct keyctl_kdf_params, __spare, FIELD_WORDS), FIELD_END};
    struct keyctl_kdf_params p;

    if (!fetch_in(d, address, &p, sizeof p))
        return;
    out_text(d, "{hashname=");
    out_string(d, MEMORY_IN, (uint64_t)(uintptr_t)p.hashname, shown_max(d));
    out_text(d, ", otherinfo=");
    if (p.otherinfolen)
        out_buffer(d, MEMORY_IN, (uint64_t)(uintptr_t)p.otherinfo, p.otherinfolen);
    else
        out_address(d, (uint64_t)(uintptr_t)p.otherinfo);
    out(d, ", otherinfolen=%u", p.otherinfolen);
    out_more_fields(d, &p, sizeof p, rest);
    out_text(d, "}");
}

static bool fetch_key_operation(struct decoder *d, struct keyctl_pkey_params *p)
{
    return d->call->args[1] && memory_read(d, MEMORY_IN, d->call->args[1], p, sizeof *p);
}

static void print_key_operation(struct decoder *d, uint64_t address)
{
    static const struct field rest[] = {FIELD(struct keyctl_pkey_params, __spare, FIELD_WORDS), FIELD_END};
    struct keyctl_pkey_params p;

    if (!fetch_in(d, address, &p, sizeof p))
        return;
    out_text(d, "{key_id=");
    print_key(d, (uint32_t)p.key_id);
    out(d, ", in_len=%u, %s=%u", p.in_len, (uint32_t)d->call->args[0] == KEYCTL_PKEY_VERIFY ? "in2_len" : "out_len", p.out_len);
    out_more_fields(d, &p, sizeof p, rest);
    out_text(d, "}");
}

/* Input, second input, or what is stored, of the sizes that the structure before says. */
static void print_key_bytes(struct decoder *d, char kind, uint64_t address)
{
    struct keyctl_pkey_params p;

    if (!fetch_key_operation(d, &p))
        out_address(d, address);
    else if (kind != 'z')
        out_buffer(d, MEMORY_IN, address, kind == 'y' ? p.in_len : p.in2_len);
    else if (call_succeeded(d))
        out_buffer(d, MEMORY_OUT, address, MIN((uint64_t)d->call->result, (uint64_t)p.out_len));
    else
        out_address(d, address);
}

static void print_key_query(struct decoder *d, uint64_t address)
{
    static const struct name abilities[] = {NAME(KEYCTL_SUPPORTS_ENCRYPT), NAME(KEYCTL_SUPPORTS_DECRYPT), NAME(KEYCTL_SUPPORTS_SIGN),
                                            NAME(KEYCTL_SUPPORTS_VERIFY), NAME_END};
    static const struct field fields[] = {FIELD(struct keyctl_pkey_query, supported_ops, FIELD_FLAGS, abilities, "KEYCTL_SUPPORTS_???"),
                                          FIELD(struct keyctl_pkey_query, key_size, FIELD_UNSIGNED),
                                          FIELD(struct keyctl_pkey_query, max_data_size, FIELD_UNSIGNED),
                                          FIELD(struct keyctl_pkey_query, max_sig_size, FIELD_UNSIGNED),
                                          FIELD(struct keyctl_pkey_query, max_enc_size, FIELD_UNSIGNED),
                                          FIELD(struct keyctl_pkey_query, max_dec_size, FIELD_UNSIGNED),
                                          FIELD(struct keyctl_pkey_query, __spare, FIELD_WORDS), FIELD_END};
    struct keyctl_pkey_query q;

    if (!fetch_out(d, address, &q, sizeof q))
        return;
    out_text(d, "{");
    out_fields(d, &q, sizeof q, fields);
    out_text(d, "}");
}

static void print_key_capabilities(struct decoder *d, uint64_t address)
{
    static const struct name first[] = {
        NAME(KEYCTL_CAPS0_CAPABILITIES), NAME(KEYCTL_CAPS0_PERSISTENT_KEYRINGS), NAME(KEYCTL_CAPS0_DIFFIE_HELLMAN),
        NAME(KEYCTL_CAPS0_PUBLIC_KEY), NAME(KEYCTL_CAPS0_BIG_KEY), NAME(KEYCTL_CAPS0_INVALIDATE), NAME(KEYCTL_CAPS0_RESTRICT_KEYRING),
        NAME(KEYCTL_CAPS0_MOVE), NAME_END};
    static const struct name second[] = {NAME(KEYCTL_CAPS1_NS_KEYRING_NAME), NAME(KEYCTL_CAPS1_NS_KEY_TAG), NAME(KEYCTL_CAPS1_NOTIFICATIONS),
                                         NAME_END};
    uint64_t room = d->call->args[2];
    uint8_t bytes[2];
    size_t n;

    if (!call_succeeded(d) || !address || room == 0) {
        out_address(d, address);
        return;
    }
    n = (size_t)MIN(MIN(room, (uint64_t)d->call->result), (uint64_t)sizeof bytes);
    if (!memory_read(d, MEMORY_OUT, address, bytes, n)) {
        out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (size_t i = 0; i < n; i++) {
        out_text(d, i ? ", " : "");
        out_flags(d, i ? second : first, bytes[i], i ? "KEYCTL_CAPS1_???" : "KEYCTL_CAPS0_???");
    }
    out_text(d, "]");
}

static void print_vector(struct decoder *d, uint64_t address)
{
    out_iov(d, &(struct iov_view){.address = address, .count = d->call->args[d->index + 1], .which = MEMORY_IN});
}

static void print_stored(struct decoder *d, uint64_t address, bool is_text)
{
    uint64_t room = d->call->args[d->index + 1];

    if (!call_succeeded(d) || !address || d->call->result <= 0) {
        out_address(d, address);
        return;
    }
    uint64_t n = MIN(room, (uint64_t)d->call->result);
    out_buffer(d, MEMORY_OUT, address, is_text && n == (uint64_t)d->call->result ? n - 1 : n);
}

static void print_argument(struct decoder *d, char kind, uint64_t value)
{
    static const struct name move[] = {NAME(KEYCTL_MOVE_EXCL), NAME_END};

    switch (kind) {
    case 'k': print_key(d, value); break;
    case 'l': out_signed(d, (int32_t)value); break;
    case 'u': out_unsigned(d, (uint32_t)value); break;
    case 'n': out_unsigned(d, value); break;
    case 'g': out_hex(d, value); break;
    case 'i': print_uid(d, value); break;
    case 't': out_string(d, MEMORY_IN, value, shown_max(d)); break;
    case 'b': out_buffer(d, MEMORY_IN, value, d->call->args[d->index + 1]); break;
    case 's':
    case 'x': print_stored(d, value, kind == 's'); break;
    case 'p': print_permissions(d, value); break;
    case 'r': print_default_keyring(d, value); break;
    case 'e': print_error_number(d, (uint32_t)value); break;
    case 'v': print_vector(d, value); break;
    case 'd': print_dh_parameters(d, value); break;
    case 'h': print_dh_hash(d, value); break;
    case 'q': print_key_query(d, value); break;
    case 'o': print_key_operation(d, value); break;
    case 'y':
    case 'z':
    case 'w': print_key_bytes(d, kind, value); break;
    case 'm': out_flags(d, move, (uint32_t)value, "KEYCTL_MOVE_???"); break;
    case 'c': print_key_capabilities(d, value); break;
    default: out_address(d, value);
    }
}

void print_keyctl_arg(struct decoder *d, uint64_t value)
{
    const char *arguments = operation_of(d)->arguments;

    if (strlen(arguments) < d->index)
        d->skipped = true;
    else
        print_argument(d, arguments[d->index - 1], value);
}
