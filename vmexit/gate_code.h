/*
 * Which of the gate's instructions stands at an address of the guest.
 */
#ifndef VMEXIT_GATE_CODE_H
#define VMEXIT_GATE_CODE_H

#include "lib/compiler.h"
#include "vmexit/state.h"

#define GATE_LONGEST 3u

enum gate_instruction {
    GATE_OTHER,
    GATE_SYSCALL,     /* 2 bytes */
    GATE_SYSCALL_REX, /* with a prefix that means nothing to it: 3 bytes */
    GATE_SYSRET64,
    GATE_SYSRET32,
    GATE_UNMAPPED,
};

/* By its first 3 bytes; those that could not be read are 0. */
static inline enum gate_instruction gate_decode(const uint8_t *bytes)
{
    if (likely(bytes[0] == 0x0f))
        return bytes[1] == 0x05 ? GATE_SYSCALL : bytes[1] == 0x07 ? GATE_SYSRET32 : GATE_OTHER;
    if ((bytes[0] & 0xf0) != 0x40 || bytes[1] != 0x0f) /* 40-4f: REX */
        return GATE_OTHER;
    if (bytes[2] == 0x07)
        return bytes[0] & 0x08 ? GATE_SYSRET64 : GATE_SYSRET32; /* REX.W */
    return bytes[2] == 0x05 ? GATE_SYSCALL_REX : GATE_OTHER;
}

/* Through the guest's page tables; the page is remembered for the straight path. */
enum gate_instruction gate_code_at(struct vcpu *v, uint64_t rip, bool user);

#endif
