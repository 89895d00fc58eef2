/*
 * Printers of perf_event_open(2): struct perf_event_attr, of which the program says how large it is.
 */
#include "abi/decode_fields.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

#include "lib/string.h"

static const struct name types[] = {NAME(PERF_TYPE_HARDWARE), NAME(PERF_TYPE_SOFTWARE), NAME(PERF_TYPE_TRACEPOINT), NAME(PERF_TYPE_HW_CACHE),
                                    NAME(PERF_TYPE_RAW), NAME(PERF_TYPE_BREAKPOINT), NAME_END};
static const struct name sizes[] = {NAME(PERF_ATTR_SIZE_VER0), NAME(PERF_ATTR_SIZE_VER1), NAME(PERF_ATTR_SIZE_VER2),
                                    NAME(PERF_ATTR_SIZE_VER3), NAME(PERF_ATTR_SIZE_VER4), NAME(PERF_ATTR_SIZE_VER5),
                                    NAME(PERF_ATTR_SIZE_VER6), NAME(PERF_ATTR_SIZE_VER7), NAME_END};
static const struct name hardware[] = {
    NAME(PERF_COUNT_HW_CPU_CYCLES), NAME(PERF_COUNT_HW_INSTRUCTIONS), NAME(PERF_COUNT_HW_CACHE_REFERENCES), NAME(PERF_COUNT_HW_CACHE_MISSES),
    NAME(PERF_COUNT_HW_BRANCH_INSTRUCTIONS), NAME(PERF_COUNT_HW_BRANCH_MISSES), NAME(PERF_COUNT_HW_BUS_CYCLES),
    NAME(PERF_COUNT_HW_STALLED_CYCLES_FRONTEND), NAME(PERF_COUNT_HW_STALLED_CYCLES_BACKEND), NAME(PERF_COUNT_HW_REF_CPU_CYCLES), NAME_END};
static const struct name software[] = {
    NAME(PERF_COUNT_SW_CPU_CLOCK), NAME(PERF_COUNT_SW_TASK_CLOCK), NAME(PERF_COUNT_SW_PAGE_FAULTS), NAME(PERF_COUNT_SW_CONTEXT_SWITCHES),
    NAME(PERF_COUNT_SW_CPU_MIGRATIONS), NAME(PERF_COUNT_SW_PAGE_FAULTS_MIN), NAME(PERF_COUNT_SW_PAGE_FAULTS_MAJ),
    NAME(PERF_COUNT_SW_ALIGNMENT_FAULTS), NAME(PERF_COUNT_SW_EMULATION_FAULTS), NAME(PERF_COUNT_SW_DUMMY), NAME(PERF_COUNT_SW_BPF_OUTPUT),
    NAME(PERF_COUNT_SW_CGROUP_SWITCHES), NAME_END};
static const struct name caches[] = {NAME(PERF_COUNT_HW_CACHE_L1D), NAME(PERF_COUNT_HW_CACHE_L1I), NAME(PERF_COUNT_HW_CACHE_LL),
                                     NAME(PERF_COUNT_HW_CACHE_DTLB), NAME(PERF_COUNT_HW_CACHE_ITLB), NAME(PERF_COUNT_HW_CACHE_BPU),
                                     NAME(PERF_COUNT_HW_CACHE_NODE), NAME_END};
static const struct name cache_uses[] = {NAME(PERF_COUNT_HW_CACHE_OP_READ), NAME(PERF_COUNT_HW_CACHE_OP_WRITE),
                                         NAME(PERF_COUNT_HW_CACHE_OP_PREFETCH), NAME_END};
