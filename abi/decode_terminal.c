/*
 * ioctl requests: those of terminals and a few of any file.
 */
#include "abi/decode_internal.h"

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>

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
        NAME(TIOCGPTPEER), {0x4b3a, "KDSETMODE"}, {0x4b33, "KDGKBTYPE"}, {0x5600, "VT_OPENQRY"},
        {0x5603, "VT_GETSTATE"}, {0x1260, "BLKGETSIZE"}, {0x80081272, "BLKGETSIZE64"}, {FICLONE_REQUEST, "BTRFS_IOC_CLONE or FICLONE"},
        {0x80045430, "TIOCGPTN"}, NAME(FIOSETOWN), NAME(SIOCSPGRP), NAME(FIOGETOWN), NAME(SIOCGPGRP), NAME(SIOCATMARK),
        NAME_END};
    static const char *const directions[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
    uint32_t request = (uint32_t)value;
    const char *name = name_find(names, request);

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
    NAME(B1800), NAME(B2400), NAME(B4800), NAME(B9600), NAME(B19200), NAME(B38400), NAME(B57600), NAME(B115200), NAME_END};
static const struct name sizes[] = {NAME(CS5), NAME(CS6), NAME(CS7), NAME(CS8), NAME_END};

/* The delays of output flags are small numbers in bit fields: shown even when 0. */
static void print_output_flags(struct decoder *d, uint32_t flags)
{
    static const struct {
        uint32_t mask;
        struct name names[4];
    } delays[] = {
        {NLDLY, {NAME(NL0), NAME(NL1), NAME_END}},
        {CRDLY, {NAME(CR0), NAME(CR1), {CR2, "CR2"}, NAME_END}},
        {TABDLY, {NAME(TAB0), NAME(TAB1), {TAB3, "XTABS"}, NAME_END}},
        {BSDLY, {NAME(BS0), NAME(BS1), NAME_END}},
        {VTDLY, {NAME(VT0), NAME(VT1), NAME_END}},
        {FFDLY, {NAME(FF0), NAME(FF1), NAME_END}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
        out_name(d, delays[i].names, flags & delays[i].mask, "???");
        out(d, "|");
        flags &= ~delays[i].mask;
    }
    out_flags(d, output_flags, flags, "???");
}

static void print_termios(struct decoder *d, const struct termios *t)
{
    out(d, "{c_iflag=");
    out_flags(d, input_flags, t->c_iflag, "???");
    out(d, ", c_oflag=");
    print_output_flags(d, t->c_oflag);
    out(d, ", c_cflag=");
    out_name(d, speeds, t->c_cflag & CBAUD, "B???");
    out(d, "|");
    out_name(d, sizes, t->c_cflag & CSIZE, "CS?");
    out(d, "|");
    out_flags(d, control_flags, t->c_cflag & ~(uint32_t)(CBAUD | CIBAUD | CSIZE), "???");
    out(d, ", c_lflag=");
    out_flags(d, local_flags, t->c_lflag, "???");
    if (!d->style->whole) {
        out(d, ", ...}");
        return;
    }
    out(d, ", c_line=%u, c_cc=", t->c_line);
    out_hex_quoted(d, t->c_cc, sizeof t->c_cc, false);
    out(d, "}");
}

static void print_termios_at(struct decoder *d, uint64_t address, bool stored)
{
    struct termios t;

    if (stored ? fetch_out(d, address, &t, sizeof t) : fetch_in(d, address, &t, sizeof t))
        print_termios(d, &t);
}

static void print_winsize_at(struct decoder *d, uint64_t address, bool stored)
{
    struct winsize w;

    if (stored ? fetch_out(d, address, &w, sizeof w) : fetch_in(d, address, &w, sizeof w))
        out(d, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
}

static void print_int_at(struct decoder *d, uint64_t address, bool stored)
{
    int32_t number;

    if (stored ? fetch_out(d, address, &number, sizeof number) : fetch_in(d, address, &number, sizeof number))
        out(d, "[%d]", number);
}

void print_ioctl_arg(struct decoder *d, uint64_t value)
{
    switch ((uint32_t)d->call->args[1]) {
    case TCGETS:
        print_termios_at(d, value, true);
        break;
    case TCSETS: case TCSETSW: case TCSETSF:
        print_termios_at(d, value, false);
        break;
    case TIOCGWINSZ:
        print_winsize_at(d, value, true);
        break;
    case TIOCSWINSZ:
        print_winsize_at(d, value, false);
        break;
    case TIOCGPGRP: case TIOCGSID: case TIOCGETD: case TIOCGPTN: case FIONREAD: case TIOCOUTQ:
    case FIOGETOWN: case SIOCGPGRP: case SIOCATMARK:
        print_int_at(d, value, true);
        break;
    case FIOSETOWN: case SIOCSPGRP: case TIOCSPGRP: case TIOCSETD: case FIONBIO: case FIOASYNC: case TIOCPKT: case TIOCSPTLCK:
        print_int_at(d, value, false);
        break;
    case FICLONE_REQUEST: case TCSBRK: case TCSBRKP: case TIOCSCTTY: case TCFLSH: case TCXONC:
        out(d, "%d", (int)value);
        break;
    case TIOCNOTTY: case TIOCEXCL: case TIOCNXCL: case FIOCLEX: case FIONCLEX: case TIOCCONS:
        d->skipped = true;
        break;
    default:
        out(d, "%#llx", (unsigned long long)value);
    }
}
