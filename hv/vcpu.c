/*
 * See hv/vcpu.h.
 */
#include "hv/vcpu_enter.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/hygiene.h"
#include "hv/timer_run.h"
#include "hv/trap.h"
#include "hv/vmx/entry_check.h"
#include "hv/vmx/vmx.h"
#include "hv/xstate.h"
#include "lib/log.h"
#include "lib/string.h"

#define VECTOR_DEBUG 1
#define VECTOR_ALIGNMENT 17
#define VECTOR_MACHINE_CHECK 18
#define RIGHTS_CODE32 0xc09b
#define RIGHTS_CODE64 0xa09b
#define RIGHTS_DATA 0xc093
#define RIGHTS_TSS32 0x8b
#define RIGHTS_CODE16 0x9b
#define RIGHTS_DATA16 0x93
#define PAUSE_GAP 128u     /* ticks: PAUSEs further apart are not of one loop */
#define PAUSE_WINDOW 4096u /* ticks: a loop that lasts longer waits for somebody who does not run */
#define REAL_MODE_LIMIT 0xffff
#define PAT_RESET 0x0007040600070406ULL
#define DR7_RESET 0x400

/* #DB and #AC exit because a guest can make the CPU deliver them for ever without an instruction in between. */
#define EXCEPTIONS_ALWAYS (BIT(VECTOR_DEBUG) | BIT(VECTOR_ALIGNMENT) | BIT(VECTOR_MACHINE_CHECK))

static int host_state_set(void)
{
    struct cpu *c = this_cpu();
    const struct vmcs_row rows[] = {
        VMCS_ROW(HOST_CR0, cr0_read()),
        VMCS_ROW(HOST_CR3, cr3_read()),
        VMCS_ROW(HOST_CR4, cr4_read()),
        VMCS_ROW(HOST_EFER, msr_read(MSR_EFER)),
        VMCS_ROW(HOST_PAT, msr_read(MSR_PAT)),
        VMCS_ROW(HOST_CS_SELECTOR, SELECTOR_CODE),
        VMCS_ROW(HOST_SS_SELECTOR, SELECTOR_DATA),
        VMCS_ROW(HOST_DS_SELECTOR, SELECTOR_DATA),
        VMCS_ROW(HOST_ES_SELECTOR, SELECTOR_DATA),
        VMCS_ROW(HOST_FS_SELECTOR, 0),
        VMCS_ROW(HOST_GS_SELECTOR, 0),
        VMCS_ROW(HOST_TR_SELECTOR, SELECTOR_TSS),
        VMCS_ROW(HOST_FS_BASE, 0),
        VMCS_ROW(HOST_GS_BASE, (uintptr_t)c),
        VMCS_ROW(HOST_TR_BASE, (uintptr_t)&c->tss),
        VMCS_ROW(HOST_GDTR_BASE, (uintptr_t)c->gdt),
        VMCS_ROW(HOST_IDTR_BASE, idt_base()),
        VMCS_ROW(HOST_SYSENTER_CS, 0),
        VMCS_ROW(HOST_SYSENTER_ESP, 0),
        VMCS_ROW(HOST_SYSENTER_EIP, 0),
        VMCS_ROW(HOST_RIP, (uintptr_t)vmx_exit_point),
    };

    return vmcs_write_rows(rows, ARRAY_SIZE(rows));
}

