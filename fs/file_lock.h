/*
 * Advisory locks: flock(2) on whole files, owned by the open file description, and POSIX record locks (fcntl), owned by
 * the process, or by the description for F_OFD_*.  Kept in a list per inode, guarded by the inode's lock.
 */
#ifndef FS_FILE_LOCK_H
#define FS_FILE_LOCK_H

#include "fs/file.h"

struct file_lock_request {
    short type;          /* F_RDLCK, F_WRLCK, F_UNLCK */
    uint64_t start, end; /* bytes, end included; UINT64_MAX: to the end of the file, however it grows */
    const void *owner;   /* the file, or a number made a pointer by file_lock_process_owner() */
    int pid;             /* what F_GETLK tells: -1 for F_OFD_* */
    bool whole_file;     /* flock's kind: the two kinds do not see each other */
};

const void *file_lock_process_owner(void);
int file_lock_set(struct file *f, const struct file_lock_request *request, bool wait) must_check;
/* What stands in the way: into *request, whose type becomes F_UNLCK if nothing does. */
void file_lock_test(struct file *f, struct file_lock_request *request);
void file_locks_release_file(struct file *f);    /* the description is gone */
void file_locks_release_process(struct file *f); /* the current process closed one of its descriptors of f's inode */

#endif
