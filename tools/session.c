/*
 * See tools/session.h.
 */
#include "tools/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/control.h"
#include "tools/message.h"
#include "tools/terminal.h"

#define GRACE_NS 2000000000LL /* for an emulator to end by itself when its sandbox has */
#define INSIST_COUNT 3
#define INSIST_NS 2000000000LL
#define INPUT_PIECE 65536u
#define OUTPUT_PIECE 65536u
#define GATHER_NS 1000000 /* as long as a hundred calls take */
#define GATHER_BYTES 4096
#define TRACE_PAUSE_MS 100 /* of a terminal, where somebody waits */
#define TRACE_PAUSE_FILE_MS 2000

enum slot { SLOT_SIGNALS, SLOT_INPUT, SLOT_OUT, SLOT_ERR, SLOT_EMULATOR, SLOT_PORTS, SLOT_GUEST_LOG = SLOT_PORTS + PORT_COUNT,
            SLOT_CONTROL, SLOT_COUNT = SLOT_CONTROL + CONTROL_SLOTS };

int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* With a terminal of the user's also those of stopping and going on. */
static int open_signals(const struct run_options *o)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(numbers) - (o->tty ? 0 : 2); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        fail(EXIT_LAUNCHER, "signalfd: %s", strerror(errno));
    return fd;
}

/* Whatever the sandboxes do. */
static void end_all(struct session *s, int number, const char *why)
{
    terminal_give_back();
    message("%s", why);
    s->finished = true;
    for (size_t i = 0; i < s->sandbox_count; i++)
        session_end(s, &s->sandboxes[i], EXIT_STATUS, (uint32_t)number);
}

/*
 * Forward it.  A program may ignore it, and a kernel in trouble may never see it: the third within a moment ends the sandbox.
 */
static void forward_signal(struct session *s, int number)
{
    int64_t now = now_ns();

    if (now - s->signalled_ns > INSIST_NS) {
        s->signalled_ns = now;
        s->signals = 0;
    }
    if (++s->signals >= INSIST_COUNT && (number == SIGINT || number == SIGTERM)) {
        end_all(s, number, "ended by the third signal");
        return;
    }
    session_send_signal(s, number);
}

/* Stopped by someone (not by a key: those are the sandbox's): the terminal is the shell's meanwhile. */
static void stop_and_go(struct session *s, int number)
{
    if (number == SIGTSTP) {
        terminal_give_back();
        raise(SIGSTOP); /* SIGCONT comes next */
        return;
    }
    terminal_take_again();
    session_send_size(s);
}

static void take_signal(struct session *s, int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH) {
        if (s->options->tty)
            session_send_size(s);
    } else if (info.ssi_signo == SIGTSTP || info.ssi_signo == SIGCONT) {
        stop_and_go(s, (int)info.ssi_signo);
    } else if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2) {
        if (s->machine->has_mailbox)
            mailbox_set_trap(&s->machine->mailbox, info.ssi_signo == SIGUSR1);
    } else if (info.ssi_signo != SIGCHLD) {
        forward_signal(s, (int)info.ssi_signo);
    } else if (!s->grace_ns && waitpid(s->machine->pid, NULL, WNOHANG) == s->machine->pid) {
        /* It is gone, but its last words may still be in the pipes: read until their end. */
        s->machine->pid = 0;
        s->grace_ns = now_ns() + GRACE_NS;
    }
}

static size_t input_space(const struct session *s)
{
    if (s->input_ended)
        return 0;
    if (s->machine->has_mailbox)
        return MIN(mailbox_space(&s->machine->mailbox), (size_t)INPUT_PIECE);
    return s->input.size >= INPUT_PIECE ? 0 : INPUT_PIECE;
}

static void take_input(struct session *s)
{
    uint8_t buffer[INPUT_PIECE];
    ssize_t n = read(STDIN_FILENO, buffer, input_space(s));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0)
        s->input_ended = true;
    if (n > 0 && s->options->tty && terminal_wants_out(buffer, (size_t)n)) {
        end_all(s, SIGKILL, "ended from the terminal, by Ctrl-] three times");
        return;
    }
    if (s->machine->has_mailbox) {
        if (n > 0)
            mailbox_write(&s->machine->mailbox, buffer, (size_t)n);
        else
            mailbox_end_input(&s->machine->mailbox);
        return;
    }
    if (n > 0)
        bytes_append(&s->input, buffer, (size_t)n);
}

/*
 * Bochs hands over each byte of its port by itself.  A trace that nobody at a terminal waits for is let come together for a
 * moment, rather than woken for at every line.
 */
static void let_gather(const struct session *s, ssize_t got)
{
    static const struct timespec moment = {.tv_nsec = GATHER_NS};

    bool is_traced = s->options->trace || s->options->trace_binary;

    if (is_traced && !s->options->tty && got < GATHER_BYTES)
        nanosleep(&moment, NULL);
}

static void take_emulator_output(struct session *s)
{
    uint8_t *room = frame_reader_room(&s->frames, OUTPUT_PIECE);
    ssize_t n = read(s->machine->output, room, OUTPUT_PIECE);

    if (n < 0 && errno == EINTR)
        return;
    if (n > 0) {
        if (s->machine->has_mailbox)
            frame_reader_take(&s->frames, (size_t)n);
        else
            s->frames.sink.noise(s, room, (size_t)n);
        if (!s->finished)
            let_gather(s, n);
        return;
    }
    close(s->machine->output);
    s->machine->output = -1;
    if (s->machine->has_mailbox)
        s->finished = true;
}

