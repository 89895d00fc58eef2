/*
 * What the records of a trace say, put together: calls with entry and return, and everything else in its order.
 */
#ifndef TOOLS_TRACE_EVENT_H
#define TOOLS_TRACE_EVENT_H

#include "abi/trace_record.h"
#include "lib/compiler.h"

struct trace_call {
    uint64_t nr, args[6], rip;
    uint32_t pid, tid, vcpu;
    uint16_t flags;        /* enum trace_flags of entry and return */
    bool returned;         /* else `result` means nothing */
    uint8_t status;        /* enum call_status (tools/filter.h); 0: it goes on */
    int64_t result;
    uint64_t tsc, end_tsc; /* of the entry, and of the return or what else ended it */
    uint64_t sequence, end_sequence;
    const void *items;     /* captured memory (abi/capture.h); valid during the event */
    size_t items_size;
    const struct trace_stack_body *stack; /* with its bytes, valid until the call has ended; NULL: not recorded */
    bool is_judged;        /* by a rule, for what it consumed, or after a question: `verdict` is the last such */
    struct trace_verdict_body verdict;
    uint64_t verdict_sequence;
    void *context;         /* the receiver's, from EVENT_ENTRY to EVENT_CALL; NULL at first */
};

enum trace_event_kind {
    EVENT_ENTRY,     /* `call` was made; it is the same object until its EVENT_CALL */
    EVENT_CALL,      /* `call` ended, or nothing more will be known of it */
    EVENT_LONE_END,  /* the return of a call whose entry is not here: `call` has a number at most, and a result */
    EVENT_SIGNAL,    /* `record`: 128 bytes of siginfo */
    EVENT_TASK_NEW,  /* `record`, `call`: the parent's open call, or NULL */
    EVENT_TASK_EXIT, /* `record` */
    EVENT_SWITCH,    /* `record` */
    EVENT_LOST,      /* `record` */
    EVENT_OTHER,     /* `record` of a type that is not known here */
    EVENT_MACHINE,   /* `record`: struct trace_machine_body */
    EVENT_DAMAGE,    /* `text` says what could not be read */
};

struct trace_event {
    enum trace_event_kind kind;
    uint64_t tsc;
    uint32_t pid, tid, vcpu;
    struct trace_call *call;
    const struct trace_record *record;
    const char *text;
};

#endif
