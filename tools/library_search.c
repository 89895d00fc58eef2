/*
 * See tools/library_search.h.
 */
#include "tools/library_search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/elf.h"
#include "tools/ld_cache.h"
#include "tools/message.h"

#define MUSL_PATH_FILE "/etc/ld-musl-x86_64.path"

static const char glibc_folders[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib:/usr/lib:/lib64:/usr/lib64";
static const char musl_folders[] = "/lib:/usr/local/lib:/usr/lib";
static const char *const variants[] = {"", "glibc-hwcaps/x86-64-v4/", "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/"};

static const char *environment_value(const struct run_options *o, const char *key)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < o->environment.count; i++) {
        if (strncmp(o->environment.items[i], key, n) == 0 && o->environment.items[i][n] == '=')
            return o->environment.items[i] + n + 1;
    }
    return NULL;
}

void library_search_start(struct library_search *s, const struct run_options *o, const char *interpreter)
{
    const char *slash = strrchr(interpreter, '/');

    *s = (struct library_search){.library_path = environment_value(o, "LD_LIBRARY_PATH"),
                                 .musl = strncmp(slash ? slash + 1 : interpreter, "ld-musl-", 8) == 0};
    if (bytes_read_file(&s->cache, s->musl ? MUSL_PATH_FILE : "/etc/ld.so.cache") != 0)
        s->cache.size = 0;
    if (s->musl)
        bytes_append(&s->cache, "", 1);
}

void library_search_end(struct library_search *s)
{
    bytes_free(&s->cache);
}

/* Of another class or machine, or no ELF file at all, are passed over by the loaders. */
static bool is_library(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr header;

    if (fd < 0)
        return false;
    bool good = read(fd, &header, sizeof header) == sizeof header && elf_check_header(&header) == 0;
    close(fd);
    return good;
}

/* `folder` with $ORIGIN, $LIB and $PLATFORM put in (ld.so(8), "Dynamic string tokens"); allocated. */
static char *expand(const char *folder, size_t n, const struct loaded *user)
{
    size_t origin = (size_t)(strrchr(user->path, '/') - user->path);
    const struct {
        const char *name;
        const char *value;
        int size;
    } tokens[] = {{"ORIGIN", user->path, (int)origin}, {"LIB", "lib/x86_64-linux-gnu", 20}, {"PLATFORM", "x86_64", 6}};
    struct bytes out = {0};

    for (size_t i = 0; i < n; i++) {
        bool braces = i + 1 < n && folder[i] == '$' && folder[i + 1] == '{', done = false;
        for (size_t t = 0; t < ARRAY_SIZE(tokens) && folder[i] == '$' && !done; t++) {
            size_t length = strlen(tokens[t].name), start = i + 1 + braces, end = start + length + braces;
            done = end <= n && strncmp(folder + start, tokens[t].name, length) == 0 && (!braces || folder[end - 1] == '}');
            if (done) {
                bytes_append(&out, tokens[t].value, (size_t)tokens[t].size);
                i = end - 1;
            }
        }
        if (!done)
            bytes_append(&out, folder + i, 1);
    }
    bytes_append(&out, "", 1);
    return (char *)out.data;
}

static bool find_in_folder(const char *folder, const char *name, struct string_list *out)
{
    size_t before = out->count;

    for (size_t v = 0; v < ARRAY_SIZE(variants); v++) {
        char *path = must_format("%s/%s%s", folder, variants[v], name);
        if (is_library(path))
            string_list_add(out, path);
        else
            free(path);
    }
    return out->count > before;
}

/* Folders separated by colons, semicolons or (musl's file) line ends; relative ones are the user's own business. */
static bool find_in_list(const char *list, const struct loaded *user, const char *name, struct string_list *out)
{
    bool found = false;

    while (list && *list && !found) {
        size_t n = strcspn(list, ":;\n");
        char *folder = expand(list, n, user);
        found = folder[0] == '/' && find_in_folder(folder, name, out);
        free(folder);
        list += n + (list[n] != '\0');
    }
    return found;
}

static bool find_in_cache(const struct library_search *s, const char *name, struct string_list *out)
{
    size_t before = out->count;
    const char *path;
    uint32_t at = 0;

    while ((path = ld_cache_next(&s->cache, name, &at))) {
        if (is_library(path))
            string_list_add(out, must_format("%s", path));
    }
    return out->count > before;
}

/* DT_RPATH counts for all that a file brings in, unless the file that asks, or the one that has it, has DT_RUNPATH. */
static bool find_by_rpath(const struct loaded *user, const char *name, struct string_list *out)
{
    for (const struct loaded *l = user->needs.runpath ? NULL : user; l; l = l->loader) {
        if (!l->needs.runpath && find_in_list(l->needs.rpath, l, name, out))
            return true;
    }
    return false;
}

static bool find_musl(const struct library_search *s, const struct loaded *user, const char *name, struct string_list *out)
{
    const char *system = s->cache.size > 1 ? (const char *)s->cache.data : musl_folders;

    if (find_in_list(s->library_path, user, name, out))
        return true;
    for (const struct loaded *l = user; l; l = l->loader) {
        if (find_in_list(l->needs.runpath ? l->needs.runpath : l->needs.rpath, l, name, out))
            return true;
    }
    return find_in_list(system, user, name, out);
}

bool library_find(const struct library_search *s, const struct loaded *user, const char *name, struct string_list *out)
{
    if (strchr(name, '/')) {
        char *path = expand(name, strlen(name), user);
        bool found = path[0] == '/' && is_library(path);
        if (found)
            string_list_add(out, path);
        else
            free(path);
        return found;
    }
    if (s->musl)
        return find_musl(s, user, name, out);
    return find_by_rpath(user, name, out) || find_in_list(s->library_path, user, name, out) ||
           find_in_list(user->needs.runpath, user, name, out) || find_in_cache(s, name, out) ||
           find_in_list(glibc_folders, user, name, out);
}

bool library_is_in_loader(const struct library_search *s, const char *name)
{
    static const char *const names[] = {"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."};

    for (size_t i = 0; i < ARRAY_SIZE(names) && s->musl; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}
