/*
 * The hypervisor's one door to a sandbox's memory.  Guest-physical addresses are a type of their own; every access is
 * bounds-checked against the sandbox's memory, backs pages on first touch (so it may allocate and fail), and copies
 * once: callers check what they copied, never what is still in the guest.
 */
#ifndef HV_GUEST_MEMORY_H
#define HV_GUEST_MEMORY_H

#include "lib/compiler.h"

struct vm;
struct vcpu;

typedef struct {
    uint64_t address;
} gpa_t;

static inline gpa_t gpa(uint64_t address)
{
    return (gpa_t){address};
}

static inline gpa_t gpa_add(gpa_t g, uint64_t n)
{
    return (gpa_t){g.address + n};
}

/* All or nothing: 0, -EFAULT (outside the sandbox's memory) or -ENOMEM. */
int guest_read(struct vm *vm, gpa_t from, void *to, size_t n) must_check;
int guest_write(struct vm *vm, gpa_t to, const void *from, size_t n) must_check;

/*
 * A window for bulk copies: host address of `from` and in *length how many bytes (at most n) are contiguous there.
 * NULL: outside, or no memory.  Contents may change under the reader: copy, then check.  Valid until the next exit.
 */
void *guest_window(struct vm *vm, gpa_t from, size_t n, size_t *length) must_check;

/* Through the guest's own page tables (walks them; does not set A/D bits, no permission check): 0 or -EFAULT. */
int guest_read_virtual(struct vcpu *vcpu, uint64_t va, void *to, size_t n) must_check;
/* The same for writing; `from` NULL: only find out whether it would succeed. */
int guest_write_virtual(struct vcpu *vcpu, uint64_t va, const void *from, size_t n) must_check;

#endif
