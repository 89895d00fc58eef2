/*
 * Descriptors and credentials in messages: SCM_RIGHTS, SCM_CREDENTIALS, room for them, limits, and sockets that would
 * hold each other alive for ever.
 */
#include "tests/abi/socket_test.h"

#include <sys/resource.h>

#define FDS_MAX 260

union control {
    char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr header;
};

static struct iovec one_byte(void)
{
    static char byte = 'b';

    return (struct iovec){&byte, 1};
}

/* One byte with n descriptors. */
static ssize_t send_fds(int fd, const int *fds, int n)
{
    union control c;
    struct iovec v = one_byte();
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(sizeof(int) * n)};

    memset(&c, 0, sizeof c);
    c.header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * n), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.header), fds, sizeof(int) * n);
    return sendmsg(fd, &m, 0);
}

static ssize_t send_fd(int fd, int what)
{
    return send_fds(fd, &what, 1);
}

/* Receives with `room` bytes for control data; how many descriptors came, which are in fds. */
static int receive_fds(const char *what, int fd, size_t room, int flags, int *fds)
{
    union control c;
    char bytes[16];
    struct iovec v = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};
    int count = 0;
    ssize_t n;

    memset(&c, 0xff, sizeof c);
    n = recvmsg(fd, &m, flags);
    if (n < 0) {
        printf("%s: errno %d\n", what, errno);
        return 0;
    }
    printf("%s: %zd bytes, control %zu, flags %#x", what, n, (size_t)m.msg_controllen, m.msg_flags);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        printf(", level %d type %d length %zu", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
        if (h->cmsg_type == SCM_RIGHTS) {
            count = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(fds, CMSG_DATA(h), sizeof(int) * count);
        }
    }
    printf("\n");
    return count;
}

static int receive_fd(const char *what, int fd)
{
    int got[FDS_MAX] = {-1};

    receive_fds(what, fd, CMSG_SPACE(sizeof(int)), 0, got);
    return got[0];
}

static void passing(int type)
{
    int pair[2], ends[2], got;
    struct stat a, b;

    make_pair(type, pair);
    pipe(ends);
    show_call(send_fd(pair[0], ends[0]));
    close(ends[0]);
    got = receive_fd("pipe", pair[1]);
    write(ends[1], "through", 7);
    show_read("read", got, 10);
    fcntl(got, F_SETFL, O_NONBLOCK);
    show_call(send_fd(pair[1], got));
    close(got);
    got = receive_fd("back", pair[0]);
    CHECK(fcntl(got, F_GETFL) == O_NONBLOCK && fcntl(got, F_GETFD) == 0);
    close(ends[1]);
    show_read("end", got, 1);
    close(got);
    show_call(send_fd(pair[0], pair[0])); /* itself */
    got = receive_fd("itself", pair[1]);
    fstat(pair[0], &a);
    fstat(got, &b);
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    close(got);
    got = open("/", O_PATH);
    show_call(send_fd(pair[0], got));
    close(got);
    got = receive_fd("path only", pair[1]);
    show_call(fchdir(got));
    close(got);
    close_pair(pair);
}

/* Where the room ends: fewer come, the rest is closed. */
static void room(void)
{
    static const size_t rooms[] = {0, 8, 16, 17, 19, 20, 23, 24, 28, 32, 36, 40};
    int pair[2], ends[2], got[FDS_MAX];
    char byte;

    make_pair(SOCK_DGRAM, pair);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        pipe(ends);
        int fds[] = {ends[1], ends[1], ends[1]};
        send_fds(pair[0], fds, 3);
        close(ends[1]);
        printf("room %zu ", rooms[i]);
        int count = receive_fds("", pair[1], rooms[i], 0, got);
        printf("  %d came\n", count);
        for (int n = 0; n < count; n++)
            close(got[n]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        show_call(read(ends[0], &byte, 1)); /* 0: nobody holds the other end */
        close(ends[0]);
    }
    send_fd(pair[0], 0);
    show_receive("plain", pair[1], 4, 0);
    receive_fds("close on exec", pair[1], 0, MSG_DONTWAIT, got);
    send_fd(pair[0], 0);
    receive_fds("close on exec", pair[1], 24, MSG_CMSG_CLOEXEC, got);
    show("FD_CLOEXEC", fcntl(got[0], F_GETFD));
    close(got[0]);
    close_pair(pair);
}