static int control_state_set(struct vcpu *v)
{
    const struct vm *vm = v->vm;
    const struct vmcs_row rows[] = {
        VMCS_ROW(PIN_CONTROLS, vmx.pin),
        VMCS_ROW(PROCESSOR_CONTROLS, v->proc_controls),
        VMCS_ROW(SECONDARY_CONTROLS, vmx.proc2),
        VMCS_ROW(EXIT_CONTROLS, vmx.exit),
        VMCS_ROW(ENTRY_CONTROLS, vmx.entry),
        VMCS_ROW(EXCEPTION_BITMAP, EXCEPTIONS_ALWAYS),
        VMCS_ROW(PAGE_FAULT_MASK, 0),
        VMCS_ROW(PAGE_FAULT_MATCH, 0),
        VMCS_ROW(CR3_TARGET_COUNT, 0),
        VMCS_ROW(EXIT_MSR_STORE_COUNT, 0),
        VMCS_ROW(EXIT_MSR_LOAD_COUNT, 0),
        VMCS_ROW(ENTRY_MSR_LOAD_COUNT, 0),
        VMCS_ROW(ENTRY_EVENT, 0),
        VMCS_ROW(MSR_BITMAP, virt_to_phys(vm->msr_bitmap)),
        VMCS_ROW(EPT_POINTER, ept_pointer(&vm->ept, vmx.has_ept_accessed_dirty)),
        VMCS_ROW(TSC_OFFSET, 0),
        VMCS_ROW(LINK_POINTER, ~0ULL),
        VMCS_ROW(PREEMPTION_TIMER, v->timer_value),
        VMCS_ROW(CR0_MASK, CR0_HELD | (vmx.cr0_fixed0 & ~(CR0_PE | CR0_PG))),
        VMCS_ROW(CR0_SHADOW, CR0_ET),
        VMCS_ROW(CR4_MASK, ~vm->cr4_allowed),
        VMCS_ROW(CR4_SHADOW, 0),
    };

    return vmcs_write_rows(rows, ARRAY_SIZE(rows));
}

static int optional_state_set(const struct vcpu *v)
{
    const struct vmcs_row vpid[] = {VMCS_ROW(VPID, v->vpid)};
    const struct vmcs_row pause_loop[] = {VMCS_ROW(PLE_GAP, PAUSE_GAP), VMCS_ROW(PLE_WINDOW, PAUSE_WINDOW)};
    const struct vmcs_row xss[] = {VMCS_ROW(XSS_EXITING_BITMAP, 0)};
    int error = 0;

    if (vmx.has_vpid)
        error = vmcs_write_rows(vpid, ARRAY_SIZE(vpid));
    if (!error && (vmx.proc2 & PROC2_PAUSE_LOOP))
        error = vmcs_write_rows(pause_loop, ARRAY_SIZE(pause_loop));
    if (!error && (vmx.proc2 & PROC2_XSAVES))
        error = vmcs_write_rows(xss, ARRAY_SIZE(xss));
    return error;
}

