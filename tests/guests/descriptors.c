/*
 * Garbage in GDT, LDT, IDT and TSS, and the modes that need them: one way a run, chosen by the word way=N.  Way 0 tries
 * everything that leaves this guest alive; the others end in a shutdown, or do what no sandbox needs (a task switch).
 */
#include "tests/guests/guest.h"

#define ROUNDS 20000u
#define FREE_ENTRY 8u /* of the GDT: those before are in use */
#define ENTRIES 32u
#define VECTOR_TEST 0x21
#define CODE32 0x00cf9b000000ffffULL
#define DATA32 0x00cf93000000ffffULL
#define TASK_GATE 0x0000850000000000ULL

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} packed_layout;

extern uint8_t tss[];

static uint64_t own_gdt[ENTRIES] aligned_to(16), own_ldt[ENTRIES] aligned_to(16);

static void gdt_load(const void *base, uint16_t limit)
{
    struct table_pointer p = {limit, (uintptr_t)base};

    __asm__ volatile("lgdt %0" : : "m"(p) : "memory");
}

static void idt_load(uint64_t base, uint16_t limit)
{
    struct table_pointer p = {limit, base};

    __asm__ volatile("lidt %0" : : "m"(p) : "memory");
}

/* A descriptor that is nearly right: the type and the present bit matter most. */
static uint64_t random_descriptor(void)
{
    uint64_t d = random();

    return random() & 1 ? d : (d & ~(0xffULL << 40)) | (0x80 | (random() & 0x7f)) << 40;
}

static void try_selector(uint16_t selector)
{
    switch (random() % 7) {
    case 0:
        ATTEMPT("mov %w0, %%ds", : : "r"(selector) : "memory");
        break;
    case 1:
        ATTEMPT("mov %w0, %%es", : : "r"(selector) : "memory");
        break;
    case 2:
        ATTEMPT("mov %w0, %%fs", : : "r"(selector) : "memory");
        break;
    case 3:
        ATTEMPT("mov %w0, %%gs", : : "r"(selector) : "memory");
        break;
    case 4:
        ATTEMPT("lldt %w0", : : "r"(selector) : "memory");
        break;
    case 5:
        ATTEMPT("ltr %w0", : : "r"(selector) : "memory");
        break;
    default:
        ATTEMPT("lar %w0, %%eax; lsl %w0, %%ecx; verr %w0; verw %w0", : : "r"(selector) : "eax", "ecx", "cc", "memory");
        break;
    }
}

static void repair(void)
{
    __asm__ volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%ss" : : "r"(0x10) : "memory");
    __asm__ volatile("lldt %w0" : : "r"(0));
}

static void all_that_can_be_survived(void)
{
    for (unsigned i = 0; i < FREE_ENTRY; i++)
        own_gdt[i] = gdt[i];
    gdt_load(own_gdt, sizeof own_gdt - 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        own_gdt[FREE_ENTRY + random() % (ENTRIES - FREE_ENTRY)] = random_descriptor();
        own_ldt[random() % ENTRIES] = random_descriptor();
        own_gdt[6] = gdt[6]; /* not busy, so that it can be loaded again */
        try_selector((uint16_t)(random() & 1 ? random() : 8 * (FREE_ENTRY + random() % (ENTRIES - FREE_ENTRY)) + random() % 8));
        repair();
    }
    own_gdt[6] = gdt[6] & ~(2ULL << 40);
    __asm__ volatile("ltr %w0" : : "r"(0x30) : "memory");
    /* Gates that point nowhere: #GP and its like, as long as the gates of those are good. */
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t low = idt[VECTOR_TEST][0], high = idt[VECTOR_TEST][1];
        idt[VECTOR_TEST][0] = random() & 1 ? random_descriptor() : low ^ 1ULL << (random() & 63);
        idt[VECTOR_TEST][1] = random() & 1 ? random() : high;
        if ((idt[VECTOR_TEST][0] >> 40 & 0x9f) == 0x8e || (idt[VECTOR_TEST][0] >> 40 & 0x9f) == 0x8f)
            idt[VECTOR_TEST][1] = 0x8000; /* not canonical: it must not lead anywhere */
        ATTEMPT("int $0x21", : : : "memory");
        idt[VECTOR_TEST][0] = low;
        idt[VECTOR_TEST][1] = high;
    }
    check("garbage in GDT, LDT and IDT", true);
}

/* By segments and gates that are junk, until one leads somewhere. */
static void jump_far(void)
{
    for (unsigned i = 0; i < FREE_ENTRY; i++)
        own_gdt[i] = gdt[i];
    gdt_load(own_gdt, sizeof own_gdt - 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct {
            uint32_t offset;
            uint16_t selector;
        } packed_layout target = {0xffff0000, (uint16_t)(8 * (FREE_ENTRY + random() % (ENTRIES - FREE_ENTRY)))};
        own_gdt[FREE_ENTRY + random() % (ENTRIES - FREE_ENTRY)] = random_descriptor();
        ATTEMPT("ljmpl *%0", : : "m"(target) : "memory");
        ATTEMPT("lcall *%0", : : "m"(target) : "memory");
    }
}

static void idt_is_empty(void)
{
    idt_load(0, 0);
    __asm__ volatile("ud2" : : : "memory");
}

static void idt_is_not_canonical(void)
{
    for (unsigned i = 0; i < 256; i++)
        idt[i][1] = 0x8000;
    __asm__ volatile("ud2" : : : "memory");
}

static void idt_is_junk(void)
{
    for (unsigned i = 0; i < 256; i++) {
        idt[i][0] = random();
        idt[i][1] = random();
    }
    __asm__ volatile("ud2" : : : "memory");
}

