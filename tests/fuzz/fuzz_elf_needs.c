/*
 * ELF files and library caches of any content: what is accepted has whole strings, and no byte outside is read.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/elf_needs.h"
#include "tools/ld_cache.h"
#include "tools/program.h"

#define HEADERS 3u

/* A file that passes the first checks, with the input as its program headers, dynamic section and strings. */
static size_t compose(uint8_t *file, size_t room, const uint8_t *data, size_t size)
{
    Elf64_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1}, .e_type = ET_DYN, .e_machine = EM_X86_64,
                    .e_phoff = sizeof e, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = HEADERS};
    static const uint32_t types[] = {PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE};
    static const uint64_t tags[] = {DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_RUNPATH, DT_SONAME, DT_RPATH};
    size_t n = sizeof e + HEADERS * sizeof(Elf64_Phdr), dynamic = n;

    memcpy(file, &e, sizeof e);
    for (unsigned i = 0; i < HEADERS; i++) {
        uint8_t b[4] = {0};
        memcpy(b, data + 4 * i, size >= 4 * (i + 1) ? 4 : 0);
        Elf64_Phdr p = {.p_type = i ? types[b[0] % 4] : PT_LOAD, .p_offset = i ? dynamic + b[1] : 0,
                        .p_vaddr = i ? 0x1000 : 0x1000 + (b[1] & 1), .p_filesz = i ? b[2] * 4u : 1024u + b[2],
                        .p_memsz = 0x10000};
        if (b[3] == 0xff)
            p.p_offset = p.p_filesz = UINT64_MAX - b[2];
        memcpy(file + sizeof e + i * sizeof p, &p, sizeof p);
    }
    for (size_t i = 12; i + 2 <= size && n + 16 <= room; i += 2, n += 16) {
        Elf64_Dyn d = {.d_tag = (int64_t)tags[data[i] % 6], .d_un.d_val = data[i + 1] + (data[i] & 0x40 ? 0x1000u : 0u)};
        memcpy(file + n, &d, sizeof d);
    }
    return n;
}

static void check(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* its end is guarded by the sanitizer */
    struct elf_needs needs;
    uint32_t at = 0;

    memcpy(copy, bytes, size);
    if (elf_needs_read(&needs, copy, size) == 0) {
        size_t total = needs.interpreter ? strlen(needs.interpreter) : 0;
        for (size_t i = 0; i < needs.needed.count; i++)
            total += strlen(needs.needed.items[i]);
        if (total > size * (needs.needed.count + 1) || (needs.interpreter && needs.interpreter[0] != '/'))
            abort();
        elf_needs_free(&needs);
    }
    struct bytes cache = {copy, size, size};
    while (ld_cache_next(&cache, "", &at))
        ;
    struct program_kind kind = program_examine_bytes(copy, size);
    if (!kind.wrong && kind.interpreter && (kind.interpreter[0] != '/' || strlen(kind.interpreter) >= 256))
        abort();
    program_kind_free(&kind);
    free(copy);
}

static void check_cache(const uint8_t *data, size_t size)
{
    static const char magic[] = "glibc-ld.so.cache1.1";
    uint8_t *cache = malloc(size + 48);

    memcpy(cache, magic, 20);
    memset(cache + 20, 0, 28);
    cache[20] = (uint8_t)(size / 24);
    memcpy(cache + 48, data, size);
    for (size_t i = 0; i + 24 <= size; i += 24) /* entries that count, more often than chance would have it */
        memcpy(cache + 48 + i, "\x03\x03\0", 4);
    check(cache, size + 48);
    free(cache);
}

static void check_script(const uint8_t *data, size_t size)
{
    uint8_t *text = malloc(size + 3);

    memcpy(text, "#!/", 3);
    memcpy(text + 3, data, size);
    check(text, size + 3);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t file[4096];

    check(data, size);
    check(file, compose(file, sizeof file, data, size));
    check_cache(data, size);
    check_script(data, size);
    return 0;
}
