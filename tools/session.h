/*
 * One run of a sandbox, from the started emulator to the exit status: the loop that moves standard input in, output,
 * logs and trace out, and signals on.
 */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include <stdio.h>

#include "abi/host_channel.h"
#include "tools/frames.h"
#include "tools/machine.h"
#include "tools/output.h"
#include "tools/trace_log.h"

struct control;
struct trace_program;
struct trace_view;

#define LOG_KEPT_MAX (64u << 10) /* bytes of each kernel's log that are kept for a crash */

/* A stream that shows whose it is: lines get `name: ` in front.  Without a name bytes pass as they are. */
struct named_stream {
    const char *name;       /* NULL: none */
    struct output *output;
    struct bytes line;      /* begun, not ended */
};

struct session_sandbox {
    const char *name;           /* NULL: it is the only one */
    const struct run_options *options;
    const struct bytes *kernel; /* file with symbols; NULL: not ours */
    struct named_stream out, err;
    struct trace_view *trace;   /* NULL: nothing is traced */
    struct bytes guest_line, guest_log;
    bool ended;                 /* its end is known */
    uint32_t exit_kind, exit_value;
};

struct session {
    const struct run_options *options;
    const struct images *images;
    struct machine *machine;
    struct session_sandbox *sandboxes;
    size_t sandbox_count;
    struct output out, err;     /* ours */
    struct control *server;     /* of --control; NULL: nobody may say anything */
    FILE *trace_file;           /* of --trace-out; NULL: none */
    bool trace_file_failed;     /* it could not be written; this was said */
    FILE *trace_binary;         /* NULL: no log is written */
    struct trace_log_state log; /* of trace_binary */
    struct bytes log_facts;     /* packed, to follow its header */
    bool log_started;           /* the header is written */
    struct frame_reader frames; /* machines with a mailbox */
    struct bytes control;       /* QEMU alone: an unfinished line of the control port */
    struct bytes input;         /* QEMU alone: standard input not yet taken by its port */
    struct bytes host_log, chatter;
    bool input_ended;           /* our standard input */
    bool input_closed;          /* and the sandbox has been told */
    bool ended;                 /* the end of every sandbox is known */
    bool finished;              /* nothing more will come */
    int64_t signalled_ns;       /* when the first of `signals` forwarded ones came */
    unsigned signals;
    int64_t deadline_ns;        /* of --timeout; 0: none */
    int64_t grace_ns;           /* when an emulator that should have ended by now is ended; 0: not yet */
};

/* Runs until the end; returns the launcher's exit status. */
int session_run(struct session *s);

/* The parts below the loop: session_events.c (what comes out of machines with a mailbox), session_ports.c (QEMU alone). */
extern const struct frame_sink session_frame_sink;
void session_port_output(struct session *s, int port);
void session_ports_send_input(struct session *s);
void session_send_signal(struct session *s, int number);
void session_send_size(struct session *s);
void session_end(struct session *s, struct session_sandbox *b, uint32_t kind, uint32_t value);
void session_log(struct session *s, struct bytes *kept, const char *prefix, const struct bytes *elf, int level,
                 const char *text, size_t n);
void session_guest_log(struct session *s, struct session_sandbox *b, const uint8_t *data, size_t n);

/* session_streams.c */
void named_stream_put(struct named_stream *n, const void *data, size_t size);
void named_stream_finish(struct named_stream *n); /* a line that was begun is ended */

/* session_conclude.c: what is said at the end, and the launcher's exit status. */
int session_conclude(struct session *s, bool timed_out);
/* One of several has ended: say how. */
void session_report_end(struct session *s, struct session_sandbox *b);

/* session_trace.c: the traces, live and in a log. */
void session_trace_begin(struct session *s, struct session_sandbox *b, FILE *file, const struct bytes *root);
void session_trace_clock(struct session *s, uint64_t tsc_hz, uint64_t tsc);
void session_trace_records(struct session *s, struct session_sandbox *b, const uint8_t *data, size_t n);
void session_trace_pause(struct session *s, bool is_long); /* nothing came for a moment */
void session_trace_end(struct session *s); /* of the log */

/* Monotonic clock. */
int64_t now_ns(void);

#endif