static const struct name cache_results[] = {NAME(PERF_COUNT_HW_CACHE_RESULT_ACCESS), NAME(PERF_COUNT_HW_CACHE_RESULT_MISS), NAME_END};
static const struct name samples[] = {
    NAME(PERF_SAMPLE_IP), NAME(PERF_SAMPLE_TID), NAME(PERF_SAMPLE_TIME), NAME(PERF_SAMPLE_ADDR), NAME(PERF_SAMPLE_READ),
    NAME(PERF_SAMPLE_CALLCHAIN), NAME(PERF_SAMPLE_ID), NAME(PERF_SAMPLE_CPU), NAME(PERF_SAMPLE_PERIOD), NAME(PERF_SAMPLE_STREAM_ID),
    NAME(PERF_SAMPLE_RAW), NAME(PERF_SAMPLE_BRANCH_STACK), NAME(PERF_SAMPLE_REGS_USER), NAME(PERF_SAMPLE_STACK_USER),
    NAME(PERF_SAMPLE_WEIGHT), NAME(PERF_SAMPLE_DATA_SRC), NAME(PERF_SAMPLE_IDENTIFIER), NAME(PERF_SAMPLE_TRANSACTION),
    NAME(PERF_SAMPLE_REGS_INTR), NAME(PERF_SAMPLE_PHYS_ADDR), NAME(PERF_SAMPLE_AUX), NAME(PERF_SAMPLE_CGROUP),
    NAME(PERF_SAMPLE_DATA_PAGE_SIZE), NAME(PERF_SAMPLE_CODE_PAGE_SIZE), NAME(PERF_SAMPLE_WEIGHT_STRUCT), NAME_END};
static const struct name formats[] = {NAME(PERF_FORMAT_TOTAL_TIME_ENABLED), NAME(PERF_FORMAT_TOTAL_TIME_RUNNING), NAME(PERF_FORMAT_ID),
                                      NAME(PERF_FORMAT_GROUP), NAME(PERF_FORMAT_LOST), NAME_END};
static const struct name branches[] = {
    NAME(PERF_SAMPLE_BRANCH_USER), NAME(PERF_SAMPLE_BRANCH_KERNEL), NAME(PERF_SAMPLE_BRANCH_HV), NAME(PERF_SAMPLE_BRANCH_ANY),
    NAME(PERF_SAMPLE_BRANCH_ANY_CALL), NAME(PERF_SAMPLE_BRANCH_ANY_RETURN), NAME(PERF_SAMPLE_BRANCH_IND_CALL),
    NAME(PERF_SAMPLE_BRANCH_ABORT_TX), NAME(PERF_SAMPLE_BRANCH_IN_TX), NAME(PERF_SAMPLE_BRANCH_NO_TX), NAME(PERF_SAMPLE_BRANCH_COND),
    NAME(PERF_SAMPLE_BRANCH_CALL_STACK), NAME(PERF_SAMPLE_BRANCH_IND_JUMP), NAME(PERF_SAMPLE_BRANCH_CALL),
    NAME(PERF_SAMPLE_BRANCH_NO_FLAGS), NAME(PERF_SAMPLE_BRANCH_NO_CYCLES), NAME(PERF_SAMPLE_BRANCH_TYPE_SAVE),
    NAME(PERF_SAMPLE_BRANCH_HW_INDEX), NAME(PERF_SAMPLE_BRANCH_PRIV_SAVE), NAME_END};
static const struct name breakpoints[] = {NAME(HW_BREAKPOINT_EMPTY), NAME(HW_BREAKPOINT_R), NAME(HW_BREAKPOINT_W), NAME(HW_BREAKPOINT_RW),
                                          NAME(HW_BREAKPOINT_X), NAME(HW_BREAKPOINT_INVALID), NAME_END};

/* The flags of one bit each, in their order; precise_ip has two. */
static const struct flag {
    const char *name;
    uint8_t bit;
} flags[] = {{"disabled", 0}, {"inherit", 1}, {"pinned", 2}, {"exclusive", 3}, {"exclude_user", 4}, {"exclude_kernel", 5},
             {"exclude_hv", 6}, {"exclude_idle", 7}, {"mmap", 8}, {"comm", 9}, {"freq", 10}, {"inherit_stat", 11}, {"enable_on_exec", 12},
             {"task", 13}, {"watermark", 14}, {"precise_ip", 15}, {"mmap_data", 17}, {"sample_id_all", 18}, {"exclude_host", 19},
             {"exclude_guest", 20}, {"exclude_callchain_kernel", 21}, {"exclude_callchain_user", 22}, {"mmap2", 23}, {"comm_exec", 24},
             {"use_clockid", 25}, {"context_switch", 26}, {"write_backward", 27}, {"namespaces", 28}, {"ksymbol", 29}, {"bpf_event", 30},
             {"aux_output", 31}, {"cgroup", 32}, {"text_poke", 33}, {"build_id", 34}, {"inherit_thread", 35}, {"remove_on_exec", 36},
             {"sigtrap", 37}};
