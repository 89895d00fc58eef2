/*
 * See tools/control_internal.h: clients that trace.  The launcher's own trace is session 0 of each sandbox, a client
 * that attached has another one.  Whenever somebody comes or goes, or the rules change, the sandbox gets a whole new
 * configuration; a session's number is used again only when the hypervisor has answered that it took a configuration
 * without it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/trace_record.h"
#include "tools/control_internal.h"
#include "tools/message.h"
#include "tools/trace_reader.h"

#define ATTACH_TEXT_MAX 8192u
#define FINISH_MS       1000 /* without a byte read, at the end of all sandboxes */
#define FINISH_WAIT_MS  10000

static int hex_value(char digit)
{
    const char *digits = "0123456789abcdef", *at = digit ? strchr(digits, digit) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* A filter's program in hexadecimal; NULL: it is none. */
static struct trace_program *program_read(const char *text)
{
    size_t n = strlen(text) / 2;
    uint8_t *bytes = must_alloc(MAX(n, (size_t)1));

    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    if (strlen(text) % 2 == 0 && strspn(text, "0123456789abcdef") == strlen(text) && trace_program_valid(bytes, n))
        return (struct trace_program *)bytes;
    free(bytes);
    return NULL;
}

/* "wait|drop PROGRAM [SANDBOX]" */
void session_attach(struct control *c, struct client *k, const char *text)
{
    char how[8], name[64] = "", *program = must_alloc(ATTACH_TEXT_MAX);
    int words = sscanf(text, "%7s %8191s %63s", how, program, name);
    unsigned session = 1;

    if (words < 2 || (strcmp(how, "wait") && strcmp(how, "drop")) || !sandbox_find(c, name, &k->sandbox) ||
        k->session || !(k->filter = program_read(program))) {
        control_say(k, "error %s\n", "attach wait|drop PROGRAM [SANDBOX]");
    } else {
        struct box *b = &c->boxes[k->sandbox];
        while (session < TRACE_SESSIONS_MAX && (b->sessions_used & BIT(session)))
            session++;
        if (session == TRACE_SESSIONS_MAX) {
            control_say(k, "error %s\n", "there are as many sessions as there can be");
        } else {
            k->session = session;
            k->waits = how[0] == 'w';
            b->sessions_used |= (unsigned)BIT(session);
            if (!config_order(c, k, k->sandbox)) {
                k->session = 0;
                control_say(k, "error %s\n", "rules and filters are too long together");
            }
        }
    }
    free(program);
}

static void tell_fact(void *context, const char *key, const char *value, const char *more)
{
    trace_log_pack_fact(key, value, more, context);
}

void session_attached(struct control *c, struct client *k)
{
    struct trace_log_header h;

    k->attached = true;
    trace_log_header_make(&h, c->clock.hz, c->clock.tsc, c->clock.start_ns);
    bytes_append(&k->output, &h, sizeof h);
    trace_log_pack_fact("cpus", "1", NULL, &k->output); /* records are in order */
    trace_view_tell(c->boxes[k->sandbox].follower, tell_fact, &k->output);
    session_output_send(c, k);
}

/* A record in the place of those that did not fit. */
static void lost_put(struct client *k, struct trace_record before)
{
    const struct trace_lost_body body = {k->dropped};
    struct bytes lost = {0};

    if (!k->dropped)
        return;
    before.size = sizeof before + sizeof body;
    before.type = TRACE_LOST;
    before.flags = 0;
    bytes_append(&lost, &before, sizeof before);
    bytes_append(&lost, &body, sizeof body);
    trace_log_pack(&k->log, (const void *)lost.data, &k->output);
    bytes_free(&lost);
    k->dropped = 0;
}

static void log_end(struct client *k, const char *why)
{
    lost_put(
        k,
        (struct trace_record){
            .sequence = k->log.sequence, .tsc = k->log.tsc, .pid = k->log.pid, .tid = k->log.tid, .vcpu = k->log.vcpu});
    trace_log_pack_fact(CONTROL_END_KEY, why, NULL, &k->output);
    k->leaving = true;
}

void session_output_send(struct control *c, struct client *k)
{
    ssize_t n = k->output.size ? send(k->fd, k->output.data, k->output.size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    if (n >= 0)
        bytes_consume(&k->output, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR)
        n = -EPIPE;
    if (n == -EPIPE || (k->leaving && k->output.size == 0))
        client_leave(c, k);
}

void session_detach(struct control *c, struct client *k)
{
    unsigned sandbox = k->sandbox;

    if (k->leaving)
        return;
    log_end(k, CONTROL_END_DETACHED);
    session_output_send(c, k);
    config_order(c, NULL, sandbox);
}

static void client_feed(struct client *k, const struct trace_record *r)
{
    if (r->sessions && !(r->sessions & BIT(k->session)))
        return;
    if (!k->waits && k->output.size >= OUTPUT_ENOUGH) {
        k->dropped++;
        return;
    }
    lost_put(k, *r);
    trace_log_pack(&k->log, r, &k->output);
}

static void box_record(void *context, const struct trace_record *r)
{
    struct box *b = context;
    struct control *c = b->control;

    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->attached && !k->leaving && &c->boxes[k->sandbox] == b)
            client_feed(k, r);
    }
    trace_view_feed(b->follower, r, r->size);
}

