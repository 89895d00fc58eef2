/*
 * Names of AF_UNIX sockets: paths, which are nodes of the file system found by their inode, and abstract ones, which
 * are bytes.  One hash has both: by key of the node (0: abstract), type, bytes.  A socket is in it from bind to
 * release; the names lock guards it, and the list of all sockets.
 */
#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/format.h"
#include "lib/string.h"
#include "net/unix.h"

#define PATH_OFFSET     offsetof(struct sockaddr_un, sun_path)
#define BUCKET_BITS     9
#define BUCKETS         BIT(BUCKET_BITS)
#define AUTOBIND_DIGITS 5
#define AUTOBIND_NAMES  0x100000u

struct name_key {
    uintptr_t node; /* 0: abstract, then the rest counts */
    int type;
    const struct unix_address *address;
};

static struct spinlock names_lock = SPINLOCK_INIT;
static LIST_HEAD(, unix_socket) names[BUCKETS];
static TAILQ_HEAD(, unix_socket) all = TAILQ_HEAD_INITIALIZER(all);

static uint32_t bucket_of(const struct name_key *key)
{
    uint64_t hash = key->node ? key->node : (uint64_t)key->type;

    for (uint32_t n = 0; !key->node && n < key->address->length; n++)
        hash = hash * 31 + key->address->bytes[n];
    return (uint32_t)((hash * 0x9e3779b97f4a7c15ULL) >> (64 - BUCKET_BITS));
}

static bool has_name(const struct unix_socket *u, const struct name_key *key)
{
    if (u->node || key->node)
        return u->node && net_hooks->node_key(u->node) == key->node;
    return u->socket.type == key->type && u->address->length == key->address->length &&
           !memcmp(u->address->bytes, key->address->bytes, key->address->length);
}

static struct unix_socket *find_locked(const struct name_key *key)
{
    struct unix_socket *u;

    assert_held(&names_lock);
    LIST_FOREACH(u, &names[bucket_of(key)], by_name)
    if (has_name(u, key))
        break;
    return u;
}

static struct unix_socket *find(const struct name_key *key)
{
    spin_lock(&names_lock);
    struct unix_socket *u = find_locked(key);
    if (u)
        unix_get(u);
    spin_unlock(&names_lock);
    return u;
}

/* --- addresses --- */

static struct unix_address *address_create(const void *name, uint32_t length)
{
    struct unix_address *a = mem_alloc_zero(sizeof *a);

    if (!a)
        return NULL;
    a->refs = 1;
    a->length = length;
    memcpy(a->bytes, name, length);
    return a;
}

struct unix_address *unix_address_get(struct unix_address *a)
{
    __atomic_fetch_add(&a->refs, 1, __ATOMIC_RELAXED);
    return a;
}

void unix_address_put(struct unix_address *a)
{
    if (a && __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) == 0)
        mem_free(a);
}

static struct unix_address *address_of(const struct unix_socket *u)
{
    return __atomic_load_n(&u->address, __ATOMIC_ACQUIRE);
}

void unix_copy_address(const struct unix_socket *u, struct socket_address *out)
{
    const struct unix_address *a = address_of(u);

    out->length = a ? a->length : 0;
    if (a)
        memcpy(out->bytes, a->bytes, a->length);
}

int unix_name(struct socket *s, bool of_peer, struct socket_address *out)
{
    struct unix_socket *u = of_peer ? unix_peer_get(unix_of(s)) : unix_get(unix_of(s));

    if (!u)
        return -ENOTCONN;
    unix_copy_address(u, out);
    if (!out->length) {
        out->family = AF_UNIX;
        out->length = PATH_OFFSET;
    }
    unix_put(u);
    return 0;
}

/* --- giving names --- */

/* u has this name from here on, and takes over the references: unless it is an abstract one that is taken. */
static int set_name(struct unix_socket *u, struct unix_address *a, struct file *node)
{
    struct name_key key = {.node = node ? net_hooks->node_key(node) : 0, .type = u->socket.type, .address = a};
    int error = 0;

    spin_lock(&names_lock);
    if (find_locked(&key)) {
        error = -EADDRINUSE;
    } else {
        u->node = node;
        __atomic_store_n(&u->address, a, __ATOMIC_RELEASE);
        LIST_INSERT_HEAD(&names[bucket_of(&key)], u, by_name);
        u->named = true;
    }
    spin_unlock(&names_lock);
    return error;
}