#define FLAGS_OFFSET 40u
#define FLAGS_KNOWN 38u
#define FREQ_BIT BIT(10)
#define WATERMARK_BIT BIT(14)
#define USE_CLOCKID_BIT BIT(25)

static void print_precision(struct decoder *d, unsigned precise)
{
    static const char *const texts[] = {"arbitrary skid", "constant skid", "requested to have 0 skid", "must have 0 skid"};

    out(d, d->style->names == DECODE_NUMBERS ? "%u" : "%u /* %s */", precise, texts[precise]);
}

static void print_event_flags(struct decoder *d, uint64_t bits)
{
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        bool is_precision = flags[i].bit == 15;
        unsigned value = (unsigned)(bits >> flags[i].bit) & (is_precision ? 3 : 1);

        if (!value && !d->style->whole && !is_precision)
            continue;
        out(d, ", %s=", flags[i].name);
        if (is_precision)
            print_precision(d, value);
        else
            out_unsigned(d, value);
    }
    if (bits >> FLAGS_KNOWN)
        out(d, ", __reserved_1=%#llx /* Bits 63..%u */", (unsigned long long)(bits >> FLAGS_KNOWN), FLAGS_KNOWN);
}

/* What is counted: a number whose parts depend on the type. */
static void print_event_config(struct decoder *d, uint32_t type, uint64_t config)
{
    uint64_t high = config >> 32;

    if (type == PERF_TYPE_HARDWARE || type == PERF_TYPE_HW_CACHE) {
        if (high)
            out(d, "%#llx<<32|", (unsigned long long)high);
        config = (uint32_t)config;
    }
    if (type == PERF_TYPE_HARDWARE) {
        out_name(d, hardware, config, "PERF_COUNT_HW_???");
    } else if (type == PERF_TYPE_SOFTWARE) {
        out_name(d, software, config, "PERF_COUNT_SW_???");
    } else if (type == PERF_TYPE_HW_CACHE) {
        if (config >> 24)
            out(d, "%#llx<<24|", (unsigned long long)(config >> 24));
        out_name(d, cache_results, config >> 16 & 0xff, "PERF_COUNT_HW_CACHE_RESULT_???");
        out_text(d, "<<16|");
        out_name(d, cache_uses, config >> 8 & 0xff, "PERF_COUNT_HW_CACHE_OP_???");
        out_text(d, "<<8|");
        out_name(d, caches, config & 0xff, "PERF_COUNT_HW_CACHE_???");
    } else if (type == PERF_TYPE_TRACEPOINT) {
        out_unsigned(d, config);
    } else {
        out_hex(d, config);
    }
}

/* Bytes that should be zero, if they are not. */
static void print_reserved(struct decoder *d, unsigned first, unsigned last, uint32_t value)
{
    if (value)
        out(d, " /* bytes %u..%u: %#x */", first, last, value);
}

#define HAS(member) (size > offsetof(struct perf_event_attr, member)) /* if in part, the rest is zero */

