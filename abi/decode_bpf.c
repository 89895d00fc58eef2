/*
 * Printers of bpf(2): one row a command, one table the fields of what it takes.  A program says how much of the union it knows: fields
 * beyond are left out, but for the first of each command, which then are zero.
 */
#include "abi/decode_fields.h"

#include <linux/bpf.h>

#include "abi/decode_seccomp.h"
#include "lib/string.h"

#define INSTRUCTIONS_MAX 4096u
#define ATTR_MAX 4096u /* Linux takes no more, and no more than it knows may be other than zero */

static const struct name map_types[] = {
    NAME(BPF_MAP_TYPE_UNSPEC), NAME(BPF_MAP_TYPE_HASH), NAME(BPF_MAP_TYPE_ARRAY), NAME(BPF_MAP_TYPE_PROG_ARRAY),
    NAME(BPF_MAP_TYPE_PERF_EVENT_ARRAY), NAME(BPF_MAP_TYPE_PERCPU_HASH), NAME(BPF_MAP_TYPE_PERCPU_ARRAY), NAME(BPF_MAP_TYPE_STACK_TRACE),
    NAME(BPF_MAP_TYPE_CGROUP_ARRAY), NAME(BPF_MAP_TYPE_LRU_HASH), NAME(BPF_MAP_TYPE_LRU_PERCPU_HASH), NAME(BPF_MAP_TYPE_LPM_TRIE),
    NAME(BPF_MAP_TYPE_ARRAY_OF_MAPS), NAME(BPF_MAP_TYPE_HASH_OF_MAPS), NAME(BPF_MAP_TYPE_DEVMAP), NAME(BPF_MAP_TYPE_SOCKMAP),
    NAME(BPF_MAP_TYPE_CPUMAP), NAME(BPF_MAP_TYPE_XSKMAP), NAME(BPF_MAP_TYPE_SOCKHASH), NAME(BPF_MAP_TYPE_CGROUP_STORAGE),
    NAME(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY), NAME(BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE), NAME(BPF_MAP_TYPE_QUEUE), NAME(BPF_MAP_TYPE_STACK),
    NAME(BPF_MAP_TYPE_SK_STORAGE), NAME(BPF_MAP_TYPE_DEVMAP_HASH), NAME(BPF_MAP_TYPE_STRUCT_OPS), NAME(BPF_MAP_TYPE_RINGBUF),
    NAME(BPF_MAP_TYPE_INODE_STORAGE), NAME(BPF_MAP_TYPE_TASK_STORAGE), NAME(BPF_MAP_TYPE_BLOOM_FILTER), NAME(BPF_MAP_TYPE_USER_RINGBUF), NAME_END};
static const struct name program_types[] = {
    NAME(BPF_PROG_TYPE_UNSPEC), NAME(BPF_PROG_TYPE_SOCKET_FILTER), NAME(BPF_PROG_TYPE_KPROBE), NAME(BPF_PROG_TYPE_SCHED_CLS),
    NAME(BPF_PROG_TYPE_SCHED_ACT), NAME(BPF_PROG_TYPE_TRACEPOINT), NAME(BPF_PROG_TYPE_XDP), NAME(BPF_PROG_TYPE_PERF_EVENT),
    NAME(BPF_PROG_TYPE_CGROUP_SKB), NAME(BPF_PROG_TYPE_CGROUP_SOCK), NAME(BPF_PROG_TYPE_LWT_IN), NAME(BPF_PROG_TYPE_LWT_OUT),
    NAME(BPF_PROG_TYPE_LWT_XMIT), NAME(BPF_PROG_TYPE_SOCK_OPS), NAME(BPF_PROG_TYPE_SK_SKB), NAME(BPF_PROG_TYPE_CGROUP_DEVICE),
    NAME(BPF_PROG_TYPE_SK_MSG), NAME(BPF_PROG_TYPE_RAW_TRACEPOINT), NAME(BPF_PROG_TYPE_CGROUP_SOCK_ADDR),
    NAME(BPF_PROG_TYPE_LWT_SEG6LOCAL), NAME(BPF_PROG_TYPE_LIRC_MODE2), NAME(BPF_PROG_TYPE_SK_REUSEPORT),
    NAME(BPF_PROG_TYPE_FLOW_DISSECTOR), NAME(BPF_PROG_TYPE_CGROUP_SYSCTL), NAME(BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE),
    NAME(BPF_PROG_TYPE_CGROUP_SOCKOPT), NAME(BPF_PROG_TYPE_TRACING), NAME(BPF_PROG_TYPE_STRUCT_OPS), NAME(BPF_PROG_TYPE_EXT),
    NAME(BPF_PROG_TYPE_LSM), NAME(BPF_PROG_TYPE_SK_LOOKUP), NAME(BPF_PROG_TYPE_SYSCALL), NAME_END};
