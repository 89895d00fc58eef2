/*
 * ptrace(2): one thread, the tracer, stops another one, the tracee, and looks into it.  Each thread has one struct
 * ptrace_state, in both roles.
 *
 *   ptrace_link.c       who traces whom: attach, fork, exec, the end of either
 *   ptrace_stop.c       the tracee's side: where it stops, what its tracer is told
 *   ptrace_resume.c     the tracer's side: letting it go on, stepping
 *   ptrace_registers.c  its registers, as struct user and as register sets
 *   sys_ptrace.c        the call
 *   wait_trace.c        wait4(2) and waitid(2) for tracees
 *
 * A tracee that its tracer works on is `frozen`: in a stop that nothing ends, off its CPU with its registers saved.  So
 * the tracer needs no lock while it reads and writes them, and may sleep.
 */
#ifndef GUEST_KERNEL_PTRACE_H
#define GUEST_KERNEL_PTRACE_H

#include <asm/siginfo.h>
#include <bsd/sys/queue.h>

#include "guest_kernel/signal_set.h"
#include "lib/compiler.h"

struct pt_regs;
struct process;
struct thread;

struct ptrace_state {
    LIST_HEAD(thread_traced_list, thread) tracees; /* tree lock, as the next */
    LIST_ENTRY(thread) link;                       /* in the tracer's list */
    struct thread *tracer;  /* NULL: not traced.  Changed with tree lock and signals.lock: either suffices to read */
    uint32_t options;       /* PTRACE_O_*; the same */
    bool seized;            /* the same */
    bool tracer_privileged; /* when it attached; the same */
    bool exited;            /* has ended, and waits for its tracer to hear of it; tree lock, as the next two */
    uint32_t exit_status;   /* wait status word */
    int32_t tid;            /* of the task that was */
    bool stopped;           /* in a stop; signals.lock, as all below */
    bool frozen;            /* its tracer is at work on it */
    bool listening;         /* PTRACE_LISTEN: not reported as stopped, and no requests */
    bool trap_stop;         /* is to stop: for a group stop, PTRACE_INTERRUPT, PTRACE_ATTACH */
    bool trap_notify;       /* seized: is to report a change of the group stop */
    bool attaching;         /* PTRACE_ATTACH waits until its group stop has become a stop for its tracer */
    bool dying;             /* in its last stop: no death by signal ends that */
    uint32_t code;          /* in a stop: bits 8 and up of the wait status, 0: reported.  Then: the tracer's signal */
    siginfo_t *info;        /* of the stop, NULL: a group stop has none */
    uint64_t message;       /* PTRACE_GETEVENTMSG */
    /* How it goes on; the tracer's while it is stopped, then its own. */
    bool calls;    /* stops at calls: PTRACE_SYSCALL */
    bool emulate;  /* PTRACE_SYSEMU: calls are not run */
    bool step;     /* single steps */
    bool own_flag; /* RFLAGS.TF in its registers is ptrace's, not the program's */
};

/* ptrace_link.c.  The tree lock is held. */
void ptrace_unlink(struct thread *t); /* not traced any more; a stop ends, or becomes an ordinary group stop */
void ptrace_tracer_ends(struct thread *tracer); /* leaves all its tracees */
void ptrace_inherit(struct thread *child, uint64_t clone_flags,
                    int event);                             /* a clone of the current thread starts traced */
bool ptrace_keep_zombie(struct thread *t, uint32_t status); /* t ends.  True: it stays for its tracer to wait for */
void ptrace_forget_leader(struct process *p); /* execve: who had the process's number before leaves without a word */
/* May the current task look into t?  By its real or (for /proc) file system ids.  0 or -EPERM. */
long ptrace_check_access(struct thread *t, bool by_fs_ids) must_check;
struct thread *ptrace_leader(struct process *p); /* the thread with the process's number, ended or not; NULL: gone */
bool ptrace_is_foreign(const struct thread *t);  /* its tracer is not of its parent's process */

static inline bool ptrace_wants(const struct ptrace_state *s, int event)
{
    return unlikely(s->tracer != NULL) && (s->options >> event & 1);
}

/* ptrace_stop.c: the current thread stops, if it is traced and its tracer wants to know.  No locks held. */
void ptrace_event(int event, uint64_t message); /* PTRACE_EVENT_* */
void ptrace_execed(int32_t old_tid);
void ptrace_notify_handler(void);               /* a signal handler was entered by single step */
bool ptrace_call_entered(struct pt_regs *regs); /* task_ops */
void ptrace_call_left(struct pt_regs *regs);
/* With signals.lock held, released meanwhile: stop with a signal that is to be delivered.  What became of it, 0:
 * nothing. */
int ptrace_signal(struct thread *t, uint64_t *flags, siginfo_t *info, bool to_thread);
void ptrace_trap(struct thread *t, uint64_t *flags); /* trap_stop or trap_notify */
void ptrace_trap_notify(struct thread *t);           /* signals.lock of t held: it is to report a group stop's change */
void ptrace_wake(struct thread *t);                  /* the same: leave the stop */
void ptrace_notify_tracer(struct thread *t, int why, int status); /* SIGCHLD and a wake-up; tree lock */

/* ptrace_resume.c */
long ptrace_resume(struct thread *t, long request, uint64_t signal) must_check; /* t is frozen */
void ptrace_step_disable(struct thread *t);                                     /* t is frozen, or current */

/* ptrace_registers.c: t is frozen, or the current thread.  0 or -errno as ptrace(2) has it. */
long ptrace_peek_user(struct thread *t, uint64_t offset, uint64_t *value) must_check;
long ptrace_poke_user(struct thread *t, uint64_t offset, uint64_t value) must_check;
/* Register set NT_*: read or write of at most *size bytes at user address `at`; *size is then what there was. */
#define PTRACE_REGISTERS 27 /* words of struct user_regs_struct */
long ptrace_arch_prctl(struct thread *t, int code,
                       uint64_t address) must_check; /* ARCH_*: as arch_prctl(2) by t itself */
void ptrace_registers_get(struct thread *t, uint64_t words[PTRACE_REGISTERS]);
long ptrace_register_set(struct thread *t, unsigned type, bool write, uint64_t at, uint64_t *size) must_check;

#endif