static void gdt_is_junk(void)
{
    for (unsigned i = 1; i < FREE_ENTRY; i++)
        gdt[i] = random();
    __asm__ volatile("ud2" : : : "memory");
}

static void gdt_is_empty(void)
{
    gdt_load(NULL, 0);
    __asm__ volatile("int3" : : : "memory");
}

static void stacks_are_nowhere(void)
{
    static const uint64_t nowhere = 0x8000000000000000;

    for (unsigned offset = 36; offset < 92; offset += 8) /* IST1 to IST7 */
        __builtin_memcpy(tss + offset, &nowhere, sizeof nowhere);
    for (unsigned i = 0; i < 256; i++)
        idt[i][0] |= 1ULL << 32;
    __asm__ volatile("ud2" : : : "memory");
}

static void no_stack_for_ring3(void)
{
    memory_fill(tss, 0xff, 104);
    user_run((void (*)(void))0x10, RFLAGS_FIXED);
}

/* From long mode to protected mode without paging, by 32-bit code of ring 0 below 4 GiB; then on at `then`. */
__asm__(".pushsection .text\n"
        ".globl to_protected_mode, task_switch, pae_junk, virtual_8086, real_mode\n"
        "to_protected_mode:\n" /* void to_protected_mode(uint32_t then) */
        "    push $0x40\n"
        "    push $1f\n"
        "    lretq\n"
        ".code32\n"
        "1:  mov $0x48, %eax\n"
        "    mov %eax, %ds\n"
        "    mov %eax, %es\n"
        "    mov %eax, %ss\n"
        "    mov %cr0, %eax\n"
        "    and $0x7fffffff, %eax\n"
        "    mov %eax, %cr0\n"
        "    mov $0xc0000080, %ecx\n"
        "    rdmsr\n"
        "    and $~0x100, %eax\n"
        "    wrmsr\n"
        "    jmp *%edi\n"
        "task_switch:\n" /* by a task gate, then by a far jump to a TSS */
        "    int $0x21\n"
        "    ljmp $0x50, $0\n"
        "    hlt\n"
        "pae_junk:\n" /* PDPTEs that are junk: paging is refused, or leads nowhere */
        "    mov $own_pdptes, %eax\n"
        "    mov %eax, %cr3\n"
        "    mov %cr0, %eax\n"
        "    or $0x80000000, %eax\n"
        "    mov %eax, %cr0\n"
        "    ud2\n"
        "virtual_8086:\n"
        "    push $0\n" /* GS, FS, DS, ES, SS, ESP */
        "    push $0\n"
        "    push $0\n"
        "    push $0\n"
        "    push $0x7000\n"
        "    push $0xff0\n"
        "    push $0x23002\n" /* VM, IOPL 3 */
        "    push $0x900\n"
        "    push $0\n"
        "    iret\n" /* zeros, then whatever comes */
        "real_mode:\n"
        "    ljmp $0x58, $2f - 0x100000\n"
        ".code16\n"
        "2:  mov %cr0, %eax\n"
        "    and $0xfe, %al\n"
        "    mov %eax, %cr0\n"
        "    ljmp $0x9000 >> 4, $0\n" /* a HLT loop that main() put there; a fault goes to 0:0 by an empty IVT */
        ".code64\n"
        ".popsection\n");

extern const char task_switch[], pae_junk[], virtual_8086[], real_mode[];
void to_protected_mode(uint32_t then);
extern uint64_t own_pdptes[4];
uint64_t own_pdptes[4] aligned_to(32);

static uint8_t task_state[104] aligned_to(128);

/* The GDT of 32-bit code, an IDT with a task gate, TSSs of zeros. */
static void protected_mode_run(const char *then)
{
    uint64_t at = (uintptr_t)task_state;

    for (unsigned i = 0; i < FREE_ENTRY; i++)
        own_gdt[i] = gdt[i];
    own_gdt[8] = CODE32;
    own_gdt[9] = DATA32;
    own_gdt[10] = 103 | (at & 0xffffff) << 16 | 0x89ULL << 40; /* an available 32-bit TSS */
    own_gdt[11] = 0x00009b100000ffff; /* 16-bit code from 1 MiB on */
    gdt_load(own_gdt, sizeof own_gdt - 1);
    for (unsigned v = 0; v < 64; v++)
        idt[v / 2][v % 2] = 0x50ULL << 16 | TASK_GATE;
    idt_load((uintptr_t)idt, 511);
    for (unsigned i = 0; i < 4; i++)
        own_pdptes[i] = random() | 1;
    to_protected_mode((uint32_t)(uintptr_t)then);
}

static void switch_tasks(void)
{
    protected_mode_run(task_switch);
}

static void page_by_junk(void)
{
    protected_mode_run(pae_junk);
}

static void run_as_8086(void)
{
    protected_mode_run(virtual_8086);
}

static void run_in_real_mode(void)
{
    static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; hlt; jmp */

    __builtin_memcpy((void *)0x9000, code, sizeof code);
    protected_mode_run(real_mode);
}

static void (*const ways[])(void) = {all_that_can_be_survived, idt_is_empty, idt_is_not_canonical, idt_is_junk, gdt_is_junk,
                                     gdt_is_empty, stacks_are_nowhere, no_stack_for_ring3, switch_tasks, page_by_junk,
                                     run_as_8086, run_in_real_mode, jump_far};

void guest_main(void)
{
    uint64_t way = option("way", 0);

    random_seed(option("seed", 1));
    print("done\n");
    if (way < ARRAY_SIZE(ways))
        ways[way]();
    check("the guest is still there", way == 0);
}
