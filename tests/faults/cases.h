/*
 * The cases of fail_nth.c.
 */
#ifndef TESTS_FAULTS_CASES_H
#define TESTS_FAULTS_CASES_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fault_case {
    const char *name;
    int (*run)(void);     /* 0, or not: errno says why */
    int (*prepare)(void); /* before the fault; not 0: the test cannot be made */
    int dies_by;          /* the signal that run() ends with, when nothing fails */
};
extern const struct fault_case fault_cases[], fault_cases_large[]; /* end with one without a name */

void remove_tree(const char *path);
pid_t traced_child(void); /* stopped by SIGSTOP, or about to be; what fork says */

#endif
