/*
 * Tasks: what the scheduler switches between, one per Linux thread, and kernel threads.  The task owns its kernel
 * stack and XSAVE area; what a process shares (address space, files, signals) hangs off it by counted pointers that the
 * floors above own.
 */
#ifndef GUEST_KERNEL_CORE_TASK_H
#define GUEST_KERNEL_CORE_TASK_H

#include <asm/ptrace.h>
#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "abi/capture.h"
#include "guest_kernel/core/cpu_offsets.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

struct space;       /* guest_kernel/core/space.h */
struct file_table;  /* fs/file.h */
struct fs_context;  /* fs/vfs.h */
struct process;     /* guest_kernel/process.h */
struct xsave_area;

/* TASK_NEW: made, not started: no wake-up starts it early. */
enum task_state { TASK_RUNNING, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, TASK_STOPPED, TASK_DEAD, TASK_NEW };

/* Bits of task.tell_switch: who wants TASK_SWITCHED. */
#define TELL_RSEQ BIT(0)
#define TELL_CALLS BIT(1) /* its calls are traced: a CPU it comes to must know (return.h) */
#define TELL_DEBUG BIT(2) /* it has debug registers, which a CPU it comes to must load */

/* Bits of task.work: looked at on every return to user mode. */
#define TASK_NEED_RESCHED BIT(0)
#define TASK_SIGNAL BIT(1) /* a signal may be deliverable: core clears it and calls task_ops.signal_work */
#define TASK_SWITCHED BIT(3) /* was switched away from since it last ran user code, and wants to know (tell_switch) */
#define TASK_REQUESTED BIT(5) /* the hypervisor wants something done as the call ends (capture_request.c) */
#define TASK_OBSERVE BIT(6)   /* a traced call ends: show what its arguments point to (capture_observe.c) */
#define TASK_CALL_LEAVE BIT(4) /* a traced call has its result, or one has been traced meanwhile */
#define TASK_TIMES BIT(7)     /* times_check_ns is past */
#define TASK_IRET BIT(2)   /* leave by IRET, which restores every register: after sigreturn, execve, a closed call */

/* How a task wants to be scheduled (sched(7)). */
struct sched_setting {
    uint8_t policy;     /* SCHED_* */
    uint8_t priority;   /* of SCHED_FIFO and SCHED_RR: 1 .. 99, else 0 */
    int8_t nice;        /* -20 .. 19 */
    bool reset_on_fork; /* what it makes gets the plain setting */
};

struct sched_deadline { /* SCHED_DEADLINE: the task needs runtime_ns of each period_ns, within relative_ns of its start */
    uint64_t runtime_ns, relative_ns, period_ns;
};

struct task_selectors { /* of user mode; CS and SS are in its struct pt_regs */
    uint16_t ds, es, fs, gs;
};

struct task {
    /* Hot, and known to entry.S by generated offsets. */
    uint64_t kernel_stack_top;
    uint64_t user_stack_saved;
    uint64_t work;                /* atomic bits above */
    struct pt_regs *regs;         /* the user registers, at the top of the kernel stack; NULL: kernel thread */

    uint64_t kernel_rsp;          /* while not running */
    void *kernel_stack;
    enum task_state state;        /* guarded by its run queue's lock */
    uint32_t cpu;                 /* whose run queue that is; guarded by its lock until it changes */
    bool on_queue;
    bool moves;                   /* to another CPU, by sched_finish_switch() */
    bool queued;                  /* ready and not running: it is in the queue's trees */
    uint8_t rank;                 /* 0: fair share; else ahead of all lower ones.  Run queue's lock, as the next */
    struct sched_setting setting;
    uint32_t boost;               /* task_set_boost() */
    uint64_t allowed;             /* CPUs it may run on; guarded by its run queue's lock */
    uint32_t tell_switch;         /* TELL_*, 0: no TASK_SWITCHED on switches away; the task's own, or its tracer's while stopped */
    RB_ENTRY(task) ready_link;    /* in the run queue, as the next three (core/fair.h) */
    uint64_t ready_number;
    uint64_t virtual_ns;
    uint32_t weight;
    struct deadline_state *deadline; /* SCHED_DEADLINE (core/sched_class.c); NULL else */
    uint64_t round_ns;            /* SCHED_RR: run in this round */
    uint64_t woken_run_ns;        /* run_ns when it was last woken while ranked, for RLIMIT_RTTIME */
    TAILQ_ENTRY(task) dead_link;  /* task_reaper.c */
    uint64_t slice_end_ns;
    uint64_t run_ns;              /* user and system time used, by switches */
    uint64_t user_ns;             /* part of it in user mode, sampled by the time slice timer */
    uint64_t times_check_ns;      /* monotonic: task_ops.times is called at the slice that ends after; atomic, relaxed */
    uint64_t start_ns;
    uint64_t fs_base, gs_base;    /* of user mode, while not running */
    struct task_selectors selectors; /* likewise */
    struct xsave_area *xsave;     /* saved on a switch; NULL: kernel thread */
    uint32_t vector_cpu;          /* the CPU that was last given xsave; UINT32_MAX: none */