static const struct name attach_types[] = {
    NAME(BPF_CGROUP_INET_INGRESS), NAME(BPF_CGROUP_INET_EGRESS), NAME(BPF_CGROUP_INET_SOCK_CREATE), NAME(BPF_CGROUP_SOCK_OPS),
    NAME(BPF_SK_SKB_STREAM_PARSER), NAME(BPF_SK_SKB_STREAM_VERDICT), NAME(BPF_CGROUP_DEVICE), NAME(BPF_SK_MSG_VERDICT),
    NAME(BPF_CGROUP_INET4_BIND), NAME(BPF_CGROUP_INET6_BIND), NAME(BPF_CGROUP_INET4_CONNECT), NAME(BPF_CGROUP_INET6_CONNECT),
    NAME(BPF_CGROUP_INET4_POST_BIND), NAME(BPF_CGROUP_INET6_POST_BIND), NAME(BPF_CGROUP_UDP4_SENDMSG), NAME(BPF_CGROUP_UDP6_SENDMSG),
    NAME(BPF_LIRC_MODE2), NAME(BPF_FLOW_DISSECTOR), NAME(BPF_CGROUP_SYSCTL), NAME(BPF_CGROUP_UDP4_RECVMSG), NAME(BPF_CGROUP_UDP6_RECVMSG),
    NAME(BPF_CGROUP_GETSOCKOPT), NAME(BPF_CGROUP_SETSOCKOPT), NAME(BPF_TRACE_RAW_TP), NAME(BPF_TRACE_FENTRY), NAME(BPF_TRACE_FEXIT),
    NAME(BPF_MODIFY_RETURN), NAME(BPF_LSM_MAC), NAME(BPF_TRACE_ITER), NAME(BPF_CGROUP_INET4_GETPEERNAME),
    NAME(BPF_CGROUP_INET6_GETPEERNAME), NAME(BPF_CGROUP_INET4_GETSOCKNAME), NAME(BPF_CGROUP_INET6_GETSOCKNAME), NAME(BPF_XDP_DEVMAP),
    NAME(BPF_CGROUP_INET_SOCK_RELEASE), NAME(BPF_XDP_CPUMAP), NAME(BPF_SK_LOOKUP), NAME(BPF_XDP), NAME(BPF_SK_SKB_VERDICT),
    NAME(BPF_SK_REUSEPORT_SELECT), NAME(BPF_SK_REUSEPORT_SELECT_OR_MIGRATE), NAME(BPF_PERF_EVENT), NAME(BPF_TRACE_KPROBE_MULTI),
    NAME(BPF_LSM_CGROUP), NAME_END};
static const struct name descriptor_types[] = {
    NAME(BPF_FD_TYPE_RAW_TRACEPOINT), NAME(BPF_FD_TYPE_TRACEPOINT), NAME(BPF_FD_TYPE_KPROBE), NAME(BPF_FD_TYPE_KRETPROBE),
    NAME(BPF_FD_TYPE_UPROBE), NAME(BPF_FD_TYPE_URETPROBE), NAME_END};
static const struct name map_flags[] = {
    NAME(BPF_F_NO_PREALLOC), NAME(BPF_F_NO_COMMON_LRU), NAME(BPF_F_NUMA_NODE), NAME(BPF_F_RDONLY), NAME(BPF_F_WRONLY), NAME(BPF_F_STACK_BUILD_ID),
    NAME(BPF_F_ZERO_SEED), NAME(BPF_F_RDONLY_PROG), NAME(BPF_F_WRONLY_PROG), NAME(BPF_F_CLONE), NAME(BPF_F_MMAPABLE),
    NAME(BPF_F_PRESERVE_ELEMS), NAME(BPF_F_INNER_MAP), NAME_END};
