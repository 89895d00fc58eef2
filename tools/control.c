/*
 * See tools/control.h: clients and the lines that they say.  A client that does not read is cut off; the sandbox waits only for one
 * that attached so that nothing is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/control_internal.h"
#include "tools/message.h"

#define LINE_MAX_BYTES 8192u

static void boxes_make(struct control *c, const struct control_sandbox *sandboxes, size_t count)
{
    c->boxes = must_alloc(count * sizeof *c->boxes);
    c->box_count = count;
    for (size_t i = 0; i < count; i++) {
        c->boxes[i] = (struct box){.control = c, .made = &sandboxes[i], .sessions_used = 1};
        box_open(c, &c->boxes[i]);
        for (size_t n = 0; n < sandboxes[i].rules->count; n++) {
            const char *wrong = rule_add_line(&c->boxes[i].rules, sandboxes[i].rules->items[n]);
            if (wrong)
                fail(EXIT_LAUNCHER, "%s", wrong);
        }
    }
}

struct control *control_open(const char *path, struct mailbox *m, const struct control_sandbox *sandboxes, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control *c = must_alloc(sizeof *c);

    *c = (struct control){.path = path, .mailbox = m};
    boxes_make(c, sandboxes, count);
    STAILQ_INIT(&c->orders);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    if (strlen(path) >= sizeof address.sun_path)
        fail(EXIT_LAUNCHER, "--control %s: the path is too long for a socket", path);
    strcpy(address.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(077);
    bool good = c->fd >= 0 && bind(c->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(c->fd, 8) == 0;
    umask(mask);
    if (!good)
        fail(EXIT_LAUNCHER, "--control %s: %s", path, strerror(errno));
    return c;
}

static void client_close(struct client *k)
{
    if (k->fd >= 0)
        close(k->fd);
    bytes_free(&k->input);
    bytes_free(&k->output);
    rule_list_free(&k->rules);
    free(k->rules_wrong);
    free(k->filter);
    *k = (struct client){.fd = -1};
}

void control_close(struct control *c)
{
    if (!c)
        return;
    sessions_finish(c);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        client_close(&c->clients[i]);
    orders_free(c);
    questions_free(c);
    for (size_t i = 0; i < c->box_count; i++) {
        rule_list_free(&c->boxes[i].rules);
        box_close(&c->boxes[i]);
    }
    free(c->boxes);
    close(c->fd);
    unlink(c->path);
    free(c);
}

void control_say(struct client *k, const char *fmt, const char *text)
{
    struct bytes line = {0};

    bytes_append_text(&line, fmt, text);
    if (k->fd >= 0 && send(k->fd, line.data, line.size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)line.size)
        client_close(k);
    bytes_free(&line);
}

void client_leave(struct control *c, struct client *k)
{
    bool attached = k->session != 0 && !k->leaving;
    unsigned sandbox = k->sandbox;

    client_close(k);
    if (attached)
        config_order(c, NULL, sandbox);
}

/* A client's lines. */

bool sandbox_find(const struct control *c, const char *name, unsigned *number)
{
    *number = 0;
    if (!*name)
        return true;
    for (size_t i = 0; i < c->box_count; i++) {
        if (c->boxes[i].made->name && strcmp(c->boxes[i].made->name, name) == 0) {
            *number = (unsigned)i;
            return true;
        }
    }
    return false;
}

static void rules_end(struct control *c, struct client *k)
{
    struct box *b = &c->boxes[k->rules_sandbox];
    struct rule_list old = b->rules;

    k->in_rules = false;
    if (k->rules_wrong) {
        control_say(k, "error %s\n", k->rules_wrong);
    } else {
        b->rules = k->rules;
        bool fits = config_order(c, k, k->rules_sandbox);
        k->rules = fits ? old : b->rules; /* to be freed */
        if (!fits) {
            b->rules = old;
            control_say(k, "error %s\n", "the rules are too long");
        }
    }
    rule_list_free(&k->rules);
    free(k->rules_wrong);
    k->rules_wrong = NULL;
}

static void rules_line(struct control *c, struct client *k, const char *line)
{
    if (strcmp(line, ".") == 0) {
        rules_end(c, k);
    } else if (!k->rules_wrong && *line && *line != '#') {
        const char *wrong = rule_add_line(&k->rules, line);
        k->rules_wrong = wrong ? must_format("%s", wrong) : NULL;
    }
}

static void command_line(struct control *c, struct client *k, const char *line)
{
    if (k->session) { /* what it reads is its log: nothing else is said to it */
        if (k->attached && strcmp(line, "detach") == 0)
            session_detach(c, k);
        else
            client_leave(c, k);
    } else if (k->in_rules) {
        rules_line(c, k, line);
    } else if (strncmp(line, "rules", 5) == 0 && (line[5] == ' ' || !line[5])) {
        if (sandbox_find(c, line[5] ? line + 6 : "", &k->rules_sandbox))
            k->in_rules = true;
        else
            control_say(k, "error there is no sandbox '%s'\n", line + 6);
    } else if (strncmp(line, "attach ", 7) == 0) {
        session_attach(c, k, line + 7);
    } else if (strncmp(line, "answer ", 7) == 0) {
        question_answer(c, k, line + 7);
    } else if (strcmp(line, "questions") == 0) {
        k->wants_questions = true;
        control_say(k, "ok%s\n", "");
        questions_repeat(c, k);
    } else if (strcmp(line, "trap on") == 0 || strcmp(line, "trap off") == 0) {
        mailbox_set_trap(c->mailbox, strcmp(line, "trap on") == 0);
        control_say(k, "ok%s\n", "");
    } else {
        control_say(k, "error '%s' is none of rules, answer, questions, attach, trap on, trap off\n", line);
    }
}

static void client_read(struct control *c, struct client *k)
{
    uint8_t buffer[4096], *newline;
    ssize_t n = recv(k->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_leave(c, k);
        return;
    }
    bytes_append(&k->input, buffer, (size_t)n);
    while (k->fd >= 0 && k->input.size && (newline = memchr(k->input.data, '\n', k->input.size))) {
        size_t length = (size_t)(newline - k->input.data);
        char *line = must_format("%.*s", (int)length, (char *)k->input.data);
        bytes_consume(&k->input, length + 1);
        command_line(c, k, line);
        free(line);
    }
    if (k->fd >= 0 && k->input.size > LINE_MAX_BYTES)
        client_leave(c, k);
}

static void client_accept(struct control *c)
{
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (int i = 0; fd >= 0 && i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd < 0) {
            c->clients[i] = (struct client){.fd = fd, .serial = ++c->last_serial};
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

void control_fill(const struct control *c, struct pollfd *p)
{
    for (int i = 0; i < CONTROL_SLOTS; i++)
        p[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    if (!c)
        return;
    p[0].fd = c->fd;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        p[1 + i].fd = c->clients[i].fd;
        p[1 + i].events = (short)(POLLIN | (c->clients[i].output.size ? POLLOUT : 0));
    }
}

void control_serve(struct control *c, const struct pollfd *p)
{
    if (!c)
        return;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if ((p[1 + i].revents & POLLOUT) && c->clients[i].fd == p[1 + i].fd)
            session_output_send(c, &c->clients[i]);
        if ((p[1 + i].revents & ~POLLOUT) && c->clients[i].fd == p[1 + i].fd)
            client_read(c, &c->clients[i]);
    }
    if (p[0].revents)
        client_accept(c);
}
