/*
 * Names of AF_UNIX sockets: paths, abstract ones, none, and those that bind(2) chooses.
 */
#include "tests/abi/socket_test.h"

static int stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int datagram(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static void wrong_addresses(void)
{
    int fd = stream();
    struct sockaddr_un a;
    socklen_t n = set_name(&a, "somewhere");

    show_call(bind(fd, ADDRESS(a), 0));
    show_call(bind(fd, ADDRESS(a), 1));
    show_call(bind(fd, ADDRESS(a), sizeof a + 1));
    show_call(bind(fd, ADDRESS(a), 128));
    show_call(bind(fd, ADDRESS(a), 129));
    show_call(bind(fd, ADDRESS(a), -1));
    show_call(bind(fd, (struct sockaddr *)8, n));
    show_call(bind(fd, NULL, 0));
    show_call(bind(1000, ADDRESS(a), n));
    show_call(bind(0, ADDRESS(a), n));
    a.sun_family = AF_INET;
    show_call(bind(fd, ADDRESS(a), n));
    show_call(connect(fd, ADDRESS(a), n));
    a.sun_family = AF_UNSPEC;
    show_call(connect(fd, ADDRESS(a), n));
    a.sun_family = AF_UNIX;
    show_call(connect(fd, ADDRESS(a), 0));
    show_call(connect(fd, ADDRESS(a), PATH_OFFSET));
    show_call(connect(fd, ADDRESS(a), sizeof a + 1));
    show_call(connect(fd, (struct sockaddr *)8, n));
    show_call(connect(0, ADDRESS(a), n));
    show_call(connect(0, ADDRESS(a), 129));
    show_call(connect_to(fd, "no/such/folder"));
    close(fd);
}

static void paths(void)
{
    int fd = stream(), other = stream();
    struct sockaddr_un a;
    struct stat st;
    socklen_t n;

    umask(027);
    fchmod(other, 0765);
    show_call(bind_to(fd, "here"));
    show_names("path", fd);
    stat("here", &st);
    printf("mode %o links %ld size %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size);
    show_call(bind_to(fd, "here"));
    show_call(bind_to(fd, "elsewhere"));
    show_call(access("elsewhere", F_OK));
    show_call(bind_to(fd, "@abstract"));
    show_call(bind_to(other, "here"));
    show_call(bind_to(other, "no/such"));
    show_call(bind_to(other, "here/under"));
    show_call(bind_to(other, "/"));
    show_call(bind_to(other, "folder/"));
    show_call(open("here", O_RDWR));
    show_ok(open("here", O_PATH));
    show_call(bind_to(other, "second"));
    stat("second", &st);
    printf("mode %o\n", st.st_mode);
    close(other);
    show_call(connect_to(stream(), "second"));
    unlink("second");

    /* A path need not end in a NUL, and counts up to the first one. */
    other = stream();
    n = set_name(&a, "abcdef");
    show_call(bind(other, ADDRESS(a), (socklen_t)(PATH_OFFSET + 3)));
    show_names("cut", other);
    show_call(access("abc", F_OK));
    close(other);
    unlink("abc");
    other = stream();
    set_name(&a, "abc");
    show_call(bind(other, ADDRESS(a), sizeof a));
    show_names("all of it", other);
    close(other);
    unlink("abc");
    other = stream();
    memset(a.sun_path, 'p', sizeof a.sun_path);
    show_call(bind(other, ADDRESS(a), sizeof a));
    n = sizeof a;
    show_call(getsockname(other, ADDRESS(a), &n));
    show("longest", n);
    show_call(connect(stream(), ADDRESS(a), sizeof a));
    show_call(listen(other, 1));
    memset(a.sun_path, 'p', sizeof a.sun_path);
    show_call(connect(stream(), ADDRESS(a), sizeof a));
    close(other);
    close(fd);
    umask(022);
}

/* Found by the inode: through links, after renames, not after removal. */
static void nodes(void)
{
    int server = stream(), fd, file = open("file", O_CREAT | O_RDWR, 0666);

    bind_to(server, "node");
    listen(server, 10);
    show_call(link("node", "linked"));
    show_call(symlink("node", "pointed"));
    show_call(connect_to(stream(), "linked"));
    show_call(connect_to(stream(), "pointed"));
    show_call(rename("node", "renamed"));
    show_call(connect_to(stream(), "renamed"));
    show_call(connect_to(stream(), "node"));
    show_call(connect_to(stream(), "pointed"));
    show_names("after rename", server);
    show_call(connect_to(stream(), "file"));
    show_call(connect_to(stream(), "file/x"));
    show_call(connect_to(datagram(), "renamed"));
    show_call(mknod("made", S_IFSOCK | 0666, 0));
    show_call(connect_to(stream(), "made"));
    unlink("renamed");
    show_call(connect_to(stream(), "linked"));
    unlink("linked");
    show_call(connect_to(stream(), "linked"));
    fd = stream();
    show_call(bind_to(fd, "pointed"));
    show_call(bind_to(fd, "node"));
    show_call(connect_to(stream(), "pointed"));
    close(fd);
    show_call(connect_to(stream(), "pointed"));
    close(file);
    close(server);
}

static void permissions(void)
{
    int server = stream();

    bind_to(server, "guarded");
    listen(server, 5);
    chmod("guarded", 0444);
    mkdir("closed", 0700);
    chmod(".", 0755);
    if (fork_clean() == 0) {
        setgid(1000);
        setuid(1000);
        show_call(connect_to(stream(), "guarded"));
        show_call(bind_to(stream(), "closed/new"));
        show_call(bind_to(stream(), "new"));
        show_call(bind_to(stream(), "@free"));
        child_exit(0);
    }
    wait(NULL);
    chmod("guarded", 0222);
    if (fork_clean() == 0) {
        setuid(1000);
        show_call(connect_to(stream(), "guarded"));
        child_exit(0);
    }
    wait(NULL);
    close(server);
}

static void abstract(void)
{
    int fd = stream(), other = stream();
    struct sockaddr_un a;
    socklen_t n;

    show_call(bind_to(fd, "@name"));
    show_names("abstract", fd);
    show_call(bind_to(fd, "@again"));
    show_call(bind_to(other, "@name"));
    show_call(connect_to(other, "@name"));
    show_call(connect_to(other, "@nam"));
    show_call(bind_to(datagram(), "@name"));
    listen(fd, 1);
    show_call(connect_to(other, "@name"));
    show_call(connect_to(stream(), "@name2"));
    close(fd);
    show_call(bind_to(stream(), "@name"));

    /* All bytes count, NULs too. */
    fd = stream();
    n = set_name(&a, "@x");
    show_call(bind(fd, ADDRESS(a), n + 3));
    show_names("with NULs", fd);
    show_call(bind(stream(), ADDRESS(a), n));
    show_call(bind(stream(), ADDRESS(a), n + 3));
    show_call(bind(stream(), ADDRESS(a), PATH_OFFSET + 1));
    show_call(bind(stream(), ADDRESS(a), sizeof a));
    close(fd);
    close(other);
}

static void chosen(void)
{
    int fd = stream(), other = datagram();
    struct sockaddr_un a = {.sun_family = AF_UNIX}, b;
    socklen_t n = sizeof a, m = sizeof b;

    show_call(bind(fd, ADDRESS(a), PATH_OFFSET));
    show_call(bind(other, ADDRESS(a), PATH_OFFSET));
    getsockname(fd, ADDRESS(a), &n);
    getsockname(other, ADDRESS(b), &m);
    show("length", n);
    show("length", m);
    CHECK(a.sun_path[0] == 0 && strspn(a.sun_path + 1, "0123456789abcdef") >= 5);
    show_call(bind(fd, ADDRESS(a), n));
    a.sun_family = AF_UNIX;
    show_call(bind(fd, ADDRESS(a), PATH_OFFSET));
    b = a;
    n = sizeof a;
    getsockname(fd, ADDRESS(a), &n);
    CHECK(!memcmp(&a, &b, n));
    show_call(listen(fd, 1));
    show_call(connect(stream(), ADDRESS(a), n));
    close(fd);
    close(other);

    /* Who wants credentials gets a name to be answered at. */
    int pair[2];
    make_pair(SOCK_DGRAM, pair);
    set_option(pair[0], SO_PASSCRED, 1);
    send(pair[0], "x", 1, 0);
    n = sizeof a;
    getsockname(pair[0], ADDRESS(a), &n);
    show("length", n);
    close_pair(pair);
    fd = stream();
    set_option(fd, SO_PASSCRED, 1);
    show_call(connect_to(fd, "@nobody"));
    n = sizeof a;
    getsockname(fd, ADDRESS(a), &n);
    show("length", n);
    close(fd);
}

static void asking(void)
{
    int fd = stream();
    struct sockaddr_un a;
    socklen_t n = 5;

    show_names("unnamed", fd);
    bind_to(fd, "@short");
    memset(&a, 'x', sizeof a);
    show_call(getsockname(fd, ADDRESS(a), &n));
    show("length", n);
    show_bytes("cut", a.sun_path, 5);
    n = 0;
    show_call(getsockname(fd, ADDRESS(a), &n));
    show("length", n);
    n = (socklen_t)-1;
    show_call(getsockname(fd, ADDRESS(a), &n));
    n = sizeof a;
    show_call(getsockname(fd, (struct sockaddr *)8, &n));
    show_call(getsockname(fd, ADDRESS(a), NULL));
    show_call(getpeername(fd, ADDRESS(a), &n));
    show_call(getsockname(0, ADDRESS(a), &n));
    show_call(getpeername(1000, ADDRESS(a), &n));
    show_call(getsockname(open("/dev/null", O_PATH), ADDRESS(a), &n));
    close(fd);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* What /proc/net/unix says of ours; in which order is the kernel's business. */
static void table(void)
{
    static char found[8][160];
    char line[256];
    int fd = stream(), other = datagram(), pair[2], count = 0;
    FILE *f;

    bind_to(fd, "@listed\tname");
    listen(fd, 1);
    bind_to(other, "listed");
    make_pair(SOCK_SEQPACKET, pair);
    connect_to(stream(), "@listed\tname");
    f = fopen("/proc/net/unix", "r");
    if (!f) {
        printf("no table: errno %d\n", errno);
        return;
    }
    fgets(line, sizeof line, f);
    printf("%s", line);
    while (fgets(line, sizeof line, f) && count < 8) {
        unsigned long inode;
        unsigned refs, protocol, flags, type, state;
        char name[128] = "";
        if (sscanf(line, "%*[^:]: %x %x %x %x %x %lu %127[^\n]", &refs, &protocol, &flags, &type, &state, &inode,
                   name) < 6)
            printf("not understood: %s", line);
        else if (strstr(name, "listed"))
            snprintf(found[count++], sizeof found[0], "%08X %08X %04X %02X %s inode %s", protocol, flags, type, state,
                     name, inode ? "yes" : "no");
    }
    qsort(found, count, sizeof found[0], compare_lines);
    for (int i = 0; i < count; i++)
        printf("%s\n", found[i]);
    fclose(f);
    close(fd);
    close(other);
    close_pair(pair);
}

int main(void)
{
    wrong_addresses();
    paths();
    nodes();
    permissions();
    abstract();
    chosen();
    asking();
    table();
    return 0;
}
