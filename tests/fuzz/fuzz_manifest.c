/*
 * Manifests of any content: what is refused says where, and what is accepted is whole.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/sandbox_spec.h"
#include "tests/fuzz/fuzz.h"
#include "tools/manifest.h"

static const char *const words[] = {"[", "]", "[a]\n", "kind=kernel\n", "kernel=k", "program=/x\n", "argv=", "'", "\"", "\\",
                                    "memory=", "64M", "cpus=", "weight = ", "1", "deny=", "getppid", "=end", "=ENOENT\n",
                                    "trap=off\n", "trace=", "stream", "\n", " ", "#", "=", "user=1:", "env=A=", "\r\n"};

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0"; /* the parser's results live as long as the launcher */
}

static size_t compose(char *text, size_t room, const uint8_t *data, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        const char *word = words[data[i] % ARRAY_SIZE(words)];
        size_t n = strlen(word);
        if (used + n + 1 > room)
            break;
        memcpy(text + used, word, n);
        used += n;
        if (data[i] & 0x80)
            text[used++] = (char)data[i];
    }
    return used;
}

static void check(const char *text, size_t size)
{
    static const struct run_options defaults = {.memory = MiB(64), .cpus = 1, .workdir = "/"};
    char *copy = malloc(size ? size : 1); /* its end is guarded by the sanitizer */
    struct manifest m;

    memcpy(copy, text, size);
    const char *wrong = manifest_parse(&m, copy, size, "m", &defaults);
    free(copy);
    if (wrong && strncmp(wrong, "m:", 2) != 0)
        abort();
    if (!wrong && (m.count == 0 || m.count > SANDBOX_MAX))
        abort();
    for (size_t i = 0; !wrong && i < m.count; i++) {
        const struct manifest_section *s = &m.sections[i];
        if (!*s->name || strlen(s->name) > SANDBOX_NAME_MAX || (s->is_kernel ? !s->kernel : !s->options.program[0]))
            abort();
    }
    free(m.sections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096];

    check((const char *)data, size);
    check(text, compose(text, sizeof(text), data, size % 200));
    return 0;
}
