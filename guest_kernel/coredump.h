/*
 * Core files (core(5)): what a process that dies by certain signals leaves behind for debuggers.
 *
 *   coredump.c        whether and where one is written, the other threads' wait, the file
 *   coredump_notes.c  what is known of the process and its threads, as ELF notes
 *   coredump_name.c   the name that /proc/sys/kernel/core_pattern makes
 */
#ifndef GUEST_KERNEL_COREDUMP_H
#define GUEST_KERNEL_COREDUMP_H

#include <asm/siginfo.h>

#include "fs/vfs.h"
#include "guest_kernel/core/space.h"
#include "lib/compiler.h"

struct process;
struct thread;

/* /proc/PID/coredump_filter (core(5)); Linux's default. */
#define COREDUMP_FILTER_DEFAULT 0x33u
#define COREDUMP_FILTER_ALL     0x1ffu

struct coredump_area { /* what one area of the address space becomes */
    uint64_t start, end;
    uint64_t size; /* bytes of it that are written, from the start */
    uint32_t prot;
};

/*
 * The current thread, whose process has begun to exit by info's signal, writes a core file if one is wanted; all others
 * wait meanwhile.  signals.lock held, released meanwhile.  True: there is a file.
 */
bool coredump(struct thread *t, uint64_t *flags, const siginfo_t *info) must_check;
/* A thread begins to end: it stays as it is while another one writes a core file. */
void coredump_wait(struct thread *t);

/* The notes of all threads, the one with the signal first; `failed` if there is no memory. */
void coredump_notes(struct text *out, struct thread *first, const siginfo_t *info);

struct coredump_facts { /* for the name */
    int32_t pid, tid;
    uint32_t uid, gid;
    int signal;
    uint64_t limit, seconds;       /* RLIMIT_CORE; since 1970 */
    const char *host, *comm, *exe; /* exe: its path */
    bool add_pid;                  /* core_uses_pid: if the pattern does not */
};
/* The length, or -ENAMETOOLONG; -EINVAL: no file (a pipe). */
int coredump_name(const char *pattern, const struct coredump_facts *f, char *name, size_t size) must_check;
int coredump_register(void) must_check; /* core_pattern, once at boot */

#endif
