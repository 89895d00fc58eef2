/*
 * Inside of the control socket: what tools/control.c (clients and their lines), control_orders.c (commands for the hypervisor),
 * control_sessions.c (clients that trace) and control_questions.c share.
 */
#ifndef TOOLS_CONTROL_INTERNAL_H
#define TOOLS_CONTROL_INTERNAL_H

#include <sys/queue.h>

#include "abi/trace_control.h"
#include "tools/control.h"
#include "tools/rules.h"
#include "tools/trace_log.h"
#include "tools/trace_order.h"
#include "tools/trace_view.h"

#define OUTPUT_ENOUGH (1u << 20) /* bytes that wait for a client: more is dropped, or the sandbox waits */

struct client {
    int fd; /* -1: free */
    unsigned serial; /* no two have the same: whose answer it is */
    struct bytes input;
    bool wants_questions;
    bool in_rules; /* lines are rules, up to a "." */
    unsigned rules_sandbox;
    char *rules_wrong; /* the first mistake, NULL: none */
    struct rule_list rules;
    unsigned session;  /* its bit in records; 0: it has none */
    bool attached;     /* the hypervisor has it */
    bool leaving;      /* it detached: it gets what waits for it, then it is closed */
    unsigned sandbox;  /* attached to this one */
    struct trace_program *filter;
    bool waits;        /* the sandbox waits for it, else what does not fit is dropped and counted */
    struct bytes output;
    struct trace_log_state log; /* of what was put into `output` */
    uint64_t dropped;  /* records, not told yet */
};

struct box {
    struct control *control;
    const struct control_sandbox *made; /* by the caller */
    struct rule_list rules;
    unsigned sessions_used; /* BIT(number): not to be given again yet */
    struct trace_order *order;    /* records of all vCPUs: each session gets a part of them, so a gap says nothing to it */
    struct trace_view *follower;  /* what is known of tasks and files, for those who come later */
};

struct order {
    STAILQ_ENTRY(order) link;
    struct bytes command;
    unsigned client; /* its serial; 0: nobody is to be told */
    unsigned box, sessions; /* of a configuration: what it has */
    bool is_config;
};

#define QUESTIONS_KEPT 32u

struct control {
    char *questions[QUESTIONS_KEPT]; /* the last ones, for clients that come later; NULL: answered, or never any */
    uint32_t tickets[QUESTIONS_KEPT];
    unsigned next_question;
    const char *path;
    int fd;
    struct mailbox *mailbox;
    struct box *boxes;
    size_t box_count;
    struct control_clock clock;
    struct client clients[CONTROL_CLIENTS_MAX];
    unsigned last_serial;
    STAILQ_HEAD(, order) orders; /* the first is under way if `running` */
    bool running;
    uint32_t running_number;
};

/* control.c */
void control_say(struct client *k, const char *fmt, const char *text); /* a client that does not read is closed */
void client_leave(struct control *c, struct client *k);                /* it goes: its session ends */
bool sandbox_find(const struct control *c, const char *name, unsigned *number); /* "": the first */

/* control_orders.c */
struct order *order_new(const struct client *k, enum trace_command_type type, unsigned sandbox, const void *body, size_t n);
void order_add(struct control *c, struct order *o); /* takes it over */
/* The sandbox gets what is wanted of it now; `k` is told when it has it (NULL: nobody).  False: it is too long. */
bool config_order(struct control *c, const struct client *k, unsigned number);
void orders_free(struct control *c);

/* control_sessions.c */
void session_attach(struct control *c, struct client *k, const char *text); /* what follows "attach " */
void session_attached(struct control *c, struct client *k);                 /* the hypervisor has it: records come now */
void session_detach(struct control *c, struct client *k);
void session_output_send(struct control *c, struct client *k);
void box_open(struct control *c, struct box *b);
void box_close(struct box *b);
void sessions_finish(struct control *c); /* the sandboxes have ended: clients get what waits for them */

/* control_questions.c */
void questions_repeat(const struct control *c, struct client *k); /* those without an answer */
void question_answer(struct control *c, struct client *k, const char *text); /* what follows "answer " */
void questions_free(struct control *c);

#endif