static const struct name element_flags[] = {NAME(BPF_ANY), NAME(BPF_NOEXIST), NAME(BPF_EXIST), NAME(BPF_F_LOCK), NAME_END};
static const struct name program_flags[] = {NAME(BPF_F_STRICT_ALIGNMENT), NAME(BPF_F_ANY_ALIGNMENT), NAME(BPF_F_TEST_RND_HI32),
                                            NAME(BPF_F_TEST_STATE_FREQ), NAME(BPF_F_SLEEPABLE), NAME_END};
static const struct name file_flags[] = {NAME(BPF_F_RDONLY), NAME(BPF_F_WRONLY), NAME_END};
static const struct name attach_flags[] = {NAME(BPF_F_ALLOW_OVERRIDE), NAME(BPF_F_ALLOW_MULTI), NAME(BPF_F_REPLACE), NAME_END};
static const struct name query_flags[] = {NAME(BPF_F_QUERY_EFFECTIVE), NAME_END};
static const struct name run_flags[] = {NAME(BPF_F_TEST_RUN_ON_CPU), NAME_END};
static const struct name statistics[] = {NAME(BPF_STATS_RUN_TIME), NAME_END};
static const struct name link_update_flags[] = {NAME(BPF_F_REPLACE), NAME_END};

static void print_version(struct decoder *d, uint64_t value, const void *bytes)
{
    if (d->style->names != DECODE_NAMES)
        out(d, "%#x", (uint32_t)value);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out_text(d, d->style->names == DECODE_BOTH ? " /* " : "");
    out(d, "KERNEL_VERSION(%u, %u, %u)", (uint32_t)value >> 16, (uint32_t)value >> 8 & 0xff, (uint32_t)value & 0xff);
    out_text(d, d->style->names == DECODE_BOTH ? " */" : "");
}

static void print_numa_node(struct decoder *d, uint64_t value, const void *bytes)
{
    out_unsigned(d, (uint32_t)value);
    if ((uint32_t)value == UINT32_MAX && d->style->names != DECODE_NUMBERS)
        out_text(d, " /* NUMA_NO_NODE */");
}

/* --- instructions --- */

static void print_instruction(struct decoder *d, const void *element)
{
    static const struct name registers[] = {NAME(BPF_REG_0), NAME(BPF_REG_1), NAME(BPF_REG_2), NAME(BPF_REG_3), NAME(BPF_REG_4),
                                            NAME(BPF_REG_5), NAME(BPF_REG_6), NAME(BPF_REG_7), NAME(BPF_REG_8), NAME(BPF_REG_9),
                                            NAME(BPF_REG_10), NAME_END};
    const struct bpf_insn *i = element;

    out_text(d, "{code=");
    out_filter_code(d, i->code, true);
    out_text(d, ", dst_reg=");
    out_name(d, registers, i->dst_reg, "BPF_REG_???");
    out_text(d, ", src_reg=");
    out_name(d, registers, i->src_reg, "BPF_REG_???");
    out(d, ", off=%d, imm=", i->off);
    out_hex(d, (uint32_t)i->imm);
    out_text(d, "}");
}

static void print_instructions(struct decoder *d, uint64_t value, const void *bytes)
{
    const union bpf_attr *a = bytes;
    struct decode_style all = *d->style;
    const struct decode_style *style = d->style;

    if (!style->whole) {
        out_address(d, value);
        return;
    }
    all.string_max = INSTRUCTIONS_MAX;
    d->style = &all;
    out_array(d, &(struct array_view){value, MIN(a->insn_cnt, INSTRUCTIONS_MAX), sizeof(struct bpf_insn), MEMORY_IN, print_instruction});
    d->style = style;
}

/* A text that the kernel writes, of at most log_size bytes; what was there before is shown. */
static void print_log(struct decoder *d, uint64_t value, const void *bytes)
{
    const union bpf_attr *a = bytes;
    uint8_t text[DECODE_STRING_LIMIT];
    size_t n = MIN(a->log_size, MIN(shown_max(d), DECODE_STRING_LIMIT));
    size_t known = value && n ? memory_read_string(d, MEMORY_OUT, value, text, n) : 0;
    const uint8_t *end = known ? memchr(text, 0, known) : NULL;

    if (!known || (!end && known < n))
        out_address(d, value);
    else
        out_quoted(d, text, end ? (size_t)(end - text) : known, !end);
}

