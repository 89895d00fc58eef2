/*
 * See tools/control.h.
 *
 * Commands for the hypervisor go one at a time, as its mailbox has room for one: those behind wait in a queue with whom to tell.
 * A client that does not read is cut off; the sandbox never waits for one.
 */
#include "tools/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/decode.h"
#include "abi/trace_control.h"
#include "tools/message.h"
#include "tools/option_values.h"
#include "tools/rules.h"

#define LINE_MAX_BYTES 8192u

struct client {
    int fd; /* -1: free */
    unsigned serial; /* no two have the same: whose answer it is */
    struct bytes input;
    bool wants_questions;
    bool in_rules; /* lines are rules, up to a "." */
    unsigned rules_sandbox;
    char *rules_wrong; /* the first mistake, NULL: none */
    struct rule_list rules;
};

struct order {
    STAILQ_ENTRY(order) link;
    struct bytes command;
    unsigned client; /* its serial */
};

#define QUESTIONS_KEPT 32u

struct control {
    char *questions[QUESTIONS_KEPT]; /* the last ones, for clients that come later; NULL: answered, or never any */
    uint32_t tickets[QUESTIONS_KEPT];
    unsigned next_question;
    const char *path;
    int fd;
    struct mailbox *mailbox;
    const char *const *names;
    size_t sandbox_count;
    struct client clients[CONTROL_CLIENTS_MAX];
    unsigned last_serial;
    STAILQ_HEAD(, order) orders; /* the first is under way if `running` */
    bool running;
    uint32_t running_number;
};

/* Listening. */

struct control *control_open(const char *path, struct mailbox *m, const char *const *names, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control *c = must_alloc(sizeof *c);

    *c = (struct control){.path = path, .mailbox = m, .names = names, .sandbox_count = count};
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
    rule_list_free(&k->rules);
    free(k->rules_wrong);
    *k = (struct client){.fd = -1};
}

void control_close(struct control *c)
{
    struct order *o;

    if (!c)
        return;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        client_close(&c->clients[i]);
    while ((o = STAILQ_FIRST(&c->orders))) {
        STAILQ_REMOVE_HEAD(&c->orders, link);
        bytes_free(&o->command);
        free(o);
    }
    for (unsigned i = 0; i < QUESTIONS_KEPT; i++)
        free(c->questions[i]);
    close(c->fd);
    unlink(c->path);
    free(c);
}

static void say(struct client *k, const char *fmt, const char *text)
{
    struct bytes line = {0};

    bytes_append_text(&line, fmt, text);
    if (k->fd >= 0 && send(k->fd, line.data, line.size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)line.size)
        client_close(k);
    bytes_free(&line);
}

/* Orders. */

static void orders_start(struct control *c)
{
    struct order *o = STAILQ_FIRST(&c->orders);

    if (c->running || !o)
        return;
    c->running = true;
    c->running_number = mailbox_command(c->mailbox, o->command.data, o->command.size);
}

static void order_add(struct control *c, const struct client *k, enum trace_command_type type, unsigned sandbox,
                      const void *body, size_t n)
{
    struct order *o = must_alloc(sizeof *o);
    struct trace_command head = {(uint16_t)type, (uint16_t)sandbox, (uint32_t)n};

    *o = (struct order){.client = k->serial};
    bytes_append(&o->command, &head, sizeof head);
    bytes_append(&o->command, body, n);
    STAILQ_INSERT_TAIL(&c->orders, o, link);
    orders_start(c);
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

void control_done(struct control *c, uint32_t number, int error)
{
    struct order *o = c ? STAILQ_FIRST(&c->orders) : NULL;

    if (!o || !c->running || number != c->running_number)
        return;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *k = &c->clients[i];
        if (k->fd >= 0 && k->serial == o->client)
            say(k, error ? "error %s\n" : "ok\n", error_message(error));
    }
    STAILQ_REMOVE_HEAD(&c->orders, link);
    bytes_free(&o->command);
    free(o);
    c->running = false;
    orders_start(c);
}

/* Questions. */

static void question_keep(struct control *c, uint32_t ticket, const char *line)
{
    unsigned at = c->next_question++ % QUESTIONS_KEPT;

    free(c->questions[at]);
    c->questions[at] = must_format("%s", line);
    c->tickets[at] = ticket;
}

static void question_forget(struct control *c, uint32_t ticket)
{
    for (unsigned i = 0; i < QUESTIONS_KEPT; i++) {
        if (c->questions[i] && c->tickets[i] == ticket) {
            free(c->questions[i]);
            c->questions[i] = NULL;
        }
    }
}

static void questions_repeat(const struct control *c, struct client *k)
{
    for (unsigned i = 0; i < QUESTIONS_KEPT; i++) {
        const char *line = c->questions[(c->next_question + i) % QUESTIONS_KEPT];
        if (line)
            say(k, "%s", line);
    }
}

