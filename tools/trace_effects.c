/*
 * See tools/trace_tasks.h: what a call that succeeded has changed for its task: descriptors, paths, folder, name.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/openat2.h>

#include "abi/syscalls.h"
#include "tools/message.h"
#include "tools/trace_sockets.h"
#include "tools/trace_tasks.h"

#define PATH_ROOM 4096u

struct effect {
    struct trace_tasks *tasks;
    struct trace_objects *objects;
    struct trace_task *task;
    const struct trace_call *call;
};

static void set(struct effect *e, int64_t fd, struct trace_object *object, bool close_on_exec)
{
    if (fd >= 0 && fd < TRACE_DESCRIPTOR_MAX)
        trace_files_set(e->objects, e->task->files, (int)fd, object, close_on_exec);
    else
        trace_object_put(object);
}

/* A path argument as the kernel understood it; allocated; NULL: not known. */
static char *path_of(struct effect *e, int dirfd, uint64_t address, bool follow)
{
    char text[PATH_ROOM];

    if (!trace_call_text(e->call, false, address, text, sizeof text))
        return NULL;
    return trace_path_resolve(e->tasks, e->task, dirfd, text, follow);
}

/* /proc/N/fd/M of the task itself: what that descriptor is, where it is no path; else NULL. */
static struct trace_object *descriptor_meant(struct effect *e, const char *path)
{
    unsigned pid, fd;
    int end = 0;

    if (!path || sscanf(path, "/proc/%u/fd/%u%n", &pid, &fd, &end) != 2 || path[end] || pid != e->task->pid)
        return NULL;
    struct trace_object *object = trace_files_find(e->task->files, (int)fd);
    if (object)
        object->refs++;
    return object;
}

static void opened(struct effect *e, int dirfd, uint64_t address, uint64_t flags)
{
    char *path = path_of(e, dirfd, address, !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL));
    struct trace_object *same = descriptor_meant(e, path);

    if (same) {
        free(path);
        set(e, e->call->result, same, flags & O_CLOEXEC);
        return;
    }
    if (path && (flags & O_TMPFILE) == O_TMPFILE) {
        char *name = must_format("%s/#%llu (deleted)", path, (unsigned long long)++e->objects->last_number);
        free(path);
        path = name;
    }
    set(e, e->call->result, path ? trace_object_new(e->objects, path, true) : NULL, flags & O_CLOEXEC);
}

static void effect_open(struct effect *e)
{
    opened(e, AT_FDCWD, e->call->args[0], e->call->nr == SYS_creat ? O_CREAT : e->call->args[1]);
}

static void effect_openat(struct effect *e)
{
    opened(e, (int)e->call->args[0], e->call->args[1], e->call->args[2]);
}

static void effect_openat2(struct effect *e)
{
    struct open_how how = {0};

    if (!trace_call_bytes(e->call, false, e->call->args[2], &how, sizeof how))
        how.flags = 0;
    opened(e, (int)e->call->args[0], e->call->args[1], how.flags);
}

static void effect_close(struct effect *e)
{
    trace_files_close(e->objects, e->task->files, (unsigned)e->call->args[0], (unsigned)e->call->args[0]);
}

static void effect_close_range(struct effect *e)
{
    unsigned first = (unsigned)e->call->args[0], last = (unsigned)e->call->args[1];

    if (e->call->args[2] & CLOSE_RANGE_UNSHARE) {
        struct trace_files *own = trace_files_copy(e->objects, e->task->files);
        trace_files_put(e->objects, e->task->files);
        e->task->files = own;
    }
    if (e->call->args[2] & CLOSE_RANGE_CLOEXEC)
        trace_files_mark(e->task->files, first, last, true);
    else
        trace_files_close(e->objects, e->task->files, first, last);
}

static void duplicate(struct effect *e, bool close_on_exec)
{
    struct trace_object *object = trace_files_find(e->task->files, (int)e->call->args[0]);

    if (e->call->result == (int64_t)(int)e->call->args[0])
        return; /* dup2 of a descriptor to itself */
    if (object)
        object->refs++;
    set(e, e->call->result, object, close_on_exec);
}

static void effect_dup(struct effect *e)
{
    duplicate(e, e->call->nr == SYS_dup3 && e->call->args[2] & O_CLOEXEC);
}

static void effect_fcntl(struct effect *e)
{
    unsigned fd = (unsigned)e->call->args[0];

    switch ((int)e->call->args[1]) {
    case F_DUPFD:
        duplicate(e, false);
        break;
    case F_DUPFD_CLOEXEC:
        duplicate(e, true);
        break;
    case F_SETFD:
        trace_files_mark(e->task->files, fd, fd, e->call->args[2] & FD_CLOEXEC);
        break;
    }
}

