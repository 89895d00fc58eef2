/*
 * What file systems and the VFS share: superblocks, inodes, dentries, mounts.  Included by fs/ alone and by the bodies
 * of the file calls.
 *
 * Locks, outermost first:
 *   rename_lock (mutex, path.c)     held by every rename: the shape of the tree does not change below it
 *   inode.lock of directories       parents before children; two unrelated ones only under rename_lock
 *   inode.lock of other files       reads and writes, attributes
 *   address spaces (core/space.h)   a copy to or from user memory may fault while an inode is locked
 *   page_cache.lock (spinlock)      the pages of a file and its size
 *   tree_lock (spinlock, dentry.c)  dentry hash, names, parents, mounts
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "fs/page_tree.h"
#include "fs/vfs.h"
#include "guest_kernel/core/space.h"
#include "lib/mode.h"

struct task;
struct cred;
struct statfs;

/* One mounted instance of a file system. */
struct superblock {
    uint32_t refs;   /* atomic: mounts and inodes */
    uint32_t mounts; /* atomic */
    const struct superblock_ops *ops;
    const char *type; /* as /proc/mounts names it */
    uint64_t device;  /* st_dev */
    uint64_t magic;
    uint32_t block_size; /* st_blksize */
    uint64_t next_inode; /* atomic: number of the last inode made */
    uint64_t inode_count, page_count; /* atomic, for statfs */
    uint64_t page_limit;              /* 0: none */
    bool shmem;                       /* its files count as shared memory (/proc/meminfo) */
    struct dentry *root; /* counted */
    void *data;
};

struct superblock_ops {
    int (*statfs)(struct superblock *sb, struct statfs *out); /* NULL: zeros and the magic */
    bool (*is_valid)(struct dentry *d);   /* false: forget this cached entry and look up again; NULL: always true */
    void (*detach)(struct superblock *sb); /* the last mount is gone: drop what pins the tree */
    void (*show_options)(struct superblock *sb, struct text *t); /* ",key=value..." for /proc/mounts; NULL: none */
    void (*free)(struct superblock *sb);   /* the last reference is gone: free `data`; NULL: nothing to do */
};

/*
 * Operations on the directory `dir` are called with its lock held and permissions checked; `child` has its name and
 * parent, and no inode but where it must exist.  NULL entries give the error Linux has for such file systems.
 */
struct inode_ops {
    int (*lookup)(struct inode *dir, struct dentry *child); /* sets child->inode or -ENOENT; NULL: the cache has all */
    int (*create)(struct inode *dir, struct dentry *child, unsigned mode, uint64_t rdev); /* all but symlinks */
    int (*symlink)(struct inode *dir, struct dentry *child, const char *target);
    int (*link)(struct inode *dir, struct dentry *child, struct inode *target);
    int (*remove)(struct inode *dir, struct dentry *child); /* unlink and rmdir; emptiness was checked by is_empty */
    bool (*is_empty)(struct inode *dir);
    int (*rename)(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to, unsigned flags);
    int (*make_unnamed)(struct inode *dir, unsigned mode, struct inode **out); /* O_TMPFILE */
    int (*read_link)(struct inode *inode, char *buf, size_t size); /* target with NUL; its length or -errno */
    int (*follow_link)(struct inode *inode, struct path *out); /* magic links of /proc: jump there; counted */
    int (*resize)(struct inode *inode, uint64_t size); /* truncate; inode lock held */
    int (*allocate)(struct inode *inode, int mode, uint64_t offset, uint64_t length); /* fallocate */
    int (*get_page)(struct inode *inode, uint64_t index, struct page **out); /* see space_file_ops; NULL: no mmap */
    void (*get_cached)(struct inode *inode, uint64_t index, unsigned n, struct page **out); /* goes with it */
    void (*refresh)(struct inode *inode); /* before attributes are read: owner and mode of /proc entries */
    bool (*permits)(const struct inode *inode); /* what its permissions refuse to the current task; NULL: nothing */
    void (*evict)(struct inode *inode);   /* the last reference is gone: free what `u` and `data` hold */
};

