/*
 * ioctl requests that are not a terminal's: one row a request, one letter what it takes.
 */
#include "abi/decode_fields.h"

#include <linux/blktrace_api.h>
#include <linux/if_tun.h>
#include <linux/inotify.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <linux/watchdog.h>

#include "abi/decode_ioctl.h"
#include "lib/string.h"

/* Of <linux/fs.h> and <linux/blkpg.h>, whose other names clash. */
#define BLKROSET         _IO(0x12, 93)
#define BLKROGET         _IO(0x12, 94)
#define BLKRRPART        _IO(0x12, 95)
#define BLKGETSIZE       _IO(0x12, 96)
#define BLKFLSBUF        _IO(0x12, 97)
#define BLKRASET         _IO(0x12, 98)
#define BLKRAGET         _IO(0x12, 99)
#define BLKFRASET        _IO(0x12, 100)
#define BLKFRAGET        _IO(0x12, 101)
#define BLKSECTGET       _IO(0x12, 103)
#define BLKSSZGET        _IO(0x12, 104)
#define BLKPG            _IO(0x12, 105)
#define BLKBSZGET        _IOR(0x12, 112, size_t)
#define BLKBSZSET        _IOW(0x12, 113, size_t)
#define BLKGETSIZE64     _IOR(0x12, 114, size_t)
#define BLKTRACESETUP    _IOWR(0x12, 115, struct blk_user_trace_setup)
#define BLKTRACESTART    _IO(0x12, 116)
#define BLKTRACESTOP     _IO(0x12, 117)
#define BLKTRACETEARDOWN _IO(0x12, 118)
#define BLKDISCARD       _IO(0x12, 119)
#define BLKIOMIN         _IO(0x12, 120)
#define BLKIOOPT         _IO(0x12, 121)
#define BLKALIGNOFF      _IO(0x12, 122)
#define BLKPBSZGET       _IO(0x12, 123)
#define BLKDISCARDZEROES _IO(0x12, 124)
#define BLKSECDISCARD    _IO(0x12, 125)
#define BLKROTATIONAL    _IO(0x12, 126)
#define BLKZEROOUT       _IO(0x12, 127)
#define BLKGETDISKSEQ    _IOR(0x12, 128, uint64_t)

#define INTERFACE_NAME_SIZE 16u /* of struct ifreq, with its NUL */

/*
 * -: nothing; a: an address; o, i: an int stored, read; h: a short stored; l, q: 64 bits stored; Q: read; u, d: a number of 64, of 32 bits; r: two of 64
 * bits read; e: entropy; U: an id stored; g: flags; t: a text; n: identifiers; p: struct perf_event_attr; f, F: struct ifreq that is asked, set
 */
