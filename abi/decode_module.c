/*
 * Printers of calls that change the machine's kernel: modules, another kernel (kexec), swap, ports.
 */
#include "abi/decode_fields.h"

#include <asm/fcntl.h>
#include <linux/kexec.h>
#include <linux/module.h>

#include "lib/string.h"

DECODE_FLAGS(module_delete_flags, "O_???", NAME(O_NONBLOCK), NAME(O_TRUNC))

DECODE_FLAGS(module_flags, "MODULE_INIT_???", NAME(MODULE_INIT_IGNORE_MODVERSIONS), NAME(MODULE_INIT_IGNORE_VERMAGIC),
             NAME(MODULE_INIT_COMPRESSED_FILE))

#define SEGMENTS_MAX 16u /* KEXEC_SEGMENT_MAX of the kernel: more are refused */

static void print_segment(struct decoder *d, const void *bytes)
{
    static const struct field fields[] = {FIELD(struct kexec_segment, buf, FIELD_ADDRESS), FIELD(struct kexec_segment, bufsz, FIELD_UNSIGNED),
                                          FIELD(struct kexec_segment, mem, FIELD_ADDRESS), FIELD(struct kexec_segment, memsz, FIELD_UNSIGNED),
                                          FIELD_END};

    out_text(d, "{");
    out_fields(d, bytes, sizeof(struct kexec_segment), fields);
    out_text(d, "}");
}

void print_kexec_segments(struct decoder *d, uint64_t value)
{
    uint64_t count = d->call->args[1];

    if (count > SEGMENTS_MAX)
        out_address(d, value);
    else
        out_array(d, &(struct array_view){value, count, sizeof(struct kexec_segment), MEMORY_IN, print_segment});
}

void print_kexec_flags(struct decoder *d, uint64_t value)
{
    static const struct name machines[] = {
        NAME(KEXEC_ARCH_DEFAULT), NAME(KEXEC_ARCH_386), NAME(KEXEC_ARCH_68K), NAME(KEXEC_ARCH_X86_64), NAME(KEXEC_ARCH_PPC),
        NAME(KEXEC_ARCH_PPC64), NAME(KEXEC_ARCH_IA_64), NAME(KEXEC_ARCH_ARM), NAME(KEXEC_ARCH_S390), NAME(KEXEC_ARCH_SH),
        NAME(KEXEC_ARCH_MIPS_LE), NAME(KEXEC_ARCH_MIPS), NAME(KEXEC_ARCH_AARCH64), NAME(KEXEC_ARCH_RISCV), NAME_END};
    static const struct name flags[] = {NAME(KEXEC_ON_CRASH), NAME(KEXEC_PRESERVE_CONTEXT), NAME_END};
    uint64_t rest = value & ~(uint64_t)KEXEC_ARCH_MASK;

    out_name(d, machines, value & KEXEC_ARCH_MASK, "KEXEC_ARCH_???");
    if (rest) {
        out_text(d, "|");
        out_flags(d, flags, rest, "KEXEC_???");
    }
}

void print_kexec_file_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {NAME(KEXEC_FILE_UNLOAD), NAME(KEXEC_FILE_ON_CRASH), NAME(KEXEC_FILE_NO_INITRAMFS), NAME_END};

    out_flags(d, names, value, "KEXEC_FILE_???");
}

/* A text whose length, with its NUL, is the argument before. */
void print_kexec_command(struct decoder *d, uint64_t value)
{
    uint8_t bytes[DECODE_STRING_LIMIT];
    uint64_t size = d->call->args[d->index - 1];
    size_t shown = (size_t)MIN(size, (uint64_t)MIN(shown_max(d), DECODE_STRING_LIMIT - 1) + 1);
    size_t known = value ? memory_read_string(d, MEMORY_IN, value, bytes, shown) : 0;

    if (known == 0 || known < shown) {
        out_address(d, value);
        return;
    }
    out_quoted(d, bytes, MIN(known, (size_t)shown_max(d)), size > shown_max(d));
}

#define SWAP_PRIORITY 0x7fffu

void print_swap_flags(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        {0x8000, "SWAP_FLAG_PREFER"}, {0x10000, "SWAP_FLAG_DISCARD"}, {0x20000, "SWAP_FLAG_DISCARD_ONCE"},
        {0x40000, "SWAP_FLAG_DISCARD_PAGES"}, NAME_END};
    uint32_t flags = (uint32_t)value & ~SWAP_PRIORITY;

    if (flags) {
        out_flags(d, names, flags, "SWAP_FLAG_???");
        out_text(d, "|");
    }
    out_unsigned(d, value & SWAP_PRIORITY);
}
