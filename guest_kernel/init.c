/*
 * Starting the first process, and the end of the sandbox with it.  The process's task is made like any other; before it
 * first goes to user mode it runs run_program() in its own context, which is an execve by the kernel.
 */
#include "guest_kernel/init.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "abi/init_spec.h"
#include "fs/inode.h"
#include "fs/port_file.h"
#include "fs/vfs.h"
#include "guest_kernel/account.h"
#include "guest_kernel/control_port.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/boot.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/exec.h"
#include "guest_kernel/exec_image.h"
#include "guest_kernel/init_spec.h"
#include "guest_kernel/names.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty.h"
#include "lib/format.h"
#include "lib/string.h"
#include "virtio/driver/driver.h"

#define FALLBACK_INIT "/sbin/init"
#define FALLBACK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct init_spec spec;     /* of the first process; written once before it starts */
static char fallback_spec[BOOT_COMMAND_LINE_MAX + 256];

#define RESERVE_PAGES 8 /* what starting two ports takes */

static struct page *reserve[RESERVE_PAGES]; /* by the first process or before it: no lock */

void init_reserve_memory(void)
{
    for (unsigned i = 0; i < RESERVE_PAGES; i++)
        reserve[i] = page_alloc(0);
}

static void release_reserve(void)
{
    for (unsigned i = 0; i < RESERVE_PAGES; i++) {
        if (reserve[i])
            page_put(reserve[i]);
        reserve[i] = NULL;
    }
}

noreturn void init_ended(uint32_t status)
{
    static const unsigned outputs[] = {PORT_NR_STDOUT, PORT_NR_STDERR};

    release_reserve();
    console_drain();
    for (unsigned i = 0; i < ARRAY_SIZE(outputs); i++) {
        struct console_port *p = console_port_find(outputs[i]);
        if (p)
            console_port_drain(p);
    }
    control_port_report_exit(status);
    machine_power_off();
}

