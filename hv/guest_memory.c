/*
 * See hv/guest_memory.h.
 */
#include "hv/guest_memory.h"

#include <asm-generic/errno.h>

#include "hv/guest_walk.h"
#include "hv/vm.h"
#include "lib/string.h"

static bool in_memory(const struct vm *vm, uint64_t address, size_t n)
{
    return address <= vm->memory_size && n <= vm->memory_size - address;
}

void *guest_window(struct vm *vm, gpa_t from, size_t n, size_t *length)
{
    if (n == 0 || !in_memory(vm, from.address, 1))
        return NULL;
    *length = MIN(n, PAGE_SIZE - from.address % PAGE_SIZE);
    return ept_touch(&vm->ept, from.address);
}

int guest_read(struct vm *vm, gpa_t from, void *to, size_t n)
{
    char *out = to;

    if (!in_memory(vm, from.address, n))
        return -EFAULT;
    while (n > 0) {
        size_t length;
        const void *p = guest_window(vm, from, n, &length);
        if (!p)
            return -ENOMEM;
        memcpy(out, p, length);
        out += length;
        n -= length;
        from = gpa_add(from, length);
    }
    return 0;
}

int guest_write(struct vm *vm, gpa_t to, const void *from, size_t n)
{
    const char *in = from;

    if (!in_memory(vm, to.address, n))
        return -EFAULT;
    while (n > 0) {
        size_t length;
        void *p = guest_window(vm, to, n, &length);
        if (!p)
            return -ENOMEM;
        memcpy(p, in, length);
        in += length;
        n -= length;
        to = gpa_add(to, length);
    }
    return 0;
}

int guest_read_virtual(struct vcpu *vcpu, uint64_t va, void *to, size_t n)
{
    char *out = to;

    while (n > 0) {
        struct guest_walk walk;
        size_t length = MIN(n, PAGE_SIZE - va % PAGE_SIZE);
        int error = guest_walk(vcpu, va, &walk);
        if (error)
            return error;
        error = guest_read(vcpu->vm, walk.gpa, out, length);
        if (error)
            return error;
        out += length;
        n -= length;
        va += length;
    }
    return 0;
}

int guest_write_virtual(struct vcpu *vcpu, uint64_t va, const void *from, size_t n)
{
    const char *in = from;

    while (n > 0) {
        struct guest_walk walk;
        size_t length = MIN(n, PAGE_SIZE - va % PAGE_SIZE);
        int error = guest_walk(vcpu, va, &walk);
        if (!error && in)
            error = guest_write(vcpu->vm, walk.gpa, in, length);
        if (error)
            return error;
        in = in ? in + length : NULL;
        n -= length;
        va += length;
    }
    return 0;
}
