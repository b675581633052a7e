/* Non-blocking stream sockets of the host: TCP, and unix sockets where the host has them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "platform/handle.h"

enum socket_result { SOCKET_AGAIN = -1, SOCKET_CLOSED = -2, SOCKET_ERROR_OTHER = -3 };

/* Prepares the host's socket library once; later calls do nothing. */
bool host_socket_startup(GError **error);

/* Listens on `host`:`port` (port 0: any); never inherited by child processes. */
bool host_socket_listen_tcp(const char *host, uint16_t port, struct host_handle *ret_socket,
                            GError **error);

/* Listens on a unix socket at `path`; false where the host has none, or the path is in use. */
bool host_socket_listen_unix(const char *path, struct host_handle *ret_socket, GError **error);

/* Connects, waiting at most a few seconds; the result is non-blocking. */
bool host_socket_connect_tcp(const char *host, uint16_t port, struct host_handle *ret_socket,
                             GError **error);

/* The same for a unix socket. */
bool host_socket_connect_unix(const char *path, struct host_handle *ret_socket, GError **error);

/* Takes one waiting connection, non-blocking like its listener; false if there is none. */
bool host_socket_accept(struct host_handle listener, struct host_handle *ret_socket);

/* The local port of a bound socket, 0 if it has none. */
uint16_t host_socket_port(struct host_handle socket);

/* Bytes received, or a negative enum socket_result. */
int64_t host_socket_receive(struct host_handle socket, void *data, size_t size);

/* Bytes sent (maybe fewer than `size`), or a negative enum socket_result. Never raises SIGPIPE. */
int64_t host_socket_send(struct host_handle socket, const void *data, size_t size);

/* Closes; does nothing for the none handle. */
void host_socket_close(struct host_handle socket);
