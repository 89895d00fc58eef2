/*
 * trapline calls: the table of system calls as a list; docs/syscalls.md is made of it.
 */
#include <asm/unistd_64.h>
#include <stdio.h>
#include <string.h>

#include "abi/syscalls.h"
#include "lib/compiler.h"
#include "tools/commands.h"
#include "tools/message.h"

/* Programs of tests/abi/ that make a call, by its number. */
static const char *const tests[SYSCALL_COUNT] = {
#define SYSCALL_TEST(name, program) [__NR_##name] = program,
#include "abi/syscall_tests.def"
#undef SYSCALL_TEST
};

static const char *const words[] = {"", "none", "partial", "full"};

static void print_list(bool all)
{
    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        const struct syscall_row *row = &syscall_rows[nr];
        if (row->name && (all || row->status > SYSCALL_none))
            printf("%3u  %-24s %-8s %s\n", nr, row->name, words[row->status], row->note);
    }
}

static void print_markdown(void)
{
    unsigned counts[ARRAY_SIZE(words)] = {0}, others = 0;

    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++)
        counts[syscall_rows[nr].status]++;
    puts("# System calls\n\nMade from `abi/syscalls.def` by `build/trapline calls --markdown`; do not edit.\n");
    printf("%u calls are implemented in full, %u in part; %u are not there and answer ENOSYS.\n\n", counts[SYSCALL_full],
           counts[SYSCALL_partial], counts[SYSCALL_none]);
    puts("The test of a row is one program of `tests/abi/` that makes the call (`tests/abi/coverage.py`); it runs trapped and direct,\n"
         "and prints what it prints on Linux.\n");
    puts("| number | name | status | test | note |\n| ---: | --- | --- | --- | --- |");
    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        const struct syscall_row *row = &syscall_rows[nr];
        if (row->status > SYSCALL_none)
            printf("| %u | `%s` | %s | %s | %s |\n", nr, row->name, words[row->status], tests[nr] ? tests[nr] : "", row->note);
    }
    printf("\nNot there:");
    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        if (syscall_rows[nr].status == SYSCALL_none)
            printf("%s%s", others++ % 12 ? " " : "\n", syscall_rows[nr].name);
    }
    putchar('\n');
}

/* A row may be called full only if a test shows it. */
static int check_tests(void)
{
    int wrong = 0;

    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        if (syscall_rows[nr].status == SYSCALL_full && !tests[nr]) {
            message("calls: %s is called full, but no program of tests/abi makes it (tests/abi/coverage.py --write)", syscall_rows[nr].name);
            wrong++;
        }
    }
    return wrong ? 1 : 0;
}

int command_calls(int argc, char **argv)
{
    if (argc == 1)
        print_list(false);
    else if (strcmp(argv[1], "--all") == 0)
        print_list(true);
    else if (strcmp(argv[1], "--markdown") == 0)
        return print_markdown(), check_tests();
    else if (strcmp(argv[1], "--help") == 0)
        puts("Usage: trapline calls [--all | --markdown]\n"
             "List the implemented (or all) system calls: number, name, status, note.");
    else
        fail(1, "calls: '%s' is not an option; try 'trapline calls --help'", argv[1]);
    return 0;
}