static void effect_ioctl(struct effect *e)
{
    unsigned fd = (unsigned)e->call->args[0];

    if ((uint32_t)e->call->args[1] == FIOCLEX || (uint32_t)e->call->args[1] == FIONCLEX)
        trace_files_mark(e->task->files, fd, fd, (uint32_t)e->call->args[1] == FIOCLEX);
    else if ((uint32_t)e->call->args[1] == TIOCGPTPEER)
        set(e, e->call->result, NULL, e->call->args[2] & O_CLOEXEC);
}

static void effect_pipe(struct effect *e)
{
    int32_t pair[2];

    if (!trace_call_bytes(e->call, true, e->call->args[0], pair, sizeof pair))
        return;
    struct trace_object *pipe = trace_object_numbered(e->objects, "pipe");
    bool close_on_exec = e->call->nr == SYS_pipe2 && e->call->args[1] & O_CLOEXEC;
    pipe->refs++;
    set(e, pair[0], pipe, close_on_exec);
    set(e, pair[1], pipe, close_on_exec);
}

static struct trace_object *socket_new(struct effect *e)
{
    struct trace_object *s = trace_object_numbered(e->objects, "socket");

    s->family = (int)e->call->args[0];
    s->type = (int)e->call->args[1] & 0xf;
    s->protocol = (int)e->call->args[2];
    return s;
}

static void effect_socket(struct effect *e)
{
    set(e, e->call->result, socket_new(e), e->call->args[1] & SOCK_CLOEXEC);
}

static void effect_socketpair(struct effect *e)
{
    int32_t pair[2];

    if (!trace_call_bytes(e->call, true, e->call->args[3], pair, sizeof pair))
        return;
    set(e, pair[0], socket_new(e), e->call->args[1] & SOCK_CLOEXEC);
    set(e, pair[1], socket_new(e), e->call->args[1] & SOCK_CLOEXEC);
}

/* An address as text in place of an old one. */
static void take_address(const struct effect *e, char **text, bool stored, uint64_t address, uint64_t length)
{
    uint8_t bytes[128];
    size_t n = (size_t)MIN(length, (uint64_t)sizeof bytes);
    char room[160];

    if (!trace_call_bytes(e->call, stored, address, bytes, n) || !trace_address_text(bytes, n, room, sizeof room))
        return;
    free(*text);
    *text = must_format("%s", room);
}

static void take_stored_address(const struct effect *e, char **text, uint64_t address, uint64_t length_at)
{
    uint32_t length;

    if (trace_call_bytes(e->call, true, length_at, &length, sizeof length))
        take_address(e, text, true, address, length);
}

static void effect_address(struct effect *e)
{
    struct trace_object *s = trace_files_find(e->task->files, (int)e->call->args[0]);

    if (!s || s->family < 0)
        return;
    if (e->call->nr == SYS_bind)
        take_address(e, &s->local, false, e->call->args[1], (uint32_t)e->call->args[2]);
    else if (e->call->nr == SYS_connect)
        take_address(e, &s->peer, false, e->call->args[1], (uint32_t)e->call->args[2]);
    else if (e->call->nr == SYS_getsockname)
        take_stored_address(e, &s->local, e->call->args[1], e->call->args[2]);
    else
        take_stored_address(e, &s->peer, e->call->args[1], e->call->args[2]);
}

static void effect_accept(struct effect *e)
{
    struct trace_object *listener = trace_files_find(e->task->files, (int)e->call->args[0]);
    struct trace_object *s = trace_object_numbered(e->objects, "socket");

    if (listener) {
        s->family = listener->family;
        s->type = listener->type;
        s->protocol = listener->protocol;
        s->local = listener->local ? must_format("%s", listener->local) : NULL;
    }
    take_stored_address(e, &s->peer, e->call->args[1], e->call->args[2]);
    set(e, e->call->result, s, e->call->nr == SYS_accept4 && e->call->args[3] & SOCK_CLOEXEC);
}

/* Descriptors that came with a message: open, but what they are only the sender knows. */
static void effect_recvmsg(struct effect *e)
{
    int32_t fds[TRACE_RIGHTS_MAX];
    size_t n = trace_rights_received(e->call, fds);

    for (size_t i = 0; i < n; i++)
        set(e, fds[i], NULL, e->call->args[2] & MSG_CMSG_CLOEXEC);
}

