/*
 * Binary trace records, version 1, as the hypervisor's gate writes them into a vCPU's ring and sends them out.  All
 * little-endian; every record starts 8-byte aligned and its size is a multiple of 8.  The reader (tools/) treats a
 * stream as hostile: sizes are checked, unknown types skipped by their size.
 */
#ifndef ABI_TRACE_RECORD_H
#define ABI_TRACE_RECORD_H

#include <stdint.h>

#define TRACE_VERSION 1u

enum trace_type {
    TRACE_ENTRY = 1,  /* body: struct trace_entry_body */
    TRACE_RETURN,     /* body: struct trace_return_body, then the capture items (abi/capture.h) of the call */
    TRACE_SIGNAL,     /* body: 128 bytes of siginfo: a signal is about to be delivered to tid */
    TRACE_TASK_NEW,   /* body: struct trace_task_new_body; tid is the parent */
    TRACE_TASK_EXIT,  /* body: struct trace_task_exit_body */
    TRACE_SWITCH,     /* body: struct trace_switch_body: trapping was turned on or off */
    TRACE_LOST,       /* body: struct trace_lost_body: records dropped before this one */
    TRACE_MORE,       /* body: capture items of tid's open call: more than its buffer holds; the rest comes with its return */
    TRACE_STACK,      /* body: struct trace_stack_body and bytes of the user's stack from rsp on, of the entry that follows it;
                         for sessions whose program asks (TRACE_PROGRAM_STACKS) */
    TRACE_MACHINE,    /* body: struct trace_machine_body: something below the calls, for sessions whose program asks (`events`) */
    TRACE_VERDICT,    /* body: struct trace_verdict_body: what a rule, or who was asked, says of a text or address of tid's open call,
                         or of the call as a whole after a question */
};

enum trace_flags {
    TRACE_ANSWERED = 1,  /* the hypervisor answered (denied) the call: the guest kernel never saw it */
    TRACE_HALF = 2,      /* of a return: its entry was not trapped (nr ~0); or, with the nr of an open entry and no
                            result: that call's return will not be seen (trapping ends, or the task made another call) */
    TRACE_NO_TASK = 4,   /* pid/tid unknown: the guest registered no capture page; CR3 stands in tid's place */
    TRACE_CLOSED = 8,    /* this return came by CAPTURE_CALL_CLOSE, not by SYSRET */
    TRACE_TRUNCATED = 16, /* capture items were lost */
    TRACE_OBSERVED = 32  /* of an entry: items (abi/capture.h, CAPTURE_OBSERVED) follow its body, read by the hypervisor at
                            that moment, not copied by the guest's kernel: another thread may change what it then uses */
};

struct trace_record {
    uint32_t size; /* of the whole record, header included */
    uint16_t type;
    uint16_t flags;
    uint64_t sequence; /* one order over all vCPUs of the sandbox */
    uint64_t tsc;
    uint32_t pid;
    uint32_t tid;
    uint32_t vcpu;
    uint32_t sessions; /* BIT(number): those that it is for (abi/trace_control.h); 0: all */
    uint8_t body[];
};

struct trace_entry_body {
    uint64_t nr;
    uint64_t args[6];
    uint64_t rip; /* of the instruction after SYSCALL */
};

struct trace_return_body {
    int64_t result;
    uint64_t nr;              /* of the entry it closes, ~0 if that was not trapped (TRACE_HALF) */
    uint64_t entry_sequence;  /* of that entry, ~0 likewise */
};

struct trace_task_new_body {
    uint32_t tid;
    uint32_t pid;
};

struct trace_task_exit_body {
    uint32_t wait_status;
    uint32_t reserved;
};

struct trace_switch_body {
    uint32_t on;
    uint32_t open_calls; /* entries without a return at this moment, as far as known */
};

struct trace_lost_body {
    uint64_t records;
};

#define TRACE_STACK_MAX 8192u /* bytes of a stack that are copied */

struct trace_stack_body {
    uint64_t rip, rsp, rbp, rbx;
    uint64_t r12, r13, r14, r15; /* what unwinding needs: the registers that calls preserve */
    uint32_t size;               /* bytes that follow; the record is padded with zeros */
    uint32_t reserved;
};

enum trace_machine_kind {
    TRACE_MACHINE_EXIT = 1,  /* a VM exit that is no call or return: reason, exit qualification, guest-physical address if it has one */
    TRACE_MACHINE_EPT,       /* an EPT violation: access as in the qualification's low three bits, guest-physical address */
    TRACE_MACHINE_INTERRUPT, /* an interrupt goes to the guest: vector */
    TRACE_MACHINE_DEVICE,    /* the guest notified a virtio device: its ID (<linux/virtio_ids.h>), queue */
};

struct trace_machine_body {
    uint32_t kind;
    uint32_t number;  /* reason, access, vector, device */
    uint64_t value;   /* qualification; address; queue */
    uint64_t address;
    uint64_t ticks;   /* of the TSC, from the exit until it was handled; 0 for an interrupt */
};

enum trace_verdict_by {
    TRACE_BY_RULE,   /* nobody was asked */
    TRACE_BY_ANSWER,
    TRACE_BY_TIME,   /* nobody answered in time */
    TRACE_BY_NOBODY, /* the task died while it waited */
};

struct trace_verdict_body {
    uint32_t rule;   /* its place among the sandbox's rules, from 0 */
    uint32_t ticket; /* of the question; 0: TRACE_BY_RULE */
    uint32_t by;     /* enum trace_verdict_by */
    uint32_t reserved;
    int64_t result;  /* 0: allowed; -errno; TRACE_ANSWER_KILL (abi/trace_control.h) */
};

_Static_assert(sizeof(struct trace_record) == 40, "record header");

#endif