/* What is shown only with -v, of a structure of this size. */
static void print_event_rest(struct decoder *d, const struct perf_event_attr *a, uint64_t bits, size_t size)
{
    bool is_breakpoint = a->type == PERF_TYPE_BREAKPOINT;

    out(d, bits & WATERMARK_BIT ? ", wakeup_watermark=%u" : ", wakeup_events=%u", a->wakeup_events);
    if (is_breakpoint) {
        out_text(d, ", bp_type=");
        out_name(d, breakpoints, a->bp_type, a->bp_type < HW_BREAKPOINT_INVALID ? "HW_BREAKPOINT_INVALID" : "HW_BREAKPOINT_???");
    }
    out(d, is_breakpoint ? ", bp_addr=%#llx" : ", config1=%#llx", (unsigned long long)a->bp_addr);
    if (HAS(bp_len))
        out(d, is_breakpoint ? ", bp_len=%llu" : ", config2=%#llx", (unsigned long long)a->bp_len);
    if (HAS(branch_sample_type) && (a->sample_type & PERF_SAMPLE_BRANCH_STACK)) {
        out_text(d, ", branch_sample_type=");
        out_flags(d, branches, a->branch_sample_type, "PERF_SAMPLE_BRANCH_???");
    }
    if (HAS(sample_regs_user))
        out(d, ", sample_regs_user=%#llx", (unsigned long long)a->sample_regs_user);
    if (HAS(sample_stack_user) && (a->sample_type & PERF_SAMPLE_STACK_USER))
        out(d, ", sample_stack_user=%#x", a->sample_stack_user);
    if (HAS(clockid) && (bits & USE_CLOCKID_BIT)) {
        out_text(d, ", clockid=");
        print_clockid(d, (uint32_t)a->clockid);
    }
    if (HAS(sample_regs_intr))
        out(d, ", sample_regs_intr=%#llx", (unsigned long long)a->sample_regs_intr);
    if (HAS(aux_watermark))
        out(d, ", aux_watermark=%u", a->aux_watermark);
    if (HAS(sample_max_stack))
        out(d, ", sample_max_stack=%u", a->sample_max_stack);
    if (HAS(__reserved_2))
        print_reserved(d, 110, 111, a->__reserved_2);
    if (HAS(aux_sample_size))
        out(d, ", aux_sample_size=%u", a->aux_sample_size);
    if (HAS(__reserved_3))
        print_reserved(d, 116, 119, a->__reserved_3);
    if (HAS(sig_data))
        out(d, ", sig_data=%#llx", (unsigned long long)a->sig_data);
}

/* Its first 64 bytes are there always; of what is beyond, as much as its size says. */
void print_perf_attr(struct decoder *d, uint64_t value)
{
    struct perf_event_attr a = {0};
    uint64_t bits;
    uint32_t size;

    if (!value || !memory_read(d, MEMORY_IN, value + offsetof(struct perf_event_attr, size), &size, sizeof size)) {
        out_address(d, value);
        return;
    }
    size_t known = size ? MIN(size, (uint32_t)sizeof a) : PERF_ATTR_SIZE_VER0;
    if (known < PERF_ATTR_SIZE_VER0 || !memory_read(d, MEMORY_IN, value, &a, known)) {
        out_address(d, value);
        return;
    }
    memcpy(&bits, (uint8_t *)&a + FLAGS_OFFSET, sizeof bits);
    out_text(d, "{type=");
    out_name(d, types, a.type, "PERF_TYPE_???");
    out_text(d, ", size=");
    out_name(d, sizes, a.size, "PERF_ATTR_SIZE_???");
    out_text(d, ", config=");
    print_event_config(d, a.type, a.config);
    out(d, bits & FREQ_BIT ? ", sample_freq=%llu" : ", sample_period=%llu", (unsigned long long)a.sample_period);
    out_text(d, ", sample_type=");
    out_flags(d, samples, a.sample_type, "PERF_SAMPLE_???");
    out_text(d, ", read_format=");
    out_flags(d, formats, a.read_format, "PERF_FORMAT_???");
    print_event_flags(d, bits);
    if (d->style->whole)
        print_event_rest(d, &a, bits, known);
    out_text(d, d->style->whole && size <= sizeof a ? "}" : ", ...}");
}

void print_perf_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(PERF_FLAG_FD_NO_GROUP), NAME(PERF_FLAG_FD_OUTPUT), NAME(PERF_FLAG_PID_CGROUP),
                                        NAME(PERF_FLAG_FD_CLOEXEC), NAME_END};

    out_flags(d, names, value, "PERF_FLAG_???");
}
