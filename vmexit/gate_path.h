/*
 * SYSCALL and SYSRET performed as SDM vol. 2 says, and the straight path of a call and its return: recognised without a
 * look at anything that rarely differs.  Counted in instructions; whatever it does not know goes the long way (gate.c).
 */
#ifndef VMEXIT_GATE_PATH_H
#define VMEXIT_GATE_PATH_H

#include "hv/vmx/vmcs.h"
#include "lib/compiler.h"
#include "lib/x86.h"
#include "vmexit/exit.h"
#include "vmexit/gate_record.h"
#include "vmexit/state.h"

#define RIGHTS_CODE64_RING0 0xa09bu
#define RIGHTS_CODE64_RING3 0xa0fbu
#define RIGHTS_CODE32_RING3 0xc0fbu
#define RIGHTS_DATA_RING0 0xc093u
#define RIGHTS_DATA_RING3 0xc0f3u
#define FLAT_LIMIT 0xffffffffu
#define STAR_SYSCALL_SHIFT 32
#define STAR_SYSRET_SHIFT 48
#define SYSRET_FLAGS 0x3c7fd7ULL
#define REG_R11 11

#define BYTES_SYSCALL 0x050fu
#define BYTES_SYSRET64 0x070f48u

static inline void segment_ss_set(uint64_t selector, uint32_t rights)
{
    vmcs_put(VMCS_GUEST_SS_SELECTOR, selector);
    vmcs_put(VMCS_GUEST_SS_BASE, 0);
    vmcs_put(VMCS_GUEST_SS_LIMIT, FLAT_LIMIT);
    vmcs_put(VMCS_GUEST_SS_RIGHTS, rights);
}

/* Base and limit mean nothing to 64-bit code; gate.c sets them where they are not those of a flat segment already. */
static inline void segment_cs_set(uint64_t selector, uint32_t rights)
{
    vmcs_put(VMCS_GUEST_CS_SELECTOR, selector);
    vmcs_put(VMCS_GUEST_CS_RIGHTS, rights);
}

/* What every completed instruction does beside its own work; RF is clear in `flags` already. */
static inline void instruction_complete(uint64_t rip, uint64_t flags)
{
    uint64_t blocked = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

    vmcs_put(VMCS_GUEST_RIP, rip);
    vmcs_put(VMCS_GUEST_RFLAGS, flags);
    if (unlikely(blocked & BLOCKED_SHADOW))
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~BLOCKED_SHADOW);
}

static inline bool is_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)address >> 47) + 1 <= 1;
}

/* The call goes to the guest kernel. */
static inline void syscall_perform(struct vcpu *v, uint64_t next_rip)
{
    uint64_t flags = vmcs_read(VMCS_GUEST_RFLAGS) & ~RFLAGS_RF;
    uint64_t cs = v->star >> STAR_SYSCALL_SHIFT & 0xfffc;

    v->regs[REG_RCX] = next_rip;
    v->regs[REG_R11] = flags;
    segment_cs_set(cs, RIGHTS_CODE64_RING0);
    segment_ss_set(cs + 8, RIGHTS_DATA_RING0);
    instruction_complete(v->lstar, (flags & ~v->fmask) | RFLAGS_FIXED);
}

static inline void syscall_reflect(struct vcpu *v, uint64_t next_rip)
{
    record_entry(v, next_rip, false);
    syscall_perform(v, next_rip);
}

/* Back to 64-bit code in ring 3, at an address known to be canonical. */
static inline void sysret_complete(struct vcpu *v)
{
    uint64_t flags = (v->regs[REG_R11] & SYSRET_FLAGS) | RFLAGS_FIXED;
    uint64_t base = v->star >> STAR_SYSRET_SHIFT;

    record_return(v, (int64_t)v->regs[REG_RAX]);
    segment_cs_set((base + 16) | 3, RIGHTS_CODE64_RING3);
    segment_ss_set((base + 8) | 3, RIGHTS_DATA_RING3);
    instruction_complete(v->regs[REG_RCX], flags);
    if (unlikely(flags & RFLAGS_TF))
        vmcs_write(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_SINGLE_STEP);
}

/* The bytes at rip, if the page they lie in is the one remembered and its walk still holds; else 0. */
static inline uint32_t code_bytes(const struct gate_code *c, uint64_t rip)
{
    uint64_t offset = rip - c->page;

    if (unlikely(offset > PAGE_SIZE - sizeof(uint32_t) || c->cr3 != vmcs_read(VMCS_GUEST_CR3) ||
                 !guest_walk_holds(&c->walk)))
        return 0;
    return *(const uint32_t *)(const void *)(c->bytes + offset);
}

/* A #UD exit of a trapped vCPU. */
static inline void gate_invalid_opcode(struct vcpu *v)
{
    const struct gate *g = &v->exits->gate;
    uint64_t rights = vmcs_read(VMCS_GUEST_CS_RIGHTS);
    uint64_t rip = vmcs_read(VMCS_GUEST_RIP);

    if (rights == RIGHTS_CODE64_RING3) {
        if (likely((code_bytes(&g->code[1], rip) & 0xffff) == BYTES_SYSCALL &&
                   v->regs[REG_RAX] < POLICY_CALLS && !g->policy[v->regs[REG_RAX]])) {
            syscall_reflect(v, rip + 2);
            return;
        }
    } else if (rights == RIGHTS_CODE64_RING0) {
        if (likely((code_bytes(&g->code[0], rip) & 0xffffff) == BYTES_SYSRET64 && is_canonical(v->regs[REG_RCX]))) {
            sysret_complete(v);
            return;
        }
    }
    gate_invalid_opcode_slowly(v, rip);
}

#endif