/* A flat 32-bit machine: what PVH asks for, and a legal start for anything that sets its own. */
static int guest_state_set(void)
{
    const struct vmcs_row rows[] = {
        VMCS_ROW(GUEST_CR0, CR0_PE | CR0_ET | CR0_NE),
        VMCS_ROW(GUEST_CR3, 0),
        VMCS_ROW(GUEST_CR4, CR4_VMXE | (vmx.cr4_fixed0 & vmx.cr4_fixed1)),
        VMCS_ROW(GUEST_DR7, DR7_RESET),
        VMCS_ROW(GUEST_RSP, 0),
        VMCS_ROW(GUEST_RIP, 0),
        VMCS_ROW(GUEST_RFLAGS, RFLAGS_FIXED),
        VMCS_ROW(GUEST_CS_SELECTOR, 0x08),
        VMCS_ROW(GUEST_CS_BASE, 0),
        VMCS_ROW(GUEST_CS_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_CS_RIGHTS, RIGHTS_CODE32),
        VMCS_ROW(GUEST_SS_SELECTOR, 0x10),
        VMCS_ROW(GUEST_SS_BASE, 0),
        VMCS_ROW(GUEST_SS_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_SS_RIGHTS, RIGHTS_DATA),
        VMCS_ROW(GUEST_DS_SELECTOR, 0x10),
        VMCS_ROW(GUEST_DS_BASE, 0),
        VMCS_ROW(GUEST_DS_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_DS_RIGHTS, RIGHTS_DATA),
        VMCS_ROW(GUEST_ES_SELECTOR, 0x10),
        VMCS_ROW(GUEST_ES_BASE, 0),
        VMCS_ROW(GUEST_ES_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_ES_RIGHTS, RIGHTS_DATA),
        VMCS_ROW(GUEST_FS_SELECTOR, 0x10),
        VMCS_ROW(GUEST_FS_BASE, 0),
        VMCS_ROW(GUEST_FS_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_FS_RIGHTS, RIGHTS_DATA),
        VMCS_ROW(GUEST_GS_SELECTOR, 0x10),
        VMCS_ROW(GUEST_GS_BASE, 0),
        VMCS_ROW(GUEST_GS_LIMIT, 0xffffffff),
        VMCS_ROW(GUEST_GS_RIGHTS, RIGHTS_DATA),
        VMCS_ROW(GUEST_LDTR_SELECTOR, 0),
        VMCS_ROW(GUEST_LDTR_BASE, 0),
        VMCS_ROW(GUEST_LDTR_LIMIT, 0),
        VMCS_ROW(GUEST_LDTR_RIGHTS, RIGHTS_UNUSABLE),
        VMCS_ROW(GUEST_TR_SELECTOR, 0),
        VMCS_ROW(GUEST_TR_BASE, 0),
        VMCS_ROW(GUEST_TR_LIMIT, 0x67),
        VMCS_ROW(GUEST_TR_RIGHTS, RIGHTS_TSS32),
        VMCS_ROW(GUEST_GDTR_BASE, 0),
        VMCS_ROW(GUEST_GDTR_LIMIT, 0),
        VMCS_ROW(GUEST_IDTR_BASE, 0),
        VMCS_ROW(GUEST_IDTR_LIMIT, 0),
        VMCS_ROW(GUEST_EFER, 0),
        VMCS_ROW(GUEST_PAT, PAT_RESET),
        VMCS_ROW(GUEST_DEBUGCTL, 0),
        VMCS_ROW(GUEST_SYSENTER_CS, 0),
        VMCS_ROW(GUEST_SYSENTER_ESP, 0),
        VMCS_ROW(GUEST_SYSENTER_EIP, 0),
        VMCS_ROW(GUEST_INTERRUPTIBILITY, 0),
        VMCS_ROW(GUEST_ACTIVITY, 0),
        VMCS_ROW(GUEST_PENDING_DEBUG, 0),
    };

    return vmcs_write_rows(rows, ARRAY_SIZE(rows));
}

/* After INIT: real mode at the reset vector (SDM vol. 3, table 10-1); where it starts comes with the start-up message. */
static void real_mode_set(void)
{
    static const struct {
        enum vmcs_field selector, base, limit, rights;
    } segments[] = {
        {VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_SS_BASE, VMCS_GUEST_SS_LIMIT, VMCS_GUEST_SS_RIGHTS},
        {VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_DS_BASE, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_RIGHTS},
        {VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_ES_BASE, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_RIGHTS},
        {VMCS_GUEST_FS_SELECTOR, VMCS_GUEST_FS_BASE, VMCS_GUEST_FS_LIMIT, VMCS_GUEST_FS_RIGHTS},
        {VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_BASE, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_RIGHTS},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        vmcs_write(segments[i].selector, 0);
        vmcs_write(segments[i].base, 0);
        vmcs_write(segments[i].limit, REAL_MODE_LIMIT);
        vmcs_write(segments[i].rights, RIGHTS_DATA16);
    }
    vmcs_write(VMCS_GUEST_CS_LIMIT, REAL_MODE_LIMIT);
    vmcs_write(VMCS_GUEST_CS_RIGHTS, RIGHTS_CODE16);
    vmcs_write(VMCS_GUEST_IDTR_LIMIT, REAL_MODE_LIMIT);
    vmcs_write(VMCS_GUEST_GDTR_LIMIT, REAL_MODE_LIMIT);
    vmcs_write(VMCS_GUEST_CR0, CR0_ET | CR0_NE | (vmx.cr0_fixed0 & ~(CR0_PE | CR0_PG)));
    vmcs_write(VMCS_CR0_SHADOW, CR0_CD | CR0_NW | CR0_ET);
    vmcs_write(VMCS_CR4_SHADOW, 0);
    vmcs_write(VMCS_ENTRY_CONTROLS, vmx.entry);
}

