/*
 * This floor's own state of a VM and a vCPU, made by vmexit_create.  A vCPU's part belongs to the CPU that runs it.
 */
#ifndef VMEXIT_STATE_H
#define VMEXIT_STATE_H

#include "lib/compiler.h"
#include "vmexit/cpuid.h"
#include "vmexit/gate.h"
#include "vmexit/trace_buffer.h"
#include "vmexit/vmexit.h"

#define EXIT_REASONS 80u
#define HISTOGRAM_BUCKETS 32u
#define KERNEL_LOG_SIZE 512u

struct exit_stats {
    uint64_t count;
    uint64_t longest; /* ticks from the exit to the next entry */
    uint32_t buckets[HISTOGRAM_BUCKETS]; /* [n]: 2^(n-1) < ticks <= 2^n */
};

/* Things that make an exit more than its handler: looked at once, as one word. */
#define WATCH_FIRST BIT(0)  /* first_entry_tsc or first_user_tsc is not known yet */
#define WATCH_STATS BIT(1)  /* exits are measured */
#define WATCH_TOGGLE BIT(2) /* the option */
#define WATCH_SWITCH BIT(3) /* gate.wanted differs from gate.trapped */
#define WATCH_EVENTS BIT(5) /* a session wants records of what is below the calls */
#define WATCH_CONFIG BIT(4) /* the VM has another gate_config than this vCPU */

struct vmexit_vcpu {
    uint32_t watch; /* atomic where it is changed: others ask for switches */
    struct gate gate;
    uint64_t efer_sce;       /* what the guest reads: the real bit is clear while trapped */
    unsigned length;         /* of the instruction to retire, if not 0: instead of the VMCS's field */
    uint64_t kvm_clock;      /* MSR_KVM_SYSTEM_TIME_NEW */
    uint64_t toggle_count;
    uint64_t touch_next;     /* address behind the pages that were backed last, and how many those were */
    unsigned touch_pages;
    bool yields;             /* it spins: let another run */
    struct exit_stats *stats; /* EXIT_REASONS of them; NULL: not measured, only counted below */
    uint32_t counts[EXIT_REASONS];
    uint64_t exit_tsc;       /* of the last exit */
    uint64_t first_entry_tsc, first_user_tsc; /* 0: not yet */
};

struct vmexit_vm {
    struct vmexit_options options;
    struct cpuid_table cpuid;
    struct gate_vm gate;
    uint64_t start_tsc; /* kvmclock's zero */
    uint64_t kvm_wall;  /* MSR_KVM_WALL_CLOCK_NEW */
    struct spinlock log_lock; /* above the channel's; guards the rest */
    uint32_t log_used;
    char log[KERNEL_LOG_SIZE]; /* bytes written to port 0xE9 or COM1, sent by lines */
    uint8_t serial_control;    /* COM1's LCR */
};

#endif
