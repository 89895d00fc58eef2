/*
 * VMCALL with every number: 16 bits of them, those around the ones that mean something, and samples; with arguments that point
 * nowhere.  Unknown ones answer "no such call".
 */
#include <linux/kvm_para.h>

#include "abi/capture.h"
#include "tests/guests/guest.h"

#define BAD_ADDRESS 14
#define INVALID 22
#define AROUND 0x1000u

static uint64_t calls, unexpected;

static int64_t call(uint64_t number, uint64_t b)
{
    uint64_t result = number;

    ATTEMPT("vmcall", : "+a"(result) : "b"(b), "c"(random_value()), "d"(random_value()), "S"(random_value()) : "memory");
    unexpected += fault.vector != NO_FAULT;
    calls++;
    return (int64_t)result;
}

static bool is_known(uint64_t number)
{
    return number >= CAPTURE_CALL_REGISTER && number <= CAPTURE_CALL_ANSWER;
}

static void expect_absent(uint64_t number)
{
    if (call(number, random_value()) == -KVM_ENOSYS)
        return;
    unexpected++;
    print_number(number);
    print(": this call answers\n");
}

static void test_pointers(void)
{
    static const uint64_t nowhere[] = {1ULL << 40, 1ULL << 47, ~0ULL << 12, 0x8000000000000000, 0xfee00000, 0xfd010000};
    uint64_t end = memory_end();

    for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++)
        check_equal("a capture page outside of memory", (uint64_t)call(CAPTURE_CALL_REGISTER, nowhere[i]), (uint64_t)-BAD_ADDRESS);
    check_equal("a capture page at the end of memory", (uint64_t)call(CAPTURE_CALL_REGISTER, end), (uint64_t)-BAD_ADDRESS);
    check_equal("a capture page that is not aligned", (uint64_t)call(CAPTURE_CALL_REGISTER, SCRATCH + 8), (uint64_t)-INVALID);
    *(volatile uint32_t *)SCRATCH = CAPTURE_VERSION + 1;
    check_equal("a capture page of another version", (uint64_t)call(CAPTURE_CALL_REGISTER, SCRATCH), (uint64_t)-INVALID);
}

/* A page that names a buffer that is junk, or nowhere: what is recorded is cut, nothing else. */
static void test_capture(void)
{
    volatile struct capture_page *page = (volatile struct capture_page *)SCRATCH;

    page->version = CAPTURE_VERSION;
    check_equal("a capture page", (uint64_t)call(CAPTURE_CALL_REGISTER, SCRATCH), 0);
    for (unsigned i = 0; i < 20000; i++) {
        page->tid = (uint32_t)random_value();
        page->pid = (uint32_t)random_value();
        page->buffer = random() & 1 ? SCRATCH + PAGE_SIZE * (1 + random() % 8) : random_value();
        page->dispatches = random();
        for (unsigned j = 0; j < 4; j++)
            *(volatile uint64_t *)(SCRATCH + PAGE_SIZE * (1 + random() % 8) + (random() & 0x1f8)) = random_value();
        call(CAPTURE_CALL_REGISTER + 1 + random() % (CAPTURE_CALL_ANSWER - CAPTURE_CALL_REGISTER), random_value());
    }
}

void guest_main(void)
{
    for (uint64_t number = 0; number <= 0xffff; number++)
        expect_absent(number);
    for (uint64_t number = CAPTURE_CALL_REGISTER - AROUND; number < CAPTURE_CALL_REGISTER + AROUND; number++)
        if (!is_known(number))
            expect_absent(number);
    for (unsigned bit = 32; bit < 64; bit++)
        expect_absent(1ULL << bit | (CAPTURE_CALL_REGISTER + random() % 7));
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t number = random();
        if (!is_known(number))
            expect_absent(number);
    }
    test_pointers();
    test_capture();
    say("calls made", calls);
    check_equal("every other VMCALL answers that it is absent", unexpected, 0);
    print("done\n");
}
