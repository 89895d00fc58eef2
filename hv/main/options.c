/*
 * See hv/main/options.h.
 */
#include "hv/main/options.h"

#include <asm-generic/errno.h>

#include "abi/boot_image.h"
#include "lib/log.h"
#include "lib/string.h"

#define WORD_MAX 512u

struct word {
    char text[WORD_MAX]; /* "key\0value" */
    char *value;
};

static bool word_apply(struct word *w, struct options *o)
{
    const char *key = w->text, *value = w->value;
    uint64_t n;

    if (strcmp(key, "tty") == 0)
        return spec_flag(value, &o->tty);
    if (strcmp(key, "smt") == 0)
        return spec_flag(value, &o->smt);
    if (strcmp(key, "maps") == 0)
        return spec_flag(value, &o->maps);
    if (strcmp(key, "failalloc") == 0)
        return spec_number(value, UINT64_MAX, &o->fail_allocation);
    if (strcmp(key, "repeat") == 0)
        return spec_number(value, UINT32_MAX, &o->repeat);
    if (strcmp(key, "loglevel") == 0 && spec_number(value, LOG_DEBUG, &n)) {
        o->log_level = (int)n;
        return true;
    }
    return spec_word(&o->sandbox, key, w->value);
}

/* Copies the word at *text and moves behind it.  False: too long. */
static bool word_take(const char **text, struct word *w)
{
    size_t n = 0;

    while ((*text)[n] && (*text)[n] != ' ')
        n++;
    if (n >= sizeof w->text)
        return false;
    memcpy(w->text, *text, n);
    w->text[n] = 0;
    *text += n;
    char *equals = strchr(w->text, '=');
    if (equals)
        *equals = 0;
    w->value = equals ? equals + 1 : w->text + n;
    return true;
}

int options_parse(const char *text, struct options *o)
{
    struct word w;

    *o = (struct options){.log_level = LOG_WARN};
    spec_defaults(&o->sandbox);
    o->sandbox.initrd = BUNDLE_ROOT;
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        if (strncmp(text, "-- ", 3) == 0) {
            o->sandbox.command_line = text + 3;
            return 0;
        }
        if (!word_take(&text, &w) || (strcmp(w.text, "--") && !word_apply(&w, o))) {
            log_error("options: '%s' with value '%s' is not an option of the hypervisor", w.text, w.value);
            return -EINVAL;
        }
    }
    return 0;
}
