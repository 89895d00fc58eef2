/*
 * sendmsg(2) and recvmsg(2) with every field right and wrong, many messages in one call, and AF_UNIX sockets over fork
 * and execve.
 */
#include "tests/abi/socket_test.h"

static struct iovec vector(char *bytes, size_t n)
{
    return (struct iovec){bytes, n};
}

static void scattered(int type)
{
    int pair[2];
    char a[4] = "", b[4] = "", c[8] = "";
    struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[] = {{a, 1}, {b, 3}, {c, 8}};
    struct msghdr m = {.msg_iov = out, .msg_iovlen = 3};

    make_pair(type, pair);
    show_call(sendmsg(pair[0], &m, 0));
    m.msg_iov = in;
    m.msg_flags = -1;
    show_call(recvmsg(pair[1], &m, 0));
    printf("flags %#x name %u control %zu\n", m.msg_flags, m.msg_namelen, (size_t)m.msg_controllen);
    show_bytes("a", a, 1);
    show_bytes("b", b, 3);
    show_bytes("c", c, 2);
    close_pair(pair);
}

/* Raw: the C library looks into messages. */
static long raw_send(int fd, struct msghdr *m)
{
    return syscall(SYS_sendmsg, fd, m, MSG_DONTWAIT);
}

static long raw_receive(int fd, struct msghdr *m)
{
    return syscall(SYS_recvmsg, fd, m, MSG_DONTWAIT);
}

static void wrong_fields(void)
{
    int pair[2];
    char bytes[8] = "1234567", *edge = page_edge();
    struct iovec v = vector(bytes, 4), many[1025];
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    struct sockaddr_un a;

    make_pair(SOCK_DGRAM, pair);
    show_call(raw_send(1000, &m));
    show_call(raw_send(0, &m));
    show_call(raw_send(pair[0], NULL));
    show_call(raw_send(pair[0], (void *)(edge - 8)));
    show_call(syscall(SYS_sendmsg, pair[0], &m, 0x80000000u));
    show_call(syscall(SYS_recvmsg, pair[1], &m, 0x80000000u));
    for (int i = 0; i < 1025; i++)
        many[i] = vector(bytes, 0);
    m.msg_iov = many;
    m.msg_iovlen = 1025;
    show_call(raw_send(pair[0], &m));
    m.msg_iovlen = 1024;
    show_call(raw_send(pair[0], &m));
    m.msg_iov = (void *)(edge - 8);
    m.msg_iovlen = 1;
    show_call(raw_send(pair[0], &m));
    m.msg_iov = NULL;
    show_call(raw_send(pair[0], &m));
    m.msg_iovlen = 0;
    show_call(raw_send(pair[0], &m));
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    v = vector(bytes, (size_t)-1);
    show_call(raw_send(pair[0], &m));
    v = vector((char *)0x8000000000000000, 4);
    show_call(raw_send(pair[0], &m));
    v = vector(edge - 2, 4);
    show_call(raw_send(pair[0], &m));
    v = vector(bytes, 4);
    set_name(&a, "@nobody");
    m.msg_name = &a;
    m.msg_namelen = (socklen_t)-1;
    show_call(raw_send(pair[0], &m));
    m.msg_namelen = 2;
    show_call(raw_send(pair[0], &m));
    m.msg_namelen = 9;
    show_call(raw_send(pair[0], &m));
    m.msg_namelen = 1000;
    show_call(raw_send(pair[0], &m));
    m.msg_name = NULL;
    show_call(raw_send(pair[0], &m));
    m.msg_name = edge;
    m.msg_namelen = 10;
    show_call(raw_send(pair[0], &m));
    m.msg_namelen = 0;
    show_call(raw_send(pair[0], &m));
    close_pair(pair);
}

static void receiving(void)
{
    int pair[2], named = socket(AF_UNIX, SOCK_DGRAM, 0);
    char bytes[8], *edge = page_edge();
    struct iovec v = vector(bytes, 8);
    struct sockaddr_un a;
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};

    make_pair(SOCK_DGRAM, pair);
    show_call(raw_receive(pair[1], &m));
    show("untouched", m.msg_namelen);
    send(pair[0], "unnamed", 7, 0);
    show_call(raw_receive(pair[1], &m));
    show("name", m.msg_namelen);
    close_pair(pair);
    bind_to(named, "@receiver");
    int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind_to(sender, "@sender");
    connect_to(sender, "@receiver");
    for (int i = 0; i < 8; i++)
        send(sender, "12345", 5, 0);
    m.msg_namelen = sizeof a;
    show_call(raw_receive(named, &m));
    show_name("from", &a, m.msg_namelen);
    m.msg_namelen = 4;
    memset(&a, 'x', sizeof a);
    show_call(raw_receive(named, &m));
    show("name", m.msg_namelen);
    show_bytes("cut", a.sun_path, 4);
    m.msg_namelen = 0;
    show_call(raw_receive(named, &m));
    show("name", m.msg_namelen);
    m.msg_namelen = (socklen_t)-1;
    show_call(raw_receive(named, &m));
    m.msg_name = edge;
    m.msg_namelen = sizeof a;
    show_call(raw_receive(named, &m));
    m.msg_name = NULL;
    m.msg_namelen = 77;
    show_call(raw_receive(named, &m));
    show("name", m.msg_namelen);
    v = vector(edge - 2, 5);
    show_call(raw_receive(named, &m));
    v = vector(bytes, 3);
    m.msg_control = NULL;
    m.msg_controllen = 100;
    show_call(raw_receive(named, &m));
    printf("flags %#x control %zu\n", m.msg_flags, (size_t)m.msg_controllen);
    show_call(raw_receive(named, NULL));
    show_call(raw_receive(1000, &m));
    close(named);
    close(sender);
}

