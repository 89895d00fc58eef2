/*
 * See tools/control_client.h.
 */
#include "tools/control_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tools/message.h"

int control_dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path)
        fail(EXIT_LAUNCHER, "%s: the path is too long for a socket", path);
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(EXIT_LAUNCHER, "%s: %s", path, strerror(errno));
    return fd;
}

void control_send(int fd, const struct bytes *b)
{
    for (size_t done = 0; done < b->size;) {
        ssize_t n = send(fd, b->data + done, b->size - done, MSG_NOSIGNAL);
        if (n < 0)
            fail(EXIT_LAUNCHER, "the sandbox has ended: %s", strerror(errno));
        done += (size_t)n;
    }
}