static void print_type_data(struct decoder *d, uint64_t value, const void *bytes)
{
    out_buffer(d, MEMORY_IN, value, ((const union bpf_attr *)bytes)->btf_size);
}

/* --- what commands take --- */

#define ATTR(member, ...) FIELD(union bpf_attr, member, __VA_ARGS__)
#define PART(group, member, kind, ...)                                                                                 \
    {                                                                                                                  \
        #member, offsetof(union bpf_attr, group.member), sizeof(((union bpf_attr *)0)->group.member), kind, ##__VA_ARGS__ \
    }
#define OWN(member, function) {#member, offsetof(union bpf_attr, member), sizeof(((union bpf_attr *)0)->member), FIELD_OWN, NULL, NULL, function}
#define ELEMENT_FLAGS ATTR(flags, FIELD_FLAGS, element_flags, "BPF_???")

static const struct field map_create[] = {
    ATTR(map_type, FIELD_NAME, map_types, "BPF_MAP_TYPE_???"), ATTR(key_size, FIELD_UNSIGNED), ATTR(value_size, FIELD_UNSIGNED),
    ATTR(max_entries, FIELD_UNSIGNED), ATTR(map_flags, FIELD_FLAGS, map_flags, "BPF_F_???"), ATTR(inner_map_fd, FIELD_FD),
    OWN(numa_node, print_numa_node), ATTR(map_name, FIELD_CHARS), ATTR(map_ifindex, FIELD_UNSIGNED), ATTR(btf_fd, FIELD_FD),
    ATTR(btf_key_type_id, FIELD_UNSIGNED), ATTR(btf_value_type_id, FIELD_UNSIGNED), ATTR(btf_vmlinux_value_type_id, FIELD_UNSIGNED),
    ATTR(map_extra, FIELD_UNSIGNED), FIELD_END};
static const struct field map_lookup[] = {ATTR(map_fd, FIELD_FD), ATTR(key, FIELD_ADDRESS), ATTR(value, FIELD_ADDRESS), ELEMENT_FLAGS, FIELD_END};
static const struct field map_delete[] = {ATTR(map_fd, FIELD_FD), ATTR(key, FIELD_ADDRESS), FIELD_END};
static const struct field map_next[] = {ATTR(map_fd, FIELD_FD), ATTR(key, FIELD_ADDRESS), ATTR(next_key, FIELD_ADDRESS), FIELD_END};
static const struct field map_freeze[] = {ATTR(map_fd, FIELD_FD), FIELD_END};
static const struct field program_load[] = {
    ATTR(prog_type, FIELD_NAME, program_types, "BPF_PROG_TYPE_???"), ATTR(insn_cnt, FIELD_UNSIGNED), OWN(insns, print_instructions),
    ATTR(license, FIELD_TEXT), ATTR(log_level, FIELD_UNSIGNED), ATTR(log_size, FIELD_UNSIGNED), OWN(log_buf, print_log),
    OWN(kern_version, print_version), ATTR(prog_flags, FIELD_FLAGS, program_flags, "BPF_F_???"), ATTR(prog_name, FIELD_CHARS),
    ATTR(prog_ifindex, FIELD_UNSIGNED), ATTR(expected_attach_type, FIELD_NAME, attach_types, "BPF_???"), ATTR(prog_btf_fd, FIELD_FD),
    ATTR(func_info_rec_size, FIELD_UNSIGNED), ATTR(func_info, FIELD_ADDRESS), ATTR(func_info_cnt, FIELD_UNSIGNED),
    ATTR(line_info_rec_size, FIELD_UNSIGNED), ATTR(line_info, FIELD_ADDRESS), ATTR(line_info_cnt, FIELD_UNSIGNED),
    ATTR(attach_btf_id, FIELD_UNSIGNED), ATTR(attach_prog_fd, FIELD_FD), ATTR(fd_array, FIELD_ADDRESS), FIELD_END};
static const struct field object_pin[] = {ATTR(pathname, FIELD_PATH), ATTR(bpf_fd, FIELD_FD),
                                          ATTR(file_flags, FIELD_FLAGS, file_flags, "BPF_F_???"), FIELD_END};
