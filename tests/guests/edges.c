/*
 * At the edge of memory and beyond it: reads, writes and fetches, by this program and by the tables that the CPU reads for it.
 * What is inside works.  What is outside ends the sandbox: one way a run, chosen by the word way=N.
 */
#include <asm/kvm_para.h>
#include <asm-generic/errno.h>

#include "abi/capture.h"
#include "tests/guests/guest.h"

#define LAPIC_PAGE 0xfee00000ULL
#define VECTOR_PAGE_FAULT 14

extern const char gdt_pointer[];

static uint64_t end; /* of memory */

static void test_inside(void)
{
    volatile uint64_t *last = (volatile uint64_t *)(end - 8);

    *last = 0x1122334455667788;
    check_equal("the last word of memory", *last, 0x1122334455667788);
    *(volatile uint8_t *)(end - 1) = 0xc3; /* RET */
    ((void (*)(void))(end - 1))();
    check("the last byte of memory runs", true);
    ATTEMPT("wrmsr", : : "c"(MSR_KVM_SYSTEM_TIME_NEW), "a"((uint32_t)(end - 32) | 1), "d"(0) : "memory");
    check_equal("a clock page that ends with memory", fault.vector, NO_FAULT);
    ATTEMPT("wrmsr", : : "c"(MSR_KVM_SYSTEM_TIME_NEW), "a"((uint32_t)(end - 28) | 1), "d"(0) : "memory");
    check_equal("a clock page that does not", fault.vector, 13);
    ATTEMPT("wrmsr", : : "c"(MSR_KVM_WALL_CLOCK_NEW), "a"((uint32_t)(end - 8)), "d"(0) : "memory");
    check_equal("a wall clock that does not", fault.vector, 13);
    ATTEMPT("wrmsr", : : "c"(MSR_KVM_WALL_CLOCK_NEW), "a"(0xfffffff8), "d"(0xffffffff) : "memory");
    check_equal("a wall clock at the end of all addresses", fault.vector, 13);
    ATTEMPT("rep outsb", : : "S"(end - 2), "c"(4), "d"(0x80) : "memory");
    check("port output from beyond memory: a page fault", fault.vector == VECTOR_PAGE_FAULT && cr2_read() == end);
    ATTEMPT("rep insb", : : "D"(end - 2), "c"(4), "d"(0x80) : "memory");
    check("port input to beyond memory: a page fault", fault.vector == VECTOR_PAGE_FAULT && cr2_read() == end);
    ATTEMPT("rep insl", : : "D"(end - 3), "c"(1), "d"(0x80) : "memory");
    check("port input across the end: a page fault", fault.vector == VECTOR_PAGE_FAULT);
    /* Beyond what the CPU can address: reserved bits of the page tables. */
    tables[2][511] = 1ULL << 45 | 0x87;
    ATTEMPT("mov (%0), %%al", : : "r"(GiB(1) - 1) : "rax");
    check("a physical address that no machine has: a page fault", fault.vector == VECTOR_PAGE_FAULT && fault.error & 8);
}

static void read_beyond(void)
{
    (void)*(volatile uint8_t *)end;
}

static void write_beyond(void)
{
    *(volatile uint8_t *)end = 1;
}

static void run_beyond(void)
{
    ((void (*)(void))end)();
}

static void run_across(void)
{
    *(volatile uint8_t *)(end - 1) = 0x48; /* REX.W: the rest of the instruction would be beyond */
    ((void (*)(void))(end - 1))();
}

static void read_across(void)
{
    (void)*(volatile uint64_t *)(end - 4);
}

static void write_across(void)
{
    *(volatile uint64_t *)(end - 4) = 1;
}

static void copy_across(void)
{
    uint64_t from = SCRATCH, to = end - 64, n = 128;

    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
}

static void push_beyond(void)
{
    __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(end + 8));
}

static void tables_beyond(void)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(end) : "memory");
}

static void table_entry_beyond(void)
{
    tables[0][1] = end | 3;
    (void)*(volatile uint8_t *)(1ULL << 39);
}

static void idt_beyond(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout beyond = {0xfff, end};

    __asm__ volatile("lidt %0; ud2" : : "m"(beyond));
}

static void gdt_beyond(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout beyond = {0xfff, end};

    __asm__ volatile("lgdt %0; mov %1, %%ds" : : "m"(beyond), "r"(0x10));
}

static void far_beyond(void)
{
    tables[1][1] = (1ULL << 39) | 0x83; /* a page of 1 GiB, far above all memory */
    (void)*(volatile uint8_t *)GiB(1);
}

static void behind_lapic(void)
{
    fourth_gib_map();
    (void)*(volatile uint32_t *)(LAPIC_PAGE + PAGE_SIZE);
}

static void across_lapic(void)
{
    fourth_gib_map();
    (void)*(volatile uint64_t *)(LAPIC_PAGE + PAGE_SIZE - 4);
}

static void run_lapic(void)
{
    fourth_gib_map();
    ((void (*)(void))LAPIC_PAGE)();
}

static void tables_lapic(void)
{
    tables[0][1] = LAPIC_PAGE | 3;
    (void)*(volatile uint8_t *)(1ULL << 39);
}

static void vector_lapic(void)
{
    fourth_gib_map();
    __asm__ volatile("fxsave (%0)" : : "r"(LAPIC_PAGE) : "memory"); /* not an instruction that is decoded */
}

static void repeat_lapic(void)
{
    uint64_t to = LAPIC_PAGE, n = 16;

    fourth_gib_map();
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static void tss_beyond(void)
{
    *(volatile uint64_t *)((uintptr_t)&gdt[6]) = 103 | (end & 0xffffff) << 16 | 0x89ULL << 40 | (end >> 24 & 0xff) << 56;
    __asm__ volatile("ltr %w0" : : "r"(0x30));
    user_run((void (*)(void))SCRATCH, RFLAGS_FIXED); /* zeros: add %al, (%rax), which faults and needs RSP0 */
}

static void (*const ways[])(void) = {read_beyond, write_beyond, run_beyond, run_across, read_across, write_across, copy_across,
                                     push_beyond, tables_beyond, table_entry_beyond, idt_beyond, gdt_beyond, far_beyond,
                                     behind_lapic, across_lapic, run_lapic, tables_lapic, vector_lapic, repeat_lapic, tss_beyond};

void guest_main(void)
{
    uint64_t way = option("way", ~0ULL);

    end = memory_end();
    test_inside();
    print("done\n");
    if (way >= ARRAY_SIZE(ways))
        return;
    ways[way]();
    check("the guest is still there", false);
}