/* Files without a path, by the name that Linux gives them. */
static const struct anonymous {
    uint16_t nr;
    int8_t flags; /* the argument that holds O_CLOEXEC; -1: none, it never closes; -2: it always does */
    const char *name;
} anonymous[] = {
    {SYS_eventfd, -1, "anon_inode:[eventfd]"},      {SYS_eventfd2, 1, "anon_inode:[eventfd]"},
    {SYS_epoll_create, -1, "anon_inode:[eventpoll]"}, {SYS_epoll_create1, 0, "anon_inode:[eventpoll]"},
    {SYS_timerfd_create, 1, "anon_inode:[timerfd]"}, {SYS_signalfd, -1, "anon_inode:[signalfd]"},
    {SYS_signalfd4, 3, "anon_inode:[signalfd]"},    {SYS_inotify_init, -1, "anon_inode:inotify"},
    {SYS_inotify_init1, 0, "anon_inode:inotify"},   {SYS_pidfd_open, -2, "anon_inode:[pidfd]"},
    {SYS_userfaultfd, 0, "anon_inode:[userfaultfd]"}, {SYS_io_uring_setup, -2, "anon_inode:[io_uring]"},
    {SYS_perf_event_open, 4, "anon_inode:[perf_event]"}, {SYS_fanotify_init, 0, "anon_inode:[fanotify]"},
};

static void effect_anonymous(struct effect *e)
{
    const struct anonymous *a = anonymous;

    while (a->nr != e->call->nr)
        a++;
    struct trace_object *object = trace_object_new(e->objects, must_format("%s", a->name), false);
    if (a->nr == SYS_pidfd_open)
        object->pid = (int)e->call->args[0];
    if (a->nr == SYS_signalfd || a->nr == SYS_signalfd4)
        trace_call_bytes(e->call, false, e->call->args[1], &object->signals, sizeof object->signals);
    set(e, e->call->result, object, a->flags == -2 || (a->flags >= 0 && e->call->args[a->flags] & O_CLOEXEC));
}

static void effect_memfd(struct effect *e)
{
    char name[256];

    if (!trace_call_text(e->call, false, e->call->args[0], name, sizeof name))
        return;
    struct trace_object *object = trace_object_new(e->objects, must_format("/memfd:%s", name), true);
    object->deleted = true;
    set(e, e->call->result, object, e->call->args[1] & 1); /* MFD_CLOEXEC */
}

static void folder_set(struct effect *e, char *path)
{
    if (!path)
        return;
    free(e->task->folder->path);
    e->task->folder->path = path;
}

static void effect_chdir(struct effect *e)
{
    if (e->call->nr == SYS_chdir) {
        folder_set(e, path_of(e, AT_FDCWD, e->call->args[0], true));
        return;
    }
    const struct trace_object *object = trace_files_find(e->task->files, (int)e->call->args[0]);
    folder_set(e, object && object->is_path ? must_format("%s", object->name) : NULL);
}

/* The kernel says it itself. */
static void effect_getcwd(struct effect *e)
{
    char path[PATH_ROOM];

    if (trace_call_text(e->call, true, e->call->args[0], path, sizeof path) && *path == '/')
        folder_set(e, must_format("%s", path));
}

static void effect_execve(struct effect *e)
{
    bool at = e->call->nr == SYS_execveat;
    char path[PATH_ROOM];

    trace_files_exec(e->objects, e->task->files);
    if (trace_call_text(e->call, false, e->call->args[at], path, sizeof path) && *path)
        trace_task_program(e->tasks, e->task, path);
}

static void effect_prctl(struct effect *e)
{
    char name[TRACE_COMM_SIZE] = "";
    struct trace_task *task = e->task;

    if ((int)e->call->args[0] != PR_SET_NAME)
        return;
    for (size_t i = 0; i + 1 < sizeof name && trace_call_bytes(e->call, false, e->call->args[1] + i, name + i, 1) && name[i]; i++)
        continue;
    memcpy(task->comm, name, sizeof name);
}

static void path_gone(struct effect *e, char *path)
{
    if (!path)
        return;
    trace_objects_rename(e->objects, path, NULL);
    trace_link_add(e->tasks, path, NULL);
    free(path);
}

static void effect_unlink(struct effect *e)
{
    bool at = e->call->nr == SYS_unlinkat;

    path_gone(e, path_of(e, at ? (int)e->call->args[0] : AT_FDCWD, e->call->args[at], false));
}

static void effect_rename(struct effect *e)
{
    bool at = e->call->nr != SYS_rename;
    char *from = path_of(e, at ? (int)e->call->args[0] : AT_FDCWD, e->call->args[at], false);
    char *to = path_of(e, at ? (int)e->call->args[2] : AT_FDCWD, e->call->args[at ? 3 : 1], false);
    bool exchange = e->call->nr == SYS_renameat2 && e->call->args[4] & RENAME_EXCHANGE;

    if (from && to && strcmp(from, to)) {
        char *aside = must_format("%s\n", from); /* no path that anybody resolves */
        if (exchange)
            trace_objects_rename(e->objects, to, aside);
        else
            trace_objects_rename(e->objects, to, NULL);
        trace_objects_rename(e->objects, from, to);
        trace_objects_rename(e->objects, aside, from);
        free(aside);
    }
    free(from);
    free(to);
}

