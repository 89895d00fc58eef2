/*
 * Specs of sandboxes of any content: what is accepted keeps its promises, and all strings end inside the text.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/main/spec.h"
#include "lib/log.h"
#include "tests/fuzz/fuzz.h"

static const char *const words[] = {"name=", "kind=kernel", "kernel=", "initrd=", "cmdline=", "memory=", "cpus=", "weight=",
                                    "cap=", "trap=", "trace=ring", "last=1", "deny=", "toggle=", "1", "0x", "=", "39:1,",
                                    "57:end", ":", ",", ""};

/* Fields put together from what the grammar knows, now and then with a raw byte. */
static size_t compose(char *text, size_t room, const uint8_t *data, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        const char *word = words[data[i] % ARRAY_SIZE(words)];
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

static void check_inside(const char *string, const char *text, size_t size)
{
    if (string && string >= text && string < text + size && string + strlen(string) >= text + size)
        abort();
}

static void check(const char *bytes, size_t size)
{
    static struct sandbox_spec s;
    char *text = malloc(size ? size : 1);

    memcpy(text, bytes, size);
    if (!spec_parse(text, size, &s)) {
        if (!s.cpus || s.cpus > VM_VCPUS_MAX || !s.weight || strlen(s.name) > SANDBOX_NAME_MAX)
            abort();
        check_inside(s.kernel, text, size);
        check_inside(s.initrd, text, size);
        check_inside(s.command_line, text, size);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096];

    check((const char *)data, size);
    check(text, compose(text, sizeof text, data, size));
    return 0;
}
