/*
 * See fake_net.h.
 */
#include "tests/unit/fake_net.h"

#include <asm/errno.h>
#include <stdlib.h>

#include "guest_kernel/core/alloc.h"

struct file *fake_fds[FAKE_FDS];
bool fake_privileged;
uint64_t fake_descriptor_limit = 1024;
static long live;

struct file *fake_file(void)
{
    struct file *f = mem_alloc_zero(sizeof *f);

    if (f) {
        f->refs = 1;
        live++;
    }
    return f;
}

struct file *fake_socket_file(struct socket *s)
{
    struct file *f = fake_file();

    if (f) {
        f->socket = s;
        socket_attach(s, f, 1);
    } else {
        socket_release(s);
    }
    return f;
}

long fake_files_live(void)
{
    return live;
}

void fake_put(struct file *f)
{
    if (!f->refs)
        abort();
    if (--f->refs)
        return;
    if (f->socket)
        socket_release(f->socket);
    live--;
    mem_free(f);
}

static struct file *file_of_fd(int fd)
{
    struct file *f = fd < FAKE_FDS ? fake_fds[fd] : NULL;

    if (f)
        f->refs++;
    return f;
}

static struct file *get(struct file *f)
{
    f->refs++;
    return f;
}

static uint32_t refs(const struct file *f)
{
    return f->refs;
}

static struct socket *socket_of(struct file *f)
{
    return f->socket;
}

static int install(struct file *f, bool close_on_exec, user_ptr where)
{
    for (int fd = 0; fd < FAKE_FDS; fd++) {
        if (fake_fds[fd])
            continue;
        if (put_user(where, fd))
            return -EFAULT;
        fake_fds[fd] = get(f);
        return fd;
    }
    return -EMFILE;
}

static void urgent(struct file *f)
{
}

/* No file system: every path is there already. */
static int node_make(struct file *of, const char *path, struct file **out)
{
    return -EEXIST;
}

static int node_find(const char *path, struct file **out)
{
    return -ENOENT;
}

static void node_remove(const char *path)
{
}

static uintptr_t node_key(const struct file *node)
{
    return (uintptr_t)node;
}

static void node_used(struct file *node)
{
}

static bool capable(int capability)
{
    return fake_privileged;
}

static uint64_t limit(int resource)
{
    return fake_descriptor_limit;
}

static void signal_self(int signal)
{
}

static bool process_exists(int32_t pid)
{
    return pid == 1;
}

static uint32_t random_word(void)
{
    return 0xffffe;
}

static const struct net_hooks hooks = {
    .file_of_fd = file_of_fd,
    .file_get = get,
    .file_put = fake_put,
    .file_refs = refs,
    .file_socket = socket_of,
    .file_install = install,
    .file_urgent = urgent,
    .node_make = node_make,
    .node_find = node_find,
    .node_remove = node_remove,
    .node_key = node_key,
    .node_used = node_used,
    .capable = capable,
    .limit = limit,
    .signal_self = signal_self,
    .process_exists = process_exists,
    .random = random_word,
};

void fake_net_start(void)
{
    net_start(&hooks);
}