struct inode {
    uint32_t refs; /* atomic */
    uint32_t mode; /* type and permissions; written with `lock`, as all down to `birth_ns` */
    uint32_t uid, gid;
    uint32_t links;
    bool linkable; /* made by O_TMPFILE without O_EXCL: may get its first name by link */
    bool dead; /* a directory that was removed: nothing can be made in it */
    uint64_t size; /* also guarded by pages.lock */
    uint64_t access_ns, modify_ns, change_ns, birth_ns; /* since 1970 */
    uint64_t number;
    uint64_t rdev; /* device nodes: as st_rdev */
    struct superblock *sb; /* counted */
    const struct inode_ops *ops;
    const struct file_ops *file_ops;
    int32_t writers; /* atomic: > 0 open for writing, < 0 being executed */
    int32_t readers; /* atomic: descriptions of a regular file that can only read */
    struct mutex lock;
    TAILQ_HEAD(, file) mapped_files; /* descriptions that address spaces map; pages.lock, as the next */
    uint64_t zap_round;              /* inode lock too: which of them were told of the latest truncation */
    struct page_cache pages;         /* regular files */
    uint32_t seals;                  /* F_SEAL_*: written with `lock` and pages.lock */
    uint32_t writable_maps;          /* shared mappings of it that may write; pages.lock */
    uint64_t charged_pages;          /* memory promised for it when it was made; fixed */
    struct file_lock_list *locks;    /* flock and POSIX locks (file_lock.c), NULL: never any */
    struct lease_list *leases;       /* lease.c; atomic; written with `lock`, NULL: never any */
    union {
        char *link_target;           /* tmpfs symlinks */
        struct pipe *pipe;           /* fifos, made at the first open; guarded by `lock` */
        struct directory *directory; /* tmpfs directories */
        uint64_t key;                /* procfs: pid and entry */
        void *object;                /* what an anonymous inode stands for */
    } u;
};

#define DENTRY_INLINE_NAME 32

struct dentry {
    uint32_t refs; /* atomic; 0 only under tree_lock */
    uint32_t hash;
    struct dentry *parent; /* counted, itself for a root; tree_lock, as all down to `hash_link` */
    const char *name;      /* == short_name or mem_alloc memory */
    uint16_t name_length;
    bool hashed;
    uint16_t mounted; /* mounts that sit on it */
    LIST_ENTRY(dentry) hash_link;
    struct inode *inode; /* counted; NULL until instantiated, then fixed */
    RB_ENTRY(dentry) by_offset; /* tmpfs: the directory's tree, guarded by its lock */
    uint64_t offset;            /* tmpfs: readdir position */
    char short_name[DENTRY_INLINE_NAME];
};

struct mount {
    uint32_t refs; /* atomic */
    uint32_t flags; /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME */
    int id;
    bool internal; /* in no tree; fixed */
    struct superblock *sb;      /* counted */
    struct dentry *root;        /* counted */
    struct mount *parent;       /* counted; NULL: the root mount, or detached; tree_lock */
    struct dentry *mountpoint;  /* counted */
    TAILQ_ENTRY(mount) link;    /* all mounts, tree_lock */
    uint32_t children;          /* mounts below; tree_lock */
    char *source;               /* as mount(2) was told */
};

extern struct spinlock tree_lock;

/* inode.c */
struct superblock *superblock_create(const struct superblock_ops *ops, const char *type, uint64_t magic) must_check;
struct superblock *superblock_get(struct superblock *sb);
void superblock_put(struct superblock *sb);
struct inode *inode_create(struct superblock *sb, unsigned mode) must_check; /* owner: the current task; times: now */
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);
void inode_touch(struct inode *i, bool modified); /* change time, and modification time, are now */
void inode_stat(struct inode *i, struct stat *out);
uint64_t device_encode(uint32_t major, uint32_t minor); /* as st_rdev has it */
uint32_t device_major(uint64_t device);
uint32_t device_minor(uint64_t device);

#define MAY_EXEC 1u
#define MAY_WRITE 2u
#define MAY_READ 4u
/* Who asks.  The current task's file-system ids, or its real ids for access(2). */
struct identity {
    uint32_t uid, gid;
    uint64_t capabilities;
    const struct cred *cred; /* for the groups */
};
void identity_current(struct identity *id);
void identity_real(struct identity *id);
int inode_permission_as(struct inode *i, unsigned may, const struct identity *id) must_check; /* 0 or -EACCES */
int inode_permission(struct inode *i, unsigned may) must_check;
bool identity_owns(const struct inode *i); /* the owner, or CAP_FOWNER */
bool identity_in_group(uint32_t gid);

/* dentry.c */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t length) must_check; /* not hashed */
struct dentry *dentry_alloc_root(struct inode *root) must_check; /* takes over the inode's reference, also on failure */
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length) must_check; /* counted, or NULL */
void dentry_instantiate(struct dentry *d, struct inode *inode); /* takes over the reference; enters the hash */
void dentry_unhash(struct dentry *d);                           /* can no longer be found */
int dentry_set_name(struct dentry *d, struct dentry *parent, const char *name, size_t length) must_check;
void dentry_exchange(struct dentry *a, struct dentry *b);
bool dentry_is_below(struct dentry *d, struct dentry *ancestor); /* or the same */
int dentry_init(void);

/* mount.c */
struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
void mount_cross_down(struct path *p); /* to the root of what is mounted there, topmost; tree_lock not held */
bool mount_cross_up(struct path *p);   /* from a mount's root to its mountpoint; false at the top */
/* Mounts sb's root on `at` (NULL: the root mount). Takes no reference of the caller's. */
int mount_attach(struct superblock *sb, struct dentry *root, const struct path *at, unsigned flags, const char *source);
struct mount *mount_internal(struct superblock *sb) must_check; /* in no tree: for files without a path */
int mount_detach(const struct path *root, bool lazy);
struct mount *mount_next(int after_id) must_check; /* in order of mounting; counted */
void mount_root_path(struct path *out);            /* counted */

