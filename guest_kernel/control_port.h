/*
 * The control port: lines of text from and to whoever started the sandbox (abi/init_spec.h).
 */
#ifndef GUEST_KERNEL_CONTROL_PORT_H
#define GUEST_KERNEL_CONTROL_PORT_H

#include "lib/compiler.h"

struct console_port;

/* Writes all of it, however long that takes; false: there is no memory to do it. */
bool console_port_send(struct console_port *p, const char *text, size_t n);
int control_port_start(void); /* the thread that reads it; 0 also when there is no such port */
void control_port_report_exit(uint32_t status); /* "exit STATUS\n", and waits until it has left */

#endif
