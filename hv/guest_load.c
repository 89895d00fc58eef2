/*
 * See hv/guest_load.h.
 */
#include "hv/guest_load.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/guest_acpi.h"
#include "hv/guest_bzimage.h"
#include "hv/vcpu.h"
#include "lib/elf.h"
#include "lib/log.h"
#include "lib/pvh.h"
#include "lib/string.h"

/* Low memory below any kernel: one page for the structures, one for the command line. */
#define INFO_ADDRESS 0x9000u
#define COMMAND_LINE_ADDRESS 0xa000u
#define COMMAND_LINE_MAX PAGE_SIZE
#define GDT_ADDRESS 0x8000u
#define TABLES_ADDRESS 0x10000u /* page tables of the 64-bit boot protocol */
#define LOW_MEMORY_END 0xa0000u
#define HIGH_MEMORY_START 0x100000u
#define E820_RAM 1

struct boot_info {
    struct pvh_start_info start;
    struct pvh_module module;
    struct pvh_memmap_entry map[2];
};

static int load_segment(struct vm *vm, const void *file, const Elf64_Phdr *p)
{
    if (p->p_paddr < HIGH_MEMORY_START || p->p_paddr > vm->memory_size || p->p_memsz > vm->memory_size - p->p_paddr) {
        log_error("guest: the kernel's segment at %#llx does not fit the sandbox's memory",
                  (unsigned long long)p->p_paddr);
        return -E2BIG;
    }
    /* Bytes beyond p_filesz are zero already: memory that was never touched is. */
    return guest_write(vm, gpa(p->p_paddr), (const char *)file + p->p_offset, p->p_filesz);
}

static int load_kernel(struct vm *vm, const struct guest_image *image, uint64_t *entry, uint64_t *end)
{
    Elf64_Ehdr header;

    if (elf_check_image(image->kernel, image->kernel_size) ||
        elf_pvh_entry(image->kernel, image->kernel_size, entry) || *entry > UINT32_MAX) {
        log_error("guest: the kernel is not an x86-64 ELF file with a PVH entry");
        return -ENOEXEC;
    }
    memcpy(&header, image->kernel, sizeof header);
    *end = 0;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr p;
        elf_phdr(image->kernel, i, &p);
        if (p.p_type != PT_LOAD)
            continue;
        int error = load_segment(vm, image->kernel, &p);
        if (error)
            return error;
        *end = MAX(*end, p.p_paddr + p.p_memsz);
    }
    return 0;
}

/*
 * Near the top of memory, above the kernel.  The module is this sandbox's own: it may write to it.  But the last page holds
 * what follows in the bundle too, which is others': of that the module's part is copied.
 */
static int map_module(struct vm *vm, const struct guest_image *image, uint64_t kernel_end, uint64_t limit, uint64_t *at)
{
    uint64_t size = ALIGN_UP(image->module_size, PAGE_SIZE);

    if (!IS_ALIGNED(image->module, PAGE_SIZE)) {
        log_error("guest: the root archive is not page aligned in the bundle");
        return -EINVAL;
    }
    uint64_t top = ALIGN_DOWN(MIN(vm->memory_size, limit), PAGE_SIZE);
    if (size > top || top - size < ALIGN_UP(kernel_end, PAGE_SIZE)) {
        log_error("guest: %llu bytes of memory do not hold the kernel and a root archive of %llu bytes",
                  (unsigned long long)vm->memory_size, (unsigned long long)image->module_size);
        return -E2BIG;
    }
    *at = top - size;
    uint64_t mapped = image->copy_module ? 0 : ALIGN_DOWN(image->module_size, PAGE_SIZE);
    for (uint64_t offset = 0; offset < mapped; offset += PAGE_SIZE) {
        int error = ept_map(&vm->ept, *at + offset, image->module + offset, EPT_ALL, false);
        if (error)
            return error;
    }
    return guest_write(vm, gpa(*at + mapped), (const char *)phys_to_virt(image->module) + mapped,
                       image->module_size - mapped);
}

static int write_command_line(struct vm *vm, const struct guest_image *image, size_t max)
{
    size_t length = strlen(image->command_line) + 1;

    if (length > max) {
        log_error("guest: the kernel command line is longer than %zu bytes", max - 1);
        return -E2BIG;
    }
    return guest_write(vm, gpa(COMMAND_LINE_ADDRESS), image->command_line, length);
}

