/*
 * splice(2), tee(2), vmsplice(2): bytes from and into pipes.  Between pipes whole pages change hands; what comes from a
 * file or a program is copied into pages of the pipe's own.  All give bytes moved or -errno; `flags`: SPLICE_F_*.
 */
#ifndef FS_SPLICE_H
#define FS_SPLICE_H

#include "fs/file.h"

long splice_pipes(struct file *in, struct file *out, size_t length, unsigned flags) must_check; /* not of one pipe */
long splice_tee(struct file *in, struct file *out, size_t length, unsigned flags) must_check;
bool splice_is_same_pipe(const struct file *a, const struct file *b);
/* `position` NULL: the file's own; else moved on. */
long splice_to_file(struct file *pipe, struct file *out, uint64_t *position, size_t length, unsigned flags) must_check;
long splice_from_file(struct file *in, uint64_t *position, struct file *pipe, size_t length, unsigned flags) must_check;
/* vmsplice(2): what there is room for, or is there, after a wait for the first byte. */
long splice_from_user(struct file *pipe, struct io_iter *it, unsigned flags) must_check;
long splice_to_user(struct file *pipe, struct io_iter *it, unsigned flags) must_check;

#endif
