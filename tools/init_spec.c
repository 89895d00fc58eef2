/*
 * See tools/init_spec.h.
 */
#include "abi/init_spec.h"

#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/init_spec.h"
#include "tools/message.h"
#include "tools/terminal_files.h"

static void add(struct bytes *b, const char *key, const char *value)
{
    bytes_append_text(b, "%s=%s", key, value);
    bytes_append(b, "", 1);
}

static void add_number(struct bytes *b, const char *key, unsigned long value)
{
    char *text = must_format("%lu", value);

    add(b, key, text);
    free(text);
}

static bool environment_sets(const struct run_options *o, const char *key)
{
    for (size_t i = 0; i < o->environment.count; i++) {
        if (strncmp(o->environment.items[i], key, strlen(key)) == 0 && o->environment.items[i][strlen(key)] == '=')
            return true;
    }
    return false;
}

/* value NULL: there is none. */
static void add_default(struct bytes *b, const struct run_options *o, const char *key, const char *value)
{
    if (!value || environment_sets(o, key))
        return;
    char *text = must_format("%s=%s", key, value);
    add(b, "env", text);
    free(text);
}

static void add_environment(struct bytes *b, const struct run_options *o)
{
    static const char *const defaults[][2] = {
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/root"}, {"TERM", "xterm"}};

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        const char *own = strcmp(defaults[i][0], "TERM") == 0 ? getenv("TERM") : NULL;
        add_default(b, o, defaults[i][0], own ? own : defaults[i][1]);
    }
    if (o->tty)
        add_default(b, o, "COLORTERM", getenv("COLORTERM"));
    if (o->tty && !o->root) /* terminal_files_add() has brought it */
        add_default(b, o, "LANG", terminal_locale());
    for (size_t i = 0; i < o->environment.count; i++)
        add(b, "env", o->environment.items[i]);
}

/*
 * Whether standard output and error end in one place (2>&1): then they must in the sandbox too, where two ports would not keep
 * their order.  Of two opened regular files each has its own position, so there only the same open file counts (kcmp(2)).
 */
static bool outputs_are_one(void)
{
    struct stat out, err;

    if (fstat(STDOUT_FILENO, &out) != 0 || fstat(STDERR_FILENO, &err) != 0)
        return false;
    if (out.st_dev != err.st_dev || out.st_ino != err.st_ino)
        return false;
    return !S_ISREG(out.st_mode) ||
           syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, STDOUT_FILENO, STDERR_FILENO) == 0;
}

void init_spec_add(struct archive *a, const struct run_options *o, const char *program)
{
    struct bytes b = {0};
    struct winsize size;

    for (char *const *argument = o->program; *argument; argument++)
        add(&b, "arg", *argument);
    add(&b, "exe", program);
    add_environment(&b, o);
    add(&b, "cwd", o->workdir);
    add_number(&b, "uid", o->uid);
    add_number(&b, "gid", o->gid);
    add(&b, "stdio", o->tty ? "tty" : outputs_are_one() ? "joined" : "pipe");
    if (o->tty && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        add_number(&b, "rows", size.ws_row);
        add_number(&b, "columns", size.ws_col);
    }
    add(&b, "hostname", "trapline");
    archive_add_file(a, INIT_SPEC_NAME, 0400, b.data, b.size);
    bytes_free(&b);
}
