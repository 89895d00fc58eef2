/*
 * See abi/decode.h: names of arguments.  They are kept out of the table of calls, whose rows stay one line.
 */
#include "abi/decode.h"
#include "abi/syscalls.h"
#include "lib/compiler.h"
#include "lib/string.h"

/* The numbers of the calls, for the array below. */
enum call_number {
#define SYSCALL(nr, name, result, args, status, note) NUMBER_##name = nr,
#include "abi/syscalls.def"
#undef SYSCALL
};

static const char *const lists[SYSCALL_COUNT] = {
#define NAMES(call, names) [NUMBER_##call] = names,
#include "abi/argument_names.def"
#undef NAMES
};

size_t decode_argument_name(uint64_t nr, unsigned index, char *buffer, size_t size)
{
    const char *word = nr < SYSCALL_COUNT ? lists[nr] : NULL;
    size_t n = 0;

    for (; word && index > 0; index--) {
        word = strchr(word, ' ');
        word += word != NULL;
    }
    for (; word && word[n] && word[n] != ' ' && n + 1 < size; n++)
        buffer[n] = word[n];
    if (size > 0)
        buffer[n] = '\0';
    return n;
}
