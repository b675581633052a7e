#include "platform/socket.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/posix/fail.h"
#include "platform/posix/family.h"

#define CONNECT_LIMIT_NS 5000000000
#define LISTEN_BACKLOG   16

typedef int socket_attempt_fn(int fd, const struct sockaddr *address, socklen_t size);

static int fd_of(struct host_handle socket)
{
    assert(socket.kind == HOST_HANDLE_SOCKET);
    return (int)socket.os;
}

bool host_socket_startup(GError **error)
{
    (void)error;
    return true;
}

static int attempt_listen(int fd, const struct sockaddr *address, socklen_t size)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    return bind(fd, address, size) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ? errno : 0;
}

static int connect_finish(int fd)
{
    int64_t until = host_monotonic_ns() + CONNECT_LIMIT_NS;
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int ready;
    do {
        int64_t left_ns = MAX(until - host_monotonic_ns(), 0);
        ready = poll(&wait, 1, (int)(left_ns / 1000000));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    int number = 0;
    socklen_t size = sizeof(number);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size);
    return number;
}

static int attempt_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    if (connect(fd, address, size) == 0) {
        return 0;
    }
    return errno == EINPROGRESS || errno == EINTR ? connect_finish(fd) : errno;
}

/* 0 and the socket, or an errno. */
static int attempt(socket_attempt_fn *fn, const struct sockaddr *address, socklen_t size,
                   struct host_handle *ret_socket)
{
    int fd = family_socket_open(address->sa_family);
    if (fd < 0) {
        return errno;
    }
    int number = fn(fd, address, size);
    if (number) {
        close(fd);
        return number;
    }
    *ret_socket = (struct host_handle){ HOST_HANDLE_SOCKET, fd };
    return 0;
}

static void low_latency(struct host_handle socket)
{
    int on = 1;
    setsockopt((int)socket.os, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Tries what the name resolves to, in order. */
static bool tcp_attempt(const char *what, socket_attempt_fn *fn, const char *host, uint16_t port,
                        struct host_handle *ret_socket, GError **error)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    bool any = !host || !*host;
    int failed = getaddrinfo(any ? NULL : host, service, &hints, &found);
    if (failed) {
        return host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot find the address of '%s': %s",
                              any ? "" : host, gai_strerror(failed));
    }
    int number = EADDRNOTAVAIL;
    for (struct addrinfo *at = found; at && number; at = at->ai_next) {
        number = attempt(fn, at->ai_addr, at->ai_addrlen, ret_socket);
    }
    freeaddrinfo(found);
    if (number == EACCES && port < 1024) {
        return host_error_set(error, HOST_ERROR_DENIED,
                              "cannot %s %s:%u: ports below 1024 are the administrator's; "
                              "take a higher one",
                              what, any ? "*" : host, port);
    }
    if (number) {
        return host_fail(error, number, "cannot %s %s:%u", what, any ? "*" : host, port);
    }
    low_latency(*ret_socket);
    return true;
}

bool host_socket_listen_tcp(const char *host, uint16_t port, struct host_handle *ret_socket,
                            GError **error)
{
    return tcp_attempt("listen on", attempt_listen, host, port, ret_socket, error);
}

bool host_socket_connect_tcp(const char *host, uint16_t port, struct host_handle *ret_socket,
                             GError **error)
{
    return tcp_attempt("connect to", attempt_connect, host, port, ret_socket, error);
}

static bool unix_address(const char *path, struct sockaddr_un *address, GError **error)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address->sun_path)) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE,
                              "the socket path '%s' is longer than the %zu bytes this host takes",
                              path, sizeof(address->sun_path) - 1);
    }
    strcpy(address->sun_path, path);
    return true;
}

/* A socket file that nobody listens on is what an earlier process left behind. */
static bool unix_stale(const struct sockaddr_un *address)
{
    struct host_handle probe;
    int number =
        attempt(attempt_connect, (const struct sockaddr *)address, sizeof(*address), &probe);
    if (number == 0) {
        host_socket_close(probe);
    }
    return number == ECONNREFUSED;
}

bool host_socket_listen_unix(const char *path, struct host_handle *ret_socket, GError **error)
{
    struct sockaddr_un address;
    const struct sockaddr *plain = (const struct sockaddr *)&address;
    if (!unix_address(path, &address, error)) {
        return false;
    }
    int number = attempt(attempt_listen, plain, sizeof(address), ret_socket);
    if (number == EADDRINUSE && unix_stale(&address) && unlink(path) == 0) {
        number = attempt(attempt_listen, plain, sizeof(address), ret_socket);
    }
    if (number) {
        return host_fail(error, number, "cannot listen on the socket '%s'", path);
    }
    return true;
}

bool host_socket_connect_unix(const char *path, struct host_handle *ret_socket, GError **error)
{
    struct sockaddr_un address;
    if (!unix_address(path, &address, error)) {
        return false;
    }
    int number =
        attempt(attempt_connect, (const struct sockaddr *)&address, sizeof(address), ret_socket);
    if (number) {
        return host_fail(error, number, "cannot connect to the socket '%s'", path);
    }
    return true;
}

bool host_socket_accept(struct host_handle listener, struct host_handle *ret_socket)
{
    int fd;
    do {
        fd = family_socket_accept(fd_of(listener));
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return false;
    }
    *ret_socket = (struct host_handle){ HOST_HANDLE_SOCKET, fd };
    low_latency(*ret_socket);
    return true;
}

uint16_t host_socket_port(struct host_handle socket)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd_of(socket), (struct sockaddr *)&address, &size) < 0) {
        return 0;
    }
    switch (address.ss_family) {
    case AF_INET: return ntohs(((struct sockaddr_in *)&address)->sin_port);
    case AF_INET6: return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    default: return 0;
    }
}

static int64_t result_of(int number)
{
    switch (number) {
    case EAGAIN: return SOCKET_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return SOCKET_CLOSED;
    default: return SOCKET_ERROR_OTHER;
    }
}

int64_t host_socket_receive(struct host_handle socket, void *data, size_t size)
{
    ssize_t got;
    do {
        got = recv(fd_of(socket), data, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got == 0 && size > 0) {
        return SOCKET_CLOSED;
    }
    return got < 0 ? result_of(errno) : got;
}

int64_t host_socket_send(struct host_handle socket, const void *data, size_t size)
{
    ssize_t put;
    do {
        put = family_socket_send(fd_of(socket), data, size);
    } while (put < 0 && errno == EINTR);
    return put < 0 ? result_of(errno) : put;
}

/* The file of a unix socket that listens goes with it. */
static void unix_unlink(int fd)
{
    struct sockaddr_un address = { 0 };
    socklen_t size = sizeof(address);
    int listens = 0;
    socklen_t listens_size = sizeof(listens);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size);
    if (listens && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
        address.sun_family == AF_UNIX && address.sun_path[0]) {
        unlink(address.sun_path);
    }
}

void host_socket_close(struct host_handle socket)
{
    if (socket.kind != HOST_HANDLE_NONE) {
        unix_unlink(fd_of(socket));
        close(fd_of(socket));
    }
}
