/*
 * Pipes and fifos: a ring of pages between writers and readers.
 */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/file.h"

struct pipe;
struct inode;

int pipe_create(struct file **read_end, struct file **write_end, unsigned flags) must_check; /* O_NONBLOCK, O_DIRECT */
int fifo_open(struct file *f) must_check; /* may sleep until the other end is opened; -ENXIO, -ERESTARTSYS */
void fifo_free(struct inode *i);
long pipe_get_size(struct file *f) must_check;                /* F_GETPIPE_SZ; -EBADF: no pipe */
long pipe_set_size(struct file *f, unsigned long bytes) must_check;
bool file_is_pipe(const struct file *f);

#endif