static const struct field program_attach[] = {ATTR(target_fd, FIELD_FD), ATTR(attach_bpf_fd, FIELD_FD),
                                              ATTR(attach_type, FIELD_NAME, attach_types, "BPF_???"),
                                              ATTR(attach_flags, FIELD_FLAGS, attach_flags, "BPF_F_???"), ATTR(replace_bpf_fd, FIELD_FD), FIELD_END};
static const struct field program_detach[] = {ATTR(target_fd, FIELD_FD), ATTR(attach_type, FIELD_NAME, attach_types, "BPF_???"), FIELD_END};
static const struct field program_run[] = {
    PART(test, prog_fd, FIELD_FD), PART(test, retval, FIELD_UNSIGNED), PART(test, data_size_in, FIELD_UNSIGNED),
    PART(test, data_size_out, FIELD_UNSIGNED), PART(test, data_in, FIELD_ADDRESS), PART(test, data_out, FIELD_ADDRESS),
    PART(test, repeat, FIELD_UNSIGNED), PART(test, duration, FIELD_UNSIGNED), PART(test, ctx_size_in, FIELD_UNSIGNED),
    PART(test, ctx_size_out, FIELD_UNSIGNED), PART(test, ctx_in, FIELD_ADDRESS), PART(test, ctx_out, FIELD_ADDRESS),
    PART(test, flags, FIELD_FLAGS, run_flags, "BPF_F_???"), PART(test, cpu, FIELD_UNSIGNED), FIELD_END};
static const struct field next_id[] = {ATTR(start_id, FIELD_UNSIGNED), ATTR(next_id, FIELD_UNSIGNED), FIELD_END};
#define OPENED ATTR(next_id, FIELD_UNSIGNED), ATTR(open_flags, FIELD_FLAGS, file_flags, "BPF_F_???"), FIELD_END
static const struct field program_open[] = {ATTR(prog_id, FIELD_UNSIGNED), OPENED};
static const struct field map_open[] = {ATTR(map_id, FIELD_UNSIGNED), OPENED};
static const struct field types_open[] = {ATTR(btf_id, FIELD_UNSIGNED), FIELD_END};
static const struct field link_open[] = {ATTR(link_id, FIELD_UNSIGNED), FIELD_END};
static const struct field object_info[] = {PART(info, bpf_fd, FIELD_FD), PART(info, info_len, FIELD_UNSIGNED), PART(info, info, FIELD_ADDRESS),
                                           FIELD_END};
static const struct field program_query[] = {
    PART(query, target_fd, FIELD_FD), PART(query, attach_type, FIELD_NAME, attach_types, "BPF_???"),
    PART(query, query_flags, FIELD_FLAGS, query_flags, "BPF_F_QUERY_???"), PART(query, attach_flags, FIELD_FLAGS, attach_flags, "BPF_F_???"),
    PART(query, prog_ids, FIELD_ADDRESS), PART(query, prog_cnt, FIELD_UNSIGNED), FIELD_END};
static const struct field tracepoint_open[] = {PART(raw_tracepoint, name, FIELD_TEXT), PART(raw_tracepoint, prog_fd, FIELD_FD), FIELD_END};
static const struct field types_load[] = {OWN(btf, print_type_data), ATTR(btf_log_buf, FIELD_ADDRESS), ATTR(btf_size, FIELD_UNSIGNED),
                                          ATTR(btf_log_size, FIELD_UNSIGNED), ATTR(btf_log_level, FIELD_UNSIGNED), FIELD_END};
static const struct field task_query[] = {
    PART(task_fd_query, pid, FIELD_SIGNED), PART(task_fd_query, fd, FIELD_FD), PART(task_fd_query, flags, FIELD_UNSIGNED),
    PART(task_fd_query, buf_len, FIELD_UNSIGNED), PART(task_fd_query, buf, FIELD_TEXT), PART(task_fd_query, prog_id, FIELD_UNSIGNED),
    PART(task_fd_query, fd_type, FIELD_NAME, descriptor_types, "BPF_FD_TYPE_???"), PART(task_fd_query, probe_offset, FIELD_HEX),
    PART(task_fd_query, probe_addr, FIELD_HEX), FIELD_END};
#define BATCH_END                                                                                                      \
    PART(batch, count, FIELD_UNSIGNED), PART(batch, map_fd, FIELD_FD), PART(batch, elem_flags, FIELD_FLAGS, element_flags, "BPF_???"), \
        PART(batch, flags, FIELD_HEX), FIELD_END
