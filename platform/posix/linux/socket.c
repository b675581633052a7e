#include "platform/posix/family.h"

#include <sys/socket.h>

int family_socket_open(int domain)
{
    return socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int family_socket_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

ssize_t family_socket_send(int socket, const void *data, size_t size)
{
    return send(socket, data, size, MSG_NOSIGNAL);
}
