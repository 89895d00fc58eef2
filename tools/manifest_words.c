/*
 * See tools/manifest.h: words of a line, quoted as in a shell, without anything else that a shell does.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/bytes.h"
#include "tools/manifest.h"
#include "tools/message.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One word at *text, appended to `word`; *text moves behind it.  False: a quote is not closed. */
static bool take_word(const char **text, struct bytes *word)
{
    const char *p = *text;
    char quote = 0;

    for (; *p && (quote || !is_blank(*p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"') {
            quote = quote ? 0 : *p;
            continue;
        }
        if (*p == '\\' && quote != '\'' && (p[1] == '\\' || p[1] == '"' || (!quote && p[1])))
            p++;
        bytes_append(word, p, 1);
    }
    *text = p;
    return !quote;
}

char **manifest_words(const char *text)
{
    char **words = must_alloc(sizeof *words);
    size_t count = 0;

    for (;;) {
        text += strspn(text, " \t");
        if (!*text)
            break;
        struct bytes word = {0};
        if (!take_word(&text, &word)) {
            bytes_free(&word);
            free(words); /* the words taken so far go with the launcher */
            return NULL;
        }
        bytes_append(&word, "", 1);
        words = must_realloc(words, (count + 2) * sizeof *words);
        words[count++] = (char *)word.data;
    }
    words[count] = NULL;
    return words;
}