/* In a stream, a read ends behind bytes with descriptors. */
static void in_streams(void)
{
    int pair[2], got[FDS_MAX];
    char bytes[8];

    make_pair(SOCK_STREAM, pair);
    send(pair[0], "1", 1, 0);
    send_fd(pair[0], 0);
    send(pair[0], "2", 1, 0);
    send_fd(pair[0], 0);
    receive_fds("first", pair[1], 24, 0, got);
    close(got[0]);
    receive_fds("peek", pair[1], 24, MSG_PEEK, got);
    close(got[0]);
    receive_fds("second", pair[1], 24, 0, got);
    close(got[0]);
    receive_fds("nothing", pair[1], 24, MSG_DONTWAIT, got);
    send_fd(pair[0], 0);
    show_call(read(pair[1], bytes, 8)); /* they are closed */
    struct iovec none = {bytes, 0};
    union control c;
    struct msghdr m = {.msg_iov = &none, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = 24};
    send_fd(pair[0], 0);
    show_call(recvmsg(pair[1], &m, 0));
    printf("control %zu flags %#x\n", (size_t)m.msg_controllen, m.msg_flags);
    receive_fds("the byte", pair[1], 24, 0, got);
    send_fd(pair[0], 0);
    close(pair[0]);
    close(pair[1]);
}

static ssize_t send_raw(int fd, union control *c, size_t length)
{
    struct iovec v = one_byte();
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = length};

    return syscall(SYS_sendmsg, fd, &m, MSG_DONTWAIT); /* the C library may look into it */
}

