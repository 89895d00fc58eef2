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
    /*
     * Those of the n pages from `index` on that are in memory and within the file, each with a reference; others NULL.
     * May be NULL: nobody knows.
     */
    void (*get_cached)(struct space_file *f, uint64_t index, unsigned n, struct page **out);
    /* Path for /proc/PID/maps; bytes written, NUL included, or -errno. */
    int (*path)(struct space_file *f, char *buf, size_t size);
    /* Device and inode number for /proc/PID/maps. */
    void (*identity)(struct space_file *f, uint64_t *device, uint64_t *inode);
};

struct space_file {
    const struct space_file_ops *ops;
    bool shmem; /* its pages count as shared memory, not as a file's */
};

struct area { /* [start, end), guarded by its space's lock */
    RB_ENTRY(area) node;
    uint64_t start, end; /* in a tree: changed by area_resize() */
    /* The end of the area before it, what is free between the two, the largest such gap in its subtree (area_tree.c). */
    uint64_t previous_end, gap, tree_gap;
    uint32_t prot;  /* PROT_* */
    uint32_t flags; /* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, ... */
    struct space_file *file; /* NULL: anonymous */
    uint64_t file_offset;    /* bytes, page aligned */
    const char *name;        /* "[heap]", "[stack]", "[vdso]" or NULL */
    struct area *dead_next;
    bool soft_clean; /* since all of it was mapped, space_forget() has cleared PTE_DIRTY: see there */
};

struct space_counts { /* pages but for `areas`; Linux's names of them in /proc/PID/status are behind */
    uint64_t total, peak_total; /* VmSize, VmPeak */
    uint64_t resident[3];       /* RssFile, RssAnon, RssShmem */
    uint64_t peak_resident;     /* VmHWM */
    uint64_t locked;            /* VmLck */
    uint64_t data, stack, exec; /* VmData, VmStk, VmExe and VmLib */
    uint64_t tables;            /* VmPTE */
    uint32_t areas;
};

static inline uint64_t space_resident(const struct space_counts *c)
{
    return c->resident[0] + c->resident[1] + c->resident[2];
}

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

/*
 * Flags of areas, beside MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_LOCKED and MAP_NORESERVE.  The first two are given
 * to space_map(): a mapping that may never become writable, executable (as its file is open or mounted).
 */
#define SPACE_MAP_NO_WRITE 0x80000000u
#define SPACE_MAP_NO_EXEC 0x40000000u
#define SPACE_MAP_CHARGED 0x20000000u /* memory is promised for it (space_charge) */
#define SPACE_MAP_ON_FAULT 0x10000000u /* with MAP_LOCKED: locked as it is touched */
/* Set and cleared by space_advise(), as madvise(2) has them. */
#define SPACE_MAP_NO_FORK 0x08000000u
#define SPACE_MAP_WIPE_ON_FORK 0x04000000u
#define SPACE_MAP_NO_DUMP 0x02000000u
#define SPACE_MAP_LARGE 0x01000000u
#define SPACE_MAP_NO_LARGE 0x00800000u
#define SPACE_MAP_RANDOM 0x00400000u
#define SPACE_MAP_SEQUENTIAL 0x00200000u
#define SPACE_MAP_OWN_FLAGS 0xffe00000u /* all of these; MAP_HUGE_SHIFT's bits are among them */

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
uint64_t space_cpus(const struct space *s);  /* a mask of those that have it loaded, or had a moment ago */
uint32_t *space_barriers(struct space *s);   /* membarrier(2): what was registered; atomic, kept by fork */
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

/* The page that all reads of untouched anonymous memory share.  References on it are not counted. */
struct page *zero_page_get(void);

/*
 * What a futex word there is known by: 1: an object that others may map too, with the offset in it; 0: this space and the
 * address; -EFAULT: nothing is mapped, or not what may be written if `write`.
 */
int space_shared_place(struct space *s, uint64_t address, bool write, uint64_t *device, uint64_t *inode,
                       uint64_t *offset) must_check;

void space_counts(struct space *s, struct space_counts *out);
/* Without the lock, so as they were a moment ago: for what may not sleep. */
void space_counts_now(const struct space *s, struct space_counts *out);
/*
 * What an area has in memory, in bytes; space_usage.c.  A share is a page's size by how many map it (PSS), in units of
 * 1 / 2^SPACE_USAGE_SHIFT bytes.
 */
