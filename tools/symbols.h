/*
 * Names for addresses, from the symbol table of one of our own images.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include "tools/bytes.h"

/* Prints "function+0x12" into name and returns true if the file has a function there. */
bool symbol_find(const struct bytes *elf, uint64_t address, char *name, size_t size);

/*
 * Append a line of a kernel's log to out, with the name behind each backtrace address ("backtrace: 0xADDR", also RIP
 * lines of the form "rip=0xADDR").
 */
void symbolise_line(const struct bytes *elf, const char *line, size_t n, struct bytes *out);

#endif
