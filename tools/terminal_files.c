/*
 * See tools/terminal_files.h.
 */
#include "tools/terminal_files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tools/local_files.h"
#include "tools/message.h"

#define LOCALE        "C.UTF-8"
#define LOCALE_FOLDER "/usr/lib/locale/C.utf8"

const char *terminal_type(const struct run_options *o)
{
    for (size_t i = 0; i < o->environment.count; i++) {
        if (strncmp(o->environment.items[i], "TERM=", 5) == 0)
            return o->environment.items[i] + 5;
    }
    return getenv("TERM") ? getenv("TERM") : "xterm";
}

const char *terminal_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *own = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(names) && (!own || !*own); i++)
        own = getenv(names[i]);
    if (!own || (!strcasestr(own, "UTF-8") && !strcasestr(own, "utf8")) || access(LOCALE_FOLDER, X_OK) != 0)
        return NULL;
    return LOCALE;
}

/* Where ncurses looks (terminfo(5), "Fetching Compiled Descriptions"), as Debian builds it; the user's own come first.
 */
static char *find_description(const char *type)
{
    const char *home = getenv("HOME");
    char *own = must_format("%s/.terminfo", home ? home : "");
    const char *const folders[] = {getenv("TERMINFO"), home ? own : NULL, "/etc/terminfo", "/lib/terminfo",
                                   "/usr/share/terminfo"};
    char *found = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(folders) && !found; i++) {
        char *path = must_format("%s/%c/%s", folders[i] ? folders[i] : "", type[0], type);
        if (folders[i] && access(path, R_OK) == 0)
            found = path;
        else
            free(path);
    }
    free(own);
    return found;
}

static void add(struct tree_node *root, const char *path)
{
    int error = local_add(root, path, NULL);

    if (error)
        message("%s stays behind: %s", path, strerror(-error));
}

/* At its place on this machine; the user's own description goes where every program looks first. */
static void add_description(struct tree_node *root, const char *type, const char *path)
{
    bool common = strncmp(path, "/etc/", 5) == 0 || strncmp(path, "/lib/", 5) == 0 || strncmp(path, "/usr/", 5) == 0;
    const char letter[2] = {type[0], '\0'};
    struct stat st;

    if (common) {
        add(root, path);
        return;
    }
    struct tree_node *folder =
        tree_child(root, "etc") ? tree_walk(root, "/etc", NULL) : tree_put_folder(root, "etc", 0755);
    if (!folder || !S_ISDIR(folder->st.st_mode) || stat(path, &st) != 0)
        return;
    folder = tree_put_folder(tree_put_folder(folder, "terminfo", 0755), letter, 0755);
    tree_put(folder, type, &st)->source = must_format("%s", path);
}

void terminal_files_add(struct tree_node *root, const struct run_options *o)
{
    const char *type = terminal_type(o);
    char *path = *type && !strchr(type, '/') ? find_description(type) : NULL;

    if (path)
        add_description(root, type, path);
    free(path);
    if (terminal_locale())
        add(root, LOCALE_FOLDER);
    if (!tree_child(root, "root")) /* HOME */
        tree_put_folder(root, "root", 0700);
}
