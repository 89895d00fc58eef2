/*
 * The new image of an execve, built aside: a fresh address space with the program's (and its interpreter's) segments
 * and stack.  Nothing of the running image is touched here.
 */
#ifndef GUEST_KERNEL_EXEC_IMAGE_H
#define GUEST_KERNEL_EXEC_IMAGE_H

#include <linux/elf.h>

#include "fs/vfs.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/exec_layout.h"
#include "guest_kernel/exec_strings.h"

struct exec_ids { /* for the auxiliary vector, after set-id bits */
    uint32_t uid, euid, gid, egid;
    bool secure;
};

/* Where the parts of an image go. */
struct exec_placement {
    struct layout_random random;
    bool randomize;       /* stack, mmap, program, vDSO */
    bool randomize_brk;
    uint64_t stack_limit; /* RLIMIT_STACK */
};

struct exec_image {
    struct exec_placement place; /* set before exec_image_load() */
    struct space *space;
    uint64_t entry;       /* where user mode starts: the interpreter's entry if there is one */
    uint64_t stack;       /* RSP then */
    /* For the auxiliary vector. */
    uint64_t program_entry, phdr, base;
    uint64_t vdso; /* 0: none */
    uint16_t phnum;
    bool executable_stack;
};

extern int randomize_va_space; /* /proc/sys/kernel/randomize_va_space: 0, 1, 2 (the break too); atomic */

/* Segments of an ELF file whose header is in `head`.  0 or -errno: -ENOEXEC, -ENOMEM, -EIO, -EINVAL ...  On failure
 * image->space is gone. */
int exec_image_load(struct exec_image *image, struct file *file, const Elf64_Ehdr *head) must_check;
/*
 * The stack with everything on it; `strings` holds arguments, environment and, last, the executable's name; the
 * arguments of `script` (NULL: none) come before.
 */
int exec_image_stack(struct exec_image *image, const struct exec_strings *script, const struct exec_strings *strings,
                     const struct exec_ids *ids) must_check;

#endif
