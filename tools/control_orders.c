/*
 * See tools/control_internal.h: commands for the hypervisor, one at a time, as its mailbox has room for one; those
 * behind wait in a queue with whom to tell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/control_internal.h"
#include "tools/message.h"

static void orders_start(struct control *c)
{
    struct order *o = STAILQ_FIRST(&c->orders);

    if (c->running || !o)
        return;
    c->running = true;
    c->running_number = mailbox_command(c->mailbox, o->command.data, o->command.size);
}

struct order *order_new(const struct client *k, enum trace_command_type type, unsigned sandbox, const void *body,
                        size_t n)
{
    struct order *o = must_alloc(sizeof *o);
    struct trace_command head = {(uint16_t)type, (uint16_t)sandbox, (uint32_t)n};

    *o = (struct order){.client = k ? k->serial : 0};
    bytes_append(&o->command, &head, sizeof head);
    bytes_append(&o->command, body, n);
    return o;
}

void order_add(struct control *c, struct order *o)
{
    STAILQ_INSERT_TAIL(&c->orders, o, link);
    orders_start(c);
}

bool config_order(struct control *c, const struct client *k, unsigned number)
{
    struct box *b = &c->boxes[number];
    const struct trace_program *programs[TRACE_SESSIONS_MAX] = {b->made->filter};
    struct bytes config = {0};
    unsigned sessions = 1;

    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct client *other = &c->clients[i];
        if (other->fd >= 0 && other->session && !other->leaving && other->sandbox == number) {
            programs[other->session] = other->filter;
            sessions |= (unsigned)BIT(other->session);
        }
    }
    trace_config_build(&config, programs, &b->rules);
    bool fits = config.size <= TRACE_CONFIG_SIZE_MAX;
    if (fits) {
        struct order *o = order_new(k, TRACE_COMMAND_CONFIG, number, config.data, config.size);
        o->is_config = true;
        o->box = number;
        o->sessions = sessions;
        order_add(c, o);
    }
    bytes_free(&config);
    return fits;
}

static const char *error_message(int error)
{
    switch (error) {
    case -ESRCH:
        return "there is nothing like that (any more)";
    case -EINVAL:
        return "the hypervisor refused it; does the sandbox keep records?";
    default:
        return strerror(-error);
    }
}

/* Those that a configuration on its way will have. */
static unsigned sessions_waiting(const struct control *c, unsigned box)
{
    const struct order *o;
    unsigned sessions = 0;

    STAILQ_FOREACH(o, &c->orders, link)
    if (o->is_config && o->box == box)
        sessions |= o->sessions;
    return sessions;
}

static void attach_done(struct control *c, struct client *k, struct order *o, int error)
{
    if (!(o->sessions & BIT(k->session))) /* rules that it had asked for before */
        return;
    if (!error) {
        session_attached(c, k);
        return;
    }
    o->sessions &= ~(unsigned)BIT(k->session);
    k->session = 0;
}

void control_done(struct control *c, uint32_t number, int error)
{
    struct order *o = c ? STAILQ_FIRST(&c->orders) : NULL;

    if (!o || !c->running || number != c->running_number)
        return;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->serial == o->client && o->client) {
            control_say(k, error ? "error %s\n" : "ok\n", error_message(error));
            if (o->is_config && k->fd >= 0 && k->session && !k->attached)
                attach_done(c, k, o, error);
        }
    }
    STAILQ_REMOVE_HEAD(&c->orders, link);
    if (o->is_config)
        c->boxes[o->box].sessions_used &= o->sessions | sessions_waiting(c, o->box);
    bytes_free(&o->command);
    free(o);
    c->running = false;
    orders_start(c);
}

void orders_free(struct control *c)
{
    struct order *o;

    while ((o = STAILQ_FIRST(&c->orders))) {
        STAILQ_REMOVE_HEAD(&c->orders, link);
        bytes_free(&o->command);
        free(o);
    }
}
