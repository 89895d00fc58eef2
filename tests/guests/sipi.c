/*
 * Storms of INIT, start-up messages, NMIs and interrupts between vCPUs: the first one sends to the others, and they, in real
 * mode, to each other, as fast as they can.  In the end the first one is still there, and the others can still be started.
 */
#include "tests/guests/guest.h"

#define X2APIC_SPURIOUS 0x80f
#define X2APIC_ICR 0x830
#define ICR_INIT 0x4500u
#define ICR_STARTUP 0x4600u
#define ICR_NMI 0x4400u
#define ICR_FIXED 0x4000u
#define START_PAGE 0x8u
#define START (START_PAGE << 12)
#define STORM 60000u
#define CPUS 4u
#define WAIT_TICKS 200000000ULL

/* At START, by copy: CPUs that come here count, then send messages for ever, but only interrupts to CPU 0. */
__asm__(".pushsection .rodata\n"
        ".code16\n"
        ".globl ap_code, ap_code_end\n"
        "ap_code:\n"
        "    cli\n"
        "    mov %cs, %ax\n"
        "    mov %ax, %ds\n"
        "    xor %ax, %ax\n"
        "    mov %ax, %ss\n"
        "    mov $0x7000, %sp\n"
        "    lock incl ap_count - ap_code\n"
        "    mov $0x1b, %ecx\n"
        "    rdmsr\n"
        "    or $0xc00, %ax\n"
        "    wrmsr\n"
        "    mov $0x80f, %ecx\n"
        "    mov $0x1ff, %eax\n"
        "    xor %edx, %edx\n"
        "    wrmsr\n"
        "    rdtsc\n"
        "    mov %eax, %ebx\n"
        "1:  imul $1664525, %ebx, %ebx\n"
        "    add $1013904223, %ebx\n"
        "    mov %ebx, %edx\n"
        "    shr $24, %edx\n"
        "    and $3, %edx\n"
        "    mov $0x4040, %eax\n" /* an interrupt */
        "    jz 2f\n"
        "    mov %ebx, %esi\n"
        "    shr $17, %esi\n"
        "    and $3, %si\n"
        "    shl $2, %si\n"
        "    mov ap_messages - ap_code(%si), %eax\n"
        "2:  mov $0x830, %ecx\n"
        "    wrmsr\n"
        "    jmp 1b\n"
        "    .balign 4\n"
        "ap_count:\n"
        "    .long 0\n"
        "ap_messages:\n"
        "    .long 0x4500, 0x4608, 0x4400, 0x4608\n"
        "ap_iret:\n"
        "    iretw\n"
        "ap_code_end:\n"
        ".code64\n"
        ".popsection\n"
        ".set ap_count_offset, ap_count - ap_code\n"
        ".set ap_iret_offset, ap_iret - ap_code\n"
        ".globl ap_count_offset, ap_iret_offset\n");

extern const char ap_code[], ap_code_end[], ap_count_offset[], ap_iret_offset[];

static volatile uint32_t *started(void)
{
    return (volatile uint32_t *)(START + (uintptr_t)ap_count_offset);
}

static void send(uint32_t to, uint32_t message)
{
    msr_write(X2APIC_ICR, (uint64_t)to << 32 | message);
}

static void prepare(void)
{
    volatile uint32_t *vectors = (volatile uint32_t *)0; /* real mode's: all to an IRET */

    for (const char *from = ap_code; from < ap_code_end; from++)
        ((volatile char *)START)[from - ap_code] = *from;
    for (unsigned i = 0; i < 256; i++)
        vectors[i] = (START >> 4) << 16 | (uint32_t)(uintptr_t)ap_iret_offset;
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(X2APIC_SPURIOUS, 0x1ff);
}

static void storm(void)
{
    static const uint32_t messages[] = {ICR_INIT, ICR_STARTUP | START_PAGE, ICR_STARTUP | START_PAGE, ICR_NMI, ICR_FIXED | 0x50,
                                        ICR_INIT | 0x8000, 0x4200, 0x4300, 0x4700, ICR_STARTUP | START_PAGE};

    irq_enable();
    for (unsigned i = 0; i < STORM; i++) {
        uint32_t message = messages[random() % ARRAY_SIZE(messages)];
        if (random() & 7)
            send(1 + (uint32_t)(random() % (CPUS + 2)), message); /* also to some that are not there */
        else
            msr_write(X2APIC_ICR, 3u << 18 | message); /* all others */
    }
    irq_disable();
}

/* However they were left: each one can be parked and started again. */
static void restart_each(void)
{
    send(0xffffffff, 0); /* an illegal vector, to all */
    msr_write(X2APIC_ICR, 3u << 18 | ICR_INIT);
    for (uint32_t cpu = 1; cpu < CPUS; cpu++) {
        uint32_t before = *started();
        uint64_t end = tsc_read() + WAIT_TICKS;

        msr_write(X2APIC_ICR, 3u << 18 | ICR_INIT); /* silence */
        send(cpu, ICR_STARTUP | START_PAGE);
        while (*started() == before && tsc_read() < end)
            cpu_relax();
        check("a CPU starts after the storm", *started() > before);
    }
    msr_write(X2APIC_ICR, 3u << 18 | ICR_INIT);
}

void guest_main(void)
{
    prepare();
    random_seed(option("seed", 1));
    storm();
    say("starts in the storm", *started());
    check("the others were started again and again", *started() > 100);
    say("interrupts to the first CPU", interrupts);
    restart_each();
    print("done\n");
}
