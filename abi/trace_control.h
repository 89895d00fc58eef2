/*
 * What a sandbox's gate is told to do with calls: the sessions that look on, each with a filter (abi/trace_program.h), and
 * the rules that change what happens.  The launcher makes one configuration of all of them, as a member of the bundle or by
 * the mailbox while the sandbox runs; it replaces the one before as a whole.  Checked once when it arrives, in memory of our
 * own, and then trusted.
 *
 * Layout: struct trace_config, then its parts, each 8-byte aligned and beginning with its size, type and number: sessions
 * (number: bit in the records' mask), then rules in their order.  The first rule that fits a call decides it.
 */
#ifndef ABI_TRACE_CONTROL_H
#define ABI_TRACE_CONTROL_H

#include "abi/trace_program.h"
#include "lib/compiler.h"

#define TRACE_CONFIG_MAGIC 0x46435054u /* "TPCF" */
#define TRACE_CONFIG_VERSION 1u
#define TRACE_CONFIG_SIZE_MAX 65536u
#define TRACE_SESSIONS_MAX 8u
#define TRACE_RULES_MAX 64u
#define TRACE_POKE_MAX 256u     /* bytes that one rule puts into a program's memory */
#define TRACE_PATTERN_MAX 1024u /* length of a pattern, its NUL included */

#define TRACE_ANY_ARGUMENT 6u

#define TRACE_CONFIG_PREFIX "control/" /* and the sandbox's number: the bundle's member with its first configuration */

struct trace_config {
    uint32_t magic;
    uint16_t version;
    uint16_t parts;
    uint32_t size; /* of all */
    uint32_t reserved; /* 0 */
};

enum trace_part_type { TRACE_PART_SESSION = 1, TRACE_PART_RULE };

struct trace_part {
    uint32_t size; /* of the part, this included; a multiple of 8 */
    uint16_t type;
    uint16_t number;
};

struct trace_session {
    struct trace_part part;
    struct trace_program program; /* and its steps, to the part's end */
};

enum trace_action {
    TRACE_ACT_ALLOW,  /* go on, no further rule */
    TRACE_ACT_RESULT, /* the call does not happen, its result is `result` */
    TRACE_ACT_INJECT, /* the call happens, with what the fields below ask for */
    TRACE_ACT_KILL,   /* its process dies by SIGKILL before the call happens */
    TRACE_ACT_END,    /* the sandbox ends as if by SIGSYS */
    TRACE_ACT_ASK,    /* the call waits for an answer, at most ask_ms, then `result` (0: allow) */
    TRACE_ACT_COUNT
};

enum trace_poke { TRACE_POKE_NONE, TRACE_POKE_ENTER, TRACE_POKE_EXIT, TRACE_POKE_COUNT };

struct trace_rule {
    struct trace_part part;
    uint8_t action;
    uint8_t poke;        /* TRACE_POKE_*: put the last poke_size bytes at what `argument` points to */
    uint8_t argument;    /* 0 to 5; of a pattern also TRACE_ANY_ARGUMENT: any text or address that the call consumes */
    uint8_t signal;      /* sent to the task as the call begins; 0: none */
    uint16_t poke_size;
    uint16_t pattern_size; /* 0: none; else only calls that consume a text or address that fits; not of INJECT */
    int64_t result;      /* of TRACE_ACT_RESULT */
    uint64_t delay_enter_ns, delay_exit_ns;
    uint32_t first, last, step; /* of a task's calls that fit: which ones; last 0: no end; step 0: as 1 */
    uint32_t ask_ms;
    struct trace_program program; /* its steps, then the pattern and the bytes, up to the part's end; no return steps */
};

/* Is it sound?  `bytes` 8-byte aligned, in memory that only the caller writes. */
bool trace_config_valid(const void *bytes, size_t size) must_check;

/* The parts of a valid configuration, one after the other: NULL to begin, NULL at the end. */
const struct trace_part *trace_config_next(const struct trace_config *c, const struct trace_part *at);

static inline const char *trace_rule_pattern(const struct trace_rule *r)
{
    return (const char *)&r->program + r->program.size;
}

static inline const uint8_t *trace_rule_poke(const struct trace_rule *r)
{
    return (const uint8_t *)trace_rule_pattern(r) + r->pattern_size;
}

/*
 * Does what a call consumed fit the pattern?  A pattern that begins with "inet:", "inet6:" or "unix:" is for a struct sockaddr, shown
 * as inet:127.0.0.1:80, inet6:0:0:0:0:0:0:0:1:80, unix:/path or unix:@abstract; any other is for a text that ends at its NUL.
 */
bool trace_pattern_fits_text(const char *pattern, const void *bytes, size_t n) must_check;
bool trace_pattern_fits_address(const char *pattern, const void *bytes, size_t n) must_check;

/* Does a text fit the pattern?  * stands for any bytes, ? for one; both are bounded, and the time is their product. */
bool trace_pattern_fits(const char *pattern, const char *text, size_t n) must_check;

/*
 * What the launcher sends by the mailbox (abi/host_channel.h) while a sandbox runs, one command at a time: struct
 * trace_command and its body.  Each is answered by a CHANNEL_DONE frame.
 */
enum trace_command_type {
    TRACE_COMMAND_CONFIG = 1, /* body: a configuration */
    TRACE_COMMAND_ANSWER,     /* body: struct trace_answer */
};

struct trace_command {
    uint16_t type;
    uint16_t sandbox;
    uint32_t size; /* of the body */
};

struct trace_answer {
    uint32_t ticket; /* of the question */
    uint32_t reserved;
    int64_t result;  /* 0: let the call happen; < 0: its result; TRACE_ANSWER_KILL */
};

#define TRACE_ANSWER_KILL INT64_MIN

/*
 * CHANNEL_ASK's payload: a call that waits for an answer, and behind it items (abi/capture.h).  If it is about what the call
 * consumes, that comes first (CAPTURE_IN); then what its arguments point to at the moment (CAPTURE_OBSERVED): another thread may
 * change that before the call uses it.
 */
struct trace_question {
    uint32_t ticket;
    uint32_t pid, tid;
    uint32_t consumed; /* 1: about the first item */
    uint64_t nr;
    uint64_t args[6];
};

/* CHANNEL_ASKED's payload: nobody needs to answer any more. */
struct trace_asked {
    uint32_t ticket;
    uint32_t by;    /* enum trace_verdict_by (abi/trace_record.h) */
    int64_t result; /* as an answer's */
};

_Static_assert(sizeof(struct trace_config) == 16, "header");
_Static_assert(sizeof(struct trace_rule) == 56 + sizeof(struct trace_program), "rule");

#endif