static bool port_wants_output(const struct session *s, int port)
{
    return port == PORT_NR_STDIN && (s->input.size > 0 || (s->input_ended && !s->input_closed));
}

static void fill_slots(const struct session *s, struct pollfd *p, int signals)
{
    bool full = output_full(&s->out) || output_full(&s->err) || control_is_full(s->server);

    for (int i = 0; i < SLOT_COUNT; i++)
        p[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    p[SLOT_SIGNALS].fd = signals;
    if (input_space(s) > 0)
        p[SLOT_INPUT].fd = STDIN_FILENO;
    p[SLOT_OUT] = (struct pollfd){.fd = output_pending(&s->out) ? s->out.fd : -1, .events = POLLOUT};
    p[SLOT_ERR] = (struct pollfd){.fd = output_pending(&s->err) ? s->err.fd : -1, .events = POLLOUT};
    if (!full)
        p[SLOT_EMULATOR].fd = s->machine->output;
    for (int i = 0; i < PORT_COUNT; i++) {
        p[SLOT_PORTS + i].fd = full ? -1 : s->machine->ports[i];
        p[SLOT_PORTS + i].events = POLLIN | (port_wants_output(s, i) ? POLLOUT : 0);
    }
    p[SLOT_GUEST_LOG].fd = full ? -1 : s->machine->guest_log;
    control_fill(s->server, &p[SLOT_CONTROL]);
}

static void serve_slots(struct session *s, const struct pollfd *p)
{
    if (p[SLOT_SIGNALS].revents)
        take_signal(s, p[SLOT_SIGNALS].fd);
    if (p[SLOT_INPUT].revents)
        take_input(s);
    if (p[SLOT_OUT].revents && output_flush_some(&s->out))
        session_send_signal(s, SIGPIPE); /* as if the program had written into the pipe that nobody reads */
    if (p[SLOT_ERR].revents)
        output_flush_some(&s->err);
    if (p[SLOT_EMULATOR].revents)
        take_emulator_output(s);
    for (int i = 0; i < PORT_COUNT; i++) {
        if (p[SLOT_PORTS + i].revents & ~POLLOUT)
            session_port_output(s, i);
        if (p[SLOT_PORTS + i].revents & POLLOUT)
            session_ports_send_input(s);
    }
    if (p[SLOT_GUEST_LOG].revents)
        session_port_output(s, PORT_COUNT);
    control_serve(s->server, &p[SLOT_CONTROL]);
}

/* Milliseconds until something is due; -1: nothing is. */
static int wait_time(const struct session *s)
{
    int64_t next = s->deadline_ns;

    if (s->grace_ns && (!next || s->grace_ns < next))
        next = s->grace_ns;
    if (!next)
        return -1;
    int64_t left = next - now_ns();
    return left <= 0 ? 0 : (int)MIN(left / 1000000 + 1, (int64_t)3600000);
}

/* While nothing comes for a moment, what was held back of the trace is shown. */
static int poll_slots(struct session *s, struct pollfd *p)
{
    static const int pauses[] = {TRACE_PAUSE_MS, TRACE_PAUSE_FILE_MS};

    for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
        int wait = wait_time(s), ready = poll(p, SLOT_COUNT, wait < 0 ? pauses[i] : MIN(wait, pauses[i]));
        if (ready != 0 || wait == 0)
            return ready;
        session_trace_pause(s, i > 0);
    }
    return poll(p, SLOT_COUNT, wait_time(s));
}

/* QEMU alone has no frame that says goodbye: it is over when all it could say is read. */
static bool ports_finished(const struct session *s)
{
    if (s->machine->has_mailbox || s->machine->guest_log >= 0)
        return false;
    for (int i = 0; i < PORT_COUNT; i++) {
        if (s->machine->ports[i] >= 0)
            return false;
    }
    return true;
}

static void stop_machine(struct machine *m)
{
    if (m->pid <= 0)
        return;
    kill(m->pid, SIGKILL);
    waitpid(m->pid, NULL, 0);
    m->pid = 0;
}

int session_run(struct session *s)
{
    struct pollfd p[SLOT_COUNT];
    int signals = open_signals(s->options);
    bool timed_out = false;

    s->frames.sink = session_frame_sink;
    s->frames.sink.context = s;
    while (!s->finished && !ports_finished(s)) {
        fill_slots(s, p, signals);
        if (poll_slots(s, p) < 0 && errno != EINTR)
            fail(EXIT_LAUNCHER, "poll: %s", strerror(errno));
        serve_slots(s, p);
        if (s->ended && !s->grace_ns)
            s->grace_ns = now_ns() + GRACE_NS;
        if (s->grace_ns && now_ns() >= s->grace_ns)
            break;
        timed_out = s->deadline_ns && now_ns() >= s->deadline_ns && !s->ended;
        if (timed_out)
            break;
    }
    stop_machine(s->machine);
    output_flush(&s->out);
    output_flush(&s->err);
    terminal_give_back();
    s->err.raw = false;
    int status = session_conclude(s, timed_out);
    close(signals);
    return status;
}
