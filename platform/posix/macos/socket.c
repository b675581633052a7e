#include "platform/posix/family.h"

#include <fcntl.h>
#include <sys/socket.h>

static int socket_prepare(int fd)
{
    int on = 1;
    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
    }
    return fd;
}

int family_socket_open(int domain)
{
    return socket_prepare(socket(domain, SOCK_STREAM, 0));
}

int family_socket_accept(int listener)
{
    return socket_prepare(accept(listener, NULL, NULL));
}

ssize_t family_socket_send(int socket, const void *data, size_t size)
{
    return send(socket, data, size, 0);
}