void init_report(const char *fmt, ...)
{
    struct console_port *p = console_port_find(spec.terminal ? PORT_NR_CONSOLE : PORT_NR_STDERR);
    char text[256], line[sizeof(text) + 32];
    va_list ap;

    va_start(ap, fmt);
    (void)format_va(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_error("%s", text);
    if (!p)
        return;
    release_reserve();
    (void)console_port_send(p, line, (size_t)format(line, sizeof(line), "trapline: %s\n", text)); /* it is in the log */
}

/* --- the program's files --- */

static int install_ports(void)
{
    static const struct {
        unsigned port;
        uint32_t flags;
    } stdio[] = {{PORT_NR_STDIN, O_RDONLY}, {PORT_NR_STDOUT, O_WRONLY}, {PORT_NR_STDERR, O_WRONLY}};

    for (int fd = 0; fd < (int)ARRAY_SIZE(stdio); fd++) {
        struct console_port *port = console_port_find(stdio[fd].port);
        struct file *f;
        int error = 0;

        if (fd == 2 && spec.joined)
            f = fd_get(1);
        else
            f = port ? port_file_create(port, stdio[fd].flags) : NULL;
        if (!f)
            error = vfs_open("/dev/null", (int)stdio[fd].flags, 0, &f);
        if (!error)
            error = fd_install_at(f, fd, false);
        if (error < 0)
            return error;
    }
    return 0;
}

static int install_terminal(void)
{
    struct file *f;
    int error = vfs_open("/dev/hvc0", O_RDWR, 0, &f);

    if (error)
        return error;
    for (int fd = 0; fd < 3; fd++) {
        error = fd_install_at(fd < 2 ? file_get(f) : f, fd, false);
        if (error < 0)
            return error;
    }
    return 0;
}

static int install_stdio(void)
{
    if (!spec.terminal)
        return install_ports();
    if (spec.rows && spec.columns)
        console_resize(spec.rows, spec.columns);
    return install_terminal();
}

/* --- running it --- */

static int add_fields(struct exec_strings *s, const char *key, uint64_t *count)
{
    const char *value;
    size_t at = 0;

    while ((value = init_spec_next(&spec, key, &at))) {
        int error = exec_strings_add(s, value);
        if (error)
            return error;
        ++*count;
    }
    return 0;
}

static int add_args(struct exec_strings *s, void *context)
{
    return add_fields(s, "arg", &s->argc);
}

static int add_envs(struct exec_strings *s, void *context)
{
    return add_fields(s, "env", &s->envc);
}

static const struct exec_source source = {.add_args = add_args, .add_envs = add_envs};

static const char *search_path(void)
{
    const char *value;
    size_t at = 0;

    while ((value = init_spec_next(&spec, "env", &at))) {
        if (!strncmp(value, "PATH=", 5))
            return value + 5;
    }
    return FALLBACK_PATH;
}

/* As execvp(3): a name without a slash is looked for in PATH; a file that may not be run does not end the search. */
static long exec_searched(const char *name)
{
    const char *dir = search_path();
    long result = -ENOENT;
    char path[512];

    for (;;) {
        const char *end = strchr(dir, ':');
        int length = end ? (int)(end - dir) : (int)strlen(dir);
        int n = format(path, sizeof(path), "%.*s/%s", length, dir, name);
        long error = n < (int)sizeof(path) ? exec_current(AT_FDCWD, path, 0, &source) : -ENAMETOOLONG;
        if (error != -ENOENT && error != -ENOTDIR)
            result = error;
        if (!error || !end)
            return result;
        dir = end + 1;
    }
}

static const char *program_name(void)
{
    size_t at = 0;

    return spec.exe ? spec.exe : init_spec_next(&spec, "arg", &at);
}

static const char *reason(long error)
{
    switch (-error) {
    case ENOENT:
        return "no such file";
    case EACCES:
        return "not an executable file";
    case ENOEXEC:
        return "not an x86-64 ELF program and no #! script";
    case ENOTDIR:
        return "not a directory where one is needed";
    case ENOMEM:
        return "not enough memory";
    case E2BIG:
        return "its arguments are too long";
    case ELOOP:
        return "its path or its #! lines go round in a circle";
    default:
        return "it cannot be loaded";
    }
}

static void give_up(const char *what, long error)
{
    init_report("%s: %s (errno %ld)", what, reason(error), -error);
    process_exit(error == -ENOENT || error == -ENOTDIR ? STATUS_NOT_FOUND
                 : error == -ENOMEM                    ? STATUS_NOT_RUN
                                                       : STATUS_NOT_EXECUTABLE);
}

static void take_ids(void)
{
    struct cred *c = &task_current()->cred;

    c->uid = c->euid = c->suid = c->fsuid = spec.uid;
    c->gid = c->egid = c->sgid = c->fsgid = spec.gid;
    if (c->uid)
        c->permitted = c->effective = 0;
}

static int change_directory(const char *name)
{
    struct path at;
    int error = path_walk(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, &at);

    if (error)
        return error;
    fs_context_set_cwd(&at);
    path_put(&at);
    return 0;
}

/* In the first process's context, before it goes to user mode. */
static void run_program(void)
{
    const char *name = program_name();
    long error = change_directory(spec.cwd);

    if (error)
        give_up(spec.cwd, error);
    error = install_stdio();
    if (error)
        give_up("standard input and output", error);
    take_ids();
    error = strchr(name, '/') ? exec_current(AT_FDCWD, name, 0, &source) : exec_searched(name);
    if (error)
        give_up(name, error);
}

static struct thread *make_first(void)
{
    struct pt_regs regs = {.cs = USER_CS, .ss = USER_DS, .eflags = RFLAGS_IF | RFLAGS_FIXED, .orig_rax = ~0UL};
    struct process *p = process_create(NULL, false);
    struct task *t = task_create_user(&regs);

    if (!p || !t)
        return NULL;
    t->tid = t->pid = pid_allocate();
    t->files = file_table_create();
    t->fs = fs_context_create();
    t->space = space_create();
    if (!t->files || !t->fs || !t->space)
        return NULL;
    (void)string_copy(t->comm, "init", sizeof(t->comm));
    t->cred.permitted = t->cred.effective = t->cred.bounding = CAPABILITIES_ALL;
    struct account *a = account_get(0);
    if (!a)
        return NULL;
    (void)account_charge(a);
    return thread_create(t, p, a);
}

static void start_first(void)
{
    struct thread *t = make_first(); /* what it leaves behind on failure goes with the machine */

    if (!t) {
        init_report("not enough memory for the first process");
        init_ended(STATUS_NOT_RUN);
    }
    t->before_user = run_program;
    t->process->group = t->process->session = t->task->tid;
    spin_lock(&process_tree_lock);
    process_publish(t->process, t);
    spin_unlock(&process_tree_lock);
    task_set_work(t->task, TASK_SIGNAL);
    task_start(t->task);
}

/* --- what to run --- */

/* "init=PROGRAM ... -- ARG ARG" on the kernel command line, as Linux takes it, turned into a spec. */
static size_t spec_from_command_line(const char *command_line)
{
    char init[256] = FALLBACK_INIT;
    size_t used;

    if (boot_option("init", init, sizeof(init)) < 0)
        (void)string_copy(init, FALLBACK_INIT, sizeof(init));
    used = (size_t)format(fallback_spec, sizeof(fallback_spec), "arg=%s", init) + 1;
    const char *rest = strstr(command_line, " -- ");
    for (const char *s = rest ? rest + 4 : ""; *s;) {
        const char *end = strchr(s, ' ');
        int length = end ? (int)(end - s) : (int)strlen(s);
        size_t n = (size_t)format(fallback_spec + used, sizeof(fallback_spec) - used, "arg=%.*s", length, s) + 1;
        if (length && used + n <= sizeof(fallback_spec))
            used += n;
        s += length + (end ? 1 : 0);
    }
    return used;
}

void init_start(const struct boot_info *boot, const char *text, size_t size)
{
    if (!text) {
        size = spec_from_command_line(boot->command_line);
        text = fallback_spec;
    }
    if (init_spec_parse(text, size, &spec)) {
        init_report("bad field in %s: %s", INIT_SPEC_NAME, spec.bad ? spec.bad : "(the last has no end)");
        init_ended(STATUS_NOT_RUN);
    }
    randomize_va_space = (int)MIN(boot_option_u64("aslr", 2), 2);
    if (spec.hostname)
        hostname_set(spec.hostname, strlen(spec.hostname));
    start_first();
}
