/*
 * User address spaces: a tree of areas (VMAs), page tables filled on demand, copy-on-write after fork.
 * One mutex per space (`lock`) guards the tree and the page tables; faults take it too.  TLB entries of other CPUs are
 * shot down before a page is freed.  Areas of a file hold a reference on a struct space_file, which fs/ implements.
 */
#ifndef GUEST_KERNEL_CORE_SPACE_H
#define GUEST_KERNEL_CORE_SPACE_H

#include <bsd/sys/tree.h>

#include "guest_kernel/core/user.h"
#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

struct page;
struct space_file;

/*
 * What a mapped file must offer; implemented by fs/ for its inodes.  get_page is called with the space's lock held:
 * it must not take a lock under which user memory is ever copied (a fault there would want the space's lock).
 */
struct space_file_ops {
    void (*get)(struct space_file *f, bool writes); /* an area more; writes: it is shared and may be written */
    void (*put)(struct space_file *f, bool writes);
    /*
     * The page-cache page of file page `index` with one reference for the caller, or an error: -EIO, -ENOMEM,
     * -ERANGE when the page lies wholly past the end of the file (SIGBUS).  Bytes past the end within it are zero.
     */
    int (*get_page)(struct space_file *f, uint64_t index, struct page **out);
    /* Path for /proc/PID/maps; bytes written, NUL included, or -errno. */
    int (*path)(struct space_file *f, char *buf, size_t size);
    /* Device and inode number for /proc/PID/maps. */
    void (*identity)(struct space_file *f, uint64_t *device, uint64_t *inode);
};

struct space_file {
    const struct space_file_ops *ops;
};

struct area { /* [start, end), guarded by its space's lock */
    RB_ENTRY(area) node;
    uint64_t start, end;
    uint32_t prot;  /* PROT_* */
    uint32_t flags; /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, ... */
    struct space_file *file; /* NULL: anonymous */
    uint64_t file_offset;    /* bytes, page aligned */
    const char *name;        /* "[heap]", "[stack]", "[vdso]" or NULL */
    struct area *dead_next;
};

struct space_counts { /* pages */
    uint64_t total, resident, data, stack, text;
};

struct space;

struct space *space_create(void) must_check; /* one reference */
void space_get(struct space *s);
void space_put(struct space *s);
/*
 * For those who may come back later: what is held keeps its identity, but not its contents, when its last user is gone.
 * space_get_live() says whether there is still one, and takes a reference then.
 */
void space_hold(struct space *s);
void space_release(struct space *s);
bool space_get_live(struct space *s) must_check;
/* For fork: same areas, private pages shared copy-on-write.  NULL: no memory, nothing changed. */
struct space *space_clone(struct space *s) must_check;

/* In the flags of space_map(): a mapping that may never become writable, executable (as its file is open or mounted). */
#define SPACE_MAP_NO_WRITE 0x80000000u
#define SPACE_MAP_NO_EXEC 0x10000000u
/* Set by space_advise() in the flags of areas: fork leaves the area out, or leaves its contents out. */
#define SPACE_MAP_NO_FORK 0x40000000u
#define SPACE_MAP_WIPE_ON_FORK 0x20000000u
#define SPACE_MAP_OWN_FLAGS 0xffe00000u /* all of these and more to come; MAP_HUGE_SHIFT's bits among them */

/* The calls.  All take addresses of the given space; negative errno as Linux has it. */
long space_map(struct space *s, uint64_t address, uint64_t length, uint32_t prot, uint32_t flags,
               struct space_file *file, uint64_t offset); /* mmap(2): the address */
long space_unmap(struct space *s, uint64_t address, uint64_t length);
/*
 * shmdt(2): what is left of a mapping that began at `address` with the start of a file for which size_of() says how much
 * may belong to it; -EINVAL: there is none.
 */
long space_unmap_file(struct space *s, uint64_t address, uint64_t (*size_of)(struct space_file *f));
long space_protect(struct space *s, uint64_t address, uint64_t length, uint32_t prot);
long space_remap(struct space *s, uint64_t old, uint64_t old_length, uint64_t new_length, uint32_t flags, uint64_t to);
long space_brk(struct space *s, uint64_t address); /* the break afterwards */

/* execve: where things are.  Set before user code runs; read by /proc and prctl. */
struct space_layout {
    uint64_t brk_start, brk;
    uint64_t stack_top;
    uint64_t code_start, code_end, data_start, data_end;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv_start, auxv_end; /* the auxiliary vector, its end included */
    uint64_t mmap_top; /* mmap searches downwards from here */
};
struct space_layout *space_layout(struct space *s);
long space_name_area(struct space *s, uint64_t address, const char *static_name);

/* Read or write another space's memory (/proc/PID/cmdline, execve's new stack): bytes done. */
size_t space_read(struct space *s, uint64_t address, void *dst, size_t n);
size_t space_write(struct space *s, uint64_t address, const void *src, size_t n);
/*
 * The same as a debugger does it: SPACE_FORCE also reads what is mapped without rights, and writes to any private
 * mapping, on copies of the pages (Linux's FOLL_FORCE).
 */
#define SPACE_WRITE 1u
#define SPACE_FORCE 2u
/*
 * For core files: how much of area `a` belongs there by the filter of core(5), from its start; SPACE_DUMP_HEADER: its first
 * page, if that begins an ELF file.  The lock is held (space_for_each).
 */
#define SPACE_DUMP_HEADER 1u
uint64_t space_dump_size(struct space *s, const struct area *a, uint32_t filter);
bool space_dump_page(struct space *s, uint64_t va, void *page); /* a copy; false: nobody has touched it, or it cannot be had */
size_t space_access(struct space *s, uint64_t address, void *buffer, size_t n, unsigned how);

/* The page that all reads of untouched anonymous memory share; counted. */
struct page *zero_page_get(void);

void space_counts(struct space *s, struct space_counts *out);
/* Call fn for each area in order with the lock held; stops when it returns false. */
void space_for_each(struct space *s, bool (*fn)(const struct area *a, void *context), void *context);
/* How a file's pages beyond a new, smaller size leave all mappings: pages [first, last] of f in s. */
void space_zap_file(struct space *s, struct space_file *f, uint64_t first, uint64_t last);
/* The same in every address space: truncation of a file that may be mapped.  Sleeps. */
void space_zap_file_everywhere(struct space_file *f, uint64_t first, uint64_t last);

/* madvise(MADV_DONTNEED), mlock and MAP_POPULATE, mincore: 0 or -errno as those calls have them; page aligned. */
long space_discard(struct space *s, uint64_t address, uint64_t length);
/* Change flags of what is mapped there; wiping is for private anonymous memory, else -EINVAL. */
long space_advise(struct space *s, uint64_t address, uint64_t length, uint32_t set, uint32_t clear);
long space_populate(struct space *s, uint64_t address, uint64_t length);
long space_residence(struct space *s, uint64_t address, uint64_t length, uint8_t *present); /* a byte per page */
/* mlockall: make all pages present now; and those of later mappings. */
long space_populate_all(struct space *s);
void space_populate_future(struct space *s, bool on);
/* 0 when all of it is mapped, else -ENOMEM. */
long space_check_mapped(struct space *s, uint64_t address, uint64_t length);

#endif