static void malformed(void)
{
    int pair[2], fd = -1, many[FDS_MAX] = {0};
    union control c;
    static char huge[200000];
    uint64_t long_length = 1ULL << 40; /* not the longest: strace 6.1 loops for ever on that */

    make_pair(SOCK_DGRAM, pair);
    memset(&c, 0, sizeof c);
    show_call(send_raw(pair[0], NULL, 24));
    show_call(send_raw(pair[0], &c, 15));
    show_call(send_raw(pair[0], &c, 16));
    c.header = (struct cmsghdr){.cmsg_len = 15, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    show_call(send_raw(pair[0], &c, 24));
    c.header.cmsg_len = 25;
    show_call(send_raw(pair[0], &c, 24));
    memcpy(&c, &long_length, sizeof long_length);
    show_call(send_raw(pair[0], &c, 24));
    memset(&c, 0, sizeof(size_t));
    c.header.cmsg_len = 16;
    show_call(send_raw(pair[0], &c, 24));
    c.header.cmsg_len = 19;
    show_call(send_raw(pair[0], &c, 24));
    c.header.cmsg_len = 20;
    c.header.cmsg_type = 77;
    show_call(send_raw(pair[0], &c, 24));
    c.header.cmsg_level = 41;
    show_call(send_raw(pair[0], &c, 24));
    c.header = (struct cmsghdr){.cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    show_call(send_raw(pair[0], &c, 24));
    show_call(send_fds(pair[0], &fd, 1));
    fd = 1000;
    show_call(send_fds(pair[0], &fd, 1));
    many[5] = -1;
    show_call(send_fds(pair[0], many, 9));
    many[5] = 0;
    show_call(send_fds(pair[0], many, 254));
    show_call(send_fds(pair[0], many, 253));
    show_call(send_raw(pair[0], (union control *)huge, sizeof huge));
    show_call(send_raw(pair[0], &c, (size_t)1 << 31));
    close_pair(pair);
}

/* More than one message of each kind. */
static void several(void)
{
    int pair[2], got[FDS_MAX];
    union control c;
    char *at = c.bytes;

    make_pair(SOCK_STREAM, pair);
    memset(&c, 0, sizeof c);
    for (int i = 0; i < 3; i++) {
        struct cmsghdr h = {.cmsg_len = CMSG_LEN(sizeof(int) * i), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(at, &h, sizeof h);
        at += CMSG_SPACE(sizeof(int) * i);
    }
    show_call(send_raw(pair[0], &c, (size_t)(at - c.bytes)));
    show("came", receive_fds("joined", pair[1], sizeof c, 0, got));
    close_pair(pair);
}

static void limits(void)
{
    int pair[2], got[FDS_MAX], zeros[10] = {0};
    struct rlimit l, small;

    getrlimit(RLIMIT_NOFILE, &l);
    make_pair(SOCK_DGRAM, pair);
    send_fds(pair[0], zeros, 10);
    int next = dup(0);
    close(next);
    small = (struct rlimit){(rlim_t)next + 4, l.rlim_max};
    setrlimit(RLIMIT_NOFILE, &small);
    int count = receive_fds("few numbers left", pair[1], sizeof(union control), 0, got);
    show("came", count);
    show_call(dup(0));
    for (int i = 0; i < count; i++)
        close(got[i]);
    setrlimit(RLIMIT_NOFILE, &l);
    if (fork_clean() == 0) {
        setuid(1234);
        small.rlim_cur = 20;
        setrlimit(RLIMIT_NOFILE, &small);
        for (int i = 0; i < 4; i++)
            show_call(send_fds(pair[0], zeros, 10));
        receive_fds("one less", pair[1], 0, 0, got);
        show_call(send_fds(pair[0], zeros, 1));
        child_exit(0);
    }
    wait(NULL);
    close_pair(pair);
}

static ssize_t send_credentials(int fd, pid_t pid, uid_t uid, gid_t gid)
{
    union control c;
    struct iovec v = one_byte();
    struct ucred u = {pid, uid, gid};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(sizeof u)};

    memset(&c, 0, sizeof c);
    c.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof u), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&c.header), &u, sizeof u);
    return sendmsg(fd, &m, MSG_DONTWAIT);
}

static void receive_credentials(const char *what, int fd, size_t room)
{
    union control c;
    char bytes[16];
    struct iovec v = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};
    struct ucred u = {0};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

    if (n < 0) {
        printf("%s: errno %d\n", what, errno);
        return;
    }
    printf("%s: %zd bytes, control %zu, flags %#x", what, n, (size_t)m.msg_controllen, m.msg_flags);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h) {
        memcpy(&u, CMSG_DATA(h), sizeof u);
        printf(", type %d length %zu", h->cmsg_type, (size_t)h->cmsg_len);
        if (h->cmsg_len == CMSG_LEN(sizeof u))
            printf(" pid %s uid %d gid %d",
                   u.pid == getpid()    ? "own"
                   : u.pid == getppid() ? "parent's"
                   : u.pid == 1         ? "1"
                   : u.pid              ? "other"
                                        : "0",
                   u.uid, u.gid);
    }
    printf("\n");
}

static void credentials(int type)
{
    int pair[2];

    make_pair(type, pair);
    show_call(send(pair[0], "before", 6, 0));
    show_call(send_credentials(pair[0], getpid(), 0, 0));
    show_call(set_option(pair[1], SO_PASSCRED, 1));
    receive_credentials("not asked for when sent", pair[1], 32);
    receive_credentials("said", pair[1], 32);
    show_call(send(pair[0], "x", 1, 0));
    receive_credentials("plain send", pair[1], 32);
    show_call(send_credentials(pair[0], 1, 5, 6));
    show_call(send_credentials(pair[0], 99999, 0, 0));
    show_call(send_credentials(pair[0], getpid(), (uid_t)-1, 0));
    receive_credentials("another's, by root", pair[1], 32);
    send(pair[0], "x", 1, 0);
    receive_credentials("no room", pair[1], 0);
    send(pair[0], "x", 1, 0);
    receive_credentials("little room", pair[1], 24);
    if (fork_clean() == 0) {
        setgid(7);
        setuid(8);
        show_call(send_credentials(pair[0], getpid(), 8, 7));
        show_call(send_credentials(pair[0], getpid(), 0, 7));
        show_call(send_credentials(pair[0], getpid(), 8, 0));
        show_call(send_credentials(pair[0], getppid(), 8, 7));
        receive_credentials("own", pair[1], 32);
        child_exit(0);
    }
    wait(NULL);
    close_pair(pair);
}