void control_question(struct control *c, unsigned sandbox, const void *payload, size_t n)
{
    struct trace_question q;
    char text[DECODE_LINE_MAX];
    struct bytes line = {0}, items = {0};

    if (n < sizeof q)
        return;
    memcpy(&q, payload, sizeof q);
    bytes_append(&items, (const uint8_t *)payload + sizeof q, n - sizeof q);
    struct decode_call call = {.nr = q.nr, .items = items.data, .items_size = items.size};
    memcpy(call.args, q.args, sizeof call.args);
    decode_call(&call, text, sizeof text);
    char *end = strstr(text, " <unfinished ...>) = ?");
    if (end)
        strcpy(end, ")");
    bytes_append_text(&line, "question %u sandbox %u [%u] %s\n", q.ticket, sandbox, q.tid, text);
    bytes_append(&line, "", 1);
    bool told = false;

    if (c)
        question_keep(c, q.ticket, (char *)line.data);
    for (int i = 0; c && i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].wants_questions) {
            say(&c->clients[i], "%s", (char *)line.data);
            told = true;
        }
    }
    if (!told)
        message("a call waits for an answer, and nobody listens: %s", text);
    bytes_free(&line);
    bytes_free(&items);
}

/* A client's lines. */

static bool sandbox_find(const struct control *c, const char *name, unsigned *number)
{
    *number = 0;
    if (!*name)
        return true;
    for (size_t i = 0; i < c->sandbox_count; i++) {
        if (c->names && c->names[i] && strcmp(c->names[i], name) == 0) {
            *number = (unsigned)i;
            return true;
        }
    }
    return false;
}

static void rules_end(struct control *c, struct client *k)
{
    static const struct trace_program *const no_sessions[TRACE_SESSIONS_MAX];
    struct bytes config = {0};

    k->in_rules = false;
    if (k->rules_wrong) {
        say(k, "error %s\n", k->rules_wrong);
    } else {
        trace_config_build(&config, no_sessions, &k->rules);
        if (config.size > TRACE_CONFIG_SIZE_MAX)
            say(k, "error %s\n", "the rules are too long");
        else
            order_add(c, k, TRACE_COMMAND_CONFIG, k->rules_sandbox, config.data, config.size);
    }
    bytes_free(&config);
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

/* "TICKET allow|deny[=ERROR]|kill [SANDBOX]" */
static void command_answer(struct control *c, struct client *k, const char *text)
{
    struct trace_answer answer = {0};
    char verb[32], name[64] = "";
    unsigned sandbox;

    if (sscanf(text, "%u %31s %63s", &answer.ticket, verb, name) < 2 || !sandbox_find(c, name, &sandbox)) {
        say(k, "error %s\n", "answer TICKET allow|deny[=ERROR]|kill [SANDBOX]");
        return;
    }
    if (strcmp(verb, "kill") == 0)
        answer.result = TRACE_ANSWER_KILL;
    else if (strcmp(verb, "deny") == 0)
        answer.result = -EPERM;
    else if (strncmp(verb, "deny=", 5) == 0)
        answer.result = -value_error(verb + 5);
    else if (strcmp(verb, "allow") != 0)
        answer.result = 1;
    if (answer.result > 0 || (verb[0] == 'd' && answer.result == 0))
        say(k, "error %s\n", "an answer is allow, deny[=ERROR] or kill");
    else
        order_add(c, k, TRACE_COMMAND_ANSWER, sandbox, &answer, sizeof answer);
    question_forget(c, answer.ticket);
}

static void command_line(struct control *c, struct client *k, const char *line)
{
    if (k->in_rules) {
        rules_line(c, k, line);
    } else if (strncmp(line, "rules", 5) == 0 && (line[5] == ' ' || !line[5])) {
        if (sandbox_find(c, line[5] ? line + 6 : "", &k->rules_sandbox))
            k->in_rules = true;
        else
            say(k, "error there is no sandbox '%s'\n", line + 6);
    } else if (strncmp(line, "answer ", 7) == 0) {
        command_answer(c, k, line + 7);
    } else if (strcmp(line, "questions") == 0) {
        k->wants_questions = true;
        say(k, "ok%s\n", "");
        questions_repeat(c, k);
    } else if (strcmp(line, "trap on") == 0 || strcmp(line, "trap off") == 0) {
        mailbox_set_trap(c->mailbox, strcmp(line, "trap on") == 0);
        say(k, "ok%s\n", "");
    } else {
        say(k, "error '%s' is none of rules, answer, questions, trap on, trap off\n", line);
    }
}

static void client_read(struct control *c, struct client *k)
{
    uint8_t buffer[4096], *newline;
    ssize_t n = recv(k->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_close(k);
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
        client_close(k);
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
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        p[1 + i].fd = c->clients[i].fd;
}

void control_serve(struct control *c, const struct pollfd *p)
{
    if (!c)
        return;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (p[1 + i].revents && c->clients[i].fd == p[1 + i].fd)
            client_read(c, &c->clients[i]);
    }
    if (p[0].revents)
        client_accept(c);
}