    /* What it is. */
    int32_t tid;
    int32_t pid;                  /* of its process, for traces and logs; 0: kernel thread */
    char comm[16];
    struct process *process;
    struct space *space;          /* one reference */
    struct file_table *files;     /* one reference */
    struct fs_context *fs;        /* one reference */
    struct cred cred;
    uint64_t restart_deadline_ns; /* for ERESTART_RESTARTBLOCK of nanosleep and friends */
    user_ptr clear_tid;           /* set_tid_address; 0: none */
    struct capture_buffer *capture; /* one page, NULL: none could be had */
    struct capture_request *requested; /* the rest of what is wanted of the call in progress, NULL: nothing; as the next */
    int64_t forced_result;        /* if result_is_forced */
    bool result_is_forced;
    bool capture_checks;          /* what the call in progress consumes is judged first */
    uint8_t capture_flushes;      /* how often the call in progress has filled `capture` */
    uint64_t capture_unread;      /* the one address that it may read from, until it does; 0: none, or several */
    uint64_t call_nr;             /* of the system call in progress, ~0: none */
    struct debug_registers *debug; /* core/debug.h, NULL: never any; the task's own, or its tracer's, as the next */
    uint64_t debug_status;        /* DR6 as the program's tracer sees it, reserved bits 0 */
    void *upper;                  /* struct thread of guest_kernel/, NULL in kernel threads */
    void *net_drop;               /* net/rights.c: the files it is about to close, NULL: none */

    LOCK_HELD_FIELD(mutexes)
    void (*dead)(struct task *);  /* task_exit()'s argument */
};

static inline struct task *task_current(void)
{
    struct task *t;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(t) : "i"(CPU_CURRENT));
    return t;
}

/* A kernel thread; not started. NULL: no memory. */
struct task *task_create_kernel(const char *name, void (*run)(void *), void *argument) must_check;
/*
 * A task that will return to user mode with *regs (copied), with the current task's XSAVE state, FS and GS base.
 * Space, files, fs, process, tid are the caller's to fill in before task_start().
 */
struct task *task_create_user(const struct pt_regs *regs) must_check;
void task_free(struct task *t);  /* one that was never started, or a reaped dead one: stack and XSAVE state only */
void task_start(struct task *t); /* makes it runnable */
void task_wake(struct task *t);  /* from any context; does nothing if it is not asleep */
void task_wake_interruptible(struct task *t); /* for signals: only out of an interruptible sleep */
void task_set_work(struct task *t, uint64_t bits);
void task_yield(void);
/* Which CPUs t may run on (some of them online): it leaves the others soon.  Where run queue locks may be taken. */
void task_set_allowed(struct task *t, uint64_t cpus);
uint64_t task_allowed(const struct task *t);
void task_leave_forbidden_cpu(void); /* the current task, at once; no spinlock held */
/* For long loops in the kernel, with no spinlock held: gives way if the time slice is over. */
static inline void task_relax(void)
{
    if (unlikely(__atomic_load_n(&task_current()->work, __ATOMIC_RELAXED) & TASK_NEED_RESCHED))
        task_yield();
}
/* The current task sleeps in TASK_STOPPED while *stopped; who clears it (atomic) calls task_continue(). */
void task_stop_while(const bool *stopped);
void task_continue(struct task *t);
bool task_is_parked(const struct task *t); /* off its CPU, and all registers saved */
/*
 * The current task's end: switches away for good.  `dead` is called later in another task's context, when the stack is
 * no longer in use; it may task_free().
 */
noreturn void task_exit(void (*dead)(struct task *));