/* path.c */
#define WALK_FOLLOW BIT(0)       /* the last component too, if it is a symbolic link */
#define WALK_DIRECTORY BIT(1)    /* -ENOTDIR if it is none */
#define WALK_EMPTY BIT(2)        /* an empty path is the directory descriptor's file itself */
#define WALK_REAL_IDS BIT(3)     /* permissions of the real ids */
#define WALK_NO_SYMLINKS BIT(4)  /* openat2: any symbolic link is -ELOOP */
#define WALK_NO_MAGIC BIT(5)     /* openat2: -ELOOP for links of /proc that jump */
#define WALK_BENEATH BIT(6)      /* openat2: -EXDEV when leaving the start */
#define WALK_IN_ROOT BIT(7)      /* openat2: the start is the root */
#define WALK_NO_XDEV BIT(8)      /* openat2: -EXDEV when crossing a mount */

struct last_name { /* of a path whose parent was walked to */
    const char *name; /* into the path, not terminated */
    size_t length;
    bool slash;       /* slashes follow */
    enum { LAST_NORMAL, LAST_ROOT, LAST_DOT, LAST_DOTDOT } kind;
};

int path_walk(int dirfd, const char *name, unsigned flags, struct path *out) must_check;
int path_walk_parent(int dirfd, const char *name, unsigned flags, struct path *parent,
                     struct last_name *last) must_check;
int path_walk_from(const struct path *start, const char *name, unsigned flags, struct path *out) must_check;
/* The entry of a directory, made by the file system's lookup where needed; counted. -ENOENT: there is none. */
int directory_lookup(struct dentry *dir, const char *name, size_t length, bool locked, struct dentry **out) must_check;
/* Absolute path as seen from root; length without NUL, or -errno. Unreachable ones start with "(unreachable)". */
int path_format(const struct path *p, const struct path *root, char *buf, size_t size, bool *deleted) must_check;
void context_paths(struct path *root, struct path *cwd); /* of the current task, counted; NULLs are skipped */

/* Walks with the state of a path in hand: open needs to do the last component by itself. */
struct walk {
    struct path at, root, start;
    unsigned flags;
    unsigned links; /* symbolic links followed */
    struct identity identity;
    char *buffer;     /* of the last link's target and what followed it */
    struct last_name last;
};
int walk_begin(struct walk *w, int dirfd, const char *name, unsigned flags) must_check;
int walk_to_parent(struct walk *w, const char *name) must_check; /* w->at: the parent; w->last */
/* The last component is a link: continue from there. w->last becomes the target's. */
int walk_follow_last(struct walk *w, struct dentry *link) must_check;
int walk_up(struct walk *w) must_check; /* ".." */
void walk_end(struct walk *w);

/* tree_ops.c: what the calls do.  Modes include the type and have the umask applied. */
int tree_init(void);
int tree_make(int dirfd, const char *name, unsigned mode, uint64_t rdev) must_check; /* mkdir, mknod */
int tree_make_path(int dirfd, const char *name, unsigned mode, uint64_t rdev, struct path *out) must_check; /* counted */
int tree_make_at(const struct path *parent, const char *name, size_t length, unsigned mode, uint64_t rdev,
                 struct dentry **out) must_check; /* out may be NULL */
int tree_symlink(const char *target, int dirfd, const char *name) must_check;
int tree_link(const struct path *from, int dirfd, const char *name) must_check;
int tree_remove(int dirfd, const char *name, bool directory) must_check;
int tree_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags) must_check;
unsigned context_umask(void);

/* mapping.c: pages [first, last] leave every mapping of the file, private copies of them too if so; inode lock held */
void inode_zap_mappings(struct inode *i, uint64_t first, uint64_t last, bool with_copies);

/* attr.c */
int inode_chmod(const struct path *p, unsigned mode) must_check;
int inode_chown(const struct path *p, uint32_t uid, uint32_t gid) must_check; /* ~0: unchanged */
int inode_truncate(struct mount *m, struct inode *i, uint64_t size) must_check;
struct time_change { /* of utimensat: what to set each time to */
    enum { TIME_KEEP, TIME_NOW, TIME_SET } access, modify;
    uint64_t access_ns, modify_ns;
};
int inode_set_times(const struct path *p, const struct time_change *change) must_check;
int mount_writable(const struct mount *m) must_check; /* 0 or -EROFS */
void inode_accessed(struct file *f); /* read: access time, relatime */
void inode_drop_setid(struct inode *i); /* written by one who is not privileged: setuid and setgid go */

#endif
