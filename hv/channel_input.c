/*
 * The way in of abi/host_channel.h: the mailbox disk, polled by a timer of this CPU.
 *
 * One read at a time is under way, of the header or of a piece of the ring, and the timer looks whether it is done; in
 * between the guest runs.  The piece that was read last stays in `piece` until the console device took all of it; only
 * then the next one is asked for, so the launcher's ring is what holds back a fast sender.
 *
 * `lock` guards everything; events are told without it, on the boot CPU, where the timer always expires: that is also where
 * sandboxes are destroyed.
 */
#include "hv/channel.h"

#include <linux/errno.h>

#include "hv/alloc.h"
#include "hv/ata.h"
#include "hv/cpu.h"
#include "hv/mailbox.h"
#include "hv/timer.h"
#include "lib/log.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define PIECE_ORDER 4u /* 64 KiB */
#define COMMAND_ORDER 5u
#define PIECE_SECTORS ((uint32_t)(PAGE_SIZE << PIECE_ORDER) / ATA_SECTOR)

/* How long to leave the disk alone, in microseconds. */
#define WAIT_DISK_US 20       /* a read is under way */
#define WAIT_WANTED_US 1000   /* somebody waits for input */
#define WAIT_IDLE_US 20000    /* signals and switches only */

enum reading { READING_NOTHING, READING_HEADER, READING_PIECE, READING_COMMAND };

static struct spinlock lock = SPINLOCK_INIT;
static const struct channel_events *events;
static struct hv_timer poll_timer;
static struct mailbox mailbox;
static enum reading reading;
static bool present;           /* there is a mailbox; else input is at its end */
static bool wanted;
static uint8_t *header_sector; /* a sector's room each */
static uint8_t *piece;
static struct mailbox_read planned; /* what goes into `piece` */
static uint32_t piece_at, piece_left;
static uint8_t *command;       /* COMMAND_ORDER pages while one is read and carried out */
static bool command_due;       /* it is to be read */

void channel_set_events(const struct channel_events *e)
{
    events = e;
}

static void poll_after(uint64_t microseconds)
{
    hv_timer_arm_at(cpu_at(0), &poll_timer, tsc_read() + microseconds * tsc_hz() / 1000000);
}

static void command_answer(int error)
{
    const struct channel_done done = {mailbox.header.command_count, error};

    channel_send(CHANNEL_DONE, 0, &done, sizeof(done));
}

/* Without memory for it the command is refused when it would have been read. */
static bool command_start(void)
{
    size_t sectors = ((size_t)mailbox.header.command_size + ATA_SECTOR - 1) / ATA_SECTOR;

    if (!command)
        command = page_alloc(COMMAND_ORDER);
    if (!command || sectors == 0) {
        command_answer(command ? -EINVAL : -ENOMEM);
        return false;
    }
    reading = READING_COMMAND;
    ata_read_start(CHANNEL_COMMAND_OFFSET / ATA_SECTOR, (unsigned)sectors, command);
    return true;
}

/* The next read: a command, a piece of the ring if there is one and room for it, or (when it is time for that) the header. */
static void read_start(bool header_is_due)
{
    if (command_due) {
        command_due = false;
        if (command_start())
            return;
    }
    if (piece_left == 0) {
        planned = mailbox_plan(&mailbox, PIECE_SECTORS);
        if (planned.sectors) {
            reading = READING_PIECE;
            ata_read_start(planned.sector, planned.sectors, piece);
            return;
        }
    }
    if (header_is_due) {
        reading = READING_HEADER;
        ata_read_start(0, 1, header_sector);
    }
}

static void input_fail(const char *why)
{
    log_error("channel: %s; standard input ends here", why);
    present = false;
}

static void piece_finish(struct mailbox_news *news)
{
    mailbox.tail += planned.bytes;
    piece_at = planned.skip;
    piece_left = planned.bytes;
    news->input = true;
    channel_send(CHANNEL_CREDIT, 0, &mailbox.tail, sizeof(mailbox.tail));
}

static void header_finish(struct mailbox_news *news)
{
    int error = mailbox_take_header(&mailbox, header_sector, news);

    if (error == -EINVAL)
        input_fail("the mailbox makes no sense");
    command_due = news->command;
    news->command = false; /* nor is it here yet */
    /* Bytes are announced when they are here; the end, when it comes with none before it. */
    news->input = news->input && piece_left == 0 && mailbox_at_end(&mailbox);
}

/* Ends the read that is under way if the disk is done with it. */
static void read_finish(struct mailbox_news *news)
{
    enum ata_progress progress = ata_read_poll();
    if (progress == ATA_BUSY)
        return;

    enum reading what = reading;
    reading = READING_NOTHING;
    if (progress == ATA_FAILED)
        input_fail("the mailbox disk cannot be read");
    else if (what == READING_PIECE)
        piece_finish(news);
    else if (what == READING_COMMAND)
        news->command = true;
    else
        header_finish(news);
}

static void events_tell(const struct mailbox_news *news, const struct channel_mailbox *header)
{
    if (news->trap)
        events->trap(header->trap != 0);
    if (news->size)
        events->size(header->rows, header->columns);
    if (news->input)
        events->input();
    if (news->signal)
        events->signal(header->signal);
    if (news->command) {
        command_answer(events->command(command, header->command_size));
        page_free(command, COMMAND_ORDER);
        command = NULL; /* the launcher sends no further one before this answer */
    }
}

static void poll_expired(struct hv_timer *t)
{
    struct mailbox_news news = {0};

    spin_lock(&lock);
    bool was_present = present;
    if (reading != READING_NOTHING)
        read_finish(&news);
    else
        read_start(true);
    if (present && reading == READING_NOTHING)
        read_start(false); /* the header told of bytes, or the piece was taken meanwhile: go on at once */
    if (was_present && !present)
        news.input = true;
    struct channel_mailbox header = mailbox.header;
    if (present)
        poll_after(reading != READING_NOTHING ? WAIT_DISK_US : wanted ? WAIT_WANTED_US : WAIT_IDLE_US);
    spin_unlock(&lock);
    events_tell(&news, &header);
}

void channel_input_start(void)
{
    assert(events != NULL);
    if (!ata_probe())
        return;
    header_sector = mem_alloc(ATA_SECTOR);
    piece = page_alloc(PIECE_ORDER);
    if (!header_sector || !piece) {
        log_error("channel: no memory for standard input");
        mem_free(header_sector);
        page_free(piece, PIECE_ORDER);
        return;
    }
    present = true;
    poll_timer.expired = poll_expired;
    read_start(true);
    poll_after(WAIT_DISK_US);
}

size_t channel_input_read(void *dst, size_t n)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    n = MIN(n, (size_t)piece_left);
    memcpy(dst, piece + piece_at, n);
    piece_at += (uint32_t)n;
    piece_left -= (uint32_t)n;
    if (n && piece_left == 0 && present && reading == READING_NOTHING) {
        read_start(true); /* more may be there already: do not wait for the next poll */
        poll_after(WAIT_DISK_US);
    }
    spin_unlock_irqrestore(&lock, flags);
    return n;
}

bool channel_input_at_end(void)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    bool end = piece_left == 0 && (!present || mailbox_at_end(&mailbox));
    spin_unlock_irqrestore(&lock, flags);
    return end;
}

void channel_input_wanted(bool now_wanted)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    bool raised = now_wanted && !wanted;
    wanted = now_wanted;
    if (raised && present && reading == READING_NOTHING)
        poll_after(0);
    spin_unlock_irqrestore(&lock, flags);
}
