/*
 * See tools/control_internal.h: clients that trace.  The launcher's own trace is session 0 of each sandbox, a client that attached
 * has another one.  Whenever somebody comes or goes, or the rules change, the sandbox gets a whole new configuration; a
 * session's number is used again only when the hypervisor has answered that it took a configuration without it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/trace_record.h"
#include "tools/control_internal.h"
#include "tools/message.h"

#define ATTACH_TEXT_MAX 8192u

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

    if (words < 2 || (strcmp(how, "wait") && strcmp(how, "drop")) || !sandbox_find(c, name, &k->sandbox) || k->session ||
        !(k->filter = program_read(program))) {
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

/* It has been told so: records come now. */
void session_attached(struct control *c, struct client *k)
{
    k->attached = true;
    bytes_append(&k->output, &c->clock, sizeof c->clock);
}

void session_output_send(struct control *c, struct client *k)
{
    ssize_t n = send(k->fd, k->output.data, k->output.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n >= 0)
        bytes_consume(&k->output, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR)
        client_leave(c, k);
}

static void piece_add(struct client *k, const struct bytes *records)
{
    uint32_t size = (uint32_t)records->size;

    bytes_append(&k->output, &size, sizeof size);
    bytes_append(&k->output, records->data, records->size);
}

/* A record in the place of those that did not fit. */
static void lost_add(struct client *k, struct bytes *records, const struct trace_record *before)
{
    struct trace_record r = *before;
    struct trace_lost_body body = {k->dropped};

    if (!k->dropped)
        return;
    r.size = sizeof r + sizeof body;
    r.type = TRACE_LOST;
    r.flags = 0;
    bytes_append(records, &r, sizeof r);
    bytes_append(records, &body, sizeof body);
    k->dropped = 0;
}

static void client_feed(struct control *c, struct client *k, const uint8_t *data, size_t n)
{
    struct bytes mine = {0};
    bool room = k->waits || k->output.size < OUTPUT_ENOUGH;

    for (size_t at = 0; at + sizeof(struct trace_record) <= n;) {
        struct trace_record r;
        memcpy(&r, data + at, sizeof r);
        if (r.size < sizeof r || r.size > n - at)
            break;
        if (r.sessions == 0 || (r.sessions & BIT(k->session))) {
            if (room) {
                lost_add(k, &mine, &r);
                bytes_append(&mine, data + at, r.size);
            } else {
                k->dropped++;
            }
        }
        at += r.size;
    }
    if (mine.size) {
        piece_add(k, &mine);
        session_output_send(c, k);
    }
    bytes_free(&mine);
}

void control_trace(struct control *c, unsigned sandbox, const void *records, size_t n)
{
    for (int i = 0; c && i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->attached && k->sandbox == sandbox)
            client_feed(c, k, records, n);
    }
}

void control_set_clock(struct control *c, struct control_clock clock)
{
    if (c)
        c->clock = clock;
}

bool control_is_full(const struct control *c)
{
    for (int i = 0; c && i < CONTROL_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0 && c->clients[i].waits && c->clients[i].output.size >= OUTPUT_ENOUGH)
            return true;
    return false;
}
