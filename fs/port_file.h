/*
 * Descriptors 0, 1 and 2 of the first process: files over virtio-console ports.
 */
#ifndef FS_PORT_FILE_H
#define FS_PORT_FILE_H

#include "fs/file.h"

struct console_port;

/* The port as programs see a pipe (S_IFIFO): reads wait for input, writes for room.  NULL: no memory. */
struct file *port_file_create(struct console_port *port, unsigned access /* O_RDONLY or O_WRONLY */) must_check;

#endif