#define SPACE_USAGE_SHIFT 12
struct space_usage {
    uint64_t resident, referenced, anonymous, large;
    uint64_t by_sharing[2][2];  /* [mapped once only][dirty] */
    uint64_t share[3];          /* of files, private, shared memory: as `resident` of struct space_counts */
    uint64_t share_dirty, share_locked;
};
/*
 * The first area that ends behind `address`, as space_area_copy() gives it, and what it has in memory added to *usage;
 * false: there is none.
 */
bool space_area_usage(struct space *s, uint64_t address, struct area *out, struct space_usage *usage) must_check;
/* /proc/PID/clear_refs: by Linux's numbers. */
enum space_forget { SPACE_FORGET_ALL = 1, SPACE_FORGET_ANONYMOUS, SPACE_FORGET_MAPPED, SPACE_FORGET_SOFT_DIRTY, SPACE_FORGET_PEAK };
void space_forget(struct space *s, enum space_forget what);
/* The words of /proc/PID/pagemap of n pages from there on; frames: with page frame numbers. */
void space_pagemap(struct space *s, uint64_t address, unsigned n, bool frames, uint64_t *out);
/* Could a large page come into the area by a fault? */
bool space_large_is_possible(struct space *s, const struct area *a);
/* Call fn for each area in order with the lock held; stops when it returns false. */
void space_for_each(struct space *s, bool (*fn)(const struct area *a, void *context), void *context);
/*
 * Pages [first, last] of a file leave every mapping in every address space: with the private copies made of them
 * (truncation), or without (a hole).  Sleeps.
 */
void space_zap_file_everywhere(struct space_file *f, uint64_t first, uint64_t last, bool with_copies);

/*
 * The advisory calls (space_advise.c); the range is page aligned, an empty one is fine.  0 or -errno as the calls have
 * them; -ENOMEM also where something in the range is not mapped, after the rest has been done.
 */
struct space_advice {
    uint32_t set, clear; /* flags of areas */
    /* Refuses an area (-errno: nothing more is done) or lets it pass (0); NULL: all pass. */
    int (*check)(const struct area *a);
    enum { ADVICE_FLAGS, ADVICE_DROP, ADVICE_LOCK } what; /* ADVICE_DROP: pages go, ADVICE_LOCK: counts locked pages */
};
long space_advise(struct space *s, uint64_t address, uint64_t length, const struct space_advice *advice);
/* The areas of the whole space: mlockall. */
void space_advise_all(struct space *s, const struct space_advice *advice);
/* Make pages present.  -ENOMEM: not mapped, or no memory; -EFAULT: no access, or past the end of a file; -EINTR. */
enum populate { POPULATE_AS_MAPPED, POPULATE_READ, POPULATE_WRITE };
long space_populate(struct space *s, uint64_t address, uint64_t length, enum populate how);
void space_populate_all(struct space *s); /* as far as it goes */
/* madvise(MADV_COLLAPSE): make what can be large pages of it ones.  0, -EINVAL, -ENOMEM. */
long space_collapse(struct space *s, uint64_t address, uint64_t length);
/* A copy of the first area that ends behind the address, with a reference to its file; false: there is none. */
bool space_area_copy(struct space *s, uint64_t address, struct area *out) must_check;
long space_residence(struct space *s, uint64_t address, uint64_t length, uint8_t *present); /* mincore(2): a byte a page; pages up to a hole */
/* mlock(2): may this range be locked, by RLIMIT_MEMLOCK?  And the whole space, or what will come to it? */
bool space_lock_allowed(struct space *s, uint64_t address, uint64_t length);
bool space_lock_all_allowed(struct space *s);
void space_lock_future(struct space *s, uint32_t flags); /* 0, MAP_LOCKED, also SPACE_MAP_ON_FAULT */
/* 0 when all of it is mapped, else -ENOMEM. */
long space_check_mapped(struct space *s, uint64_t address, uint64_t length);

/* prctl(PR_SET_THP_DISABLE). */
bool space_large_is_off(struct space *s);
void space_large_off(struct space *s, bool off);

/* Settings of /proc/sys/vm and /sys/kernel/mm; atomic. */
struct memory_settings {
    int overcommit, overcommit_ratio;
    int max_map_count;
    int large; /* transparent huge pages: one of the next */
};
enum { LARGE_NEVER, LARGE_MADVISE, LARGE_ALWAYS };
extern struct memory_settings memory_settings;

/* Pages that were promised to programs (Committed_AS), and how many may be with overcommit_memory 2. */
uint64_t commit_pages(void);
uint64_t commit_limit(void);
/* Promise more; false: refused.  `already`: pages that the one who asks has mapped. */
bool commit_charge(uint64_t pages, uint64_t already) must_check;
void commit_adjust(int64_t pages); /* without asking: given back, or pages of files in memory */

#endif
