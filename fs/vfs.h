/*
 * The virtual file system: inodes, dentries, mounts, path walk.  Trees are dentries in a hash (parent, name) with
 * reference counts; file systems implement inode_ops and file_ops.  Lock order: rename lock > directory inode's mutex >
 * file inode's mutex > dentry hash lock (a spinlock).
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include <asm/stat.h>
#include <bsd/sys/queue.h>

#include "fs/file.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

#define FS_NAME_MAX 255
#define FS_PATH_MAX 4096

struct inode;
struct dentry;
struct mount;

struct path {
    struct mount *mount;
    struct dentry *dentry;
};
void path_get(const struct path *p);
void path_put(const struct path *p);

/* A task's view: shared or copied by clone (CLONE_FS). */
struct fs_context {
    uint32_t refs;
    uint32_t users; /* atomic: the tasks among the references */
    struct spinlock lock; /* guards the rest */
    struct path root, cwd;
    uint32_t umask;
};
struct fs_context *fs_context_create(void) must_check; /* root and cwd at the root mount */
struct fs_context *fs_context_clone(struct fs_context *c) must_check;
struct fs_context *fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
/* The same for a task that uses it; create and clone give one to their caller. */
struct fs_context *fs_context_share(struct fs_context *c);
void fs_context_leave(struct fs_context *c);
void fs_context_set_cwd(const struct path *p);  /* of the current task */
void fs_context_set_root(const struct path *p);

/* What the floor above gives fs/, once, before the first process. */
struct fs_hooks {
    uint64_t (*limit)(int resource);   /* the current process' soft RLIMIT_* */
    void (*signal_self)(int signal);   /* SIGPIPE, SIGXFSZ for the current thread */
    struct file_table *(*swap_files)(struct file_table *new_table); /* of the current task; others look at it: the old one */
    void (*async_tell)(struct file *f, int reason); /* POLL_*: SIGIO, or what F_SETSIG says, to its owner */
    int (*process_id)(void);           /* of the current task: owner of POSIX locks */
    void (*zap)(struct space_file *f, uint64_t first, uint64_t last, bool with_copies); /* space_zap_file_everywhere() */
};
void fs_set_hooks(const struct fs_hooks *hooks);
uint64_t fs_limit(int resource);       /* UINT64_MAX without hooks, but 1024 for RLIMIT_NOFILE */
void fs_signal_self(int signal);
void fs_async_tell(struct file *f, int reason); /* any spinlock above the tree's, and mutexes */
int fs_process_id(void);
struct file_table *fs_swap_files(struct file_table *new_table);
void fs_zap(struct space_file *f, uint64_t first, uint64_t last, bool with_copies);

/* Called once at boot, in this order. */
int fs_init(void);                                         /* root tmpfs mounted */
/*
 * Root archives: newc, plain or gzip, concatenated.  The INIT_SPEC_NAME member comes back in mem_alloc memory.  After
 * success the archive's memory is no longer there: its whole pages belong to files or are free.
 */
int fs_unpack_cpio(const void *archive, size_t size, void **spec, size_t *spec_size);
int fs_mount_kernel_trees(void); /* /dev, /proc where those directories exist or can be made */

/* For execve and the kernel itself: paths in kernel memory, current task's context and credentials. */
int vfs_open_at(int dirfd, const char *path, int flags, unsigned mode, uint64_t resolve, struct file **out) must_check;
int vfs_open(const char *path, int flags, unsigned mode, struct file **out) must_check; /* 0 or -errno */
int vfs_open_found(const struct path *p, int flags, struct file **out) must_check; /* what is there; nothing is checked */
long vfs_read_at(struct file *f, void *dst, size_t n, uint64_t offset);           /* bytes, 0 at the end, -errno */
int vfs_open_path(const struct path *p, struct file **out) must_check; /* an O_PATH description: 0 or -ENOMEM */
int vfs_open_exec(int dirfd, const char *path, int flags, struct file **out) must_check; /* +x checked; -EACCES etc. */
int file_path(struct file *f, char *buf, size_t size); /* absolute, as the current task sees it: length or -errno */
struct space_file *file_mapping(struct file *f);       /* of a regular file, no new reference; NULL: cannot be mapped */
struct file *mapping_file(struct space_file *m);       /* whose mapping that is; NULL: no file's */
/*
 * Around the making of a shared mapping of a file that is open for writing: 0, or -EPERM where seals forbid it.  With
 * *may_write no seal against writing comes in between; without, the mapping may never become writable.
 */
int file_map_begin(struct file *f, bool writes, bool *may_write) must_check;
void file_map_end(struct file *f, bool may_write);
int file_stat(struct file *f, struct stat *out);
int file_permission(struct file *f, unsigned may); /* S_IROTH, S_IWOTH, S_IXOTH: 0 or -EACCES for the current task */

/* Character devices in devfs.  A name with slashes makes the directories; nodes of the same number made by mknod open
 * the same device: file.data is `device`. */
int devfs_register(const char *name, unsigned major, unsigned minor, unsigned mode, const struct file_ops *ops,
                   void *device);

/*
 * procfs: fs/ owns the mechanism, the floor above fills it.  A text file is produced whole by show() at each first
 * read.
 */
struct text { /* a growing buffer; text_printf after a failed growth does nothing, `failed` says so */
    char *data;
    size_t used, size;
    bool failed;
};
void text_printf(struct text *t, const char *fmt, ...) printf_like(2, 3);
void text_write(struct text *t, const void *data, size_t n);

#define TEXT_STORE_MAX 256u /* bytes that one write to a file of /proc may have */
int procfs_register(const char *name, unsigned mode, int (*show)(struct text *t)); /* /proc/NAME */
/* The same for one that can be written: `store` gets what one write brought, NUL behind it; 0 or -errno. */
int procfs_register_writable(const char *name, unsigned mode, int (*show)(struct text *t),
                             int (*store)(char *value, size_t n));
/* /proc/NAME is a number that root may set to anything from min to max; *value is atomic. */
int procfs_register_number(const char *name, int *value, int min, int max);
struct procfs_pid_entry {      /* /proc/PID/NAME; all callbacks: 0 or -errno, -ESRCH when the process is gone */
    const char *name;
    unsigned mode;             /* S_IFREG, S_IFLNK; "fd", "fdinfo" and "task" are S_IFDIR and fs/'s own */
    int (*show)(int pid, struct text *t);
    int (*store)(int pid, char *value, size_t n); /* NULL: cannot be written */
    const struct file_ops *ops; /* of a file that is no text; NULL: it is */
};
struct procfs_source {
    const struct procfs_pid_entry *entries;
    size_t count;
    int (*next_pid)(int after);                          /* smallest pid > after, 0: none */
    int (*next_tid)(int pid, int after);                 /* of its threads; all callbacks take a tid for a pid, too */
    int (*owner)(int pid, bool listing, uint32_t *uid, uint32_t *gid); /* listing: of what shows nothing of its inside */
    bool (*is_own)(int pid);                             /* of the current process? */
    int (*exe)(int pid, struct file **out);              /* counted reference */
    int (*cwd)(int pid, struct path *out);
    int (*root)(int pid, struct path *out);
    struct file_table *(*files)(int pid);                /* counted reference, NULL: gone */
    int (*self)(void);                                   /* pid of the current task */
    int (*thread_self)(void);                            /* its tid */
};
void procfs_set_source(const struct procfs_source *source);
int procfs_file_pid(const struct file *f); /* whose file it is, for entries with operations of their own */

#endif