/* Bytes of two senders are not read together where it is told who sent them. */
static void gluing(void)
{
    int pair[2];
    char bytes[9];

    make_pair(SOCK_STREAM, pair);
    set_option(pair[1], SO_PASSCRED, 1);
    send(pair[0], "ab", 2, 0);
    if (fork_clean() == 0) {
        send(pair[0], "cd", 2, 0);
        child_exit(0);
    }
    wait(NULL);
    show_call(read(pair[1], bytes, 9));
    show_call(read(pair[1], bytes, 9));
    close_pair(pair);
}

/*
 * Two sockets, each in the other's queue, and a pipe's end in there too: when nobody can reach them any more, they go,
 * and the pipe has no writer.  Closing any AF_UNIX socket is what has Linux look for such circles; newer ones do it in
 * the background, so there is time.
 */
static void circles(void)
{
    int a[2], b[2], ends[2];
    char byte;

    pipe(ends);
    make_pair(SOCK_STREAM, a);
    make_pair(SOCK_DGRAM, b);
    send_fd(a[0], b[1]); /* into a[1] */
    send_fd(b[0], a[1]); /* into b[1] */
    send_fd(b[0], ends[1]);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    show_call(read(ends[0], &byte, 1));
    close_pair(a);
    close(b[0]);
    show_call(read(ends[0], &byte, 1)); /* b[1] is still ours */
    close(b[1]);
    close(socket(AF_UNIX, SOCK_STREAM, 0));
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    show_call(poll(&p, 1, 5000));
    show_call(read(ends[0], &byte, 1));
    close(ends[0]);
}

/* The same by way of a connection that nobody has accepted. */
static void circle_of_a_listener(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), ends[2];
    char byte;

    pipe(ends);
    bind_to(listener, "@circle");
    listen(listener, 1);
    connect_to(client, "@circle");
    send_fd(client, listener);
    send_fd(client, ends[1]);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    close(listener);
    show_call(read(ends[0], &byte, 1));
    show_call(send(client, "x", 1, MSG_NOSIGNAL));
    close(client);
    close(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    show_call(poll(&p, 1, 5000));
    show_call(read(ends[0], &byte, 1));
    close(ends[0]);
}

/* Each in the queue of the next: closing the last one closes them all. */
static void chain(void)
{
    int ends[2], holder = -1, pair[2];
    char byte;

    pipe(ends);
    for (int i = 0; i < 300; i++) {
        make_pair(SOCK_STREAM, pair);
        if (send_fd(pair[0], holder < 0 ? ends[1] : holder) != 1)
            printf("send: errno %d\n", errno);
        if (holder >= 0)
            close(holder);
        close(pair[0]);
        holder = pair[1];
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    show_call(read(ends[0], &byte, 1));
    close(holder);
    close(socket(AF_UNIX, SOCK_DGRAM, 0));
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    show_call(poll(&p, 1, 5000));
    show_call(read(ends[0], &byte, 1));
    close(ends[0]);
}

int main(void)
{
    passing(SOCK_STREAM);
    passing(SOCK_DGRAM);
    passing(SOCK_SEQPACKET);
    room();
    in_streams();
    malformed();
    several();
    show_child("limits", limits);
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    gluing();
    circles();
    circle_of_a_listener();
    chain();
    return 0;
}
