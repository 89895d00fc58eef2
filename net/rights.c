/*
 * See net/rights.h.
 *
 * Circles: a socket in flight is a suspect when nobody but queued messages holds its file.  References that come out of
 * queues of suspects are taken off; who still has one left is reached from outside, and so is all that lies in its
 * queue, and in theirs.  What remains is reached from nowhere: the files in its queue are dropped, which closes it.
 * With flight_lock no message with sockets moves meanwhile, and no process can get hold of a suspect: its file is in no
 * table, and comes out of a queue under this lock only.
 */
#include "net/rights.h"

#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/resource.h>

#include "guest_kernel/core/alloc.h"
#include "lib/string.h"
#include "net/unix.h"

SLIST_HEAD(rights_list, rights);
TAILQ_HEAD(grey_list, unix_socket);

struct flight_user {              /* one who sends files: few */
    LIST_ENTRY(flight_user) link; /* flight_lock, as all here */
    uint32_t uid;
    uint32_t lists; /* struct rights that name it */
    uint32_t files; /* of his in flight; atomic: read without */
};

static struct mutex flight_lock;
static LIST_HEAD(, flight_user) users;
static TAILQ_HEAD(, unix_socket) flying = TAILQ_HEAD_INITIALIZER(flying); /* sockets in flight */
static uint32_t flying_count;                                             /* atomic: written with flight_lock */
static uint32_t closed_since; /* atomic: sockets closed since circles were last sought */

/* What a task is dropping.  On its stack; a file that is closed meanwhile may add to it (task.net_drop). */
struct drop {
    struct rights_list list;
    bool socket_closed;
};

void rights_start(void)
{
    mutex_init(&flight_lock);
}

void rights_lock(void)
{
    mutex_lock(&flight_lock);
}

void rights_unlock(void)
{
    mutex_unlock(&flight_lock);
}

static struct flight_user *user_get(uint32_t uid)
{
    struct flight_user *u;

    LIST_FOREACH(u, &users, link)
    if (u->uid == uid)
        break;
    if (!u && (u = mem_alloc_zero(sizeof *u))) {
        u->uid = uid;
        LIST_INSERT_HEAD(&users, u, link);
    }
    if (u)
        u->lists++;
    return u;
}

struct rights *rights_create(size_t room)
{
    struct rights *r = mem_alloc(sizeof *r + room * sizeof r->files[0]);

    if (!r)
        return NULL;
    rights_lock();
    *r = (struct rights){.user = user_get(task_current()->cred.uid), .room = (uint16_t)room};
    rights_unlock();
    if (!r->user) {
        mem_free(r);
        return NULL;
    }
    return r;
}

static struct unix_socket *unix_socket_of(struct file *f)
{
    struct socket *s = net_hooks->file_socket(f);

    return s && s->ops->family == AF_UNIX ? unix_of(s) : NULL;
}

void rights_add(struct rights *r, struct file *f)
{
    assert(r->count < r->room);
    r->files[r->count++] = f;
    r->sockets += unix_socket_of(f) != NULL;
}

struct rights *rights_duplicate(const struct rights *r)
{
    struct rights *copy = rights_create(r->count);

    for (unsigned n = 0; copy && n < r->count; n++)
        rights_add(copy, net_hooks->file_get(r->files[n]));
    return copy;
}

int rights_check_limit(const struct rights *r)
{
    bool over = __atomic_load_n(&r->user->files, __ATOMIC_RELAXED) > net_hooks->limit(RLIMIT_NOFILE);

    return over && !net_hooks->capable(CAP_SYS_RESOURCE) && !net_hooks->capable(CAP_SYS_ADMIN) ? -ETOOMANYREFS : 0;
}

static void count_files(struct rights *r, int step)
{
    __atomic_fetch_add(&r->user->files, (uint32_t)(step * r->count), __ATOMIC_RELAXED);
    __atomic_fetch_add(&flying_count, (uint32_t)(step * r->sockets), __ATOMIC_RELAXED);
}

void rights_take_off(struct rights *r)
{
    assert(mutex_is_held(&flight_lock));
    count_files(r, 1);
    for (unsigned n = 0; r->sockets && n < r->count; n++) {
        struct unix_socket *u = unix_socket_of(r->files[n]);
        if (u && u->in_flight++ == 0)
            TAILQ_INSERT_TAIL(&flying, u, flight_link);
    }
}

void rights_land(struct rights *r)
{
    assert(mutex_is_held(&flight_lock));
    count_files(r, -1);
    for (unsigned n = 0; r->sockets && n < r->count; n++) {
        struct unix_socket *u = unix_socket_of(r->files[n]);
        if (u && --u->in_flight == 0)
            TAILQ_REMOVE(&flying, u, flight_link);
    }
}

/* --- circles; flight_lock held throughout --- */

typedef void visit_fn(struct unix_message *m, void *context);

