/*
 * Items of the comma lists in filters: calls, signals, ways in which a call ends.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/decode.h"
#include "abi/syscalls.h"
#include "tools/filter.h"
#include "tools/message.h"

#define SIGNALS 64u

static bool wrong(char **why, const char *what, const char *item)
{
    *why = must_format("%s '%s'", what, item);
    return false;
}

/* "/REGEX": every call whose name it matches. */
static bool add_matching(const char *pattern, struct call_set *set, char **why)
{
    regex_t regex;
    bool any = false;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return wrong(why, "invalid regular expression", pattern);
    for (uint64_t nr = 0; nr < SYSCALL_COUNT; nr++) {
        const char *name = syscall_name(nr);
        if (name && regexec(&regex, name, 0, NULL, 0) == 0) {
            call_set_add(set, nr);
            any = true;
        }
    }
    regfree(&regex);
    return any || wrong(why, "no system call's name matches", pattern);
}

static bool add_number(const char *item, struct call_set *set)
{
    char *end;
    unsigned long nr = strtoul(item, &end, 10);

    if (*item < '0' || *item > '9' || *end || nr > UINT32_MAX)
        return false;
    call_set_add(set, nr);
    return true;
}

/* The classes that strace also knows without a % from its old days. */
static bool is_old_class(const char *name)
{
    static const char *const names[] = {"desc", "file", "memory", "process", "signal", "ipc", "network"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcasecmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* One call by name or number; a name may say for which ABI it is meant, and there is but one here. */
static bool add_name(const char *item, bool may_be_missing, struct call_set *set, char **why)
{
    const char *at = strchrnul(item, '@');
    char *name = must_format("%.*s", (int)(at - item), item);
    bool other_abi = strcmp(at, "@32") == 0 || strcmp(at, "@x32") == 0;
    int nr = syscall_number(name);

    free(name);
    if (*at && !other_abi && strcmp(at, "@64"))
        return wrong(why, "there is no such ABI:", item);
    if (other_abi)
        return true; /* never made here */
    if (nr >= 0)
        call_set_add(set, (uint64_t)nr);
    return nr >= 0 || may_be_missing || wrong(why, "invalid system call", item);
}

static void add_all(struct call_set *set)
{
    memset(set, 0xff, sizeof *set);
}

bool filter_set_item(const char *item, struct call_set *set, char **why)
{
    if (strcmp(item, "all") == 0) {
        add_all(set);
        return true;
    }
    if (*item == '/')
        return add_matching(item + 1, set, why);
    if (*item == '%' || is_old_class(item)) {
        const char *class = item + (*item == '%');
        if (strcasecmp(class, "net") == 0)
            class = "network";
        char *lower = must_format("%s", class);
        for (char *c = lower; *c; c++)
            *c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
        bool known = syscall_class_add(lower, set);
        free(lower);
        return known || wrong(why, "there is no class of calls", item);
    }
    bool may_be_missing = *item == '?';
    item += may_be_missing;
    return add_number(item, set) || add_name(item, may_be_missing, set, why);
}

/* One name or number of a list, ended by a comma. */
typedef bool take_item(const char *item, uint64_t *set, char **why);

static bool parse_list(const char *text, uint64_t all, take_item *take, uint64_t *set, char **why)
{
    bool inverted = false, good = true;

    for (; *text == '!'; text++)
        inverted = !inverted;
    *set = 0;
    if (strcmp(text, "all") == 0)
        *set = all;
    else if (strcmp(text, "none") != 0) {
        char *copy = must_format("%s", text), *rest = copy, *item;
        while (good && (item = strsep(&rest, ",")))
            good = take(item, set, why);
        free(copy);
    }
    if (inverted)
        *set = ~*set & all;
    return good;
}

static bool take_signal(const char *item, uint64_t *set, char **why)
{
    char *end;
    unsigned long number = strtoul(item, &end, 10);
    bool is_number = *item >= '0' && *item <= '9' && !*end && number >= 1 && number <= SIGNALS;

    if (is_number) {
        *set |= BIT(number - 1);
        return true;
    }
    if (strncasecmp(item, "SIG", 3) == 0)
        item += 3;
    for (unsigned i = 1; i <= SIGNALS; i++) {
        const char *name = signal_name(i);
        if (name && strcasecmp(name + 3, item) == 0) {
            *set |= BIT(i - 1);
            return true;
        }
    }
    return wrong(why, "invalid signal", item);
}

bool filter_parse_signals(const char *text, uint64_t *set, char **why)
{
    return parse_list(text, UINT64_MAX, take_signal, set, why);
}

static bool take_status(const char *item, uint64_t *set, char **why)
{
    static const char *const names[] = {"successful", "failed", "unfinished", "unavailable", "detached"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], item) == 0) {
            *set |= BIT(i);
            return true;
        }
    }
    return wrong(why, "invalid status", item);
}

bool filter_parse_statuses(const char *text, unsigned *set, char **why)
{
    uint64_t bits;
    bool good = parse_list(text, BIT(5) - 1, take_status, &bits, why);

    *set = (unsigned)bits;
    return good;
}