static const struct request {
    uint32_t number;
    char takes;
    const char *name;
} requests[] = {
#define ROW(request, takes) {(uint32_t)request, takes, #request}
    {0x5204, '-', "FASTRPC_IOCTL_INIT_ATTACH or RNDZAPENTCNT"}, ROW(WDIOC_GETSTATUS, 'o'), ROW(WDIOC_GETBOOTSTATUS, 'o'), ROW(WDIOC_GETTEMP, 'o'), ROW(WDIOC_GETTIMEOUT, 'o'),
    ROW(WDIOC_GETPRETIMEOUT, 'o'), ROW(WDIOC_GETTIMELEFT, 'o'), ROW(WDIOC_SETTIMEOUT, 'i'), ROW(WDIOC_SETPRETIMEOUT, 'i'),
    ROW(RNDADDTOENTCNT, 'i'), ROW(WDIOC_KEEPALIVE, '-'), ROW(RNDCLEARPOOL, '-'), ROW(RNDRESEEDCRNG, '-'), ROW(NS_GET_USERNS, '-'),
    ROW(NS_GET_PARENT, '-'), ROW(NS_GET_NSTYPE, '-'), ROW(BLKRRPART, '-'), ROW(BLKFLSBUF, '-'), ROW(BLKTRACESTART, '-'),
    ROW(BLKTRACESTOP, '-'), ROW(BLKTRACETEARDOWN, '-'), ROW(LOOP_CLR_FD, '-'), ROW(RTC_AIE_ON, '-'), ROW(RTC_AIE_OFF, '-'),
    ROW(RTC_UIE_ON, '-'), ROW(RTC_PIE_ON, '-'), ROW(RTC_PIE_OFF, '-'), ROW(RNDGETENTCNT, 'o'), ROW(BLKBSZGET, 'o'), ROW(BLKROGET, 'o'),
    ROW(BLKSSZGET, 'o'), ROW(BLKALIGNOFF, 'o'), ROW(BLKDISCARDZEROES, 'o'), ROW(BLKIOMIN, 'o'), ROW(BLKIOOPT, 'o'), ROW(BLKPBSZGET, 'o'),
    ROW(BLKSECTGET, 'h'), ROW(BLKROTATIONAL, 'h'), ROW(RNDADDENTROPY, 'e'), ROW(NS_GET_OWNER_UID, 'U'), ROW(BLKROSET, 'i'),
    ROW(BLKBSZSET, 'i'), ROW(BLKRASET, 'u'), ROW(BLKFRASET, 'u'), ROW(BLKRAGET, 'l'), ROW(BLKFRAGET, 'l'), ROW(BLKGETSIZE, 'l'),
    ROW(BLKGETSIZE64, 'q'), ROW(BLKGETDISKSEQ, 'q'), ROW(BLKDISCARD, 'r'), ROW(BLKSECDISCARD, 'r'), ROW(BLKZEROOUT, 'r'), ROW(BLKPG, 'a'),
    ROW(BLKTRACESETUP, 'a'), ROW(LOOP_SET_STATUS, 'a'), ROW(LOOP_GET_STATUS, 'a'), ROW(LOOP_SET_STATUS64, 'a'),
    ROW(LOOP_GET_STATUS64, 'a'), ROW(LOOP_CONFIGURE, 'a'), ROW(RTC_RD_TIME, 'a'), ROW(RTC_SET_TIME, 'a'), ROW(RTC_ALM_READ, 'a'),
    ROW(RTC_ALM_SET, 'a'), ROW(RTC_WKALM_SET, 'a'), ROW(RTC_WKALM_RD, 'a'), ROW(SECCOMP_IOCTL_NOTIF_RECV, 'a'),
    ROW(SECCOMP_IOCTL_NOTIF_SEND, 'a'), ROW(SECCOMP_IOCTL_NOTIF_ID_VALID, 'a'), ROW(SECCOMP_IOCTL_NOTIF_ADDFD, 'a'), ROW(UFFDIO_API, 'a'),
    ROW(UFFDIO_REGISTER, 'a'), ROW(UFFDIO_UNREGISTER, 'a'), ROW(UFFDIO_WAKE, 'a'), ROW(UFFDIO_COPY, 'a'), ROW(UFFDIO_ZEROPAGE, 'a'),
    ROW(UFFDIO_WRITEPROTECT, 'a'), ROW(UFFDIO_CONTINUE, 'a'), ROW(TUNSETIFF, 'a'), ROW(TUNGETIFF, 'a'), ROW(TUNGETFEATURES, 'a'),
    ROW(LOOP_SET_FD, 'd'), ROW(LOOP_CHANGE_FD, 'd'), ROW(INOTIFY_IOC_SETNEXTWD, 'd'), ROW(PERF_EVENT_IOC_REFRESH, 'd'),
    ROW(PERF_EVENT_IOC_SET_OUTPUT, 'd'), ROW(PERF_EVENT_IOC_SET_BPF, 'd'), ROW(TUNSETPERSIST, 'd'), ROW(TUNSETOWNER, 'd'),
    ROW(TUNSETGROUP, 'd'), ROW(PERF_EVENT_IOC_ENABLE, 'g'), ROW(PERF_EVENT_IOC_DISABLE, 'g'), ROW(PERF_EVENT_IOC_RESET, 'g'),
    ROW(PERF_EVENT_IOC_PERIOD, 'Q'), ROW(PERF_EVENT_IOC_ID, 'q'), ROW(PERF_EVENT_IOC_PAUSE_OUTPUT, 'u'),
    ROW(PERF_EVENT_IOC_SET_FILTER, 't'), ROW(PERF_EVENT_IOC_QUERY_BPF, 'n'), ROW(PERF_EVENT_IOC_MODIFY_ATTRIBUTES, 'p'),
    ROW(SIOCADDRT, 'a'), ROW(SIOCDELRT, 'a'), ROW(SIOCGIFCONF, 'a'), ROW(SIOCETHTOOL, 'a'), ROW(SIOCGMIIPHY, 'a'), ROW(SIOCGMIIREG, 'a'),
    ROW(SIOCSMIIREG, 'a'), ROW(SIOCDARP, 'a'), ROW(SIOCGARP, 'a'), ROW(SIOCSARP, 'a'), ROW(SIOCBRADDBR, 'a'), ROW(SIOCBRDELBR, 'a'),
    ROW(SIOCSHWTSTAMP, 'a'), ROW(SIOCGHWTSTAMP, 'a'), ROW(SIOCGIFFLAGS, 'f'), ROW(SIOCGIFADDR, 'f'), ROW(SIOCGIFDSTADDR, 'f'),
    ROW(SIOCGIFBRDADDR, 'f'), ROW(SIOCGIFNETMASK, 'f'), ROW(SIOCGIFMETRIC, 'f'), ROW(SIOCGIFMEM, 'f'), ROW(SIOCGIFMTU, 'f'),
    ROW(SIOCGIFHWADDR, 'f'), ROW(SIOCGIFINDEX, 'f'), ROW(SIOCGIFPFLAGS, 'f'), ROW(SIOCGIFTXQLEN, 'f'), ROW(SIOCGIFMAP, 'f'),
    ROW(SIOCGIFSLAVE, 'f'), ROW(SIOCGIFCOUNT, 'f'), ROW(SIOCGIFENCAP, 'f'), ROW(SIOCSIFFLAGS, 'F'), ROW(SIOCSIFADDR, 'F'),
    ROW(SIOCSIFDSTADDR, 'F'), ROW(SIOCSIFBRDADDR, 'F'), ROW(SIOCSIFNETMASK, 'F'), ROW(SIOCSIFMETRIC, 'F'), ROW(SIOCSIFMEM, 'F'),
    ROW(SIOCSIFMTU, 'F'), ROW(SIOCSIFNAME, 'F'), ROW(SIOCSIFHWADDR, 'F'), ROW(SIOCSIFSLAVE, 'F'), ROW(SIOCADDMULTI, 'F'),
    ROW(SIOCDELMULTI, 'F'), ROW(SIOCSIFPFLAGS, 'F'), ROW(SIOCSIFHWBROADCAST, 'F'), ROW(SIOCSIFTXQLEN, 'F'), ROW(SIOCSIFMAP, 'F'),
    ROW(SIOCDIFADDR, 'F'), ROW(SIOCBRADDIF, 'F'), ROW(SIOCBRDELIF, 'F'), ROW(SIOCSIFENCAP, 'F'),
};

