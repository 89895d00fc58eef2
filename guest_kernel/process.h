/*
 * Processes (thread groups) and threads: the tree, exit status, ids of session and group, limits.  One lock,
 * `process_tree_lock` (spinlock, never taken in interrupts), guards the pid tables and all links between processes;
 * each process's signal state has its own spinlock below it.
 *
 * Lock order: process_tree_lock > tty lock > signals.lock > run queue and wait queue locks.
 *
 * Lives: a process is in the pid table from fork until it is reaped, its memory as long as someone holds a reference.
 * A thread is in its process's list until it exits; it may be woken by whoever holds the tree lock or signals.lock.
 */
#ifndef GUEST_KERNEL_PROCESS_H
#define GUEST_KERNEL_PROCESS_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <linux/resource.h>

#include "guest_kernel/core/task.h"
#include "guest_kernel/cpu_timer.h"
#include "guest_kernel/futex_pi.h"
#include "guest_kernel/ptrace.h"
#include "guest_kernel/signal.h"

struct tty;
struct file;
struct path;
struct space_file;
struct posix_timer;
struct sem_undo_list;
struct account; /* guest_kernel/account.h */

extern struct spinlock process_tree_lock;

struct process {
    uint32_t refs;                       /* atomic */
    int32_t pid;                         /* = tid of its first task */
    RB_ENTRY(process) by_pid;            /* tree lock, as all down to `exit_status` */
    struct process *parent;              /* NULL: the first process */
    int32_t parent_tid;                  /* of the thread there that made it, which may be gone */
    struct thread *traced_leader;        /* its first thread, if that has ended and its tracer has not heard of it yet */
    uint32_t kept_threads;               /* others of that kind: until they are gone, the process's end is not told */
    TAILQ_HEAD(process_list, process) children;
    TAILQ_ENTRY(process) sibling;
    TAILQ_HEAD(thread_list, thread) threads; /* changed with tree lock and signals.lock: either suffices to read */
    uint32_t thread_count;               /* the same */
    int32_t group, session;
    struct tty *terminal;                /* controlling one */
    int32_t lost_foreground;             /* leaders: the group that was in its foreground when it was hung up; 0: none */
    bool zombie;
    bool has_execed;                     /* for setpgid's EACCES */
    bool child_subreaper;
    bool shares_space;                   /* another process uses the same memory (CLONE_VM), or did once */
    bool stop_report, continue_report;   /* for WUNTRACED, WCONTINUED */
    int stop_signal;
    uint32_t exit_status;                /* wait status word, valid when zombie */
    int exit_signal;                     /* to the parent; SIGCHLD but for clone with another */
    struct wait_queue child_changed;     /* parents sleep here in wait4 */
    struct wait_queue vfork_done;        /* a vfork parent sleeps here until exec or exit */
    bool vfork_pending;                  /* atomic */
    struct wait_queue ended;             /* pidfds are polled here */
    struct signal_state signals;
    struct process_limit {
        uint64_t soft, hard;
    } limits[RLIM_NLIMITS];              /* signals.lock */
    uint64_t run_ns, user_ns;            /* of its threads that are gone; tree lock, as the next */
    uint64_t children_run_ns, children_user_ns; /* of waited-for children */
    uint64_t max_resident, children_max_resident; /* pages */
    struct file *exe;                    /* counted, replaced in execve; tree lock */
    uint64_t start_ns;
    struct cred last_cred;               /* of the last thread, once it is gone, without groups; tree lock, as the next two */
    struct account *last_account;        /* still charged for a zombie */
    char last_comm[16];
    struct timer alarm;                  /* ITIMER_REAL; signals.lock */
    uint64_t alarm_interval_ns;          /* 0: it goes off once; as the next two */
    uint64_t alarm_deadline_ns;          /* armed: the next end, else the last */
    bool alarm_armed;
    struct cpu_clock clock;              /* tree lock, as the next */
    struct cpu_itimer {
        uint64_t expires_ns, interval_ns; /* 0: off */
    } cpu_itimers[CPU_TIMES];
    LIST_HEAD(, posix_timer) posix_timers; /* signals.lock, as the next (posix_timer.c) */
    int32_t last_timer_id;
    bool not_dumpable;
    bool no_huge_pages;                  /* PR_SET_THP_DISABLE */
    uint32_t personality;
    uint32_t coredump_filter;
    int16_t oom_score_adj, oom_score_adj_min; /* tree lock, as the next (oom.c) */
    uint64_t oom_killed_ns;              /* when it was ended for its memory; 0: it was not */
};

