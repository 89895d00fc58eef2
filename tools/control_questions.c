/*
 * See tools/control_internal.h: calls that wait for an answer.  The last questions are kept for clients that come later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/decode.h"
#include "tools/control_internal.h"
#include "tools/message.h"
#include "tools/option_values.h"
#include "tools/trace_verdict.h"

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

void questions_repeat(const struct control *c, struct client *k)
{
    for (unsigned i = 0; i < QUESTIONS_KEPT; i++) {
        const char *line = c->questions[(c->next_question + i) % QUESTIONS_KEPT];
        if (line)
            control_say(k, "%s", line);
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
    char *end = strstr(text, ") = ?");
    if (end)
        end[1] = '\0';
    bytes_append_text(&line, "question %u sandbox %u [%u] %s%s\n", q.ticket, sandbox, q.tid, text, q.consumed ? " (consumed)" : "");
    bytes_append(&line, "", 1);
    bool told = false;

    if (c)
        question_keep(c, q.ticket, (char *)line.data);
    for (int i = 0; c && i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].wants_questions) {
            control_say(&c->clients[i], "%s", (char *)line.data);
            told = true;
        }
    }
    if (!told)
        message("a call waits for an answer, and nobody listens: %s", text);
    bytes_free(&line);
    bytes_free(&items);
}

void control_asked(struct control *c, unsigned sandbox, const void *payload, size_t n)
{
    struct trace_asked over;
    char line[128], verdict[64];

    if (!c || n < sizeof over)
        return;
    memcpy(&over, payload, sizeof over);
    trace_verdict_text(over.by, over.result, verdict, sizeof verdict);
    snprintf(line, sizeof line, "over %u sandbox %u %s\n", over.ticket, sandbox, verdict);
    question_forget(c, over.ticket);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0 && c->clients[i].wants_questions)
            control_say(&c->clients[i], "%s", line);
}

/* "TICKET allow|deny[=ERROR]|kill [SANDBOX]" */
void question_answer(struct control *c, struct client *k, const char *text)
{
    struct trace_answer answer = {0};
    char verb[32], name[64] = "";
    unsigned sandbox;

    if (sscanf(text, "%u %31s %63s", &answer.ticket, verb, name) < 2 || !sandbox_find(c, name, &sandbox)) {
        control_say(k, "error %s\n", "answer TICKET allow|deny[=ERROR]|kill [SANDBOX]");
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
        control_say(k, "error %s\n", "an answer is allow, deny[=ERROR] or kill");
    else
        order_add(c, order_new(k, TRACE_COMMAND_ANSWER, sandbox, &answer, sizeof answer));
    question_forget(c, answer.ticket);
}

void questions_free(struct control *c)
{
    for (unsigned i = 0; i < QUESTIONS_KEPT; i++)
        free(c->questions[i]);
}