static void outputs_send(struct control *c)
{
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->attached)
            session_output_send(c, k);
    }
}

void box_open(struct control *c, struct box *b)
{
    static struct trace_options options; /* of a view that shows nothing */

    trace_options_init(&options);
    b->order = trace_order_new(box_record, b);
    b->follower = trace_view_new(&options, (struct trace_sink){0});
    trace_view_set_writer(b->follower, &trace_follow_ops);
    trace_view_fact(b->follower, "cpus", "1", NULL); /* it comes after the order */
    trace_view_set_sessions(b->follower, 1);
}

void box_close(struct box *b)
{
    trace_order_free(b->order);
    trace_view_free(b->follower);
}

void control_fact(struct control *c, unsigned sandbox, const char *key, const char *value, const char *more)
{
    if (c && strcmp(key, "cpus") == 0 && strcmp(value, "1") == 0)
        trace_order_start(c->boxes[sandbox].order, UINT64_MAX);
    if (c)
        trace_view_fact(c->boxes[sandbox].follower, key, value, more);
}

void control_trace(struct control *c, unsigned sandbox, const void *records, size_t n)
{
    struct bytes aligned = {0};
    size_t size;

    if (!c)
        return;
    bytes_append(&aligned, records, n); /* malloc aligns for any type */
    for (size_t at = 0; (size = trace_record_check(aligned.data + at, n - at)); at += size)
        trace_order_put(c->boxes[sandbox].order, (const void *)(aligned.data + at));
    bytes_free(&aligned);
    outputs_send(c);
}

void control_pause(struct control *c)
{
    for (size_t i = 0; c && i < c->box_count; i++)
        trace_order_flush(c->boxes[i].order);
    if (c)
        outputs_send(c);
}

/* Those who still read get all; of the others, who are to be waited for are waited for longer. */
void sessions_finish(struct control *c)
{
    struct pollfd p[CONTROL_SLOTS];
    bool waits, any;
    int ready;

    control_pause(c);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->attached && !k->leaving)
            log_end(k, CONTROL_END_SANDBOX);
    }
    do {
        outputs_send(c);
        waits = any = false;
        for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
            bool has_more = c->clients[i].fd >= 0 && c->clients[i].output.size;
            any = any || has_more;
            waits = waits || (has_more && c->clients[i].waits);
            p[1 + i] = (struct pollfd){.fd = has_more ? c->clients[i].fd : -1, .events = POLLOUT};
        }
        ready = any ? poll(p + 1, CONTROL_CLIENTS_MAX, waits ? FINISH_WAIT_MS : FINISH_MS) : 0;
    } while (ready > 0 || (ready < 0 && errno == EINTR));
}

void control_set_clock(struct control *c, struct control_clock clock)
{
    if (c)
        c->clock = clock;
}

bool control_is_full(const struct control *c)
{
    for (int i = 0; c && i < CONTROL_CLIENTS_MAX; i++) {
        const struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->waits && !k->leaving && k->output.size >= OUTPUT_ENOUGH)
            return true;
    }
    return false;
}
