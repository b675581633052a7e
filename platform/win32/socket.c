#include "platform/socket.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <afunix.h>

#include "platform/win32/fail.h"
#include "platform/win32/text.h"

#define CONNECT_LIMIT_SECONDS 5
#define LISTEN_BACKLOG        16

typedef int socket_attempt_fn(SOCKET os, const struct sockaddr *address, int size);

static SOCKET os_of(struct host_handle socket)
{
    assert(socket.kind == HOST_HANDLE_SOCKET);
    return (SOCKET)socket.os;
}

bool host_socket_startup(GError **error)
{
    static gsize started;
    static int failed;
    if (g_once_init_enter(&started)) {
        WSADATA data;
        failed = WSAStartup(MAKEWORD(2, 2), &data);
        g_once_init_leave(&started, 1);
    }
    return failed ? host_fail(error, (DWORD)failed, "this host has no network") : true;
}

/* Without exclusive use another process could take the same port, and get the connections. */
static int attempt_listen(SOCKET os, const struct sockaddr *address, int size)
{
    BOOL on = TRUE;
    if (address->sa_family != AF_UNIX) {
        setsockopt(os, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof(on));
    }
    if (bind(os, address, size) != 0 || listen(os, LISTEN_BACKLOG) != 0) {
        return WSAGetLastError();
    }
    return 0;
}

/* select and not WSAPoll, which does not report a refused connection on Windows before 10 2004. */
static int attempt_connect(SOCKET os, const struct sockaddr *address, int size)
{
    if (connect(os, address, size) == 0) {
        return 0;
    }
    if (WSAGetLastError() != WSAEWOULDBLOCK) {
        return WSAGetLastError();
    }
    fd_set done = { 1, { os } }, failed = { 1, { os } };
    struct timeval limit = { CONNECT_LIMIT_SECONDS, 0 };
    int ready = select(0, NULL, &done, &failed, &limit);
    if (ready <= 0) {
        return ready == 0 ? WSAETIMEDOUT : WSAGetLastError();
    }
    int number = 0, number_size = sizeof(number);
    getsockopt(os, SOL_SOCKET, SO_ERROR, (char *)&number, &number_size);
    return number;
}

static void socket_unblock(SOCKET os)
{
    u_long on = 1;
    ioctlsocket(os, FIONBIO, &on);
}

