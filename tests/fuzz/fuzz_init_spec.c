/*
 * Init specs of any content: what is accepted can be walked, stays inside the buffer, and holds what was counted.
 */
#include <stdlib.h>
#include <string.h>

#include "guest_kernel/init_spec.h"
#include "tests/fuzz/fuzz.h"

static const char *const words[] = {"arg=", "env=A=", "exe=/", "cwd=/", "uid=", "gid=", "stdio=", "rows=", "columns=",
                                    "hostname=", "tty", "pipe", "1", "0x", "=", "", "\0", "/"};

/* Fields put together from what the grammar knows, now and then with a raw byte. */
static size_t compose(char *text, size_t room, const uint8_t *data, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        const char *word = words[data[i] % (sizeof(words) / sizeof(words[0]))];
        size_t n = strlen(word);
        if (used + n + 2 > room)
            break;
        memcpy(text + used, word, n);
        used += n;
        if (data[i] & 0x80)
            text[used++] = '\0';
        else if (data[i] & 0x40)
            text[used++] = (char)data[i];
    }
    return used;
}

static unsigned count(const struct init_spec *s, const char *key)
{
    const char *value;
    unsigned n = 0;
    size_t at = 0;

    while ((value = init_spec_next(s, key, &at))) {
        if (value < s->text || value + strlen(value) >= s->text + s->size)
            abort();
        n++;
    }
    return n;
}

static void check(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1); /* its end is guarded by the sanitizer */
    struct init_spec s;

    memcpy(copy, text, size);
    if (!init_spec_parse(copy, size, &s)) {
        if (count(&s, "arg") != s.arg_count || count(&s, "env") != s.env_count || !s.arg_count || !s.cwd)
            abort();
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[8192];

    check((const char *)data, size);
    check(text, compose(text, sizeof(text), data, size));
    return 0;
}