/* Linux makes the node first and looks then whether the socket has a name already: so it is with the errors. */
static int bind_path(struct unix_socket *u, struct unix_address *a)
{
    struct file *node;
    const char *path = (const char *)a->bytes + PATH_OFFSET;
    int error = net_hooks->node_make(u->socket.file, path, &node);

    if (error)
        return error == -EEXIST ? -EADDRINUSE : error;
    if (u->address) {
        net_hooks->node_remove(path);
        net_hooks->file_put(node);
        return -EINVAL;
    }
    return set_name(u, a, node); /* nobody else has that node */
}

int unix_check_address(const struct socket_address *a)
{
    bool good = a->length > PATH_OFFSET && a->length <= sizeof(struct sockaddr_un) && a->family == AF_UNIX;

    return good ? 0 : -EINVAL;
}

/* A path counts up to its first NUL, which need not be in the bytes given. */
static void end_path(struct socket_address *a)
{
    a->bytes[a->length] = '\0';
    a->length = PATH_OFFSET + (uint32_t)strlen((const char *)a->bytes + PATH_OFFSET) + 1;
}

int unix_bind(struct socket *s, struct socket_address *a)
{
    struct unix_socket *u = unix_of(s);

    if (a->length == PATH_OFFSET && a->family == AF_UNIX)
        return unix_autobind(u);
    int error = unix_check_address(a);
    if (error)
        return error;
    bool is_path = a->un.sun_path[0];
    if (is_path)
        end_path(a);
    struct unix_address *address = address_create(a->bytes, a->length);
    if (!address)
        return -ENOMEM;
    mutex_lock(&u->bind_lock);
    if (is_path)
        error = bind_path(u, address);
    else
        error = u->address ? -EINVAL : set_name(u, address, NULL);
    mutex_unlock(&u->bind_lock);
    if (error)
        unix_address_put(address);
    return error;
}

/* With bind_lock.  The first free one of all the names, from a random one on. */
static int autobind_locked(struct unix_socket *u)
{
    struct unix_address *a =
        address_create(&(struct sockaddr_un){.sun_family = AF_UNIX}, PATH_OFFSET + 1 + AUTOBIND_DIGITS);
    uint32_t number = net_hooks->random();
    int error = -EADDRINUSE;

    if (!a)
        return -ENOMEM;
    for (uint32_t n = 0; n < AUTOBIND_NAMES && error; n++) {
        (void)format(a->name.sun_path + 1, AUTOBIND_DIGITS + 1, "%05x", (number + n) % AUTOBIND_NAMES);
        error = set_name(u, a, NULL);
        task_relax();
    }
    if (error)
        unix_address_put(a);
    return error ? -ENOSPC : 0;
}

int unix_autobind(struct unix_socket *u)
{
    mutex_lock(&u->bind_lock);
    int error = u->address ? 0 : autobind_locked(u);
    mutex_unlock(&u->bind_lock);
    return error;
}

int unix_autobind_for_credentials(struct unix_socket *u)
{
    return socket_has(&u->socket, SOCKET_PASS_CRED) && !address_of(u) ? unix_autobind(u) : 0;
}

/* --- finding --- */

static int find_path(struct socket_address *a, int type, struct unix_socket **out)
{
    struct file *node;
    int error;

    end_path(a);
    error = net_hooks->node_find((const char *)a->bytes + PATH_OFFSET, &node);
    if (error)
        return error;
    struct unix_socket *u = find(&(struct name_key){.node = net_hooks->node_key(node)});
    if (!u) {
        error = -ECONNREFUSED;
    } else if (u->socket.type != type) {
        unix_put(u);
        error = -EPROTOTYPE;
    } else {
        net_hooks->node_used(node);
        *out = u;
    }
    net_hooks->file_put(node);
    return error;
}

int unix_find(struct socket_address *a, int type, struct unix_socket **out)
{
    struct unix_address key = {.length = a->length};

    if (a->un.sun_path[0])
        return find_path(a, type, out);
    memcpy(key.bytes, a->bytes, a->length);
    *out = find(&(struct name_key){.type = type, .address = &key});
    return *out ? 0 : -ECONNREFUSED;
}

/* --- being there --- */

void unix_register(struct unix_socket *u)
{
    spin_lock(&names_lock);
    TAILQ_INSERT_TAIL(&all, u, all_link);
    spin_unlock(&names_lock);
}

void unix_unname(struct unix_socket *u)
{
    spin_lock(&names_lock);
    TAILQ_REMOVE(&all, u, all_link);
    if (u->named)
        LIST_REMOVE(u, by_name);
    u->named = false;
    spin_unlock(&names_lock);
}

void unix_visit_all(void (*visit)(const struct unix_socket *u, void *context), void *context)
{
    struct unix_socket *u;

    spin_lock(&names_lock);
    TAILQ_FOREACH(u, &all, all_link)
    visit(u, context);
    spin_unlock(&names_lock);
}
