/*
 * Control messages of any content: what is accepted has files that are open, and nothing stays counted behind.
 */
#include <stdlib.h>
#include <string.h>

#include "net/control.h"
#include "net/rights.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/fake_net.h"

#define ROOM 4096u

static struct socket *target;

static void start(void)
{
    fake_task.pid = 1;
    fake_net_start();
    if (socket_create(AF_UNIX, SOCK_STREAM, 0, &target))
        abort();
    for (int fd = 0; fd < 4; fd++)
        fake_fds[fd] = fake_file();
}

/* Headers that may be right, with lengths that may be not; then raw bytes. */
static size_t compose(uint8_t *buffer, const uint8_t *data, size_t size)
{
    static const uint64_t lengths[] = {
        0, 15, 16, 17, 20, 24, 28, 32, 1028, 1032, ROOM, UINT64_MAX, UINT64_MAX - 7, 1ULL << 32};
    size_t used = 0;

    while (size >= 4 && used + 64 < ROOM) {
        struct cmsghdr h = {lengths[data[0] % 14], data[1] & 8 ? data[1] : SOL_SOCKET, data[2] % 4};
        memcpy(buffer + used, &h, sizeof h);
        used += sizeof h;
        for (int n = 0; n < data[3] % 8; n++, used += sizeof(int)) {
            int value = data[1] & 1 ? n % 4 : data[3] & 1 ? -1 : 1;
            memcpy(buffer + used, &value, sizeof value);
        }
        used = data[2] & 64 ? used : CMSG_ALIGN(used);
        data += 4;
        size -= 4;
    }
    size = size < ROOM - used ? size : ROOM - used;
    memcpy(buffer + used, data, size);
    return used + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socket_message m = {.flags = 0};

    if (!target)
        start();
    fake_privileged = size & 1;
    long before = fake_allocations_live();
    uint8_t *buffer = calloc(1, ROOM + 4);
    size_t used = compose(buffer, data, size);
    uint8_t *exact = malloc(used ? used : 1); /* so that a byte too far is noticed */
    memcpy(exact, buffer, used);
    int error = control_parse(exact, used, target, &m);
    if (error && (m.rights || m.sender.pid))
        abort();
    if (m.rights && (m.rights->count == 0 || m.rights->count > SCM_MAX_FD))
        abort();
    rights_drop(m.rights);
    free(exact);
    free(buffer);
    for (int fd = 0; fd < 4; fd++)
        if (fake_fds[fd]->refs != 1)
            abort();
    if (fake_allocations_live() != before)
        abort();
    return 0;
}