static const struct field batch_lookup[] = {PART(batch, in_batch, FIELD_ADDRESS), PART(batch, out_batch, FIELD_ADDRESS),
                                            PART(batch, keys, FIELD_ADDRESS), PART(batch, values, FIELD_ADDRESS), BATCH_END};
static const struct field batch_update[] = {PART(batch, keys, FIELD_ADDRESS), PART(batch, values, FIELD_ADDRESS), BATCH_END};
static const struct field batch_delete[] = {PART(batch, keys, FIELD_ADDRESS), BATCH_END};
static const struct field link_create[] = {PART(link_create, prog_fd, FIELD_FD), PART(link_create, target_fd, FIELD_FD),
                                           PART(link_create, attach_type, FIELD_NAME, attach_types, "BPF_???"),
                                           PART(link_create, flags, FIELD_HEX), FIELD_END};
static const struct field link_update[] = {PART(link_update, link_fd, FIELD_FD), PART(link_update, new_prog_fd, FIELD_FD),
                                           PART(link_update, flags, FIELD_FLAGS, link_update_flags, "BPF_F_???"),
                                           PART(link_update, old_prog_fd, FIELD_FD), FIELD_END};
static const struct field link_detach[] = {PART(link_detach, link_fd, FIELD_FD), FIELD_END};
static const struct field statistics_enable[] = {PART(enable_stats, type, FIELD_NAME, statistics, "BPF_STATS_???"), FIELD_END};
static const struct field iterator_create[] = {PART(iter_create, link_fd, FIELD_FD), PART(iter_create, flags, FIELD_HEX), FIELD_END};
static const struct field map_bind[] = {PART(prog_bind_map, prog_fd, FIELD_FD), PART(prog_bind_map, map_fd, FIELD_FD),
                                        PART(prog_bind_map, flags, FIELD_HEX), FIELD_END};

/* `always`: so many of the first fields are there, whatever the size; `group`: they stand in a structure of that name. */
static const struct command {
    const char *name;
    uint32_t number;
    unsigned always;
    const char *group;
    const struct field *fields;
} commands[] = {
#define ROW(command, always, group, fields) {#command, command, always, group, fields}
    ROW(BPF_MAP_CREATE, 4, NULL, map_create), ROW(BPF_MAP_LOOKUP_ELEM, 3, NULL, map_lookup), ROW(BPF_MAP_UPDATE_ELEM, 4, NULL, map_lookup),
    ROW(BPF_MAP_DELETE_ELEM, 2, NULL, map_delete), ROW(BPF_MAP_GET_NEXT_KEY, 3, NULL, map_next), ROW(BPF_PROG_LOAD, 4, NULL, program_load),
    ROW(BPF_OBJ_PIN, 2, NULL, object_pin), ROW(BPF_OBJ_GET, 2, NULL, object_pin), ROW(BPF_PROG_ATTACH, 4, NULL, program_attach),
    ROW(BPF_PROG_DETACH, 2, NULL, program_detach), ROW(BPF_PROG_TEST_RUN, 8, "test", program_run), ROW(BPF_PROG_GET_NEXT_ID, 2, NULL, next_id),
    ROW(BPF_MAP_GET_NEXT_ID, 2, NULL, next_id), ROW(BPF_PROG_GET_FD_BY_ID, 2, NULL, program_open), ROW(BPF_MAP_GET_FD_BY_ID, 2, NULL, map_open),
    ROW(BPF_OBJ_GET_INFO_BY_FD, 3, "info", object_info), ROW(BPF_PROG_QUERY, 6, "query", program_query),
    ROW(BPF_RAW_TRACEPOINT_OPEN, 2, "raw_tracepoint", tracepoint_open), ROW(BPF_BTF_LOAD, 5, NULL, types_load),
    ROW(BPF_BTF_GET_FD_BY_ID, 1, NULL, types_open), ROW(BPF_TASK_FD_QUERY, 9, "task_fd_query", task_query),
    ROW(BPF_MAP_LOOKUP_AND_DELETE_ELEM, 3, NULL, map_lookup), ROW(BPF_MAP_FREEZE, 1, NULL, map_freeze), ROW(BPF_BTF_GET_NEXT_ID, 2, NULL, next_id),
    ROW(BPF_MAP_LOOKUP_BATCH, 8, "batch", batch_lookup), ROW(BPF_MAP_LOOKUP_AND_DELETE_BATCH, 8, "batch", batch_lookup),
    ROW(BPF_MAP_UPDATE_BATCH, 6, "batch", batch_update), ROW(BPF_MAP_DELETE_BATCH, 5, "batch", batch_delete),
    ROW(BPF_LINK_CREATE, 4, "link_create", link_create), ROW(BPF_LINK_UPDATE, 3, "link_update", link_update),
    ROW(BPF_LINK_GET_FD_BY_ID, 1, NULL, link_open), ROW(BPF_LINK_GET_NEXT_ID, 2, NULL, next_id),
    ROW(BPF_ENABLE_STATS, 1, "enable_stats", statistics_enable), ROW(BPF_ITER_CREATE, 2, "iter_create", iterator_create),
    ROW(BPF_LINK_DETACH, 1, "link_detach", link_detach), ROW(BPF_PROG_BIND_MAP, 3, "prog_bind_map", map_bind)};

