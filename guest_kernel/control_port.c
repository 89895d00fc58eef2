/*
 * See control_port.h.  A line that is no command, or too long, is logged and dropped.
 */
#include "guest_kernel/control_port.h"

#include <asm/errno.h>

#include "abi/init_spec.h"
#include "guest_kernel/process.h"
#include "guest_kernel/tty.h"
#include "lib/format.h"
#include "lib/string.h"
#include "virtio/driver/driver.h"

#define LINE_MAX 64
#define WINDOW_MAX 65535

/* The terminal's foreground group if there is one, else the first process's own group. */
static void forward_signal(int signal)
{
    siginfo_t info = signal_info_kernel(signal);

    if (console_signal_foreground(signal))
        return;
    spin_lock(&process_tree_lock);
    struct process *first = process_first();
    int32_t group = first ? first->group : 0;
    spin_unlock(&process_tree_lock);
    if (group)
        (void)signal_send_group(group, &info);
}

/* Cuts the next word off *line; NULL: none. */
static char *next_word(char **line)
{
    char *word = *line;

    while (*word == ' ')
        word++;
    char *end = strchr(word, ' ');
    *line = end ? end + 1 : word + strlen(word);
    if (end)
        *end = '\0';
    return *word ? word : NULL;
}

static int next_number(char **line, uint64_t most, unsigned *out)
{
    char *word = next_word(line);
    unsigned long long n;

    if (!word || string_to_u64(word, &n) || n > most)
        return -EINVAL;
    *out = (unsigned)n;
    return 0;
}

static int obey(char *line)
{
    unsigned a, b;
    char *command = next_word(&line);

    if (!command)
        return -EINVAL;
    if (!strcmp(command, "signal")) {
        if (next_number(&line, SIGNAL_COUNT, &a) || !signal_is_valid(a))
            return -EINVAL;
        forward_signal((int)a);
        return 0;
    }
    if (!strcmp(command, "size")) {
        if (next_number(&line, WINDOW_MAX, &a) || next_number(&line, WINDOW_MAX, &b))
            return -EINVAL;
        console_resize(a, b);
        return 0;
    }
    return -EINVAL;
}

struct line_reader {
    char line[LINE_MAX];
    size_t used;
    bool too_long;
};

static void take_byte(struct line_reader *r, char c)
{
    if (c != '\n') {
        if (r->used < sizeof(r->line) - 1)
            r->line[r->used++] = c;
        else
            r->too_long = true;
        return;
    }
    r->line[r->used] = '\0';
    if (r->too_long || obey(r->line))
        log_warn("control: a line that is no command was dropped");
    r->used = 0;
    r->too_long = false;
}

static void control_thread(void *context)
{
    struct console_port *p = context;
    struct line_reader reader = {.used = 0};
    char bytes[64];

    for (;;) {
        wait_event_uninterruptible(&p->readable, console_port_has_input(p));
        size_t n = console_port_read(p, bytes, sizeof(bytes));
        for (size_t i = 0; i < n; i++)
            take_byte(&reader, bytes[i]);
    }
}

int control_port_start(void)
{
    struct console_port *p = console_port_find(PORT_NR_CONTROL);

    if (!p)
        return 0;
    struct task *t = task_create_kernel("control", control_thread, p);
    if (!t)
        return -ENOMEM;
    task_start(t);
    return 0;
}

bool console_port_send(struct console_port *p, const char *text, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t some = console_port_write(p, text + done, n - done);
        done += some;
        if (!some && console_port_is_starved(p))
            return false;
        if (!some)
            wait_event_uninterruptible(&p->writable, console_port_can_write(p));
    }
    return true;
}

void control_port_report_exit(uint32_t status)
{
    struct console_port *p = console_port_find(PORT_NR_CONTROL);
    char line[32];

    if (!p)
        return;
    size_t n = (size_t)format(line, sizeof(line), "exit %u\n", status);
    if (console_port_send(p, line, n))
        console_port_drain(p);
    else
        log_error("control: no memory to tell the exit status %u", status);
}
