/*
 * Open files and descriptor tables.  A struct file is an open file description: shared by dup and fork, freed with the
 * last reference.  A file_table maps numbers to files; shared or copied by clone (CLONE_FILES).
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include <bsd/sys/queue.h>

#include "guest_kernel/core/space.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

struct file;
struct stat;
struct path;
struct dir_sink;

struct file_ops { /* const; NULL entries give Linux's answer for their absence */
    int (*open)(struct file *f); /* of a device or a file system's file, before it has a number; NULL: nothing to do */
    long (*read)(struct file *f, struct io_iter *it, uint64_t *position);  /* bytes or -errno */
    long (*write)(struct file *f, struct io_iter *it, uint64_t *position);
    long (*seek)(struct file *f, int64_t offset, int whence); /* NULL: a stream; `position` is NULL then (-ESPIPE) */
    long (*ioctl)(struct file *f, unsigned request, uint64_t argument);    /* -ENOTTY when NULL */
    unsigned (*poll)(struct file *f, struct poll_table *t);                /* POLL* bits; NULL: always ready */
    long (*readdir)(struct file *f, struct dir_sink *sink);
    int (*stat)(struct file *f, struct stat *out);                         /* for files without an inode */
    int (*sync)(struct file *f);
    void (*async)(struct file *f, bool on); /* FASYNC goes on or off: tell the owner of changes (fs_async_tell); NULL: never */
    void (*release)(struct file *f);                                       /* last reference gone */
    void (*mapped)(struct file *f, bool more); /* an address space has a mapping of it more, or one less */
    bool maps_zeros;            /* a private mapping of it is like anonymous memory */
    bool seeks_nowhere;         /* a stream on which lseek(2) answers 0 all the same */
    const char *anonymous_name; /* what /proc/PID/fd shows for a file without a path: "pipe", "anon_inode:[eventfd]" */
};

/* fcntl(2), F_SETOWN: whom SIGURG and SIGIO go to; file.lock (guest_kernel/file_owner.c). */
struct file_owner {
    int32_t id;        /* 0: none */
    uint8_t kind;      /* F_OWNER_* */
    uint8_t signal;    /* F_SETSIG */
    uint32_t uid, euid; /* who said so */
};

struct file {
    uint32_t refs;             /* atomic */
    uint32_t flags;            /* O_*: access mode fixed, status flags changed by fcntl with `lock` */
    const struct file_ops *ops;
    struct mutex lock;         /* guards position in read, write and seek of seekable files */
    uint64_t position;
    struct mount *mount;       /* of the path it was opened by, NULL: none; counted, as the next two */
    struct dentry *dentry;
    struct inode *inode;
    void *data;                /* the file system's or device's */
    int8_t text_claim;         /* what it added to inode.writers: 1, -1 or 0; fixed */
    bool counted_reader;       /* in inode.readers; fixed */
    bool locked;               /* has or had an advisory lock */
    bool leased;               /* has or had a lease; the inode's lock */
    struct file_owner owner;
    int async_fd;              /* the number by which FASYNC was set: told with the signal */
    LIST_ENTRY(file) async_link; /* with FASYNC, of a pipe's end: the pipe's lock; else the async_list's, as the next */
    bool async_listed;
    LIST_HEAD(, epoll_item) epoll_items; /* which epoll instances watch it; epoll_lock (fs/epoll.c) */
    struct space_file mapping; /* what address spaces hold of it: each get() is a reference on the description */
    uint32_t mappings;         /* such references; the page cache's lock, as the next two (fs/mapping.c) */
    TAILQ_ENTRY(file) mapped_link;
    uint64_t zap_round;
};

/* A file without a path (pipe ends, the stdio ports).  NULL: no memory. */
struct file *file_create(const struct file_ops *ops, void *data, uint32_t flags) must_check;
struct file *file_get(struct file *f);
void file_put(struct file *f);

/*
 * Reading and writing with the checks of the calls: access mode, -EISDIR, position (locked) and limits.  The iterator
 * says how much; bytes done or -errno.  _at: pread and pwrite, -ESPIPE for streams.
 */
long file_read(struct file *f, struct io_iter *it) must_check;
long file_write(struct file *f, struct io_iter *it) must_check;
long file_read_at(struct file *f, struct io_iter *it, uint64_t offset) must_check;
long file_write_at(struct file *f, struct io_iter *it, uint64_t offset) must_check;
long file_seek(struct file *f, int64_t offset, int whence) must_check;
unsigned file_poll(struct file *f, struct poll_table *t); /* POLL* bits */
/* The same, and the caller's reference goes to the table if that waits now; else it is given back. */
unsigned file_poll_keep(struct file *f, struct poll_table *t);
long file_generic_seek(struct file *f, int64_t offset, int whence, uint64_t size, uint64_t limit); /* for seek ops */

struct file_table;
struct file_table *file_table_create(void) must_check;
struct file_table *file_table_clone(struct file_table *t) must_check; /* NULL: no memory */
struct file_table *file_table_get(struct file_table *t);
void file_table_put(struct file_table *t);       /* closes all with the last reference */
void file_table_close_on_exec(struct file_table *t);
/* execve of a shared table: a private copy for the current task. */
int file_table_unshare(void) must_check;

struct file *fd_get(int fd) must_check;          /* of the current task: counted, NULL: EBADF (also O_PATH) */
struct file *fd_get_any(int fd) must_check;      /* the same, O_PATH files too: fstat, *at(), fchdir, dup */
struct file *file_table_at(struct file_table *t, int fd) must_check;
int fd_install(struct file *f, int lowest, bool close_on_exec) must_check; /* takes over the reference on success */
/* The same in two steps, so that an open that could get no number does not happen: the number, -EMFILE, -ENOMEM. */
int fd_reserve(int lowest, bool close_on_exec) must_check;
void fd_publish(int fd, struct file *f);
void fd_unreserve(int fd);
int fd_install_at(struct file *f, int fd, bool close_on_exec) must_check;  /* replaces what is there */

int fd_close(int fd) must_check;                 /* -EBADF */
int fd_flags(int fd, int set) must_check;        /* FD_CLOEXEC or 0; set >= 0: the new one.  -EBADF */
void fd_close_range(unsigned first, unsigned last, bool close_on_exec_only);
int file_table_next(struct file_table *t, int after); /* the next open number > after, -1: none (/proc/PID/fd) */
int file_table_size(struct file_table *t);            /* numbers there is room for: FDSize of /proc/PID/status */

/* Receives directory entries; add() returns false when full. */
struct dir_sink {
    bool (*add)(struct dir_sink *sink, const char *name, size_t length, uint64_t inode, uint64_t next_offset,
                unsigned type /* DT_* */);
};

#endif
