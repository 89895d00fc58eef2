/*
 * A sandbox's virtual machine and its vCPUs.  Nothing is global: everything hangs off struct vm.  A vCPU is run by one
 * CPU at a time (vcpu->cpu), whose VMCS it then is; all fields not marked otherwise belong to that CPU.  Upper floors
 * keep their per-VM state behind the pointers marked so, and create and destroy it themselves.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include <bsd/sys/tree.h>

#include "config.h"
#include "hv/ept.h"
#include "hv/guest_memory.h"
#include "hv/region.h"
#include "hv/timer.h"
#include "lib/compiler.h"
#include "lib/spinlock.h"

#define VM_VCPUS_MAX ((unsigned)CONFIG_MAX_VCPUS)

/* In the order of the x86 register numbers of instruction encodings. */
enum guest_register { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_COUNT = 16 };

/* Where a vCPU is for the scheduler; lock of its home's queue.  NEW: not started, GONE: will never run again. */
enum sched_state { SCHED_NEW, SCHED_ASLEEP, SCHED_QUEUED, SCHED_RUNNING, SCHED_GONE };

/* What others ask of a vCPU beyond interrupts; bits of vcpu->requests. */
#define REQUEST_INIT BIT(0)
#define REQUEST_STARTUP BIT(1) /* startup_vector says where */
#define REQUEST_NMI BIT(2)

/* How a sandbox ended; see abi/host_channel.h for what the launcher is told. */
enum vm_end { VM_RUNNING, VM_EXITED, VM_CRASHED, VM_REFUSED };

struct cpu;
struct sandbox;
struct lapic;
struct vm_devices;
struct vmexit_vm;
struct vmexit_vcpu;

/* An event to be delivered by the next VM entry (SDM vol. 3, 25.8.3): `info` 0 means none. */
struct vm_event {
    uint32_t info;
    uint32_t error_code;
    uint32_t instruction_length;
};

/* A virtio device's ID and a queue, never 0. */
#define VCPU_DOORBELL(device, queue) (0x80000000u | (uint32_t)(device) << 16 | (queue))
#define VCPU_DOORBELL_DEVICE(d) ((d) >> 16 & 0x7fffu)
#define VCPU_DOORBELL_QUEUE(d) ((d) & 0xffffu)

struct vcpu {
    uint64_t regs[REG_COUNT]; /* while not in the guest; RSP is in the VMCS.  Must be first: enter.S */
    uint64_t cr2;             /* not in the VMCS, as all down to xcr0 */
    uint64_t dr[4], dr6;
    uint64_t kernel_gs_base, star, lstar, cstar, fmask, tsc_aux;
    uint64_t xcr0;
    void *xsave; /* a page run, of the host's whole XCR0; live in the CPU while cpu->vcpu is this one */

    struct vm *vm;
    uint32_t index;
    struct cpu *cpu; /* on which the VMCS is current; NULL: nowhere.  Others may read it: set with release */
    struct cpu *flushed; /* whose caches hold nothing of this guest that is older than ept_generation; NULL: none's */
    void *vmcs;
    bool launched; /* since the last VMCLEAR; set by whoever enters it */
    bool halted;   /* executed HLT; cleared when an interrupt is injected */
    bool parked;   /* after INIT, until a start-up message */
    bool again;    /* the instruction that exited is to be executed again, though it was answered */
    bool nmi_waits; /* to be delivered when NMIs are not blocked */
    bool stuck;    /* counted in vm->stuck */
    uint16_t vpid;
    uint32_t doorbell;          /* rung at this exit: VCPU_DOORBELL(); who looks clears it; 0: none */
    uint32_t exit_reason;       /* of the last exit, as the VMCS has it */
    uint32_t proc_controls;     /* as in the VMCS, of which it saves a read */
    uint32_t timer_value;       /* of the preemption timer, likewise */
    uint64_t ept_generation;    /* that this CPU's caches have seen */
    struct vm_event event;      /* for the next entry */

    uint32_t requests;       /* atomic */
    uint32_t startup_vector; /* atomic: of the first REQUEST_STARTUP that is not answered yet */

    /* hv/schedule.c's */
    RB_ENTRY(vcpu) run_node;       /* lock of the home's queue, as the next two */
    struct cpu *home;              /* whose queue it is in, was in last, or that runs it */
    enum sched_state sched_state;
    bool kicked;                   /* atomic: since it last looked for something to do */
    bool capped;                   /* sleeps, whatever happens, until its sandbox's next period */
    uint64_t virtual_time;
    uint64_t started, ran;         /* TSC when it was accounted last; ticks in all */
    struct hv_timer cap_timer;

    struct lapic *lapic;        /* vmexit/lapic.h */
    struct vmexit_vcpu *exits;  /* vmexit/'s own */
};

struct vm {
    struct ept ept;
    uint64_t serial; /* no other VM ever has it */
    unsigned number; /* of the sandbox, for frames on the channel */
    uint32_t weight; /* against other sandboxes; 100 is usual */
    uint32_t cap;    /* percent of one CPU; 0: none */
    uint64_t period_end, period_ran; /* atomic, for the cap */
    unsigned live;   /* atomic: vCPUs that are not gone */
    unsigned stuck;  /* atomic: vCPUs that only another vCPU could wake */
    uint64_t memory_size; /* guest-physical RAM is [0, memory_size) */
    unsigned vcpu_count;
    struct vcpu *vcpu[VM_VCPUS_MAX];
    struct region_table ports;        /* constant once the VM runs */
    struct region_table mmio;         /* region_lock: BARs move */
    struct spinlock region_lock;
    uint8_t *msr_bitmap;  /* a page; all ones: every MSR exits */
    uint64_t cr4_allowed; /* bits the guest may set */
    uint32_t slice;       /* longest stay in the guest, in ticks of the TSC */

    enum vm_end end; /* atomic: VM_RUNNING until the first vm_end() */
    bool ending;     /* atomic: somebody is about to set the two */
    uint32_t end_value; /* VM_EXITED: the wait status */

    struct vm_devices *devices; /* virtio/device/device.h */
    struct vmexit_vm *exits;    /* vmexit/'s own */
    struct sandbox *sandbox;    /* hv/main's own */
    struct vm *ended_next;      /* hv/main's list of VMs whose vCPUs are all gone */
};

/* 0 and *out, or -ENOMEM. */
int vm_create(uint64_t memory_size, struct vm **out) must_check;
void vm_destroy(struct vm *vm); /* the upper floors' parts are gone already */
/* Adds a vCPU in the state of CPU reset but for what hv/vmx/state.h sets: 0, -ENOMEM, -ENOSPC, -EINVAL. */
int vcpu_create(struct vm *vm) must_check;
/* Let accesses to an MSR through without an exit.  Only MSRs in 0..0x1fff and 0xc0000000..0xc0001fff have a bit. */
void vm_msr_pass(struct vm *vm, uint32_t msr, bool read, bool write);

/* End the sandbox: the first reason counts; its vCPUs stop at their next exit.  Any floor may call it. */
void vm_end(struct vm *vm, enum vm_end how, uint32_t value);
static inline bool vm_has_ended(const struct vm *vm)
{
    return __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) != VM_RUNNING; /* pairs with the release in vm_end */
}
/* Make the vCPU leave the guest or HLT soon, so that it looks at its pending interrupts.  Any CPU. */
void vcpu_kick(struct vcpu *vcpu);

#endif
