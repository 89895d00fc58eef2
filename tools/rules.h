/*
 * Rules for calls (`--inject`, `--fault`, `--policy`; docs/policy.md) from text, and the configuration that the gate gets
 * (abi/trace_control.h).
 */
#ifndef TOOLS_RULES_H
#define TOOLS_RULES_H

#include "abi/trace_control.h"
#include "tools/bytes.h"

struct rule_list {
    struct bytes parts; /* struct trace_rule, as a configuration has them */
    unsigned count;
};

/* Each appends one rule.  NULL, or why the text is none (allocated). */
const char *rule_add_inject(struct rule_list *l, const char *text, int default_error) must_check; /* 0: no default */
const char *rule_add_policy(struct rule_list *l, const char *text) must_check;
/* A line of a rules file or of `trapline control`: "inject TEXT", "fault TEXT" or "policy TEXT". */
const char *rule_add_line(struct rule_list *l, const char *line) must_check;
void rule_list_free(struct rule_list *l);

/* The programs of sessions by number, NULL: none such; appended to `out`. */
void trace_config_build(struct bytes *out, const struct trace_program *const sessions[TRACE_SESSIONS_MAX],
                        const struct rule_list *rules);

#endif
