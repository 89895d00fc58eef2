/*
 * The hypervisor's end of abi/host_channel.h.  Out never blocks for long (a port write a byte); in is polled.
 */
#ifndef HV_CHANNEL_H
#define HV_CHANNEL_H

#include "abi/host_channel.h"
#include "lib/compiler.h"

/* Is there a channel port here?  Without one, frames are dropped and logs go to COM1 as text. */
bool channel_probe(void);
void channel_send_of(unsigned sandbox, enum channel_type type, unsigned stream, const void *payload, size_t n);
/* For a panic: from now on only this CPU's frames go out, whatever the others were doing. */
void channel_seize(void);
/* What is not about one sandbox (or about the only one). */
void channel_send(enum channel_type type, unsigned stream, const void *payload, size_t n);

/* Start reading the mailbox if a disk with its magic answers; otherwise standard input is at its end. */
void channel_input_start(void);
/* Copies what has arrived: bytes, 0 if nothing is there yet. */
size_t channel_input_read(void *dst, size_t n);
bool channel_input_at_end(void);
/* Told by the console device: someone waits for input (poll often), or not (poll rarely). */
void channel_input_wanted(bool wanted);

/* Set at boot by hv/main; called from channel polling, in root mode. */
struct channel_events {
    void (*input)(void);                    /* bytes or end of input arrived */
    void (*signal)(unsigned number);
    void (*trap)(bool on);
    void (*size)(unsigned rows, unsigned columns);
    int (*command)(const void *bytes, size_t n); /* of abi/trace_control.h, 8-byte aligned: 0 or -errno, for the answer */
};
void channel_set_events(const struct channel_events *events);

#endif