static void many(void)
{
    int pair[2];
    char bytes[5][8];
    struct iovec v[5];
    struct mmsghdr m[5];
    struct timespec zero = {0, 0}, wrong = {0, 1000000000}, limit = {10, 0};

    make_pair(SOCK_DGRAM, pair);
    memset(m, 0, sizeof m);
    for (int i = 0; i < 5; i++) {
        memcpy(bytes[i], "message", 8);
        bytes[i][0] = (char)('0' + i);
        v[i] = vector(bytes[i], (size_t)i + 1);
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
        m[i].msg_len = 99;
    }
    show_call(sendmmsg(pair[0], m, 5, 0));
    for (int i = 0; i < 5; i++)
        printf("sent %u\n", m[i].msg_len);
    for (int i = 0; i < 5; i++) {
        v[i] = vector(bytes[i], 3);
        m[i].msg_len = 99;
    }
    show_call(recvmmsg(pair[1], m, 3, MSG_DONTWAIT, NULL));
    show_call(recvmmsg(pair[1], m + 3, 2, MSG_WAITFORONE, &limit));
    CHECK(limit.tv_sec == 9 || limit.tv_sec == 10);
    for (int i = 0; i < 5; i++)
        printf("received %u flags %#x\n", m[i].msg_len, m[i].msg_hdr.msg_flags);
    show_call(recvmmsg(pair[1], m, 5, MSG_DONTWAIT, NULL));
    send(pair[0], "x", 1, 0);
    show_call(recvmmsg(pair[1], m, 5, MSG_WAITFORONE, NULL));
    send(pair[0], "x", 1, 0);
    show_call(recvmmsg(pair[1], m, 5, MSG_DONTWAIT, &zero));
    show_call(recvmmsg(pair[1], m, 5, MSG_DONTWAIT, &wrong));
    show_call(recvmmsg(pair[1], m, 0, 0, NULL));
    show_call(recvmmsg(1000, m, 1, 0, NULL));
    show_call(sendmmsg(0, m, 1, 0));
    show_call(sendmmsg(pair[0], NULL, 2, 0));
    show_call(sendmmsg(pair[0], m, 0, 0));

    /* An error in the middle: what was done counts, the error comes next time. */
    v[1] = vector((char *)8, 3);
    show_call(sendmmsg(pair[0], m, 3, 0));
    send(pair[0], "yy", 2, 0);
    show_call(recvmmsg(pair[1], m, 3, MSG_DONTWAIT, NULL));
    show("error", get_option(pair[1], SO_ERROR));
    show_receive("lost with the error", pair[1], 4, MSG_DONTWAIT);
    close_pair(pair);

    make_pair(SOCK_STREAM | SOCK_NONBLOCK, pair); /* a short send ends the call */
    static char big[400000];
    v[0] = vector(big, sizeof big);
    v[1] = vector(bytes[1], 3);
    int n = sendmmsg(pair[0], m, 2, 0);
    CHECK(n == 1 && m[0].msg_len > 100000 && m[0].msg_len < sizeof big);
    close_pair(pair);
}

/* A socket goes over fork and dup, and over execve unless it is marked. */
static void over_exec(void)
{
    int pair[2], status;
    char number[16];

    make_pair(SOCK_STREAM, pair);
    if (fork_clean() == 0) {
        snprintf(number, sizeof number, "%d", pair[1]);
        execl("/proc/self/exe", "exec", number, NULL);
        child_exit(99);
    }
    wait(&status);
    show_status("child", status);
    show_read("from the new program", pair[0], 8);
    fcntl(pair[1], F_SETFD, FD_CLOEXEC);
    if (fork_clean() == 0) {
        snprintf(number, sizeof number, "%d", pair[1]);
        execl("/proc/self/exe", "exec", number, NULL);
        child_exit(99);
    }
    wait(&status);
    show_status("child without it", status);
    close(pair[1]);
    show_read("end", pair[0], 8);
    close(pair[0]);

    make_pair(SOCK_STREAM, pair);
    int copy = dup(pair[1]);
    close(pair[1]);
    show_call(send(copy, "copy", 4, 0));
    show_read("copy", pair[0], 8);
    if (fork_clean() == 0)
        child_exit(0); /* its end is not the last one */
    wait(NULL);
    show_call(send(pair[0], "x", 1, MSG_NOSIGNAL));
    shutdown(copy, SHUT_RDWR); /* but a shutdown is for all */
    show_read("end", pair[0], 8);
    close(copy);
    close(pair[0]);
}

static void families(void)
{
    show_call(socket(AF_UNIX, -1, 0));
    show_call(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
    int low = dup(0);
    close(low);
    int next = socket(AF_UNIX, SOCK_DGRAM, 0); /* a failed pair leaves no number taken */
    CHECK(next == low);
    close(next);
}

int main(int argc, char **argv)
{
    if (!strcmp(argv[0], "exec")) {
        int fd = atoi(argv[1]);
        return write(fd, "here", 4) == 4 ? 0 : errno;
    }
    scattered(SOCK_STREAM);
    scattered(SOCK_DGRAM);
    wrong_fields();
    receiving();
    many();
    over_exec();
    families();
    return 0;
}