static const struct command *command_of(const struct decoder *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].number == (uint32_t)d->call->args[0])
            return &commands[i];
    }
    return NULL;
}

void print_bpf_command(struct decoder *d, uint64_t value)
{
    const struct command *c = command_of(d);
    const struct name names[] = {{value & UINT32_MAX, c ? c->name : NULL}, NAME_END};

    out_name(d, names, (uint32_t)value, "BPF_???");
}

/* Does the field count, for a union of this size?  A descriptor to be replaced does only if that is asked for. */
static bool field_is_there(const struct field *f, unsigned index, const struct command *c, const union bpf_attr *a, size_t size)
{
    if (c->number == BPF_LINK_UPDATE && index == 3)
        return a->link_update.flags & BPF_F_REPLACE;
    if (c->number == BPF_PROG_ATTACH && index == 4)
        return (a->attach_flags & BPF_F_REPLACE) && f->offset < size;
    if (c->number == BPF_MAP_CREATE && index == 6)
        return a->map_flags & BPF_F_NUMA_NODE && f->offset < size;
    return index < c->always || f->offset < size;
}

/* Where the fields that are known end. */
static size_t known_size(const struct command *c)
{
    size_t end = 0;

    for (const struct field *f = c->fields; f->text; f++)
        end = MAX(end, (size_t)f->offset + f->size);
    return end;
}

/* Bytes beyond what is known: that there are some that are not zero, or which. */
static void print_beyond(struct decoder *d, uint64_t address, size_t known, size_t size)
{
    uint8_t bytes[ATTR_MAX];
    size_t n = size - known, used = 0;

    if (size <= known)
        return;
    n = memory_read_string(d, MEMORY_IN, address + known, bytes, n);
    for (size_t i = 0; i < n; i++)
        used = bytes[i] ? i + 1 : used;
    if (!used)
        return;
    if (!d->style->whole) {
        out_text(d, ", ...");
        return;
    }
    out_text(d, ", extra_data=");
    out_hex_quoted(d, bytes, n, n < size - known);
    out(d, " /* bytes %zu..%zu */", known, size - 1);
}

void print_bpf_attr(struct decoder *d, uint64_t value)
{
    const struct command *c = command_of(d);
    struct field shown[ARRAY_SIZE(program_load)];
    uint64_t size = (uint32_t)d->call->args[2];
    union bpf_attr a;
    unsigned n = 0;

    memset(&a, 0, sizeof a);
    if (!c || !value || size == 0 || size > ATTR_MAX || !memory_read(d, MEMORY_IN, value, &a, (size_t)MIN(size, (uint64_t)sizeof a))) {
        out_address(d, value);
        return;
    }
    for (unsigned i = 0; c->fields[i].text; i++) {
        if (!field_is_there(&c->fields[i], i, c, &a, size))
            continue;
        shown[n] = c->fields[i];
        if (shown[n].kind == FIELD_CHARS) /* it may be there in part */
            shown[n].size = (uint16_t)MIN((uint64_t)shown[n].size, size - shown[n].offset);
        n++;
    }
    shown[n] = (struct field)FIELD_END;
    out(d, c->group ? "{%s={" : "{", c->group);
    out_fields(d, &a, sizeof a, shown);
    out_text(d, c->group ? "}" : "");
    print_beyond(d, value, known_size(c), size);
    out_text(d, "}");
}
