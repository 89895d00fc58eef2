/*
 * Arguments and environment on their way from the old image to the new: copied once into pages of the kernel, one
 * after the other with their NULs, then written to the new stack.
 */
#ifndef GUEST_KERNEL_EXEC_STRINGS_H
#define GUEST_KERNEL_EXEC_STRINGS_H

#include "guest_kernel/core/user.h"

#define EXEC_STRINGS_TABLES 3
#define EXEC_TABLE_PAGES 512 /* three tables hold the 6 MiB that Linux allows at most */

struct page;
struct space;

struct exec_strings {
    struct page **tables[EXEC_STRINGS_TABLES]; /* made as they are needed */
    uint64_t start;   /* first byte that counts: behind a removed first string */
    uint64_t used;    /* bytes, those before `start` included */
    uint64_t limit;   /* bytes, pointers counted */
    uint64_t charged; /* strings and pointers so far */
    uint64_t argc, envc;
    uint64_t args_end;  /* where the arguments end among `used` */
    uint64_t envs_end;  /* where the environment ends */
};

struct exec_strings *exec_strings_create(void) must_check; /* limit from RLIMIT_STACK */
void exec_strings_free(struct exec_strings *s);

/* 0, -E2BIG, -EFAULT, -ENOMEM. */
int exec_strings_add(struct exec_strings *s, const char *text);
/* A NULL-terminated vector of the current task; a null address is an empty one.  *count is raised by its length. */
int exec_strings_add_vector(struct exec_strings *s, user_ptr vector, uint64_t *count);
/* Forget the first argument: a script's interpreter takes its place. */
void exec_strings_remove_first(struct exec_strings *s);
uint64_t exec_strings_size(const struct exec_strings *s); /* bytes; 0 for NULL */

/* Write all to `address` of a space: 0 or -ENOMEM. */
int exec_strings_write(const struct exec_strings *s, struct space *space, uint64_t address);
/* Offset (of `used`) behind the string that begins at `offset`. */
uint64_t exec_strings_next(const struct exec_strings *s, uint64_t offset);

#endif
