/*
 * Numbers and layouts of the socket calls that Linux keeps in its own headers: families, types, flags of messages,
 * control messages.  The options (SO_*) are in <asm/socket.h>.
 */
#ifndef ABI_SOCKET_H
#define ABI_SOCKET_H

#include <asm/socket.h>
#include <linux/un.h>

#include "lib/compiler.h"

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_COUNT = 46 };
enum {
    SOCK_STREAM = 1,
    SOCK_DGRAM = 2,
    SOCK_RAW = 3,
    SOCK_RDM = 4,
    SOCK_SEQPACKET = 5,
    SOCK_DCCP = 6,
    SOCK_PACKET = 10
};
enum { SOCK_TYPE_MASK = 0xf, SOCK_TYPE_COUNT = 11, SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000 };
enum { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };

#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_DONTROUTE    0x4u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_EOR          0x80u
#define MSG_WAITALL      0x100u
#define MSG_CONFIRM      0x800u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_MORE         0x8000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT  0x80000000u

enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
#define SCM_MAX_FD 253u

struct linger {
    int32_t l_onoff, l_linger;
};

struct ucred {
    int32_t pid;
    uint32_t uid, gid;
};

struct user_msghdr {
    uint64_t msg_name;
    int32_t msg_namelen;
    uint64_t msg_iov;
    uint64_t msg_iovlen;
    uint64_t msg_control;
    uint64_t msg_controllen;
    uint32_t msg_flags;
};

struct mmsghdr {
    struct user_msghdr msg_hdr;
    uint32_t msg_len;
};

struct cmsghdr {
    uint64_t cmsg_len; /* header and data */
    int32_t cmsg_level, cmsg_type;
};

#define CMSG_ALIGN(n) ALIGN_UP((size_t)(n), sizeof(uint64_t))
#define CMSG_LEN(n)   (sizeof(struct cmsghdr) + (n))
#define CMSG_SPACE(n) (sizeof(struct cmsghdr) + CMSG_ALIGN(n))

_Static_assert(sizeof(struct user_msghdr) == 56 && sizeof(struct mmsghdr) == 64 && sizeof(struct cmsghdr) == 16,
               "layouts of x86-64");

#endif