static int attempt(socket_attempt_fn *fn, const struct sockaddr *address, int size,
                   struct host_handle *ret_socket)
{
    SOCKET os = WSASocketW(address->sa_family, SOCK_STREAM, 0, NULL, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (os == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    socket_unblock(os);
    int number = fn(os, address, size);
    if (number) {
        closesocket(os);
        return number;
    }
    *ret_socket = (struct host_handle){ HOST_HANDLE_SOCKET, (intptr_t)os };
    return 0;
}

static void low_latency(struct host_handle socket)
{
    BOOL on = TRUE;
    setsockopt((SOCKET)socket.os, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
}

static bool tcp_failed(const char *what, const char *host, uint16_t port, int number,
                       GError **error)
{
    if (number == WSAEACCES) {
        return host_error_set(error, HOST_ERROR_IN_USE,
                              "cannot %s %s:%u: Windows has the port reserved (see 'netsh int ipv4 "
                              "show excludedportrange protocol=tcp') or in exclusive use; take "
                              "another one",
                              what, host, port);
    }
    return host_fail(error, (DWORD)number, "cannot %s %s:%u", what, host, port);
}

static bool tcp_attempt(const char *what, socket_attempt_fn *fn, const char *host, uint16_t port,
                        struct host_handle *ret_socket, GError **error)
{
    if (!host_socket_startup(error)) {
        return false;
    }
    ADDRINFOW hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    ADDRINFOW *found;
    wchar_t service[8];
    swprintf(service, G_N_ELEMENTS(service), L"%u", port);
    bool any = !host || !*host;
    g_autofree wchar_t *wide = any ? NULL : text_to_wide(host);
    int number = GetAddrInfoW(wide, service, &hints, &found);
    if (number) {
        host_fail(error, (DWORD)number, "cannot find the address of '%s'", any ? "" : host);
        return false;
    }
    number = WSAEADDRNOTAVAIL;
    for (ADDRINFOW *at = found; at && number; at = at->ai_next) {
        number = attempt(fn, at->ai_addr, (int)at->ai_addrlen, ret_socket);
    }
    FreeAddrInfoW(found);
    if (number) {
        return tcp_failed(what, any ? "*" : host, port, number, error);
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

/* Unix sockets are there since Windows 10 1803, by UTF-8 paths. */
static bool unix_attempt(const char *what, socket_attempt_fn *fn, const char *path,
                         struct host_handle *ret_socket, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!host_socket_startup(error)) {
        return false;
    }
    if (strlen(path) >= sizeof(address.sun_path)) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE,
                              "the socket path '%s' is longer than the %zu bytes this host takes",
                              path, sizeof(address.sun_path) - 1);
    }
    strcpy(address.sun_path, path);
    const struct sockaddr *plain = (const struct sockaddr *)&address;
    int number = attempt(fn, plain, sizeof(address), ret_socket);
    if (number == WSAEADDRINUSE && fn == attempt_listen) {
        struct host_handle probe;
        int refused = attempt(attempt_connect, plain, sizeof(address), &probe);
        if (refused == 0) {
            host_socket_close(probe);
        }
        g_autofree wchar_t *wide = text_to_path(path);
        if (refused == WSAECONNREFUSED && DeleteFileW(wide)) {
            number = attempt(fn, plain, sizeof(address), ret_socket);
        }
    }
    if (number == WSAEAFNOSUPPORT || number == WSAESOCKTNOSUPPORT) {
        return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                              "this Windows has no unix sockets; use tcp:127.0.0.1:PORT");
    }
    return number ? host_fail(error, (DWORD)number, "cannot %s the socket '%s'", what, path) : true;
}

bool host_socket_listen_unix(const char *path, struct host_handle *ret_socket, GError **error)
{
    return unix_attempt("listen on", attempt_listen, path, ret_socket, error);
}

bool host_socket_connect_unix(const char *path, struct host_handle *ret_socket, GError **error)
{
    return unix_attempt("connect to", attempt_connect, path, ret_socket, error);
}

/* A new connection inherits the listener's event selection, and may be inherited itself. */
bool host_socket_accept(struct host_handle listener, struct host_handle *ret_socket)
{
    SOCKET os = accept(os_of(listener), NULL, NULL);
    if (os == INVALID_SOCKET) {
        return false;
    }
    SetHandleInformation((HANDLE)os, HANDLE_FLAG_INHERIT, 0);
    WSAEventSelect(os, NULL, 0);
    socket_unblock(os);
    *ret_socket = (struct host_handle){ HOST_HANDLE_SOCKET, (intptr_t)os };
    low_latency(*ret_socket);
    return true;
}

uint16_t host_socket_port(struct host_handle socket)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    if (getsockname(os_of(socket), (struct sockaddr *)&address, &size) != 0) {
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
    case WSAEWOULDBLOCK: return SOCKET_AGAIN;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAESHUTDOWN:
    case WSAENOTCONN: return SOCKET_CLOSED;
    default: return SOCKET_ERROR_OTHER;
    }
}

int64_t host_socket_receive(struct host_handle socket, void *data, size_t size)
{
    int got = recv(os_of(socket), data, (int)MIN(size, INT_MAX), 0);
    if (got == 0 && size > 0) {
        return SOCKET_CLOSED;
    }
    return got < 0 ? result_of(WSAGetLastError()) : got;
}

int64_t host_socket_send(struct host_handle socket, const void *data, size_t size)
{
    int put = send(os_of(socket), data, (int)MIN(size, INT_MAX), 0);
    return put < 0 ? result_of(WSAGetLastError()) : put;
}

/* The file of a unix socket that listens goes with it. */
static void unix_unlink(SOCKET os)
{
    struct sockaddr_un address = { 0 };
    int size = sizeof(address), listens = 0, listens_size = sizeof(listens);
    getsockopt(os, SOL_SOCKET, SO_ACCEPTCONN, (char *)&listens, &listens_size);
    if (listens && getsockname(os, (struct sockaddr *)&address, &size) == 0 &&
        address.sun_family == AF_UNIX && address.sun_path[0]) {
        g_autofree wchar_t *wide = text_to_path(address.sun_path);
        DeleteFileW(wide);
    }
}

void host_socket_close(struct host_handle socket)
{
    if (socket.kind != HOST_HANDLE_NONE) {
        unix_unlink(os_of(socket));
        closesocket(os_of(socket));
    }
}
