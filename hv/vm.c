/*
 * Making and unmaking a VM; see hv/vm.h.
 */
#include "hv/vm.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/vcpu.h"
#include "hv/vmx/vmx.h"
#include "hv/vpid.h"
#include "hv/xstate.h"
#include "lib/log.h"
#include "lib/string.h"

#define SLICE_HZ 100
#define WEIGHT_USUAL 100
#define DR6_RESET 0xffff0ff0ULL
#define BITMAP_WRITE_OFFSET 2048u
#define BITMAP_HIGH_OFFSET 1024u
#define MSR_HIGH_FIRST 0xc0000000u
#define MSR_RANGE 0x2000u

/* CR4 bits that have a meaning we know to be the guest's own; VMXE, SMXE, LA57, CET, PKS are not among them. */
#define CR4_GUEST                                                                                                      \
    (0x7ffULL | CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE)

static uint64_t serial_last; /* atomic */

int vm_create(uint64_t memory_size, struct vm **out)
{
    struct vm *vm = mem_alloc_zero(sizeof *vm);
    int error = -ENOMEM;

    if (!vm)
        return -ENOMEM;
    vm->serial = __atomic_add_fetch(&serial_last, 1, __ATOMIC_RELAXED);
    vm->memory_size = memory_size;
    vm->weight = WEIGHT_USUAL;
    vm->cr4_allowed = CR4_GUEST & vmx.cr4_fixed1;
    vm->slice = (uint32_t)MIN(tsc_hz() / SLICE_HZ, UINT32_MAX);
    vm->msr_bitmap = page_alloc(0);
    if (!vm->msr_bitmap)
        goto free_vm;
    memset(vm->msr_bitmap, 0xff, PAGE_SIZE);
    error = ept_create(&vm->ept, vmx.has_ept_large);
    if (error)
        goto free_bitmap;
    *out = vm;
    return 0;

free_bitmap:
    page_free(vm->msr_bitmap, 0);
free_vm:
    mem_free(vm);
    return error;
}

static void vcpu_destroy(struct vcpu *v)
{
    vcpu_unload(v);
    vpid_free(v->vpid);
    page_free(v->vmcs, 0);
    xstate_free(v->xsave);
    mem_free(v);
}

void vm_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vcpu_destroy(vm->vcpu[i]);
    ept_destroy(&vm->ept);
    page_free(vm->msr_bitmap, 0);
    mem_free(vm);
}

int vcpu_create(struct vm *vm)
{
    struct vcpu *v = mem_alloc_zero(sizeof *v);
    int error = -ENOMEM;

    if (vm->vcpu_count == VM_VCPUS_MAX) {
        error = -ENOSPC;
        goto free_vcpu;
    }
    if (!v)
        return -ENOMEM;
    v->vm = vm;
    v->index = vm->vcpu_count;
    v->vpid = vpid_alloc();
    v->xcr0 = 1;
    v->dr6 = DR6_RESET;
    v->xsave = xstate_create();
    if (!v->xsave || !v->vpid)
        goto free_xsave;
    v->vmcs = vmcs_create();
    if (!v->vmcs)
        goto free_xsave;
    error = vcpu_setup(v);
    if (error)
        goto free_vmcs;
    if (v->index > 0) { /* it waits to be started by another */
        vcpu_init_state(v);
        v->parked = v->stuck = true;
        vm->stuck++;
    }
    vm->vcpu[vm->vcpu_count++] = v;
    return 0;

free_vmcs:
    vcpu_unload(v);
    page_free(v->vmcs, 0);
free_xsave:
    vpid_free(v->vpid);
    xstate_free(v->xsave);
free_vcpu:
    mem_free(v);
    return error;
}

void vm_msr_pass(struct vm *vm, uint32_t msr, bool read, bool write)
{
    unsigned bit = msr < MSR_RANGE ? msr : msr - MSR_HIGH_FIRST + BITMAP_HIGH_OFFSET * 8;

    assert(msr < MSR_RANGE || msr - MSR_HIGH_FIRST < MSR_RANGE);
    if (read)
        vm->msr_bitmap[bit / 8] &= ~(1u << bit % 8);
    if (write)
        vm->msr_bitmap[BITMAP_WRITE_OFFSET + bit / 8] &= ~(1u << bit % 8);
}

void vm_end(struct vm *vm, enum vm_end how, uint32_t value)
{
    if (__atomic_exchange_n(&vm->ending, true, __ATOMIC_RELAXED))
        return;
    vm->end_value = value;
    /* Release: who sees the end (vm_has_ended) sees the value. */
    __atomic_store_n(&vm->end, how, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vcpu_kick(vm->vcpu[i]);
}