struct thread { /* task.upper */
    struct task *task;
    struct process *process;
    RB_ENTRY(thread) by_tid;             /* tree lock */
    TAILQ_ENTRY(thread) link;            /* see process.threads */
    signal_set blocked;                  /* signals.lock; the owner alone changes it */
    signal_set saved_mask;               /* put back when restore_mask */
    bool restore_mask;
    signal_set waited_for;               /* sigtimedwait sleeps for these: sending wakes it though they are blocked */
    struct signal_queue pending;         /* signals.lock */
    bool stop_seen;                      /* counted in stopped_threads; signals.lock, as the next */
    bool stop_asleep;                    /* sleeps in a group stop, not in one for its tracer */
    bool leaving;                        /* has begun to end, with no core file to wait for; signals.lock */
    struct ptrace_state ptrace;
    uint64_t fault_trap, fault_error, fault_address; /* of the last fault, for the signal frame */
    uint64_t alt_stack, alt_stack_size;  /* owner only, as all below */
    uint32_t alt_stack_flags;            /* SS_DISABLE, SS_AUTODISARM */
    uint64_t robust_list;                /* set_robust_list */
    struct pi_thread pi;                 /* locks that others wait for; pi_guard (futex_pi.c) */
    uint64_t rseq;                       /* rseq(2): the registered area, 0: none */
    uint32_t rseq_signature;
    struct cpu_clock clock;              /* tree lock */
    int io_priority;                     /* ioprio_set(2); tree lock */
    struct sem_undo_list *sem_undo;      /* what its end does to semaphores, NULL: nothing (sysv_semop.c) */
    struct account *account;             /* of the real user: one reference; signals.lock */
    bool over_limit;                     /* RLIMIT_NPROC was passed by a change of users: execve fails */
    bool no_new_privs;
    bool io_flusher;                     /* prctl(2), as the next: kept and shown */
    uint8_t memory_failure;              /* PR_MCE_KILL_* */
    uint64_t timer_slack_ns, default_timer_slack_ns; /* timers are exact here: kept and shown */
    int parent_death_signal;             /* tree lock */
    void (*before_user)(void);           /* run once in its context before it first goes to user mode (init.c) */
    long (*restart)(struct thread *t);   /* body of restart_syscall, see ERESTART_RESTARTBLOCK */
    uint64_t restart_args[6];
};

static inline struct thread *thread_of(const struct task *t)
{
    return t->upper;
}

static inline struct thread *thread_current(void)
{
    return task_current()->upper;
}

static inline struct process *process_current(void)
{
    return task_current()->process;
}

/*
 * A new process or thread, in no table yet.  process_create copies from `parent` what fork copies (limits, ids of group
 * and session, actions, which it may share instead); NULL: the first process.  Of the current process only: its actions
 * do not change places meanwhile.
 */
struct process *process_create(struct process *parent, bool shares_actions) must_check;
/* Sets t->upper, t->process; `a`: its user's. */
struct thread *thread_create(struct task *t, struct process *p, struct account *a) must_check;
void thread_free(struct thread *t);
/* Are there, with the one that the caller has charged, more threads than may be (/proc/sys/kernel/threads-max)? */
bool thread_limit_is_passed(void);
extern int threads_max; /* atomic; set as the first process is made, to what takes an eighth of memory for stacks */
int32_t pid_allocate(void) must_check; /* or -EAGAIN.  Reserved until published or released */
/* The number that the caller asks for (clone3's set_tid), likewise.  -EINVAL, -EPERM, -EEXIST: in use. */
int32_t pid_claim(int32_t pid) must_check;
void pid_release(int32_t pid);
void pid_release_locked(int32_t pid); /* tree lock held */
void process_publish(struct process *p, struct thread *t); /* into tables and tree; tree lock held */
void thread_publish(struct thread *t);                     /* the same for a further thread */
void thread_unpublish(struct thread *t);                   /* out of the tables; tree lock held */
void thread_become_leader(struct thread *t);               /* execve: the only thread left takes the pid; tree lock */

struct process *process_get(struct process *p);
void process_put(struct process *p);
/* Find by number. Both need the tree lock; NULL: none. */
struct process *process_lookup(int32_t pid);
struct thread *thread_lookup(int32_t tid);
struct thread *process_parent_thread(struct process *p); /* the one that made it, or another of its parent; NULL: none */
/* Counted; takes the tree lock itself. */
struct process *process_find(int32_t pid) must_check;
struct process *process_first(void);         /* pid 1, NULL before it exists */
struct process *process_next(int32_t after); /* smallest pid > after; tree lock */