void vcpu_init_state(struct vcpu *v)
{
    assert(this_cpu()->vcpu == v);
    if (guest_state_set())
        panic("vcpu: the state after INIT was refused");
    real_mode_set();
    memset(v->regs, 0, sizeof v->regs);
    v->regs[REG_RDX] = 0x600; /* a family, as a CPU that has passed its self-test leaves it */
    v->event.info = 0;
    v->halted = false;
}

void vcpu_start_at(struct vcpu *v, unsigned vector)
{
    assert(this_cpu()->vcpu == v);
    vmcs_write(VMCS_GUEST_CS_SELECTOR, vector << 8);
    vmcs_write(VMCS_GUEST_CS_BASE, vector << 12);
    vmcs_write(VMCS_GUEST_RIP, 0);
}

int vcpu_setup(struct vcpu *v)
{
    int error;

    v->proc_controls = vmx.proc;
    v->ept_generation = ~0ULL;
    v->timer_value = v->vm->slice >> vmx.preemption_shift;
    vcpu_load(v);
    error = control_state_set(v);
    if (!error)
        error = optional_state_set(v);
    if (!error)
        error = guest_state_set();
    return error;
}

void vcpu_set_pvh_state(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    vcpu_load(v);
    vmcs_write(VMCS_GUEST_RIP, entry);
    v->regs[REG_RBX] = start_info;
}

int vcpu_set_linux_state(struct vcpu *v, const struct vcpu_linux_state *s)
{
    vcpu_load(v);
    const struct vmcs_row rows[] = {
        VMCS_ROW(GUEST_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE),
        VMCS_ROW(CR0_SHADOW, CR0_PE | CR0_PG | CR0_ET),
        VMCS_ROW(GUEST_CR3, s->tables),
        VMCS_ROW(GUEST_CR4, vmcs_read(VMCS_GUEST_CR4) | CR4_PAE),
        VMCS_ROW(CR4_SHADOW, CR4_PAE),
        VMCS_ROW(GUEST_EFER, EFER_LME | EFER_LMA),
        VMCS_ROW(ENTRY_CONTROLS, vmcs_read(VMCS_ENTRY_CONTROLS) | ENTRY_IA32E),
        VMCS_ROW(GUEST_CS_SELECTOR, s->code),
        VMCS_ROW(GUEST_CS_RIGHTS, RIGHTS_CODE64),
        VMCS_ROW(GUEST_SS_SELECTOR, s->data),
        VMCS_ROW(GUEST_DS_SELECTOR, s->data),
        VMCS_ROW(GUEST_ES_SELECTOR, s->data),
        VMCS_ROW(GUEST_FS_SELECTOR, s->data),
        VMCS_ROW(GUEST_GS_SELECTOR, s->data),
        VMCS_ROW(GUEST_GDTR_BASE, s->gdt),
        VMCS_ROW(GUEST_GDTR_LIMIT, s->gdt_limit),
        VMCS_ROW(GUEST_RIP, s->entry),
    };

    v->regs[REG_RSI] = s->params;
    return vmcs_write_rows(rows, ARRAY_SIZE(rows));
}

