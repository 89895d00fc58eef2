/*
 * What test guests share: text to port 0xE9, faults as results, ring 3.  A guest prints "ok NAME" or "FAILED NAME ..." lines.
 */
#ifndef TESTS_GUESTS_GUEST_H
#define TESTS_GUESTS_GUEST_H

#include "lib/compiler.h"
#include "lib/x86.h"

#define NO_FAULT 0xffU

/* guest.S */
struct guest_fault {
    uint64_t vector, error, rip, rflags;
};
extern volatile struct guest_fault fault;
extern volatile uint64_t resume, interrupts;
extern volatile struct {
    uint64_t rcx, r11, rax, rsp;
} user_regs;
extern volatile uint64_t call_rsp, call_rcx, call_r11, call_flags, call_cs, call_ss, sysret_form;
extern uint64_t tables[3][512];
void user_run(void (*code)(void), uint64_t flags);
noreturn void power_off(void);
noreturn void fault_unexpected(void); /* guest.c, for guest.S */
void syscall_entry(void);

void guest_main(void); /* the test */
void tables_fill(void); /* guest.c, for guest.S */

extern uint64_t idt[256][2], gdt[];

/* Scratch memory for junk: half a megabyte and more that nothing else uses; needs 12 MiB of memory. */
#define SCRATCH 0x900000ULL
#define SCRATCH_SIZE 0x200000ULL

/* Words "name=123" of the command line. */
uint64_t option(const char *name, uint64_t otherwise);
uint64_t memory_end(void); /* of RAM */

/* The same numbers for the same seed. */
void random_seed(uint64_t seed);
uint64_t random(void);
uint64_t random_value(void); /* often small, often near a power of two, sometimes a scratch address, sometimes anything */

void memory_fill(void *to, uint8_t value, size_t n);

/* Device registers lie in the fourth GiB: map it one to one, as the first is. */
void fourth_gib_map(void);

void print(const char *text);
void print_decimal(uint64_t n);
void say(const char *what, uint64_t n); /* a line with a number */
void print_number(uint64_t n);
/* One line: was it as expected? */
void check(const char *name, bool good);
void check_equal(const char *name, uint64_t got, uint64_t expected);

/* Run one piece of assembly that may fault; `fault` says what happened. */
#define ATTEMPT(code, ...)                                                                                             \
    do {                                                                                                               \
        fault.vector = NO_FAULT;                                                                                       \
        __asm__ volatile("movq $77f, resume\n\t" code "\n77:\tmovq $0, resume" __VA_ARGS__);                                           \
    } while (0)

#endif