/* Make the current task use another address space (execve); takes over the reference, returns the old one. */
struct space *task_switch_space(struct space *new_space);
void task_reset_fpu(void); /* execve: initial XSAVE state */
/* FS and GS base of the current task in user mode (arch_prctl): below USER_END, the caller checks. */
void task_set_fs_base(uint64_t base);
void task_set_gs_base(uint64_t base);
uint64_t task_fs_base(void);
uint64_t task_gs_base(void);
/* The data segment registers of the current task's user mode: as they are; all null, as a new program finds them. */
struct task_selectors task_selectors(void);
void task_reset_selectors(void);
/*
 * How t is scheduled from now on; a new task has the setting of its maker.  `deadline`: for SCHED_DEADLINE only.  0,
 * -EBUSY: the deadlines of all tasks could not be kept, -ENOMEM.  Where run queue locks may be taken.
 */
int task_set_scheduling(struct task *t, const struct sched_setting *setting, const struct sched_deadline *deadline)
    must_check;
bool task_deadline(const struct task *t, struct sched_deadline *out); /* false: it has none */
/*
 * How urgent a task is, as a number: for who holds what an urgent one waits for.  t runs as if it were as urgent as
 * `boost` until it is set anew; 0: no boost.
 */
uint32_t task_urgency(const struct task *t);
void task_set_boost(struct task *t, uint32_t boost);
uint64_t task_run_ns(const struct task *t); /* run_ns up to now */
/* XSAVE state of the current task for signal frames: size of the standard-format area, copy out and (checked) in. */
size_t fpu_frame_size(void);
int fpu_save_user(uint64_t user_address) must_check;    /* 64-byte aligned; 0 or -EFAULT */
int fpu_restore_user(uint64_t user_address) must_check; /* 0, -EFAULT, -EINVAL: header bits that would fault */

/* What the floors above give core, once, before the first user task. */
struct task_ops {
    /* Deliver signals before returning to user mode; interrupts on. */
    void (*signal_work)(struct pt_regs *regs);
    /* After TASK_SWITCHED, before returning to user mode and before signal_work; interrupts on. */
    void (*switched)(struct pt_regs *regs);
    /* After TASK_TIMES: the current task may have used up CPU time that something waits for; interrupts on. */
    void (*times)(void);
    /*
     * A call of a task that wanted it (task_trace_calls) begins: false if it is not to run.  It may sleep, and change
     * registers; interrupts on.  Later, whatever became of it, its result is in RAX.
     */
    bool (*call_entered)(struct pt_regs *regs);
    void (*call_left)(struct pt_regs *regs);
    /* A synchronous fault of user mode: send the signal.  si_code, address and trap number as Linux has them. */
    void (*user_fault)(int signal, int si_code, uint64_t address, int trap, uint64_t error_code);
    /*
     * The current task found no memory for a program's page, `attempt` times before: end a process and wait for what it
     * frees.  False: the current one is to end.  No lock of a space is held, and no spinlock.
     */
    bool (*out_of_memory)(unsigned attempt);
    /* Soft limit RLIMIT_* of the current process; NULL: none.  core asks for AS, DATA, STACK, MEMLOCK. */
    uint64_t (*limit)(unsigned resource);
    void (*raise)(int signal); /* to the current task's process, as from itself */
    bool (*is_dying)(void);    /* the current task is to end, whatever else it is to do */
};
/* The current task's calls go through task_ops.call_entered and call_left from now on, or no more. */
void task_trace_calls(bool on);
void task_set_ops(const struct task_ops *ops);
/* What core uses of them; safe before task_set_ops(). */
void task_user_fault(int signal, int si_code, uint64_t address, int trap, uint64_t error_code);
bool task_out_of_memory(unsigned attempt); /* true: try again */
void task_signal_work(struct pt_regs *regs);
void task_raise(int signal);
bool task_is_dying(void);
void task_switched(struct pt_regs *regs);
void task_times(void);
bool task_call_entered(struct pt_regs *regs);
void task_call_left(struct pt_regs *regs);
/* The call in progress has its result in *regs: the trace is told now.  Before its task's signals are. */
void task_close_call(const struct pt_regs *regs);
uint64_t task_limit(unsigned resource); /* UINT64_MAX: unlimited */

/* Exit of the whole sandbox: flush the log and power the machine off.  Never returns. */
noreturn void machine_power_off(void);

#endif
