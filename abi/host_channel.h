/*
 * How the hypervisor talks with the program that started it (tools/trapline run) on an emulator or nested machine.
 *
 * Out: port CHANNEL_PORT (Bochs' port_e9_hack, QEMU's isa-debugcon), as frames.  Whatever else the emulator prints
 * before the first frame, between frames or after CHANNEL_BYE is skipped by looking for the magic.
 *
 * In: a "mailbox", a raw disk image on the primary IDE channel that the launcher writes and the hypervisor reads with
 * ATA PIO (neither Bochs nor QEMU caches it).  Sector 0 is the header, the rest from CHANNEL_RING_OFFSET a byte ring of
 * standard input.  The launcher writes bytes first, then the header; CHANNEL_CREDIT frames tell it what was consumed.
 * A header whose two sequence numbers differ was torn: read it again.
 */
#ifndef ABI_HOST_CHANNEL_H
#define ABI_HOST_CHANNEL_H

#include <stdint.h>

#define CHANNEL_PORT 0xe9
#define CHANNEL_MAGIC 0x314c5054u /* "TPL1" */
#define CHANNEL_FRAME_MAX 65536u  /* longest payload */

enum channel_type {
    CHANNEL_HELLO = 1, /* struct channel_hello: first frame */
    CHANNEL_DATA,      /* bytes of `stream` */
    CHANNEL_LOG,       /* text of the hypervisor's log; stream = enum log_level */
    CHANNEL_TRACE,     /* whole trace records (abi/trace_record.h) */
    CHANNEL_STATS,     /* text lines "name value ...", see docs/building.md */
    CHANNEL_CREDIT,    /* u64: bytes of standard input consumed so far */
    CHANNEL_EXIT,      /* struct channel_exit: the sandbox has ended */
    CHANNEL_BYE,       /* nothing more will come; the launcher may end the emulator */
    CHANNEL_ASK,       /* struct trace_question (abi/trace_control.h) */
    CHANNEL_DONE,      /* struct channel_done: a command was carried out, or not */
    CHANNEL_ASKED,     /* struct trace_asked: a question is over */
    CHANNEL_TYPE_COUNT
};

enum channel_stream { STREAM_STDOUT = 1, STREAM_STDERR = 2, STREAM_KERNEL_LOG = 3 };

struct channel_frame {
    uint32_t magic;
    uint8_t type;
    uint8_t stream;
    uint16_t sandbox; /* which one it is about, from 0 (abi/sandbox_spec.h) */
    uint32_t length; /* payload bytes that follow */
};

struct channel_hello {
    uint32_t version;
    uint32_t reserved;
    uint64_t tsc_hz;
    uint64_t tsc; /* at the hypervisor's first instruction */
};

enum channel_exit_kind {
    EXIT_STATUS = 0,       /* the program ended: value is its wait status */
    EXIT_GUEST_CRASH = 1,  /* the guest kernel panicked, triple-faulted or misbehaved; the reason was logged */
    EXIT_HOST_CRASH = 2,   /* the hypervisor itself stopped; the reason was logged */
    EXIT_REFUSED = 3,      /* the sandbox could not be made (memory, capability); the reason was logged */
};

struct channel_done {
    uint32_t command; /* channel_mailbox.command_count */
    int32_t error;    /* 0 or -errno */
};

struct channel_exit {
    uint32_t kind;
    uint32_t value;
};

#define CHANNEL_MAILBOX_MAGIC 0x31584d5054ULL /* "TPMX1" */
#define CHANNEL_RING_OFFSET 4096u
#define CHANNEL_RING_SIZE (1u << 20)
#define CHANNEL_COMMAND_OFFSET (CHANNEL_RING_OFFSET + CHANNEL_RING_SIZE) /* one struct trace_command at a time */
#define CHANNEL_COMMAND_MAX 66560u

struct channel_mailbox {
    uint64_t magic;
    uint64_t sequence;     /* raised by each update */
    uint64_t stdin_head;   /* bytes ever written to the ring */
    uint32_t stdin_eof;    /* 1: no byte will follow stdin_head */
    uint32_t signal_count; /* raised by one for each signal to forward */
    uint32_t signal;       /* the latest one's number */
    uint32_t trap_count;   /* raised by one for each change of `trap` */
    uint32_t trap;         /* 1: trapped, 0: direct */
    uint32_t rows, columns; /* of the terminal; 0: none */
    uint32_t command_count; /* raised by one for each command; the next one comes after the last was answered */
    uint32_t command_size;  /* its bytes */
    uint32_t reserved;
    uint64_t sequence_again;
};

_Static_assert(sizeof(struct channel_frame) == 12, "frame header");
_Static_assert(sizeof(struct channel_mailbox) == 72, "mailbox header");

#endif
