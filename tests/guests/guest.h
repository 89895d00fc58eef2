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
void syscall_entry(void);

void guest_main(void); /* the test */
void tables_fill(void); /* guest.c, for guest.S */

void print(const char *text);
void print_number(uint64_t n);
/* One line: was it as expected? */
void check(const char *name, bool good);
void check_equal(const char *name, uint64_t got, uint64_t expected);

/* Run one piece of assembly that may fault; `fault` says what happened. */
#define ATTEMPT(code, ...)                                                                                             \
    do {                                                                                                               \
        fault.vector = NO_FAULT;                                                                                       \
        __asm__ volatile("movq $77f, resume\n\t" code "\n77:" __VA_ARGS__);                                           \
    } while (0)

#endif
