/*
 * Polls of the socket driver, AFD: level-triggered, answered once, cancellable.
 *
 * The request and its structure are not documented, but half the world's event loops rest on them
 * (libuv, mio, wepoll).
 */
#pragma once

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>

#include <glib.h>

enum afd_event {
    AFD_RECEIVE = 0x1,
    AFD_RECEIVE_URGENT = 0x2,
    AFD_SEND = 0x4,
    AFD_DISCONNECT = 0x8,
    AFD_ABORT = 0x10,
    AFD_LOCAL_CLOSE = 0x20,
    AFD_ACCEPT = 0x80,
    AFD_CONNECT_FAIL = 0x100,
};

#define AFD_ENDS     (AFD_DISCONNECT | AFD_ABORT | AFD_LOCAL_CLOSE | AFD_CONNECT_FAIL)
#define AFD_READABLE (AFD_RECEIVE | AFD_RECEIVE_URGENT | AFD_ACCEPT | AFD_ENDS)
#define AFD_WRITABLE (AFD_SEND | AFD_ABORT | AFD_LOCAL_CLOSE | AFD_CONNECT_FAIL)

/* In and out of the request. */
struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    struct {
        HANDLE handle;
        ULONG events;
        LONG status;
    } sockets[1];
};

/* Opens what requests go to; NULL and `error` if there is no way. Close with CloseHandle. */
HANDLE afd_open(GError **error);

/* The socket of the provider at the bottom, which the driver knows. */
HANDLE afd_socket(SOCKET socket);

/* Asks to be told once when one of `events` is there. `overlapped` says how; it and `poll` live
 * until the answer. False: nobody will answer. */
bool afd_ask(HANDLE afd, HANDLE socket, ULONG events, struct afd_poll *poll,
             OVERLAPPED *overlapped);