static void effect_symlink(struct effect *e)
{
    bool at = e->call->nr == SYS_symlinkat;
    char target[PATH_ROOM];
    char *path = path_of(e, at ? (int)e->call->args[1] : AT_FDCWD, e->call->args[at ? 2 : 1], false);

    if (path && trace_call_text(e->call, false, e->call->args[0], target, sizeof target))
        trace_link_add(e->tasks, path, target);
    free(path);
}

static void effect_unshare(struct effect *e)
{
    if (!(e->call->args[0] & CLONE_FILES))
        return;
    struct trace_files *own = trace_files_copy(e->objects, e->task->files);
    trace_files_put(e->objects, e->task->files);
    e->task->files = own;
}

typedef void effect_function(struct effect *e);

static effect_function *const effects[SYSCALL_COUNT] = {
    [SYS_open] = effect_open, [SYS_creat] = effect_open, [SYS_openat] = effect_openat, [SYS_openat2] = effect_openat2,
    [SYS_close] = effect_close, [SYS_close_range] = effect_close_range, [SYS_dup] = effect_dup, [SYS_dup2] = effect_dup,
    [SYS_dup3] = effect_dup, [SYS_fcntl] = effect_fcntl, [SYS_ioctl] = effect_ioctl, [SYS_pipe] = effect_pipe,
    [SYS_pipe2] = effect_pipe, [SYS_socket] = effect_socket, [SYS_socketpair] = effect_socketpair,
    [SYS_bind] = effect_address, [SYS_connect] = effect_address, [SYS_getsockname] = effect_address,
    [SYS_getpeername] = effect_address, [SYS_accept] = effect_accept, [SYS_accept4] = effect_accept,
    [SYS_recvmsg] = effect_recvmsg, [SYS_eventfd] = effect_anonymous, [SYS_eventfd2] = effect_anonymous,
    [SYS_epoll_create] = effect_anonymous, [SYS_epoll_create1] = effect_anonymous,
    [SYS_timerfd_create] = effect_anonymous, [SYS_signalfd] = effect_anonymous, [SYS_signalfd4] = effect_anonymous,
    [SYS_inotify_init] = effect_anonymous, [SYS_inotify_init1] = effect_anonymous, [SYS_pidfd_open] = effect_anonymous,
    [SYS_userfaultfd] = effect_anonymous, [SYS_io_uring_setup] = effect_anonymous,
    [SYS_perf_event_open] = effect_anonymous, [SYS_fanotify_init] = effect_anonymous, [SYS_memfd_create] = effect_memfd,
    [SYS_chdir] = effect_chdir, [SYS_fchdir] = effect_chdir, [SYS_getcwd] = effect_getcwd, [SYS_execve] = effect_execve,
    [SYS_execveat] = effect_execve, [SYS_prctl] = effect_prctl, [SYS_unlink] = effect_unlink,
    [SYS_unlinkat] = effect_unlink, [SYS_rmdir] = effect_unlink, [SYS_rename] = effect_rename,
    [SYS_renameat] = effect_rename, [SYS_renameat2] = effect_rename, [SYS_symlink] = effect_symlink,
    [SYS_symlinkat] = effect_symlink, [SYS_unshare] = effect_unshare};

/* close gives a descriptor back even where it fails, except with EBADF; a connection under way is one. */
static bool is_done(const struct trace_call *call)
{
    if (call->nr == SYS_close)
        return call->returned && call->result != -9;
    if (call->nr == SYS_connect)
        return call->returned && (call->result == 0 || call->result == -115);
    return call->returned && (call->result >= 0 || call->result < -4095);
}

void trace_tasks_apply(struct trace_tasks *t, struct trace_task *task, const struct trace_call *call)
{
    struct effect e = {t, trace_tasks_objects(t), task, call};

    if (call->nr >= SYSCALL_COUNT || !is_done(call))
        return;
    if (effects[call->nr])
        effects[call->nr](&e);
    else if (syscall_rows[call->nr].result == RESULT_FD)
        set(&e, call->result, NULL, false); /* a new descriptor of a kind that is not known here */
}

void trace_tracked_calls(struct call_set *s)
{
    for (uint64_t nr = 0; nr < SYSCALL_COUNT; nr++) {
        if (effects[nr] || syscall_rows[nr].result == RESULT_FD)
            call_set_add(s, nr);
    }
}
