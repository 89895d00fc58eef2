/*
 * Values that options of `trapline run` and keys of a manifest have in common.  Each function returns NULL, or why the
 * text is not such a value (a static string or allocated; the caller ends or reports it and frees nothing).
 */
#ifndef TOOLS_OPTION_VALUES_H
#define TOOLS_OPTION_VALUES_H

#include <sys/types.h>

#include "lib/compiler.h"

#define CPUS_MAX 32u

/* "NUMBER" or "NUMBER" K, M, G or T: bytes, in whole pages, enough for the smallest sandbox. */
const char *value_memory(const char *text, uint64_t *bytes) must_check;
/* A decimal number from min to max. */
const char *value_number(const char *text, uint32_t min, uint32_t max, uint32_t *number) must_check;
/* "UID" or "UID:GID". */
const char *value_user(const char *text, uid_t *uid, gid_t *gid) must_check;
/* "NAME", "NAME=ERRNO" or "NAME=end": to the "NR:ERRNO" or "NR:end" of the hypervisor; allocated. */
const char *value_deny(const char *text, const char **word) must_check;
/* An error's number, by name or in decimal; 0: there is none such. */
int value_error(const char *text) must_check;
/* "KEY=VALUE". */
const char *value_environment(const char *text) must_check;

#endif
