/*
 * The other side of the control socket (tools/control.h): what its clients have in common.  All end the program if they fail.
 */
#ifndef TOOLS_CONTROL_CLIENT_H
#define TOOLS_CONTROL_CLIENT_H

#include "tools/bytes.h"

int control_dial(const char *path); /* a connected socket */
void control_send(int fd, const struct bytes *b);

#endif