static void debug_restore(const struct vcpu *v)
{
    __asm__ volatile("mov %0, %%dr0" : : "r"(v->dr[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(v->dr[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(v->dr[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(v->dr[3]));
    __asm__ volatile("mov %0, %%dr6" : : "r"(v->dr6));
}

static void debug_save(struct vcpu *v)
{
    __asm__ volatile("mov %%dr0, %0" : "=r"(v->dr[0]));
    __asm__ volatile("mov %%dr1, %0" : "=r"(v->dr[1]));
    __asm__ volatile("mov %%dr2, %0" : "=r"(v->dr[2]));
    __asm__ volatile("mov %%dr3, %0" : "=r"(v->dr[3]));
    __asm__ volatile("mov %%dr6, %0" : "=r"(v->dr6));
}

static void registers_restore(const struct vcpu *v)
{
    cr2_write(v->cr2);
    debug_restore(v);
    msr_write(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
    msr_write(MSR_STAR, v->star);
    msr_write(MSR_LSTAR, v->lstar);
    msr_write(MSR_CSTAR, v->cstar);
    msr_write(MSR_FMASK, v->fmask);
    if (vmx.proc2 & PROC2_RDTSCP)
        msr_write(MSR_TSC_AUX, v->tsc_aux);
    xstate_restore(v->xsave);
    xcr0_write(v->xcr0);
}

/* STAR to FMASK are written only by exits, which keep the copies. */
static void registers_save(struct vcpu *v)
{
    v->cr2 = cr2_read();
    debug_save(v);
    v->kernel_gs_base = msr_read(MSR_KERNEL_GS_BASE);
    if (vmx.proc2 & PROC2_RDTSCP)
        v->tsc_aux = msr_read(MSR_TSC_AUX);
    xstate_save(v->xsave);
}

void vcpu_unload(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    if (!v->cpu)
        return;
    assert(v->cpu == c && c->vcpu == v);
    registers_save(v);
    vmcs_clear(v->vmcs);
    v->launched = false;
    c->vcpu = NULL;
    /* Release: a CPU that sees nobody here (acquire in hv/schedule.c) sees all that was saved above. */
    __atomic_store_n(&v->cpu, NULL, __ATOMIC_RELEASE);
}

void vcpu_load(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    if (c->vcpu == v)
        return;
    assert(!v->cpu);
    if (c->vcpu)
        vcpu_unload(c->vcpu);
    vmcs_load(v->vmcs);
    __atomic_store_n(&v->cpu, c, __ATOMIC_RELAXED);
    c->vcpu = v;
    /* Caches of an earlier stay here are of then: also if nothing changed, another may have had its numbers meanwhile. */
    if (v->flushed != c)
        v->ept_generation = ~0ULL;
    if (host_state_set())
        panic("vcpu: host state refused");
    registers_restore(v);
    if (c->last_serial != v->vm->serial)
        hygiene_switch();
    c->last_serial = v->vm->serial;
}

void vcpu_flush(struct vcpu *v)
{
    vmx_flush_ept(ept_pointer(&v->vm->ept, vmx.has_ept_accessed_dirty));
    vmx_flush_vpid(v->vpid);
    v->ept_generation = v->vm->ept.generation;
    v->flushed = this_cpu();
}

void vcpu_entry_failed(struct vcpu *v, int result)
{
    const char *rule = entry_check_current();

    if (result)
        log_error("vcpu: VM entry refused, instruction error %u",
                  result == 2 ? (unsigned)vmcs_read(VMCS_INSTRUCTION_ERROR) : 0);
    else
        log_error("vcpu: VM entry failed, reason %u, qualification %llu",
                  (unsigned)vmcs_read(VMCS_EXIT_REASON) & 0xffff,
                  (unsigned long long)vmcs_read(VMCS_EXIT_QUALIFICATION));
    log_error("vcpu: broken rule: %s", rule ? rule : "none of those that are retested");
    vcpu_dump(v);
}

void cpu_wait(void)
{
    uint64_t deadline = hv_timer_first();

    if (deadline <= tsc_read())
        return;
    if (deadline != ~0ULL)
        apic_timer_arm(deadline);
    __asm__ volatile("sti; hlt; cli" : : : "memory");
    apic_timer_stop();
}
