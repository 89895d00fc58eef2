/*
 * See abi/syscall_classes.h.
 */
#include "abi/syscall_classes.h"

#include "abi/syscalls.h"
#include "lib/string.h"

#define NAME_MAX_BYTES 32u

static const struct {
    const char *name, *calls;
} classes[] = {
#define SYSCALL(nr, name, result, args, status, note)
#define CLASS(name, calls) {name, calls},
#include "abi/syscalls.def"
#undef CLASS
#undef SYSCALL
};

/* Words with single spaces between them; a word that names no call would be an error of the table, which a unit test looks for. */
static void words_add(const char *words, struct call_set *s)
{
    char name[NAME_MAX_BYTES];

    while (*words) {
        size_t n = 0;
        while (words[n] && words[n] != ' ' && n + 1 < sizeof name) {
            name[n] = words[n];
            n++;
        }
        name[n] = '\0';
        int nr = syscall_number(name);
        if (nr >= 0)
            call_set_add(s, (uint64_t)nr);
        words += n;
        while (*words == ' ')
            words++;
    }
}

bool syscall_class_add(const char *name, struct call_set *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            words_add(classes[i].calls, s);
            return true;
        }
    }
    return false;
}

const char *syscall_class_name(unsigned index)
{
    return index < ARRAY_SIZE(classes) ? classes[index].name : NULL;
}
