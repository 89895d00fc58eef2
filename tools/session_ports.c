/*
 * See tools/session.h: QEMU alone, where the guest kernel's console ports are sockets of ours (abi/init_spec.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/session.h"

#define CONTROL_LINE_MAX 256u

/* "exit STATUS": a wait status in decimal.  Other lines are the guest's fault and ignored. */
static void control_line(struct session *s, const char *line)
{
    char *end;

    if (strncmp(line, "exit ", 5) != 0)
        return;
    unsigned long status = strtoul(line + 5, &end, 10);
    if (end != line + 5 && *end == '\0')
        session_end(s, &s->sandboxes[0], EXIT_STATUS, (uint32_t)status);
}

static void control_input(struct session *s, const uint8_t *data, size_t n)
{
    char *newline;

    bytes_append(&s->control, data, n);
    while (s->control.size > 0 && (newline = memchr(s->control.data, '\n', s->control.size))) {
        *newline = '\0';
        control_line(s, (char *)s->control.data);
        bytes_consume(&s->control, (size_t)(newline - (char *)s->control.data) + 1);
    }
    if (s->control.size > CONTROL_LINE_MAX)
        s->control.size = 0;
}

/* Take what a port (or, PORT_COUNT, the log) has for us; at its end it is closed. */
void session_port_output(struct session *s, int port)
{
    int *fd = port == PORT_COUNT ? &s->machine->guest_log : &s->machine->ports[port];
    uint8_t buffer[65536];
    ssize_t n = read(*fd, buffer, sizeof buffer);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    if (port == PORT_COUNT)
        session_guest_log(s, &s->sandboxes[0], buffer, (size_t)n);
    else if (port == PORT_NR_CONTROL)
        control_input(s, buffer, (size_t)n);
    else if (port == PORT_NR_STDERR)
        output_put(&s->err, buffer, (size_t)n);
    else if (port == PORT_NR_STDOUT || port == PORT_NR_CONSOLE)
        output_put(&s->out, buffer, (size_t)n);
}

/*
 * The end of standard input is told by shutting down our writing side: QEMU reads what is still there, then closes the port
 * for the guest.
 */
void session_ports_send_input(struct session *s)
{
    int fd = s->machine->ports[PORT_NR_STDIN];

    if (s->input.size > 0 && fd >= 0) {
        ssize_t n = send(fd, s->input.data, s->input.size, MSG_NOSIGNAL);
        if (n > 0)
            bytes_consume(&s->input, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            s->input.size = 0;
    }
    if (s->input_ended && s->input.size == 0 && !s->input_closed) {
        s->input_closed = true;
        if (fd >= 0)
            shutdown(fd, SHUT_WR);
    }
}

static void control_send(struct session *s, const char *fmt, int a, int b)
{
    struct bytes line = {0};

    bytes_append_text(&line, fmt, a, b);
    if (s->machine->ports[PORT_NR_CONTROL] >= 0 &&
        send(s->machine->ports[PORT_NR_CONTROL], line.data, line.size, MSG_NOSIGNAL) < 0)
        s->control.size = 0; /* the guest is not reading: it is gone, or it will die of our timeout */
    bytes_free(&line);
}

void session_send_signal(struct session *s, int number)
{
    if (s->machine->has_mailbox)
        mailbox_signal(&s->machine->mailbox, number);
    else
        control_send(s, "signal %d\n", number, 0);
}

void session_send_size(struct session *s)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0)
        return;
    if (s->machine->has_mailbox)
        mailbox_set_size(&s->machine->mailbox, size.ws_row, size.ws_col);
    else
        control_send(s, "size %d %d\n", size.ws_row, size.ws_col);
}
