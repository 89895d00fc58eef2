/*
 * The files of /proc that tell of sockets: /proc/net/unix, and the limits below /proc/sys/net.
 */
#include <linux/net.h>

#include "fs/vfs.h"
#include "guest_kernel/procfs.h"
#include "net/unix.h"

/* A name of bytes: '@' stands for each NUL, but the one that ends a path. */
static void show_name(struct text *t, const struct unix_address *a)
{
    uint32_t length = a->length - (uint32_t)offsetof(struct sockaddr_un, sun_path);
    const char *name = (const char *)a->bytes + offsetof(struct sockaddr_un, sun_path);

    text_printf(t, " ");
    for (uint32_t n = 0; n < length - (name[0] ? 1 : 0); n++)
        text_write(t, name[n] ? &name[n] : "@", 1);
}

static void show_socket(const struct unix_socket *u, void *context)
{
    const struct socket *s = &u->socket;
    bool connected = u->state == UNIX_CONNECTED;
    int state = s->file ? (connected ? SS_CONNECTED : SS_UNCONNECTED) : connected ? SS_CONNECTING : SS_DISCONNECTING;
    const struct unix_address *a = __atomic_load_n(&u->address, __ATOMIC_ACQUIRE);

    text_printf(context, "%016x: %08X %08X %08X %04X %02X %5llu", 0, s->refs, 0,
                u->state == UNIX_LISTENING ? __SO_ACCEPTCON : 0, s->type, state, (unsigned long long)s->inode_number);
    if (a)
        show_name(context, a);
    text_printf(context, "\n");
}

static int show_unix(struct text *t)
{
    text_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    unix_visit_all(show_socket, t);
    return 0;
}

static int show_buffer(struct text *t)
{
    text_printf(t, "%u\n", BUFFER_DEFAULT);
    return 0;
}

static int show_somaxconn(struct text *t)
{
    text_printf(t, "%u\n", BACKLOG_LIMIT);
    return 0;
}

static int show_datagrams(struct text *t)
{
    text_printf(t, "%u\n", DATAGRAM_BACKLOG);
    return 0;
}

int procfs_net_register(void)
{
    static const struct {
        const char *name;
        int (*show)(struct text *t);
    } files[] = {
        {"net/unix", show_unix},
        {"sys/net/core/rmem_default", show_buffer},
        {"sys/net/core/rmem_max", show_buffer},
        {"sys/net/core/somaxconn", show_somaxconn},
        {"sys/net/core/wmem_default", show_buffer},
        {"sys/net/core/wmem_max", show_buffer},
        {"sys/net/unix/max_dgram_qlen", show_datagrams},
    };
    int error = 0;

    for (size_t n = 0; n < ARRAY_SIZE(files) && !error; n++)
        error = procfs_register(files[n].name, 0444, files[n].show);
    return error;
}