static const struct request *request_find(uint32_t number)
{
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        if (requests[i].number == number)
            return &requests[i];
    }
    return NULL;
}

const char *ioctl_name(uint32_t request)
{
    const struct request *r = request_find(request);

    return r ? r->name : NULL;
}

static void print_stored(struct decoder *d, uint64_t address, size_t size, bool is_signed)
{
    uint64_t value = 0;

    if (!fetch_out(d, address, &value, size))
        return;
    if (is_signed)
        out(d, "[%d]", (int)value);
    else
        out(d, "[%llu]", (unsigned long long)value);
}

static void print_read(struct decoder *d, uint64_t address, unsigned count, bool wide)
{
    uint64_t values[2] = {0};

    if (!fetch_in(d, address, values, wide ? count * sizeof *values : sizeof(int32_t)))
        return;
    if (!wide)
        out(d, "[%d]", (int)values[0]);
    else if (count == 1)
        out(d, "[%llu]", (unsigned long long)values[0]);
    else
        out(d, "[%llu, %llu]", (unsigned long long)values[0], (unsigned long long)values[1]);
}

static void print_entropy(struct decoder *d, uint64_t address)
{
    struct {
        int32_t entropy_count, buf_size;
    } e;

    if (!fetch_in(d, address, &e, sizeof e))
        return;
    out(d, "{entropy_count=%d, buf_size=%d, buf=", e.entropy_count, e.buf_size);
    out_buffer(d, MEMORY_IN, address + sizeof e, (uint64_t)MAX(e.buf_size, 0));
    out_text(d, "}");
}

/* The interface's name; of what is set beside it nothing is shown. */
static void print_interface(struct decoder *d, uint64_t address, bool more)
{
    uint8_t name[INTERFACE_NAME_SIZE];

    if (!fetch_in(d, address, name, sizeof name))
        return;
    out_text(d, "{ifr_name=");
    out_quoted(d, name, strnlen((char *)name, sizeof name - 1), strnlen((char *)name, sizeof name) == sizeof name);
    out_text(d, more || call_succeeded(d) ? ", ...}" : "}");
}

static void print_ids(struct decoder *d, uint64_t address)
{
    uint32_t room;

    if (fetch_in(d, address, &room, sizeof room))
        out(d, "{ids_len=%u, ...}", room);
}

bool ioctl_print(struct decoder *d, uint32_t request, uint64_t value)
{
    static const struct name groups[] = {NAME(PERF_IOC_FLAG_GROUP), NAME_END};
    const struct request *r = request_find(request);

    switch (r ? r->takes : 0) {
    case 0: return false;
    case '-': d->skipped = true; break;
    case 'o': print_stored(d, value, sizeof(int32_t), true); break;
    case 'h': print_stored(d, value, sizeof(uint16_t), false); break;
    case 'U': print_stored(d, value, sizeof(uint32_t), false); break;
    case 'l':
    case 'q': print_stored(d, value, sizeof(uint64_t), false); break;
    case 'i': print_read(d, value, 1, false); break;
    case 'Q': print_read(d, value, 1, true); break;
    case 'r': print_read(d, value, 2, true); break;
    case 'u': out_unsigned(d, value); break;
    case 'd': out_signed(d, (int)value); break;
    case 'e': print_entropy(d, value); break;
    case 'g': out_flags(d, groups, (uint32_t)value, "PERF_IOC_FLAG_???"); break;
    case 't': out_string(d, MEMORY_IN, value, shown_max(d)); break;
    case 'n': print_ids(d, value); break;
    case 'p': print_perf_attr(d, value); break;
    case 'f':
    case 'F': print_interface(d, value, r->takes == 'F'); break;
    default: out_address(d, value);
    }
    return true;
}