/* exit.c */
noreturn void thread_exit(uint32_t status);                  /* this thread alone */
noreturn void process_exit(uint32_t status);                 /* the whole group; status is the wait status word */
void process_begin_exit(struct process *p, uint32_t status); /* signals.lock held: make every thread end */
void process_reap(struct process *p);                        /* a zombie leaves the tables; tree lock */
void process_notify_parent(struct process *p, int why /* CLD_STOPPED, CLD_CONTINUED */);
void process_notify_parent_locked(struct process *p, int why); /* tree lock held */
bool process_zombie_is_hidden(const struct process *p); /* from its parent, by a tracer that has not waited; tree lock */
void process_announce_zombie(struct process *p); /* to its parent; it may be gone at once; tree lock, as the next */
void process_tell_end(struct process *p);        /* the last thread of it is gone: to its tracer, or its parent */
void vfork_release(struct process *p);
bool process_group_is_orphaned(int32_t group); /* tree lock held */
bool process_group_exists(int32_t group, int32_t session);
void process_run_times(struct process *p, uint64_t *run_ns, uint64_t *user_ns); /* tree lock */

/* May the current task send a signal to p? */
bool process_may_signal(const struct process *p, int signal);
/* The first thread's credentials stand for the process where one task looks at another. */
bool process_cred(struct process *p, struct cred *out); /* tree lock; without its groups */
struct group_list *process_groups(int32_t pid) must_check; /* counted; NULL: none */
/*
 * May the current task reach into process or thread `pid`: the same user throughout, or privileged (ptrace(2), "Ptrace
 * access mode checking")?  By its real or its file system ids.  0, -EPERM, -ESRCH.
 */
long process_check_access(int32_t pid, bool by_fs_ids);
/*
 * The current thread's new credentials.  Whoever takes other effective ids, or more capabilities, is no longer to be
 * looked into, nor to be killed by its parent's end (prctl(2)).  c->groups is the present list, or a new one whose
 * reference is taken over.  `_locked`: with the tree lock, under which others look at credentials.
 */
void thread_set_cred(const struct cred *c);
void thread_set_cred_locked(const struct cred *c);

void process_alarm_expired(struct timer *t);      /* sys_timer.c: ITIMER_REAL */
void process_alarm_delivered(struct process *p);  /* a SIGALRM of p is taken off its queue; signals.lock held */

uint64_t process_limit(unsigned resource); /* soft limit of the current process; RLIM64_INFINITY: none */

/*
 * What /proc shows of a process, or of the thread with that number: a snapshot.  -ESRCH when there is neither.
 */
struct process_info {
    int32_t pid;              /* as asked for: of a process or a thread */
    int32_t process;          /* the process's own */
    int32_t parent, group, session;
    int32_t tracer;           /* 0: none */
    int terminal;             /* device number as stat's tty_nr, 0: none */
    int32_t foreground_group; /* -1: no terminal */
    char state;               /* R S D T t Z */
    char comm[16];
    struct cred cred;
    uint32_t thread_count;
    uint64_t start_ns, run_ns, user_ns, children_run_ns, children_user_ns;
    uint32_t exit_status;
    int exit_signal;
    struct sched_setting scheduling;
    uint8_t rank;
    uint32_t cpu;
    uint64_t cpus_allowed;
    bool no_new_privs;
    bool dumpable;                 /* has memory, which may be looked into (prctl(2), PR_SET_DUMPABLE) */
    uint32_t signals_queued;       /* of its user */
    uint64_t signals_queued_limit;
    signal_set thread_pending, pending, blocked, ignored, caught;
    struct process_limit limits[RLIM_NLIMITS];
};
int process_info(int32_t pid, struct process_info *out);
int32_t process_next_pid(int32_t after); /* 0: none */
int32_t process_next_tid(int32_t pid, int32_t after); /* of its threads; 0: none */
/* The user registers of one that sleeps, or of the current one.  False: it runs, or is gone. */
bool process_registers(int32_t pid, struct pt_regs *out) must_check;
/* Counted references; NULL: gone, a zombie, or it has none. */
struct space *process_space(int32_t pid) must_check;
struct file_table *process_files(int32_t pid) must_check;
struct fs_context *process_fs_context(int32_t pid) must_check;
struct file *process_exe(int32_t pid) must_check;

#endif