/* Every message with rights that waits at u, or at a socket that waits at u. */
static void visit_messages(struct unix_socket *u, visit_fn *visit, void *context)
{
    struct unix_message *m;
    struct unix_socket *waiting;

    socket_lock(&u->socket);
    TAILQ_FOREACH(m, &u->queue, link)
    if (m->rights)
        visit(m, context);
    TAILQ_FOREACH(waiting, &u->pending, pending_link)
    visit_messages(waiting, visit, context); /* these have none waiting at them: two levels */
    socket_unlock(&u->socket);
}

static void take_off_reference(struct unix_message *m, void *context)
{
    for (unsigned n = 0; n < m->rights->count; n++) {
        struct unix_socket *u = unix_socket_of(m->rights->files[n]);
        if (u && u->flight_mark == FLIGHT_SUSPECT)
            u->from_outside--;
    }
}

static void clear(struct unix_socket *u, struct grey_list *grey)
{
    u->flight_mark = FLIGHT_LIVE;
    TAILQ_INSERT_TAIL(grey, u, grey_link);
}

static void clear_held(struct unix_message *m, void *grey)
{
    for (unsigned n = 0; n < m->rights->count; n++) {
        struct unix_socket *u = unix_socket_of(m->rights->files[n]);
        if (u && u->flight_mark == FLIGHT_SUSPECT)
            clear(u, grey);
    }
}

/* The rights go, the message stays: nobody can read it. */
static void confiscate(struct unix_message *m, void *list)
{
    rights_land(m->rights);
    SLIST_INSERT_HEAD((struct rights_list *)list, m->rights, link);
    m->rights = NULL;
}

static bool mark_suspects(void)
{
    struct unix_socket *u;
    bool any = false;

    TAILQ_FOREACH(u, &flying, flight_link)
    {
        bool held = net_hooks->file_refs(u->socket.file) > u->in_flight;
        u->flight_mark = held ? FLIGHT_LIVE : FLIGHT_SUSPECT;
        u->from_outside = u->in_flight;
        any |= !held;
    }
    return any;
}

static void find_circles(struct rights_list *garbage)
{
    struct grey_list grey = TAILQ_HEAD_INITIALIZER(grey);
    struct unix_socket *u;

    if (!mark_suspects())
        return;
    TAILQ_FOREACH(u, &flying, flight_link)
    if (u->flight_mark == FLIGHT_SUSPECT)
        visit_messages(u, take_off_reference, NULL);
    TAILQ_FOREACH(u, &flying, flight_link)
    if (u->flight_mark == FLIGHT_SUSPECT && u->from_outside)
        clear(u, &grey);
    while ((u = TAILQ_FIRST(&grey))) {
        TAILQ_REMOVE(&grey, u, grey_link);
        visit_messages(u, clear_held, &grey);
    }
    TAILQ_FOREACH(u, &flying, flight_link) /* apart from what follows, which takes sockets off that list */
    if (u->flight_mark == FLIGHT_SUSPECT)
        TAILQ_INSERT_TAIL(&grey, u, grey_link);
    TAILQ_FOREACH(u, &grey, grey_link)
    visit_messages(u, confiscate, garbage);
}

/* --- dropping --- */

static void drop_one(struct rights *r)
{
    for (unsigned n = 0; n < r->count; n++)
        net_hooks->file_put(r->files[n]);
    rights_lock();
    if (--r->user->lists == 0) {
        LIST_REMOVE(r->user, link);
        mem_free(r->user);
    }
    rights_unlock();
    mem_free(r);
}

/* Few in flight: sought at each close of a socket; many: so seldom that the work for each close stays the same. */
static bool circles_are_due(void)
{
    uint32_t closed = __atomic_add_fetch(&closed_since, 1, __ATOMIC_RELAXED);
    uint32_t flights = __atomic_load_n(&flying_count, __ATOMIC_RELAXED);

    if (!flights || closed < flights / 8)
        return false;
    __atomic_store_n(&closed_since, 0, __ATOMIC_RELAXED);
    return true;
}

static void drop_all(struct drop *d)
{
    struct rights *r;

    task_current()->net_drop = d;
    do {
        while ((r = SLIST_FIRST(&d->list))) {
            SLIST_REMOVE_HEAD(&d->list, link);
            drop_one(r);
        }
        if (d->socket_closed && circles_are_due()) {
            rights_lock();
            find_circles(&d->list);
            rights_unlock();
        }
        d->socket_closed = false;
    } while (!SLIST_EMPTY(&d->list));
    task_current()->net_drop = NULL;
}

/* A chain of sockets, each in the next one's queue, is closed in a loop: the inner calls only put on the list. */
void rights_drop(struct rights *r)
{
    struct drop *outer = task_current()->net_drop;
    struct drop d = {0};

    if (!r)
        return;
    SLIST_INSERT_HEAD(outer ? &outer->list : &d.list, r, link);
    if (!outer)
        drop_all(&d);
}

void rights_socket_closed(void)
{
    struct drop *outer = task_current()->net_drop;
    struct drop d = {.socket_closed = true};

    if (!__atomic_load_n(&flying_count, __ATOMIC_RELAXED))
        return;
    if (outer)
        outer->socket_closed = true;
    else
        drop_all(&d);
}
