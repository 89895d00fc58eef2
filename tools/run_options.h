/*
 * The options of `trapline run`, parsed and checked in themselves (not against files).
 */
#ifndef TOOLS_RUN_OPTIONS_H
#define TOOLS_RUN_OPTIONS_H

#include <sys/types.h>

#include "lib/compiler.h"
#include "tools/trace_options.h"

enum machine_kind { MACHINE_AUTO, MACHINE_BOCHS, MACHINE_KVM, MACHINE_QEMU };

struct string_list {
    const char **items;
    size_t count;
};

struct run_options {
    enum machine_kind machine;
    struct trace_options show;    /* how the trace is shown */
    bool plain;                   /* lines as strace prints them if nothing is asked for */
    bool trace, last, no_trap, no_vdso, no_aslr, virtual_clock, verbose, stats, tty;
    const char *trace_out;        /* text, NULL: standard error */
    const char *trace_binary;     /* the log is also written here; NULL: not */
    struct string_list denied;    /* "NR:ERRNO" or "NR:end" */
    struct string_list rules;     /* lines for rule_add_line(), in their order */
    const char *control;          /* path of the socket to listen on; NULL: none */
    uint64_t memory;              /* bytes of the sandbox; 0: not said, root_archive() decides */
    uint32_t cpus;                /* of the sandbox */
    uint32_t host_cpus;           /* of the machine that the hypervisor gets */
    struct string_list environment, added, packages;
    const char *workdir;
    uid_t uid;
    gid_t gid;
    const char *root;             /* folder or cpio archive; NULL: a minimal tree */
    const char *save_root;        /* where the packed root is also written; NULL: nowhere */
    double timeout;               /* seconds; 0: none */
    const char *qemu_machine, *cpu_model;
    const char *manifest;         /* several sandboxes; NULL: the one of these options */
    const char *guest_kernel;     /* NULL: ours */
    const char *hypervisor_words, *guest_words; /* appended to the command lines; NULL: none */
    uint32_t toggle;              /* switch trapped/direct every so many records; 0: never */
    char *const *program;         /* NULL-terminated: program and arguments */
    const char *executable;       /* the program's file if it is not program[0]; else NULL */
    bool no_records;              /* with trapping: count the calls, but keep no record of any */
};

/* Ends the launcher on a wrong option (status 125) and after --help (0). */
void run_options_parse(struct run_options *o, int argc, char **argv);

void string_list_add(struct string_list *list, const char *item);
char *string_list_join(const struct string_list *list, char separator); /* allocated */

/*
 * What of calls is to be recorded for the launcher: for its own trace (a log gets all), and with --control also the calls that tell
 * what descriptors are, for those who attach later.  Allocated; NULL: nothing is streamed.
 */
struct trace_program *run_options_program(const struct run_options *o);

/* What the hypervisor is to do with records: off, ring or stream (docs/building.md). */
const char *trace_mode(const struct run_options *o);

#endif
