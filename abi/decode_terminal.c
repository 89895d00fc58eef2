/*
 * ioctl requests: those of terminals and a few of any file.
 */
#include "abi/decode_internal.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>
#include <linux/tty.h>

#include "abi/decode_ioctl.h"
#include "lib/string.h"

#define KDSETMODE_REQUEST 0x4b3a /* <linux/kd.h> */
#define FICLONE_REQUEST 0x40049409 /* <linux/fs.h>, whose other names clash with those of terminals */

#ifndef FIONREAD
#define FIONREAD 0x541b
#endif

void print_ioctl_cmd(struct decoder *d, uint64_t value)
{
    static const struct name names[] = {
        NAME(TCGETS), {TCSETS, "SNDCTL_TMR_START or TCSETS"}, {TCSETSW, "SNDCTL_TMR_STOP or TCSETSW"},
        {TCSETSF, "SNDCTL_TMR_CONTINUE or TCSETSF"}, NAME(TCGETA), NAME(TCSETA), NAME(TCSBRK), NAME(TCXONC),
        NAME(TCFLSH), NAME(TIOCEXCL), NAME(TIOCNXCL), NAME(TIOCSCTTY), NAME(TIOCGPGRP), NAME(TIOCSPGRP), NAME(TIOCOUTQ),
        NAME(TIOCSTI), NAME(TIOCGWINSZ), NAME(TIOCSWINSZ), NAME(TIOCMGET), NAME(FIONREAD), NAME(TIOCLINUX),
        NAME(TIOCCONS), NAME(TIOCPKT), NAME(FIONBIO), NAME(TIOCNOTTY), NAME(TIOCSETD), NAME(TIOCGETD), NAME(TCSBRKP),
        NAME(TIOCGSID), NAME(TCGETS2), NAME(TIOCGPTN), NAME(TIOCSPTLCK), NAME(FIONCLEX), NAME(FIOCLEX), NAME(FIOASYNC),
        NAME(TIOCGPTPEER), NAME(TCSETAW), NAME(TCSETAF), NAME(TCSETS2), NAME(TCSETSW2), NAME(TCSETSF2), NAME(TIOCGLCKTRMIOS),
        NAME(TIOCSLCKTRMIOS), NAME(TIOCGSOFTCAR), NAME(TIOCSSOFTCAR), NAME(TIOCGEXCL), NAME(TIOCGDEV), NAME(TIOCGPKT),
        NAME(TIOCGPTLCK), NAME(TIOCSIG), NAME(TIOCVHANGUP), NAME(TIOCSBRK), NAME(TIOCCBRK), NAME(TIOCMSET), NAME(TIOCMBIS),
        NAME(TIOCMBIC), NAME(TIOCGSERIAL), NAME(TIOCSSERIAL), NAME(TIOCGICOUNT), NAME(TIOCMIWAIT), NAME(TIOCGRS485),
        NAME(TIOCSRS485), NAME(TCGETX), NAME(FIOQSIZE), NAME(SIOCGIFNAME), {KDSETMODE_REQUEST, "KDSETMODE"}, {0x4b33, "KDGKBTYPE"}, {0x5600, "VT_OPENQRY"},
        {0x5603, "VBG_IOCTL_VMMDEV_REQUEST_BIG or VT_GETSTATE"}, {FICLONE_REQUEST, "BTRFS_IOC_CLONE or FICLONE"},
        {0x80045430, "TIOCGPTN"}, NAME(FIOSETOWN), NAME(SIOCSPGRP), NAME(FIOGETOWN), NAME(SIOCGPGRP), NAME(SIOCATMARK),
        NAME_END};
    static const char *const directions[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
    uint32_t request = (uint32_t)value;
    const char *name = name_find(names, request);

    name = name ? name : ioctl_name(request);
    if (name)
        out(d, "%s", name);
    else
        out(d, "_IOC(%s, %#x, %#x, %#x)", directions[_IOC_DIR(request)], _IOC_TYPE(request), _IOC_NR(request),
            _IOC_SIZE(request));
}

static const struct name input_flags[] = {
    NAME(IGNBRK), NAME(BRKINT), NAME(IGNPAR), NAME(PARMRK), NAME(INPCK), NAME(ISTRIP), NAME(INLCR), NAME(IGNCR),
    NAME(ICRNL), NAME(IUCLC), NAME(IXON), NAME(IXANY), NAME(IXOFF), NAME(IMAXBEL), NAME(IUTF8), NAME_END};
static const struct name output_flags[] = {NAME(OPOST), NAME(OLCUC), NAME(ONLCR), NAME(OCRNL), NAME(ONOCR),
                                           NAME(ONLRET), NAME(OFILL), NAME(OFDEL), NAME_END};
static const struct name control_flags[] = {NAME(CSTOPB), NAME(CREAD), NAME(PARENB), NAME(PARODD), NAME(HUPCL),
                                            NAME(CLOCAL), NAME(CMSPAR), NAME(CRTSCTS), NAME_END};
static const struct name local_flags[] = {
    NAME(ISIG), NAME(ICANON), NAME(XCASE), NAME(ECHO), NAME(ECHOE), NAME(ECHOK), NAME(ECHONL), NAME(NOFLSH), NAME(IEXTEN),
    NAME(ECHOCTL), NAME(ECHOPRT), NAME(ECHOKE), NAME(FLUSHO), NAME(PENDIN), NAME(TOSTOP), NAME(EXTPROC), NAME_END};
static const struct name speeds[] = {
    NAME(B0), NAME(B50), NAME(B75), NAME(B110), NAME(B134), NAME(B150), NAME(B200), NAME(B300), NAME(B600), NAME(B1200),
    NAME(B1800), NAME(B2400), NAME(B4800), NAME(B9600), NAME(B19200), NAME(B38400), NAME(BOTHER), NAME(B57600), NAME(B115200),
    NAME(B230400), NAME(B460800), NAME(B500000), NAME(B576000), NAME(B921600), NAME(B1000000), NAME(B1152000), NAME(B1500000),
    NAME(B2000000), NAME(B2500000), NAME(B3000000), NAME(B3500000), NAME(B4000000), NAME_END};
static const struct name sizes[] = {NAME(CS5), NAME(CS6), NAME(CS7), NAME(CS8), NAME_END};
static const struct name line_disciplines[] = {
    NAME(N_TTY), NAME(N_SLIP), NAME(N_MOUSE), NAME(N_PPP), NAME(N_STRIP), NAME(N_AX25), NAME(N_X25), NAME(N_6PACK), NAME(N_MASC),
    NAME(N_R3964), NAME(N_PROFIBUS_FDL), NAME(N_IRDA), NAME(N_SMSBLOCK), NAME(N_HDLC), NAME(N_SYNC_PPP), NAME(N_HCI),
    NAME(N_GIGASET_M101), NAME(N_SLCAN), NAME(N_PPS), NAME(N_V253), NAME(N_CAIF), NAME(N_GSM0710), NAME(N_TI_WL),
    NAME(N_TRACESINK), NAME(N_TRACEROUTER), NAME(N_NCI), NAME_END};

/* strace prints nothing where no flag is set. */
static void print_flags(struct decoder *d, const struct name *names, uint32_t flags)
{
    if (flags)
        out_flags(d, names, flags, "???");
}

/* The delays of output flags are small numbers in bit fields: shown even when 0. */
static void print_output_flags(struct decoder *d, uint32_t flags)
{
    static const struct {
        uint32_t mask;
        struct name names[5];
    } delays[] = {
        {NLDLY, {NAME(NL0), NAME(NL1), NAME_END}},
        {CRDLY, {NAME(CR0), NAME(CR1), NAME(CR2), NAME(CR3), NAME_END}},
        {TABDLY, {NAME(TAB0), NAME(TAB1), NAME(TAB2), {TAB3, "XTABS"}, NAME_END}},
        {BSDLY, {NAME(BS0), NAME(BS1), NAME_END}},
        {VTDLY, {NAME(VT0), NAME(VT1), NAME_END}},
        {FFDLY, {NAME(FF0), NAME(FF1), NAME_END}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
        out_name(d, delays[i].names, flags & delays[i].mask, "???");
        out(d, "|");
        flags &= ~delays[i].mask;
    }
    print_flags(d, output_flags, flags);
}

static void print_control_flags(struct decoder *d, uint32_t flags)
{
    uint32_t input_speed = (flags & CIBAUD) >> IBSHIFT;

    out_name(d, speeds, flags & CBAUD, "B???");
    out(d, "|");
    if (input_speed) {
        out_name(d, speeds, input_speed, "B???");
        out(d, "<<IBSHIFT|");
    }
    out_name(d, sizes, flags & CSIZE, "CS?");
    out(d, "|");
    print_flags(d, control_flags, flags & ~(uint32_t)(CBAUD | CIBAUD | CSIZE));
}

static void print_characters(struct decoder *d, const cc_t *characters, unsigned count)
{
    static const char *const names[] = {"VINTR", "VQUIT", "VERASE",   "VKILL",    "VEOF",    "VTIME",  "VMIN", "VSWTC", "VSTART",
                                        "VSTOP", "VSUSP", "VEOL", "VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2"};

    for (unsigned i = 0; i < count; i++) {
        if (i < ARRAY_SIZE(names))
            out(d, "%s[%s]=%#x", i ? ", " : "", names[i], characters[i]);
        else
            out(d, ", [%u]=%#x", i, characters[i]);
    }
}

/* `count` characters are there; speeds: c_ispeed and c_ospeed too. */
static void print_termios(struct decoder *d, const struct termios2 *t, unsigned count, bool with_speeds)
{
    out(d, "{c_iflag=");
    print_flags(d, input_flags, t->c_iflag);
    out(d, ", c_oflag=");
    print_output_flags(d, t->c_oflag);
    out(d, ", c_cflag=");
    print_control_flags(d, t->c_cflag);
    out(d, ", c_lflag=");
    print_flags(d, local_flags, t->c_lflag);
    if (!d->style->whole) {
        out(d, ", ...}");
        return;
    }
    out(d, ", c_line=");
    out_name(d, line_disciplines, t->c_line, "N_???");
    out(d, ", c_cc=[");
    print_characters(d, t->c_cc, count);
    if (with_speeds)
        out(d, "], c_ispeed=%u, c_ospeed=%u}", t->c_ispeed, t->c_ospeed);
    else
        out(d, "]}");
}

static bool fetch(struct decoder *d, uint64_t address, void *to, size_t n, bool stored)
{
    return stored ? fetch_out(d, address, to, n) : fetch_in(d, address, to, n);
}

/* struct termios is the first part of struct termios2. */
static void print_termios_at(struct decoder *d, uint64_t address, bool stored, bool with_speeds)
{
    struct termios2 t;

    if (fetch(d, address, &t, with_speeds ? sizeof t : sizeof(struct termios), stored))
        print_termios(d, &t, NCCS, with_speeds);
}

static void print_termio_at(struct decoder *d, uint64_t address, bool stored)
{
    struct termio t;

    if (!fetch(d, address, &t, sizeof t, stored))
        return;
    struct termios2 whole = {.c_iflag = t.c_iflag, .c_oflag = t.c_oflag, .c_cflag = t.c_cflag, .c_lflag = t.c_lflag, .c_line = t.c_line};
    memcpy(whole.c_cc, t.c_cc, NCC);
    print_termios(d, &whole, NCC, false);
}

static void print_winsize_at(struct decoder *d, uint64_t address, bool stored)
{
    struct winsize w;

    if (fetch(d, address, &w, sizeof w, stored))
        out(d, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
}

static void print_int_at(struct decoder *d, uint64_t address, bool stored)
{
    int32_t number;

    if (fetch(d, address, &number, sizeof number, stored))
        out(d, "[%d]", number);
}

static void print_byte_at(struct decoder *d, uint64_t address)
{
    uint8_t byte;

    if (memory_read_string(d, MEMORY_IN, address, &byte, 1) == 1)
        out_quoted(d, &byte, 1, false);
    else
        out_address(d, address);
}

static const struct name queues[] = {NAME(TCIFLUSH), NAME(TCOFLUSH), NAME(TCIOFLUSH), NAME_END};
static const struct name flows[] = {NAME(TCOOFF), NAME(TCOON), NAME(TCIOFF), NAME(TCION), NAME_END};

/* Requests of terminals; false: none of them. */
static bool print_terminal_arg(struct decoder *d, uint32_t request, uint64_t value)
{
    switch (request) {
    case TCGETS: case TIOCGLCKTRMIOS:
        print_termios_at(d, value, true, false);
        break;
    case TCSETS: case TCSETSW: case TCSETSF: case TIOCSLCKTRMIOS:
        print_termios_at(d, value, false, false);
        break;
    case TCGETS2:
        print_termios_at(d, value, true, true);
        break;
    case TCSETS2: case TCSETSW2: case TCSETSF2:
        print_termios_at(d, value, false, true);
        break;
    case TCGETA:
        print_termio_at(d, value, true);
        break;
    case TCSETA: case TCSETAW: case TCSETAF:
        print_termio_at(d, value, false);
        break;
    case TIOCGWINSZ:
        print_winsize_at(d, value, true);
        break;
    case TIOCSWINSZ:
        print_winsize_at(d, value, false);
        break;
    case TCFLSH:
        out_name(d, queues, value, "TC???");
        break;
    case TCXONC:
        out_name(d, flows, value, "TC???");
        break;
    case TIOCSTI:
        print_byte_at(d, value);
        break;
    default:
        return false;
    }
    return true;
}

static void print_modem_lines(struct decoder *d, uint64_t address, bool stored)
{
    static const struct name lines[] = {NAME(TIOCM_LE), NAME(TIOCM_DTR), NAME(TIOCM_RTS), NAME(TIOCM_ST), NAME(TIOCM_SR), NAME(TIOCM_CTS),
                                        NAME(TIOCM_CAR), NAME(TIOCM_RNG), NAME(TIOCM_DSR), NAME(TIOCM_OUT1), NAME(TIOCM_OUT2),
                                        NAME(TIOCM_LOOP), NAME_END};
    uint32_t set;

    if (!fetch(d, address, &set, sizeof set, stored))
        return;
    out_text(d, "[");
    out_flags(d, lines, set, "TIOCM_???");
    out_text(d, "]");
}

void print_ioctl_arg(struct decoder *d, uint64_t value)
{
    static const struct name console_modes[] = {{0, "KD_TEXT"}, {1, "KD_GRAPHICS"}, {2, "KD_TEXT0"}, {3, "KD_TEXT1"}, NAME_END};
    uint32_t request = (uint32_t)d->call->args[1];

    if (print_terminal_arg(d, request, value) || ioctl_print(d, request, value))
        return;
    switch (request) {
    case TIOCMGET:
        print_modem_lines(d, value, true);
        break;
    case TIOCMBIS: case TIOCMBIC: case TIOCMSET:
        print_modem_lines(d, value, false);
        break;
    case TIOCGPGRP: case TIOCGSID: case TIOCGETD: case TIOCGPTN: case FIONREAD: case TIOCOUTQ: case TIOCGEXCL: case TIOCGDEV:
    case TIOCGSOFTCAR: case FIOGETOWN: case SIOCGPGRP: case SIOCATMARK:
        print_int_at(d, value, true);
        break;
    case FIOSETOWN: case SIOCSPGRP: case TIOCSPGRP: case TIOCSETD: case FIONBIO: case FIOASYNC: case TIOCPKT: case TIOCSPTLCK:
    case TIOCSSOFTCAR:
        print_int_at(d, value, false);
        break;
    case FICLONE_REQUEST: case TCSBRK: case TCSBRKP: case TIOCSCTTY:
        out(d, "%d", (int)value);
        break;
    case KDSETMODE_REQUEST:
        out_name(d, console_modes, value, "KD_???");
        break;
    case TIOCNOTTY: case TIOCEXCL: case TIOCNXCL: case TIOCSBRK: case TIOCCBRK: case TIOCVHANGUP: case FIOCLEX: case FIONCLEX:
    case TIOCCONS:
        d->skipped = true;
        break;
    default:
        out(d, "%#llx", (unsigned long long)value);
    }
}