static int write_boot_info(struct vm *vm, const struct guest_image *image, uint64_t module)
{
    struct boot_info info = {
        .start = {.magic = PVH_MAGIC,
                  .version = 1,
                  .nr_modules = image->module ? 1 : 0,
                  .modlist_paddr = image->module ? INFO_ADDRESS + offsetof(struct boot_info, module) : 0,
                  .cmdline_paddr = COMMAND_LINE_ADDRESS,
                  .rsdp_paddr = GUEST_ACPI_ADDRESS,
                  .memmap_paddr = INFO_ADDRESS + offsetof(struct boot_info, map),
                  .memmap_entries = 2},
        .module = {.paddr = module, .size = image->module_size},
        .map = {{0, LOW_MEMORY_END, E820_RAM, 0},
                {HIGH_MEMORY_START, vm->memory_size - HIGH_MEMORY_START, E820_RAM, 0}},
    };

    int error = write_command_line(vm, image, COMMAND_LINE_MAX);
    return error ? error : guest_write(vm, gpa(INFO_ADDRESS), &info, sizeof info);
}

static int write_acpi(struct vm *vm)
{
    uint8_t tables[GUEST_ACPI_SIZE];
    size_t n = guest_acpi_build(tables, vm->vcpu_count);

    return n ? guest_write(vm, gpa(GUEST_ACPI_ADDRESS), tables, n) : -EINVAL;
}

/* The zero page, GDT and page tables; scratch memory because they do not fit the stack. */
static int write_linux_state(struct vm *vm, const struct bzimage *b, const struct bzimage_places *places)
{
    uint64_t gdt[BZIMAGE_GDT_ENTRIES];
    void *scratch = mem_alloc(BZIMAGE_TABLE_PAGES * PAGE_SIZE);

    if (!scratch)
        return -ENOMEM;
    bzimage_fill_params(b, places, scratch);
    int error = guest_write(vm, gpa(INFO_ADDRESS), scratch, sizeof(struct boot_params));
    if (!error) {
        bzimage_fill_tables(scratch, TABLES_ADDRESS);
        error = guest_write(vm, gpa(TABLES_ADDRESS), scratch, BZIMAGE_TABLE_PAGES * PAGE_SIZE);
    }
    mem_free(scratch);
    bzimage_fill_gdt(gdt);
    return error ? error : guest_write(vm, gpa(GDT_ADDRESS), gdt, sizeof gdt);
}

static int load_bzimage(struct vm *vm, const struct guest_image *image)
{
    struct bzimage b;
    struct bzimage_places places = {.command_line = COMMAND_LINE_ADDRESS, .rsdp = GUEST_ACPI_ADDRESS,
                                    .initrd_size = image->module ? image->module_size : 0,
                                    .low_memory_end = LOW_MEMORY_END, .high_memory_start = HIGH_MEMORY_START,
                                    .memory_end = vm->memory_size};
    const char *wrong = bzimage_parse(image->kernel, image->kernel_size, &b);

    if (wrong) {
        log_error("guest: the kernel cannot be booted: %s", wrong);
        return -ENOEXEC;
    }
    if (b.end > vm->memory_size) {
        log_error("guest: the kernel needs memory up to %#llx, more than the sandbox has", (unsigned long long)b.end);
        return -E2BIG;
    }
    int error = guest_write(vm, gpa(b.load_address), (const char *)image->kernel + b.code_offset, b.code_size);
    if (!error && image->module)
        error = map_module(vm, image, b.end, b.initrd_limit, &places.initrd);
    if (!error)
        error = write_command_line(vm, image, MIN((size_t)COMMAND_LINE_MAX, (size_t)b.command_line_max + 1));
    if (!error)
        error = write_linux_state(vm, &b, &places);
    if (error)
        return error;
    const struct vcpu_linux_state state = {.entry = b.load_address + BZIMAGE_ENTRY_64, .params = INFO_ADDRESS,
                                           .tables = TABLES_ADDRESS, .gdt = GDT_ADDRESS,
                                           .gdt_limit = 8 * BZIMAGE_GDT_ENTRIES - 1,
                                           .code = BZIMAGE_CODE_SELECTOR, .data = BZIMAGE_DATA_SELECTOR};
    return vcpu_set_linux_state(vm->vcpu[0], &state);
}

static int load_pvh(struct vm *vm, const struct guest_image *image)
{
    uint64_t entry, kernel_end, module = 0;
    int error = load_kernel(vm, image, &entry, &kernel_end);

    if (!error && image->module)
        error = map_module(vm, image, kernel_end, ~0ULL, &module);
    if (!error)
        error = write_boot_info(vm, image, module);
    if (error)
        return error;
    vcpu_set_pvh_state(vm->vcpu[0], (uint32_t)entry, INFO_ADDRESS);
    return 0;
}

int guest_load(struct vm *vm, const struct guest_image *image)
{
    int error = write_acpi(vm);

    if (error)
        return error;
    return bzimage_detect(image->kernel, image->kernel_size) ? load_bzimage(vm, image) : load_pvh(vm, image);
}
