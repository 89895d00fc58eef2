/*
 * A vCPU's registers in words, for the log of a sandbox that ended badly.
 */
#include "hv/channel.h"
#include "hv/guest_memory.h"
#include "hv/vcpu.h"
#include "hv/vm.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/x86.h"

#define BACKTRACE_MAX 16
#define CODE_BYTES 16

static void dump_code(struct vcpu *v, uint64_t rip)
{
    uint8_t code[CODE_BYTES];
    char text[CODE_BYTES * 3 + 1];

    if (guest_read_virtual(v, rip, code, sizeof code)) {
        log_error("code: not readable");
        return;
    }
    for (unsigned i = 0; i < sizeof code; i++)
        format(text + i * 3, 4, " %02x", code[i]);
    log_error("code:%s", text);
}

/* Into the guest kernel's log: the launcher names its functions there. */
static void log_guest_address(const struct vcpu *v, uint64_t address)
{
    char line[48];
    int n = format(line, sizeof line, "backtrace: %#llx\n", (unsigned long long)address);

    channel_send_of(v->vm->number, CHANNEL_DATA, STREAM_KERNEL_LOG, line, (size_t)n);
}

/* The guest's frame pointers, as far as they make sense. */
static void dump_backtrace(struct vcpu *v, uint64_t rip)
{
    uint64_t frame[2] = {v->regs[REG_RBP], 0};

    log_guest_address(v, rip);
    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        uint64_t at = frame[0];
        if (at == 0 || !IS_ALIGNED(at, 8) || guest_read_virtual(v, at, frame, sizeof frame) || !frame[1])
            return;
        log_guest_address(v, frame[1]);
        if (frame[0] <= at)
            return;
    }
}

void vcpu_dump(struct vcpu *v)
{
    static const char *const pairs[][2] = {{"rax", "rcx"}, {"rdx", "rbx"}, {"rsp", "rbp"}, {"rsi", "rdi"},
                                           {"r8 ", "r9 "}, {"r10", "r11"}, {"r12", "r13"}, {"r14", "r15"}};
    uint64_t rip = vmcs_read(VMCS_GUEST_RIP);

    v->regs[REG_RSP] = vmcs_read(VMCS_GUEST_RSP);
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
        log_error("%s %016llx %s %016llx", pairs[i][0], (unsigned long long)v->regs[2 * i], pairs[i][1],
                  (unsigned long long)v->regs[2 * i + 1]);
    log_error("rip %016llx rflags %08llx cs %04x ss %04x cpl %u efer %04x", (unsigned long long)rip,
              (unsigned long long)vmcs_read(VMCS_GUEST_RFLAGS), (unsigned)vmcs_read(VMCS_GUEST_CS_SELECTOR),
              (unsigned)vmcs_read(VMCS_GUEST_SS_SELECTOR), vcpu_cpl(), (unsigned)vmcs_read(VMCS_GUEST_EFER));
    log_error("cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx", (unsigned long long)vmcs_read(VMCS_GUEST_CR0),
              (unsigned long long)cr2_read(), (unsigned long long)vmcs_read(VMCS_GUEST_CR3),
              (unsigned long long)vmcs_read(VMCS_GUEST_CR4));
    log_error("exit %u qualification %#llx gpa %#llx linear %#llx vectoring %#x",
              (unsigned)vmcs_read(VMCS_EXIT_REASON) & 0xffff, (unsigned long long)vmcs_read(VMCS_EXIT_QUALIFICATION),
              (unsigned long long)vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS),
              (unsigned long long)vmcs_read(VMCS_GUEST_LINEAR_ADDRESS), (unsigned)vmcs_read(VMCS_VECTORING_EVENT));
    dump_code(v, rip);
    dump_backtrace(v, rip);
}
