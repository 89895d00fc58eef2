/*
 * The user's terminal while a sandbox has it (-t): raw, so that every byte is the sandbox's terminal's business; and as
 * it was again when the launcher ends, however it ends.
 */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include "lib/compiler.h"

/* Standard input's terminal.  False: it is none. */
bool terminal_take(void);
void terminal_take_again(void); /* after a stop; does nothing if it was not taken */
void terminal_give_back(void);

/* The user's way out: true at the third Ctrl-] within a second. */
bool terminal_wants_out(const uint8_t *bytes, size_t n);

#endif
