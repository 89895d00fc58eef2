/*
 * Names of exit reasons, as the statistics and dumps say them.
 */
#ifndef VMEXIT_EXIT_NAMES_H
#define VMEXIT_EXIT_NAMES_H

const char *exit_name(unsigned reason);

#endif
