/*
 * The optional paravirtual feature "Trapline trace", version 3: how a guest kernel tells the hypervisor which task
 * runs and which user bytes a call consumed or produced.  Both sides include this file; nothing in it is trusted by
 * the hypervisor beyond its bounds.
 *
 * Found by CPUID: leaf CAPTURE_CPUID_LEAF answers EAX = version, EBX/ECX/EDX = "Trap" "line" "Trac".
 * The guest registers one capture page per vCPU (page aligned, guest-physical) with VMCALL CAPTURE_CALL_REGISTER.
 *
 * Who writes what.  `active` is written by the hypervisor alone: 1 while this vCPU is trapped.  All but the last two is written by
 * the guest on the same vCPU; the hypervisor reads it only during that vCPU's exits, so no ordering is needed.
 *   - On a switch of tasks the guest stores pid, tid and `buffer` (GPA of the task's capture buffer, 0: none).
 *   - At each dispatch of a call the guest increments `dispatches`, and, when active, empties the task's buffer
 *     (used = 0, lost = 0).  The copy doors append items while the call runs.
 *   - A call that a tracer (ptrace) has changed before it is dispatched is told by CAPTURE_CALL_CHANGED: it is recorded and
 *     judged anew.  If it is refused, the guest lets it return that error; else it counts as one more dispatch.
 *   - `wanted` and `request` are written by the hypervisor as it lets a call through; the guest copies and clears them at the
 *     dispatch, and from then on they belong to that task's call.
 *   - A call with CAPTURE_WANT_CHECK has each text and address judged, when it is in the kernel's own memory and before anything is
 *     done with it (CAPTURE_CALL_CHECK).  If somebody is asked, the task waits: it asks again with CAPTURE_CALL_ANSWER after the
 *     interrupt that CAPTURE_CALL_REGISTER named, and when the time it was told is over.
 *   - The call is closed by the SYSRET exit, or, when it leaves the kernel by another way, by CAPTURE_CALL_CLOSE.
 *
 * VMCALL: RAX = number, RBX, RCX, RDX, RSI = arguments; RAX = 0 or -errno on return.  From CPL 0 only.
 */
#ifndef ABI_CAPTURE_H
#define ABI_CAPTURE_H

#include <stdint.h>

#define CAPTURE_CPUID_LEAF 0x40000100u
#define CAPTURE_VERSION 3u
#define CAPTURE_SIGNATURE_EBX 0x70617254u /* "Trap" */
#define CAPTURE_SIGNATURE_ECX 0x656e696cu /* "line" */
#define CAPTURE_SIGNATURE_EDX 0x63617254u /* "Trac" */

/* The next leaf answers what else is offered, in EAX. */
#define FEATURES_CPUID_LEAF (CAPTURE_CPUID_LEAF + 1)
#define FEATURE_FRESH_ZERO 1u /* RAM that neither the guest nor its loader has written reads as zeros */

#define CAPTURE_CALL_REGISTER 0x54500001u  /* RBX: GPA of this vCPU's capture page; RCX, RDX: address and
                                              data of the interrupt message that says that there are answers; RCX 0: none */
#define CAPTURE_CALL_CLOSE 0x54500002u     /* RBX: result; close the current task's open call */
#define CAPTURE_CALL_SIGNAL 0x54500003u    /* RBX: GVA (kernel) of the 128-byte siginfo about to be delivered */
#define CAPTURE_CALL_TASK_NEW 0x54500004u  /* RBX: new tid, RCX: its pid, RDX: parent tid */
#define CAPTURE_CALL_TASK_EXIT 0x54500005u /* RBX: wait status of the current task, which makes no more calls */
#define CAPTURE_CALL_CHANGED 0x54500006u   /* RBX: number, RDI RSI RDX R10 R8 R9: arguments, RCX: where it returns to */
#define CAPTURE_CALL_CHECK 0x54500007u     /* RBX: GVA (kernel) of what the current call consumes, RCX: its size, at most
                                              CAPTURE_JUDGED_MAX, RDX: its address in the program, RSI: enum capture_judged */
#define CAPTURE_CALL_MORE 0x54500008u      /* the current task's buffer is full: take its items, more will come; else -errno */
#define CAPTURE_CALL_ANSWER 0x54500009u    /* what of the question about the current call?  RBX: 1: it is withdrawn */

/*
 * What CAPTURE_CALL_CHECK and CAPTURE_CALL_ANSWER say beside 0 and -errno: the process must die before it does what it wanted;
 * more than that: somebody was asked, and has as many nanoseconds to answer.
 */
#define CAPTURE_KILL 1

#define CAPTURE_JUDGED_MAX 4096u /* PATH_MAX: no text or address is longer */

enum capture_judged {
    CAPTURE_TEXT,    /* ends at its NUL */
    CAPTURE_ADDRESS, /* a struct sockaddr; no bytes: the call does without one */
};

#define CAPTURE_POKE_MAX 256u

#define CAPTURE_WANT_CHECK 1u   /* CAPTURE_CALL_CHECK for whatever it consumes */
#define CAPTURE_WANT_REQUEST 2u /* what `request` says */

enum capture_what {
    CAPTURE_FORCE_RESULT = 2, /* the call's result is `result`, whatever it was */
    CAPTURE_POKE_ENTER = 4,   /* put the bytes at poke_address before the call, */
    CAPTURE_POKE_EXIT = 8,    /* or after it */
};

/* What the hypervisor wants done with the call that it just let through. */
struct capture_request {
    uint32_t what;
    uint32_t signal; /* to send to the task before the call; 0: none */
    uint64_t delay_enter_ns, delay_exit_ns;
    int64_t result;
    uint64_t poke_address; /* of the program */
    uint32_t poke_size;
    uint32_t reserved;
    uint8_t poke[CAPTURE_POKE_MAX];
};

struct capture_page {
    uint32_t version; /* CAPTURE_VERSION */
    uint32_t active;
    uint32_t pid;
    uint32_t tid;
    uint64_t buffer;
    uint64_t dispatches;
    uint32_t wanted; /* CAPTURE_WANT_*, of the call being let through */
    uint32_t reserved;
    struct capture_request request;
};

#define CAPTURE_BUFFER_SIZE 4096u /* one page per task */
#define CAPTURE_MORE_MAX 16u      /* times that a call may fill it, by CAPTURE_CALL_MORE; what comes after is lost */
#define CAPTURE_ITEM_MAX 1024u    /* bytes kept of one copied range; the rest is counted in `total` */

struct capture_buffer {
    uint32_t used; /* bytes of items that follow, each item 8-byte aligned */
    uint32_t lost; /* items that did not fit */
    uint8_t items[CAPTURE_BUFFER_SIZE - 8];
};

enum capture_direction {
    CAPTURE_IN = 1,
    CAPTURE_OUT = 2,
    CAPTURE_OBSERVED = 3, /* what the call did not use: read by the guest as the call ended, or from outside as it was made */
};

struct capture_item {
    uint64_t address; /* user virtual address */
    uint32_t total;   /* bytes that were copied */
    uint16_t kept;    /* bytes that follow, <= total, <= CAPTURE_ITEM_MAX; the next item starts 8-byte aligned */
    uint16_t direction;
    uint8_t bytes[];
};

_Static_assert(sizeof(struct capture_buffer) == CAPTURE_BUFFER_SIZE, "one page");
_Static_assert(sizeof(struct capture_item) == 16, "item header");

#endif
